"""The first cluster that a learner plays with: what is done to it, and how it heals, seen."""

import pytest

from kubecourse import Cluster
from kubecourse.lessons.recording import READY, TERMINATING
from kubecourse.lessons.widgets import Playground


@pytest.fixture
def play() -> Playground:
    cluster = Cluster(nodes=3)
    cluster.run("create deployment hello --image=nginx:1.27 --replicas=3")
    cluster.settle()
    return Playground(cluster)


def watch(play: Playground) -> list[list[tuple[str, str]]]:
    """Let it run until it stops by itself: the pods in each of its pictures."""
    seen = []
    while play.play.playing:
        play.play.value += 1
        seen.append([(pod.name, pod.state) for pod in play.scene.pods])
    return seen


def test_a_deleted_pod_is_seen_to_end_and_to_be_replaced(play: Playground) -> None:
    before = {pod.name for pod in play.scene.pods}
    play.delete.click()
    pictures = watch(play)
    assert TERMINATING in [state for _, state in pictures[0]]
    assert [state for _, state in pictures[-1]] == [READY] * 3
    assert len(before & {name for name, _ in pictures[-1]}) == 2
    assert "kubectl delete pod" in play.picture.value


def test_as_many_pods_as_are_wanted(play: Playground) -> None:
    play.copies.value = 6
    assert len(watch(play)[-1]) == 6
    play._cluster.run("scale deployment/hello --replicas=2")
    play.refresh()
    assert play.copies.value == 2, "it shows what was asked for elsewhere"


def test_a_machine_is_switched_off_and_minutes_pass_in_few_pictures(play: Playground) -> None:
    begun, label = play._cluster.now, play.off.description
    play.off.click()
    pictures = watch(play)
    lost = [node for node in play.scene.nodes if not node.powered]
    others = [pod.state for node in play.scene.nodes if node.powered for pod in node.pods]
    assert (len(lost), others) == (1, [READY] * 3)
    assert 300 < play._cluster.now - begun < 400
    assert len(pictures) < 60, "seconds on the learner's clock"

    assert play.off.description != label
    play.off.click()
    watch(play)
    assert all(node.powered for node in play.scene.nodes)
    assert play.off.description == label


def test_it_stops_even_if_nothing_can_heal(play: Playground) -> None:
    play._cluster.stop("kube-controller-manager")
    play.delete.click()
    assert [state for _, state in watch(play)[-1]] == [READY] * 2
