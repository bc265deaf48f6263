"""The simulated cluster and the real engine do the same with the same container."""

import pytest

from kubecourse.containers import engines
from kubecourse.lessons.side_by_side import SUBJECTS, Side, agree, side_by_side


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("what", SUBJECTS)
def test_both_sides_agree(what: str) -> None:
    seen = side_by_side(what)
    assert seen.agrees, (seen.simulated, seen.docker)
    assert seen.text in seen.children[0].value.replace("&#x27;", "'")


@pytest.mark.usefixtures("images")
def test_memory_ends_both_with_exit_code_137() -> None:
    seen = side_by_side("memory")
    assert seen.simulated.seen["exit_code"] == seen.docker.seen["exit_code"] == 137
    assert seen.simulated.then.startswith("restarted"), "Docker leaves it ended"


@pytest.mark.parametrize("what", SUBJECTS)
def test_without_an_engine_the_simulated_side_is_shown(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such.sock")
    monkeypatch.setattr(engines, "_clients", [])
    seen = side_by_side(what)
    assert seen.agrees is None
    assert "No container engine answers" in seen.children[0].value
    assert seen.simulated.seen


@pytest.mark.parametrize(("a", "b", "same"), [(1.0, 0.91, True), (1.0, 0.89, False), (0, 1, False)])
def test_a_tenth_is_close_enough(a: float, b: float, same: bool) -> None:
    assert agree(Side({"used": a}, ""), Side({"used": b}, "")) is same
