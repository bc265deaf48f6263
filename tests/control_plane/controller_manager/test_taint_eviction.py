"""Taints with the effect NoExecute drive pods away, at once or in time."""

from typing import Any

import pytest
from msgspec.structs import replace

from kubecourse import Cluster
from kubecourse.api import models

core = models.core_v1


def toleration(key: str | None = None, seconds: int | None = None) -> Any:
    return core.Toleration(
        key=key, operator="Exists", effect="NoExecute", tolerationSeconds=seconds
    )


def taint(cluster: Cluster, *keys: str) -> None:
    node = cluster.client.get(core.Node, "node-1")
    taints = [core.Taint(key=key, effect="NoExecute") for key in keys]
    cluster.client.update(replace(node, spec=replace(node.spec, taints=taints or None)))


def stay(cluster: Cluster, *tolerations: Any) -> None:
    """Create a pod with these tolerations on the node, and wait until it runs."""
    cluster.client.create(
        core.Pod(
            metadata=models.meta_v1.ObjectMeta(name="p", namespace="default"),
            spec=core.PodSpec(
                nodeName="node-1",
                terminationGracePeriodSeconds=1,
                tolerations=list(tolerations),
                containers=[core.Container(name="c", image="nginx")],
            ),
        )
    )
    cluster.advance(10)


def is_there(cluster: Cluster) -> bool:
    pods = cluster.client.list(core.Pod, "default")
    return any(pod.metadata.deletionTimestamp is None for pod in pods)


def told(cluster: Cluster) -> list[str]:
    events = cluster.client.list(core.Event, "default")
    return [e.message.partition(" Pod ")[0] for e in events if e.reason == "TaintManagerEviction"]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=1)


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([toleration("a", 20), toleration()], 20),
        ([toleration(), toleration("a", 20)], None),
        ([toleration("a", 30), toleration("b", 20)], 20),
        ([toleration("a", 30)], 0),
    ],
)
def test_the_first_toleration_of_each_taint_counts(
    cluster: Cluster, tolerations: list[Any], seconds: float | None
) -> None:
    stay(cluster, *tolerations)
    taint(cluster, "a", "b")
    if seconds:
        cluster.advance(seconds - 1)
        assert is_there(cluster)
    cluster.advance(2 if seconds is not None else 600)
    assert is_there(cluster) is (seconds is None)


def test_a_pod_that_comes_to_a_tainted_node_has_its_time_from_then_on(cluster: Cluster) -> None:
    taint(cluster, "a")
    cluster.advance(100)
    stay(cluster, toleration("a", 30))
    cluster.advance(15)
    assert is_there(cluster)
    cluster.advance(10)
    assert not is_there(cluster)


def test_a_taint_that_is_not_tolerated_ends_the_wait_for_another(cluster: Cluster) -> None:
    stay(cluster, toleration("a", 300))
    taint(cluster, "a")
    cluster.advance(5)
    taint(cluster, "a", "b")
    cluster.advance(1)
    assert not is_there(cluster)
    assert told(cluster) == ["Cancelling deletion of", "Marking for deletion"]


def test_when_the_taint_goes_the_pod_stays(cluster: Cluster) -> None:
    stay(cluster, toleration("a", 30))
    taint(cluster, "a")
    cluster.advance(5)
    taint(cluster)
    cluster.advance(60)
    assert is_there(cluster) and told(cluster) == ["Cancelling deletion of"]


def test_a_pod_that_is_gone_by_then_is_not_deleted(cluster: Cluster) -> None:
    stay(cluster, toleration("a", 30))
    taint(cluster, "a")
    cluster.advance(5)
    cluster.client.delete(core.Pod, "p", "default")
    cluster.advance(60)
    assert told(cluster) == ["Cancelling deletion of"]
