"""Pods that nobody else removes."""

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.controller_manager import pod_gc
from tests.control_plane.controller_manager.double import decode
from tests.control_plane.controller_manager.workloads import Bench

core = models.core_v1

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  nodeName: node-2
  containers: [{name: c, image: nginx}]
"""


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_pods_of_a_node_that_is_gone_go_after_a_while(bench: Bench):
    bench.create(POD)
    bench.settle()
    bench.cluster.fail_node("node-2")
    bench.client.delete(core.Node, "node-2")
    bench.advance(39)
    assert bench.get("pod/p") is not None
    bench.advance(22)
    assert bench.get("pod/p") is None


def test_they_stay_if_the_node_comes_back_in_time(bench: Bench):
    bench.create(POD)
    bench.settle()
    node = bench.client.get(core.Node, "node-2")
    bench.client.delete(core.Node, "node-2")
    bench.advance(30)
    if bench.cluster.get("node/node-2") is None:
        bench.client.create(replace(node, metadata=replace(node.metadata, resourceVersion=None)))
    bench.advance(60)
    assert bench.get("pod/p").status.phase == "Running"


def test_a_pod_bound_to_a_node_that_never_was(bench: Bench):
    bench.create(POD.replace("node-2", "nowhere"))
    bench.advance(61)
    assert bench.get("pod/p") is None


def test_a_stuck_pod_goes_at_once_where_its_node_is_declared_out_of_service(bench: Bench):
    bench.create(POD)
    bench.settle()
    bench.cluster.fail_node("node-2")
    bench.advance(400)
    assert bench.get("pod/p").metadata.deletionTimestamp is not None
    taints = bench.client.get(core.Node, "node-2").spec.taints
    taint = core.Taint(key=pod_gc.OUT_OF_SERVICE, value="nodeshutdown", effect="NoExecute")
    bench.set_node("node-2", taints=[*taints, taint])
    bench.advance(21)
    assert bench.get("pod/p") is None


def test_finished_pods_are_kept_up_to_a_number(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pod_gc, "THRESHOLD", 2)
    for number in range(4):
        pod = decode(POD.replace("name: p", f"name: p{number}"))
        spec = replace(pod.spec, restartPolicy="Never")
        spec = replace(spec, containers=[replace(spec.containers[0], command=["true"])])
        bench.client.create(replace(pod, spec=spec))
        bench.advance(2)
    bench.advance(40)
    assert [pod.metadata.name for pod in bench.pods()] == ["p2", "p3"]
