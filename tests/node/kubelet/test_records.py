"""The simulated kubelet does what the real one was recorded doing.

Statuses in the same order, each in the same form, at the same time to a second; events with the
same words, about as often. A real kubelet adds a random part to its waits, so one of a few seeds
must give the recorded history.
"""

import pytest

from tests.node.kubelet.replay import Replay, load

RECORDS = load()
SEEDS = range(8)

DIFFERS: dict[str, str] = {}
"""Scenarios in which no seed gives the recorded history, with the reason."""


def agrees(name: str) -> tuple[bool, list[str]]:
    differences: list[str] = []
    for seed in SEEDS:
        replay = Replay(RECORDS[name], seed)
        replay.run()
        differences = replay.differences()
        if not differences:
            return True, []
    return False, differences


@pytest.mark.parametrize("name", RECORDS)
def test_scenario(name: str) -> None:
    same, differences = agrees(name)
    if name in DIFFERS:
        assert not same, f"{name} agrees now: strike it off the list"
    else:
        assert same, "\n".join(differences)


def test_nothing_is_listed_that_was_not_recorded() -> None:
    assert set(DIFFERS) <= set(RECORDS)
