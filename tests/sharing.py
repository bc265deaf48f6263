"""How two workers share the tests: what stays together, what begins first, who has the engine.

`make test` runs `pytest -n 2`. Tests of one file and cells of one notebook stay together, and so do
all that a browser does, all that the ledger counts and all that asks the Docker engine: labs use
fixed ports and look at all containers of the course, so only one process on a machine may work
with it. One worker begins with the browser, in it with the chapters that ask the engine; by the
time that the other comes to the engine's group, it is free.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

from kubecourse.lessons.exercises.exercise import tasks
from tests.fidelity import LEDGER

ROOT = Path(__file__).parents[1]
ENGINE = FileLock(Path(tempfile.gettempdir()) / "kubecourse-engine.lock")
USES = ("kubecourse.containers", "doctor", "side_by_side")
"""What a notebook that asks the Docker engine for something imports."""
BROWSER, LEDGERS, ENGINES = "the browser", "the ledger", "the engine"
FIRST = (
    BROWSER,
    "tests/publish/test_handouts.py",
    "tests/lessons/exercises/test_exercises.py",
    "tests/clients/test_kubectl.py",
    LEDGERS,
    "notebooks/04_kubernetes_objects.ipynb",
    "notebooks/ko/04_kubernetes_objects.ipynb",
    "tests/lessons/exercises/test_checks_in_any_state.py",
    ENGINES,
)
"""Groups that take long, so that both workers end with short ones, and at about the same time."""


@cache
def labs() -> re.Pattern[str]:
    """How tests that ask the Docker engine for something are named."""
    sources = (ROOT / "notebooks" / "source").glob("*.md")
    chapters = [path.stem for path in sources if any(word in path.read_text() for word in USES)]
    exercises = rf"lessons/exercises/test_exercises\.py::.*\[({'|'.join(tasks(2))})[]-]"
    return re.compile(
        "|".join(["tests/containers/", r"publish/test_doctor\.py", exercises, *chapters])
    )


def on_engine(nodeid: str) -> bool:
    return labs().search(nodeid) is not None


def group(nodeid: str, config: pytest.Config) -> str:
    """What a test stays together with."""
    if "/browser/" in nodeid:
        return BROWSER
    if config.stash[LEDGER].counts(nodeid):
        return LEDGERS
    return ENGINES if on_engine(nodeid) else nodeid.partition("::")[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> tuple[int, bool, str]:
        its = group(item.nodeid, config)
        chapter = item.nodeid.partition("[")[2] if its == BROWSER else ""
        at = FIRST.index(its) if its in FIRST else len(FIRST)
        return at, not (chapter and on_engine(item.nodeid)), chapter

    items.sort(key=turn)
    for item in items:
        if item.get_closest_marker("requires_docker") and not on_engine(item.nodeid):
            raise pytest.UsageError(
                f"tests/sharing.py does not know that {item.nodeid} asks Docker"
            )


class Together(LoadScopeScheduling):
    """Hands out whole groups of tests. Names alone tell the group: marks stay in the workers."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid, self.config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    if on_engine(item.nodeid):
        ENGINE.acquire()
    outcome = yield
    if nextitem is None or not on_engine(nextitem.nodeid):
        ENGINE.release(force=True)
    return outcome
