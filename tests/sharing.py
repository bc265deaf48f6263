"""How the workers share the tests: what stays together, what begins first, who has the engine.

`make test` runs `pytest -n 3` even on two processors: browsers, Helm and containers are mostly
waited for. Tests of one file and cells of one notebook stay together, and so do all that the ledger
counts and all that asks the Docker engine: labs use fixed ports and look at all containers of the
course, so only one process on a machine may work with it. A chapter in the browser asks it only
while its cells run.
"""

from __future__ import annotations

import os
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
LONG = bool(os.environ.get("KUBECOURSE_LONG"))
"""Whether to try also what is tried elsewhere in other words: `make test-long`."""
USES = ("kubecourse.containers", "doctor", "side_by_side")
"""What a notebook that asks the Docker engine for something imports."""
IN_BROWSER, ON_BOTH, LEDGERS, ENGINES = "browser", "engine and browser", "ledger", "engine:"
FIRST = (
    ENGINES,
    IN_BROWSER,
    "tests/publish/test_handouts.py",
    "tests/lessons/exercises/test_exercises.py",
    "tests/clients/test_kubectl.py",
    LEDGERS,
    "notebooks/04_kubernetes_objects.ipynb",
    "tests/lessons/exercises/test_checks_in_any_state.py",
    "tests/tools/helm/test_helm.py",
    ON_BOTH,
)
"""Groups that take long, so that all workers end with short ones, and at about the same time. What
needs the engine only now and then comes when those are done that keep it."""


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


def in_browser_with_engine(name: str) -> bool:
    """Whether the browser shows a notebook with answers of the engine, not with recorded ones."""
    return on_engine(name) and "/" not in name


def chapter(nodeid: str) -> int:
    """The number of the chapter with which the browser is busy; later ones have more to do."""
    found = re.search(r"\[(?:\w\w/)?(\d\d)_", nodeid)
    return int(found[1]) if found else 0


def group(nodeid: str, config: pytest.Config) -> str:
    """What a test stays together with."""
    if "/browser/" in nodeid:
        with_engine = in_browser_with_engine(nodeid.partition("[")[2])
        return f"{ON_BOTH} {chapter(nodeid)}" if with_engine else IN_BROWSER
    if config.stash[LEDGER].counts(nodeid):
        return LEDGERS
    return ENGINES if on_engine(nodeid) else nodeid.partition("::")[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> tuple[int, int, str]:
        its = group(item.nodeid, config)
        at = next((at for at, first in enumerate(FIRST) if its.startswith(first)), len(FIRST))
        if "/browser/" not in item.nodeid:
            return at, 0, ""
        return at, -chapter(item.nodeid), item.nodeid.partition("[")[2]

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
    def keeps(one: pytest.Item | None) -> bool:
        return one is not None and group(one.nodeid, one.config) == ENGINES

    if keeps(item):
        ENGINE.acquire()
    outcome = yield
    if not keeps(nextitem):
        ENGINE.release(force=True)
    return outcome
