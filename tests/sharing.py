"""How two workers share the tests: what stays together, and what waits for the other's end.

`make test` runs `pytest -n 2`. Tests of one file, cells of one notebook, all that a browser does
and all that the ledger counts stay together. Labs use fixed ports and look at all containers of
the course, so only one process on a machine may work with its Docker engine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

from tests.fidelity import LEDGER

ROOT = Path(__file__).parents[1]
ENGINE = FileLock(Path(tempfile.gettempdir()) / "kubecourse-engine.lock")
LABS = "tests/containers/"
USES = ("kubecourse.containers", "doctor", "side_by_side")
"""What a notebook that asks the Docker engine for something imports."""


@cache
def chapters_with_docker() -> list[str]:
    sources = (ROOT / "notebooks" / "source").glob("*.md")
    return [path.stem for path in sources if any(word in path.read_text() for word in USES)]


def uses_docker(item: pytest.Item | None) -> bool:
    if item is None:
        return False
    asked = item.get_closest_marker("requires_docker") is not None
    asked = asked or item.nodeid.startswith(LABS)
    return asked or any(chapter in item.nodeid for chapter in chapters_with_docker())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser first, which takes longest; then what needs no engine; then what waits for it."""
    items.sort(key=lambda item: "/browser/" not in item.nodeid and 1 + uses_docker(item))


class Together(LoadScopeScheduling):
    """Hands out whole groups of tests. Names alone tell the group: marks stay in the workers."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if self.config.stash[LEDGER].counts(nodeid):
            return "ledger"
        return next((folder for folder in ("tests/browser/", LABS) if folder in file), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    if uses_docker(item):
        ENGINE.acquire()
    outcome = yield
    if not uses_docker(nextitem):
        ENGINE.release(force=True)
    return outcome
