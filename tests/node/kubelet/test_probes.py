"""Who listens to a kubelet hears of every probe, and changes nothing by it."""

import pytest

from tests.node.world import World

GET = {"httpGet": {"port": 8080}, "failureThreshold": 2}


def history(listening: bool) -> tuple[list[tuple[str, bool]], list[tuple[str, int]]]:
    world, heard = World(), []
    if listening:
        (kubelet,) = world.kubelets.values()
        kubelet.on_probe = lambda pod, kind, ok: heard.append((kind, ok))
    world.run(
        "a",
        ports=[{"containerPort": 8080}],
        livenessProbe=GET | {"periodSeconds": 5},
        readinessProbe=GET | {"periodSeconds": 2},
    )
    world.clock.advance(21)
    world.container("a").behave("failing")
    world.clock.advance(20)
    return heard, world.events("Unhealthy") + world.events("Killing")


@pytest.mark.parametrize(("kind", "period"), [("Liveness", 5), ("Readiness", 2)])
def test_also_of_those_whose_answer_cannot_change(kind: str, period: int) -> None:
    heard, _ = history(listening=True)
    before = [ok for each, ok in heard[: heard.index((kind, False))] if each == kind]
    assert len(before) >= 20 // period - 1


def test_listening_changes_nothing() -> None:
    assert history(listening=True)[1] == history(listening=False)[1]
