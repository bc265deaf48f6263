"""The ledger: what the tests came to that compare the simulator with records and oracles.

`data/fidelity.yaml` names them by area, together with the mappings of their modules that say which
cases differ (the test then asserts that they do) or cannot be replayed, and why.
`pytest --ledger FILE` writes one line per case; `kubecourse fidelity` asks for that.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from kubecourse.publish.fidelity import Case, load

ROOT = Path(__file__).parents[1]
LEDGER = pytest.StashKey["Ledger"]()
LAST = "test_the_page_says_what_the_tests_came_to"


class Ledger:
    """The cases of one run. `complete` once every test that the ledger names is part of it."""

    def __init__(self) -> None:
        self.tests: dict[str, tuple[str, list[str]]] = {
            test: (area["area"]["en"], listed)
            for area in load(ROOT)["areas"]
            for test, listed in area["tests"].items()
        }
        self.cases: list[Case] = []
        self.missing = set(self.tests)
        self.whole = True

    @property
    def complete(self) -> bool:
        return self.whole and not self.missing

    def names(self, item: pytest.Item) -> bool:
        """Whether a test is one of the ledger's."""
        return _test(item) in self.tests

    def counts(self, nodeid: str) -> bool:
        """Whether a test must run in the same process as the ledger's."""
        return nodeid.partition("[")[0] in self.tests or nodeid.endswith(f"::{LAST}")

    def enter(self, item: pytest.Item, passed: bool) -> None:
        """A test is done. What its module lists and no test has tried is left out."""
        area, listed = self.tests[_test(item)]
        reasons = _reasons(item, listed)
        name = item.callspec.id if hasattr(item, "callspec") else item.name
        outcome = ("differs" if name in reasons else "agrees") if passed else "failed"
        self.cases.append(Case(area, name, reasons.get(name, ""), outcome))

    def expect(self, items: list[pytest.Item]) -> None:
        """Note which tests will run, and what their modules list that none of them tries."""
        tried: dict[str, dict[str, pytest.Item]] = {}
        for item in filter(self.names, items):
            name = item.callspec.id if hasattr(item, "callspec") else item.name
            tried.setdefault(_test(item), {})[name] = item
        self.missing -= tried.keys()
        for test, found in tried.items():
            area, listed = self.tests[test]
            for name, reason in _reasons(next(iter(found.values())), listed).items():
                if name not in found:
                    self.cases.append(Case(area, name, reason, "left out"))


def _test(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def _reasons(item: pytest.Item, names: list[str]) -> dict[str, str]:
    module = item.module  # type: ignore[attr-defined]
    return {str(key): why for name in names for key, why in getattr(module, name, {}).items()}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ledger", metavar="FILE", help="write the ledger of fidelity as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEDGER] = Ledger()
    config.stash[LEDGER].whole = not any("::" in argument for argument in config.args)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[LEDGER].expect(items)
    items.sort(key=lambda item: item.name.partition("[")[0] == LAST)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        ledger = item.config.stash[LEDGER]
        ledger.whole = ledger.whole and not ledger.names(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    ledger = item.config.stash[LEDGER]
    if ledger.names(item) and (report.when == "call" or (report.when == "setup" and report.failed)):
        ledger.enter(item, report.passed)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--ledger")
    if file:
        Path(file).write_text(json.dumps(session.config.stash[LEDGER].cases))
