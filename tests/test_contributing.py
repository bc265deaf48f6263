"""The map of the package in CONTRIBUTING.md: every room is on it, and as large as it says."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "kubecourse"
ROW = re.compile(r"^\| \d+ \| (?P<rooms>[^|]+) \| (?P<lines>\d+) \| (?P<text>.+) \|$", re.MULTILINE)
MAP = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
ROWS = [row.groupdict() for row in ROW.finditer(MAP)]
HELPERS = {"__init__.py", "copy_on_write.py", "fair_lock.py", "stack.py"}
"""Modules of the package itself that are no rooms: they are met on the way."""


def modules(room: str) -> set[Path]:
    place = PACKAGE / room
    assert place.exists(), room
    return {place} if place.is_file() else set(place.rglob("*.py"))


def members(row: dict[str, str]) -> set[Path]:
    inside, _, without = row["rooms"].partition(" but ")
    found = [modules(room) for room in re.findall("`(.+?)`", inside)]
    return set.union(*found).difference(*map(modules, re.findall("`(.+?)`", without)))


def test_every_module_is_in_one_room() -> None:
    rooms = [module for row in ROWS for module in members(row)]
    assert len(rooms) == len(set(rooms))
    packages = {"__init__.py"}
    missing = {path for path in PACKAGE.rglob("*.py") if path not in rooms}
    assert {path.name for path in missing} <= HELPERS | packages


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["rooms"])
def test_a_room_is_as_large_as_it_says(row: dict[str, str]) -> None:
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in members(row))
    assert lines == pytest.approx(int(row["lines"]), rel=0.15)


def beginnings(row: dict[str, str]) -> set[Path]:
    """The modules that are named to begin with; of a folder, none."""
    rooms = [PACKAGE / room for room in re.findall("`(.+?)`", row["rooms"])]
    found = {room for room in rooms if room.is_file()}
    for name in re.findall(r"`([\w/]+(?:\.py|/))`", row["text"]):
        places = [room / name for room in rooms if (room / name).exists()]
        assert places, name
        found.update(place for place in places if place.is_file())
    return found


def test_what_it_says_to_begin_with_is_there_and_takes_a_weekend() -> None:
    named = {path for row in ROWS for path in beginnings(row)}
    (said,) = re.findall(r"modules named below are (\d+) lines", MAP)
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in named)
    assert lines == pytest.approx(int(said), rel=0.15)
