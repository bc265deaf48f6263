"""A DaemonSet has one pod on every node that will have it."""

from typing import Any

import pytest
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.controller_manager.pods import is_ready
from kubecourse.node.runtime.images import NEVER
from tests.control_plane.controller_manager.workloads import Bench

core = models.core_v1

DAEMONSET = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds}
spec:
  selector: {matchLabels: {app: ds}}
  updateStrategy: STRATEGY
  template:
    metadata: {labels: {app: ds}}
    spec:
      terminationGracePeriodSeconds: 1
      nodeSelector: SELECTOR
      containers: [{name: c, image: "nginx:1"}]
"""


def daemonset(bench: Bench, strategy: str = "{}", selector: str = "{}") -> None:
    bench.create(DAEMONSET.replace("STRATEGY", strategy).replace("SELECTOR", selector))
    bench.settle()


def counts(bench: Bench) -> tuple[Any, ...]:
    status = bench.get("daemonset/ds").status
    return (
        status.desiredNumberScheduled,
        status.currentNumberScheduled,
        status.numberReady,
        status.numberAvailable,
        status.updatedNumberScheduled,
        status.numberMisscheduled,
        status.numberUnavailable,
    )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_one_pod_on_each_node_and_on_each_that_joins(bench: Bench):
    daemonset(bench)
    assert sorted(bench.places()) == ["node-1", "node-2", "node-3"]
    assert counts(bench) == (3, 3, 3, 3, 3, 0, None)
    bench.cluster.add_node("node-4")
    bench.settle()
    assert sorted(bench.places()) == ["node-1", "node-2", "node-3", "node-4"]
    assert len(bench.events("DaemonSet", "SuccessfulCreate")) == 4


def test_its_pods_name_their_node_and_tolerate_its_troubles(bench: Bench):
    daemonset(bench)
    for pod in bench.pods():
        required = pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
        (term,) = required.nodeSelectorTerms
        assert [(r.key, r.operator, r.values) for r in term.matchFields] == [
            ("metadata.name", "In", [pod.spec.nodeName])
        ]
        assert [(t.key.split("/")[1], t.operator, t.effect) for t in pod.spec.tolerations] == [
            ("not-ready", "Exists", "NoExecute"),
            ("unreachable", "Exists", "NoExecute"),
            ("disk-pressure", "Exists", "NoSchedule"),
            ("memory-pressure", "Exists", "NoSchedule"),
            ("pid-pressure", "Exists", "NoSchedule"),
            ("unschedulable", "Exists", "NoSchedule"),
        ]
        assert pod.metadata.labels["pod-template-generation"] == "1"
        assert pod.metadata.labels["controller-revision-hash"]


def test_labels_of_nodes_decide_and_pods_follow_them(bench: Bench):
    daemonset(bench, selector="{disk: ssd}")
    assert bench.places() == {} and counts(bench)[0] == 0
    bench.label_node("node-2", disk="ssd")
    bench.settle()
    assert list(bench.places()) == ["node-2"]
    bench.label_node("node-2", disk="hdd")
    bench.settle()
    assert bench.places() == {}


def test_a_cordoned_node_keeps_its_pod(bench: Bench):
    bench.set_node("node-1", unschedulable=True)
    bench.settle()
    daemonset(bench)
    assert "node-1" in bench.places()


@pytest.mark.parametrize(("effect", "stays"), [("NoSchedule", True), ("NoExecute", False)])
def test_a_taint_keeps_pods_off_and_may_drive_them_away(bench: Bench, effect: str, stays: bool):
    bench.set_node("node-1", taints=[core.Taint(key="k", effect=effect)])
    daemonset(bench)
    assert sorted(bench.places()) == ["node-2", "node-3"]
    bench.set_node("node-2", taints=[core.Taint(key="k", effect=effect)])
    bench.settle()
    assert ("node-2" in bench.places()) is stays
    assert counts(bench)[:2] == (1, 1) and counts(bench)[5] == int(stays)


def test_a_failed_pod_is_deleted_and_replaced(bench: Bench):
    daemonset(bench)
    pod = bench.pods()[0]
    bench.client.update_status(replace(pod, status=replace(pod.status, phase="Failed")))
    bench.settle()
    assert pod.metadata.name not in bench.images() and len(bench.places()) == 3
    (message,) = bench.events("DaemonSet", "FailedDaemonPod")
    assert message == (
        f"Found failed daemon pod default/{pod.metadata.name} on node {pod.spec.nodeName}, "
        "will try to kill it"
    )


def test_an_update_goes_node_by_node(bench: Bench):
    daemonset(bench)
    bench.set_image("daemonset/ds", "nginx:2")
    seen = set()
    while not all(image == "nginx:2" for image in bench.images().values()) or len(seen) < 2:
        bench.advance(0.05)
        ready = bench.get("daemonset/ds").status.numberReady
        seen.add(ready)
    assert min(seen) == 2
    bench.settle()
    assert set(bench.places().values()) == {"nginx:2"} and counts(bench)[4] == 3
    revisions = bench.client.list(models.apps_v1.ControllerRevision, "default")
    assert sorted(each.revision for each in revisions) == [1, 2]


def test_an_update_takes_the_old_pod_from_a_node_that_gets_no_new_one(bench: Bench):
    daemonset(bench)
    bench.set_node("node-1", taints=[core.Taint(key="k", effect="NoSchedule")])
    bench.settle()
    assert counts(bench)[5] == 1 and "node-1" in bench.places()
    bench.set_image("daemonset/ds", "nginx:2")
    bench.settle()
    assert bench.places() == {"node-2": "nginx:2", "node-3": "nginx:2"}


def test_a_failed_pod_that_waits_to_be_deleted_counts_as_there(bench: Bench):
    daemonset(bench)
    for wait, present in ((0.2, 3), (0.2, 3)):
        pod = next(p for p in bench.pods() if p.spec.nodeName == "node-1")
        bench.client.update_status(replace(pod, status=replace(pod.status, phase="Failed")))
        bench.advance(wait)
        assert counts(bench)[1] == present
    bench.settle()
    assert counts(bench)[:3] == (3, 3, 3)


def test_pods_that_do_not_work_are_replaced_before_others_and_count(bench: Bench):
    daemonset(bench)
    bench.cluster.images.declare("broken", ready_after=NEVER)
    bench.set_image("daemonset/ds", "broken")
    bench.advance(60)
    assert sorted(bench.places().values()) == ["broken", "nginx:1", "nginx:1"]
    bench.set_image("daemonset/ds", "nginx:2")
    least = 3
    for _ in range(600):
        bench.advance(0.05)
        least = min(least, counts(bench)[3])
    assert least == 2 and set(bench.places().values()) == {"nginx:2"}


def test_while_surging_a_pod_leaves_where_it_should_not_be_once_others_are_ready(bench: Bench):
    daemonset(bench, "{type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}")
    bench.set_node("node-1", taints=[core.Taint(key="k", effect="NoSchedule")])
    bench.settle()
    assert bench.places() == dict.fromkeys(("node-1", "node-2", "node-3"), "nginx:1")
    bench.set_image("daemonset/ds", "nginx:2")
    least = 3
    for _ in range(600):
        bench.advance(0.05)
        ready = [p for p in bench.pods() if is_ready(p) and p.metadata.deletionTimestamp is None]
        least = min(least, len(ready))
    assert least == 2 and bench.places() == {"node-2": "nginx:2", "node-3": "nginx:2"}


def test_an_update_with_surge_starts_the_new_pod_first(bench: Bench):
    daemonset(bench, "{type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}")
    bench.set_image("daemonset/ds", "nginx:2")
    most = 0
    for _ in range(600):
        bench.advance(0.05)
        running = [p for p in bench.pods() if p.metadata.deletionTimestamp is None]
        most = max(most, len(running))
        assert counts(bench)[6] is None, "a node was without"
    assert most == 4
    assert set(bench.places().values()) == {"nginx:2"} and len(bench.pods()) == 3


def test_on_delete_waits_for_somebody_to_delete_the_pod(bench: Bench):
    daemonset(bench, "{type: OnDelete}")
    bench.set_image("daemonset/ds", "nginx:2")
    bench.settle()
    assert set(bench.places().values()) == {"nginx:1"}
    victim = bench.pods()[0]
    bench.client.delete(core.Pod, victim.metadata.name, "default")
    bench.settle()
    assert bench.places()[victim.spec.nodeName] == "nginx:2"
    assert sorted(bench.places().values()) == ["nginx:1", "nginx:1", "nginx:2"]


def test_going_back_finds_the_old_revision_again(bench: Bench):
    daemonset(bench)
    first = {p.metadata.labels["controller-revision-hash"] for p in bench.pods()}
    for image in ("nginx:2", "nginx:1"):
        bench.set_image("daemonset/ds", image)
        bench.settle()
    assert {p.metadata.labels["controller-revision-hash"] for p in bench.pods()} == first
    revisions = bench.client.list(models.apps_v1.ControllerRevision, "default")
    assert sorted(each.revision for each in revisions) == [2, 3]


def test_a_dead_nodes_pod_stays_as_recorded(bench: Bench):
    daemonset(bench)
    bench.cluster.fail_node("node-3")
    bench.advance(400)
    (pod,) = [pod for pod in bench.pods() if pod.spec.nodeName == "node-3"]
    assert (pod.status.phase, pod.metadata.deletionTimestamp) == ("Running", None)
    assert counts(bench) == (2, 2, 2, 2, 2, 1, None)
