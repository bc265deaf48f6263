"""The table of prices: dated examples, each with a source."""

import datetime

import msgspec
import pytest

from kubecourse.cloud import Assumptions, prices
from kubecourse.cloud.prices import HOURS, TABLE, parse

TABLE_TEXT = """
sources: [{title: A page, url: "https://example.org/prices", date: 2026-01-02}]
formulas: {}
machines: {}
clusterless: {}
assumptions: {}
offers:
  Here:
    kind: managed
    fee: {price: 0.1, per: hour}
    plane: {en: a, ko: b}
    nodes: {en: a, ko: b}
    promise: {en: a, ko: b}
    sources: SOURCES
"""


def rows(table):
    for part in (table.machines, table.clusterless, table.assumptions, table.offers):
        yield from part.items()


def test_every_row_has_a_source_that_is_dated_read_or_called_an_example() -> None:
    table = prices()
    today = datetime.date(2026, 11, 23)
    for name, row in rows(table):
        assert row.sources, name
        for source in row.sources:
            assert source.example or source.url.startswith("https://"), name
            assert source.date is None or datetime.date(2018, 1, 1) < source.date <= today
            if source.example:
                assert "example" in source.title.lower()
    assert all(source.url for found in table.formulas.values() for source in found)


def test_only_assumptions_may_be_examples() -> None:
    table = prices()
    invented = {name for name, row in rows(table) if any(each.example for each in row.sources)}
    assert invented <= set(table.assumptions)
    assert {"person_hour", "setup_hours_own", "care_hours_own"} <= invented


@pytest.mark.parametrize("sources", ["[]", "null"])
def test_a_row_without_a_source_is_refused(sources: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="sources"):
        parse(TABLE_TEXT.replace("SOURCES", sources))


def test_numbers_are_exact_and_fees_are_for_a_month() -> None:
    sources = '[{title: A page, url: "https://example.org"}]'
    fee = parse(TABLE_TEXT.replace("SOURCES", sources)).offers["Here"].fee
    assert fee is not None
    assert str(fee.price) == "0.1"
    assert fee.month == HOURS / 10 == 73


def test_every_assumption_is_an_input_and_every_input_an_assumption() -> None:
    assert list(prices().assumptions) == list(Assumptions.__struct_fields__)


def test_each_clusterless_offer_has_machines_of_the_same_provider_to_compare_with() -> None:
    table = prices()
    for offer in table.clusterless.values():
        sizes = {each.cores for each in table.machines.values() if each.provider == offer.provider}
        assert sizes == {2, 4}


def test_it_is_found_from_a_folder_below(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("course")
    (folder / "data").mkdir()
    (folder / TABLE).write_text(TABLE_TEXT.replace("SOURCES", "[{title: x}]"), encoding="utf-8")
    (folder / "notebooks" / "ko").mkdir(parents=True)
    monkeypatch.chdir(folder / "notebooks" / "ko")
    assert list(prices().offers) == ["Here"]
    with pytest.raises(FileNotFoundError):
        prices("data/none.yaml")
