"""The ledger: its figures, its reasons and its page, in both languages."""

from pathlib import Path

import pytest

from kubecourse.control_plane.apiserver.validation import simplified
from kubecourse.lessons.messages import LANGUAGES
from kubecourse.publish import fidelity
from kubecourse.publish.cli import main
from kubecourse.publish.fidelity import Case
from tests.fidelity import LEDGER, ROOT

DATA = fidelity.load(ROOT)
AREA = DATA["areas"][0]["area"]
REASON = next(iter(DATA["sentences"]))
CASES = [
    Case(AREA["en"], "a", "", "agrees"),
    Case(AREA["en"], "b", REASON, "differs"),
    Case(AREA["en"], "c", REASON, "left out"),
]


def test_the_page_says_what_the_tests_came_to(request: pytest.FixtureRequest) -> None:
    """Its figures are those of this very run, or of one made for it if this one is only a part."""
    ledger = request.config.stash[LEDGER]
    cases = ledger.cases if ledger.complete else fidelity.run(ROOT)
    assert not [case for case in cases if case.outcome == "failed"]
    assert {case.reason for case in cases if case.reason} <= DATA["sentences"].keys()
    for language in LANGUAGES:
        committed = fidelity.page_path(ROOT, language).read_text(encoding="utf-8")
        assert committed == fidelity.page(DATA, cases, language), "run: kubecourse fidelity"


def test_the_table_counts_the_cases_of_every_area_and_gives_the_reasons() -> None:
    lines = fidelity.table(DATA, CASES).splitlines()
    assert lines[0].split() == ["cases", "agrees", "differs", "left", "out", "failed"]
    assert lines[1].split()[-5:] == ["3", "1", "1", "1", "0"]
    assert len(lines) == 1 + len(DATA["areas"]) + 1 + 2
    assert lines[-2] == f"differs: {AREA['en']}: b ({REASON})"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_tells_what_agrees_and_why_the_rest_does_not(language: str) -> None:
    text = fidelity.page(DATA, CASES, language)
    assert f"| {AREA[language]} | {DATA['areas'][0]['what'][language]} | 3 | 1 / 2 |" in text
    said = REASON if language == "en" else DATA["sentences"][REASON]
    assert f"- {AREA[language]}: `b`: {said}" in text
    for _, field, _ in simplified.ledger():
        assert not field or f".{field}`" in text


def test_everything_is_said_in_every_language() -> None:
    entries = [*DATA["words"].values(), *DATA["simulated"], *DATA["simplified"], *DATA["missing"]]
    entries += [area[part] for area in DATA["areas"] for part in ("area", "what")]
    assert all(entry.keys() == set(LANGUAGES) and all(entry.values()) for entry in entries)
    assert {sentence for _, _, sentence in simplified.ledger()} <= DATA["sentences"].keys()


def test_the_command_wants_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fidelity"]) == 1
    assert "no data/fidelity.yaml" in capsys.readouterr().err


def test_the_command_prints_the_ledger_and_writes_the_pages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    written: list[list[Case]] = []

    def write(root: Path, cases: list[Case]) -> list[Path]:
        written.append(cases)
        return []

    monkeypatch.setattr(fidelity, "run", lambda root: CASES)
    monkeypatch.setattr(fidelity, "write", write)
    assert main(["fidelity"]) == 0
    assert capsys.readouterr().out.startswith(fidelity.table(DATA, CASES))
    assert written == [CASES]
    monkeypatch.setattr(fidelity, "run", lambda root: [CASES[0]._replace(outcome="failed")])
    assert main(["fidelity"]) == 1
    assert len(written) == 1, "no page says what failed"
