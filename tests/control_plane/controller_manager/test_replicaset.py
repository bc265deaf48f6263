"""A ReplicaSet: as many pods as wanted, adopted, released, created and deleted."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from kubecourse.api import errors, models
from kubecourse.control_plane.controller_manager.pods import is_ready
from kubecourse.control_plane.controller_manager.replicaset import BURST
from tests.control_plane.controller_manager.double import Lab, Pod, ReplicaSet

RECORDS = {
    record["scenario"]: record
    for record in json.loads(
        (Path(__file__).parents[2] / "data/records/controllers.json").read_text()
    )
}

WEB = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
"""
BARE = """
apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %s}}
spec:
  nodeSelector: {kubernetes.io/hostname: %s}
  containers: [{name: web, image: nginx}]
"""


@pytest.fixture
def lab():
    return Lab()


def web(lab, name="web"):
    return lab.client.get(ReplicaSet, name, "default")


def scale(lab, replicas, name="web"):
    lab.change(web(lab, name), replicas=replicas)


def relabel(lab, pod, labels):
    fresh = lab.client.get(Pod, pod.metadata.name, "default")
    lab.client.update(replace(fresh, metadata=replace(fresh.metadata, labels=labels)))


def names(pods):
    return sorted(pod.metadata.name for pod in pods)


def test_pods_are_created_owned_and_counted(lab):
    made = lab.create(WEB)
    lab.settle()
    pods = lab.pods("app=web")
    assert len(pods) == 3
    for pod in pods:
        assert pod.metadata.name.startswith("web-") and len(pod.metadata.name) == 9
        (owner,) = pod.metadata.ownerReferences
        assert (owner.kind, owner.name, owner.uid) == ("ReplicaSet", "web", made.metadata.uid)
        assert owner.controller and owner.blockOwnerDeletion
    status = web(lab).status
    assert (status.replicas, status.readyReplicas, status.availableReplicas) == (3, 3, 3)
    assert (status.fullyLabeledReplicas, status.terminatingReplicas) == (3, 0)
    assert status.observedGeneration == 1


def test_pods_of_one_replica_set_share_what_they_are_made_of(lab):
    lab.create(WEB)
    lab.clock.advance(0.005)
    first, second, _ = lab.pods("app=web")
    assert first.metadata.labels is second.metadata.labels
    assert first.spec.containers is second.spec.containers


def test_a_deleted_pod_is_replaced_before_it_has_gone(lab):
    lab.create(WEB)
    lab.settle()
    victim = lab.pods("app=web")[0]
    lab.client.delete(Pod, victim.metadata.name, "default")
    lab.clock.advance(0.1)
    assert len(lab.pods("app=web")) == 4
    assert web(lab).status.terminatingReplicas == 1
    lab.settle()
    assert len(lab.pods("app=web")) == 3
    assert victim.metadata.name not in names(lab.pods())


def test_a_pod_that_nobody_manages_is_adopted(lab):
    lab.create(BARE % ("mine", "web", "node-1"))
    lab.create(BARE % ("other", "db", "node-1"))
    lab.settle()
    lab.create(WEB)
    lab.settle()
    assert len(lab.pods("app=web")) == 3
    (owner,) = lab.client.get(Pod, "mine", "default").metadata.ownerReferences
    assert owner.uid == web(lab).metadata.uid
    assert lab.client.get(Pod, "other", "default").metadata.ownerReferences is None


def test_an_adopted_pod_too_many_is_deleted(lab):
    lab.create(WEB)
    lab.settle()
    lab.create(BARE % ("late", "web", "node-1"))
    lab.settle()
    assert len(lab.pods("app=web")) == 3


def test_a_pod_relabelled_away_is_released_and_replaced(lab):
    lab.create(WEB)
    lab.settle()
    strayed = lab.pods("app=web")[0]
    relabel(lab, strayed, {"app": "spare"})
    lab.settle()
    assert len(lab.pods()) == 4
    assert len(lab.pods("app=web")) == 3
    released = lab.client.get(Pod, strayed.metadata.name, "default")
    assert released.metadata.ownerReferences is None

    relabel(lab, strayed, {"app": "web"})
    lab.settle()
    assert len(lab.pods()) == 3


def test_a_pod_that_another_manages_is_left_alone(lab):
    lab.create(WEB)
    lab.create(WEB.replace("name: web}", "name: twin}", 1))
    lab.settle()
    assert len(lab.pods("app=web")) == 6
    scale(lab, 0)
    lab.settle()
    assert {pod.metadata.ownerReferences[0].name for pod in lab.pods()} == {"twin"}


def test_failed_pods_do_not_count(lab):
    lab.create(WEB)
    lab.settle()
    pod = lab.pods("app=web")[0]
    lab.client.update_status(replace(pod, status=replace(pod.status, phase="Failed")))
    lab.settle()
    assert len(lab.pods("app=web")) == 4
    assert web(lab).status.replicas == 3


def test_available_is_who_has_been_ready_for_min_ready_seconds(lab):
    lab.create(WEB.replace("replicas: 3", "replicas: 3\n  minReadySeconds: 5"))
    lab.clock.advance(3)
    assert web(lab).status.readyReplicas == 3
    assert web(lab).status.availableReplicas is None
    lab.clock.advance(5)
    assert web(lab).status.availableReplicas == 3


def test_no_more_than_a_burst_of_pods_is_created_at_once(lab):
    lab.create(WEB.replace("replicas: 3", f"replicas: {BURST + 20}"))
    lab.clock.advance(0.0015)
    assert len(lab.pods()) == BURST
    lab.clock.advance(0.1)
    assert len(lab.pods()) == BURST + 20


class Refusing:
    """An API server in whose place nothing can be created after the first few pods."""

    def __init__(self, server, allowed):
        self.server = server
        self.allowed = allowed
        self.tried = 0

    def __getattr__(self, name):
        return getattr(self.server, name)

    def create(self, resource, obj, **more):
        if resource.kind == "Pod":
            self.tried += 1
            if self.tried > self.allowed:
                raise errors.forbidden("pods", "", "", "exceeded quota: small")
        return self.server.create(resource, obj, **more)


def test_creation_stops_at_the_first_batch_with_an_error(lab):
    controller = lab.manager.controllers["replicaset-controller"]
    refusing = Refusing(lab.server, allowed=4)
    controller.client._connection = SimpleNamespace(server=refusing)
    lab.create(WEB.replace("replicas: 3", "replicas: 30"))
    lab.clock.advance(0.0015)
    # Batches of 1, 2 and 4: the third fails, and the rest is not tried.
    assert refusing.tried == 7
    assert len(lab.pods()) == 4
    lab.clock.advance(0.05)
    (condition,) = web(lab).status.conditions
    assert (condition.type, condition.status, condition.reason) == (
        "ReplicaFailure",
        "True",
        "FailedCreate",
    )
    assert condition.message == "pods is forbidden: exceeded quota: small"
    assert "Error creating: pods is forbidden: exceeded quota: small" in lab.events("ReplicaSet")

    refusing.allowed = 1000
    lab.clock.advance(30)
    assert len(lab.pods()) == 30
    assert web(lab).status.conditions is None


# --- who goes first


def state(lab):
    return {
        pod.metadata.name: pod.spec.nodeName
        for pod in lab.pods("app=web")
        if pod.metadata.deletionTimestamp is None
    }


def victims_of(lab, replicas):
    before = state(lab)
    scale(lab, replicas)
    lab.clock.advance(1.0)
    return sorted(set(before) - set(state(lab)))


def test_victims_are_chosen_as_recorded(lab):
    """The steps of the record `rs-scale-down-victims`, one after another."""
    steps = {step["why"]: step for step in RECORDS["rs-scale-down-victims"]["steps"]}
    lab = Lab(nodes=6)
    lab.create(WEB.replace("replicas: 3", "replicas: 4"))
    lab.clock.advance(300)
    scale(lab, 6)
    lab.clock.advance(5)
    old = sorted(lab.pods(), key=lambda pod: pod.metadata.creationTimestamp)[:4]
    old = [pod.metadata.name for pod in old]

    young = set(state(lab)) - set(old)
    recorded = steps["all ready, 2 younger: younger/co-located first"]
    assert len(recorded["victims"]) == 1 and recorded["victims"][0][3] > recorded[KEY][0][3]
    (first,) = victims_of(lab, 5)
    assert first in young

    pod = lab.client.get(Pod, old[0], "default")
    cost = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    lab.client.update(replace(pod, metadata=replace(pod.metadata, annotations=cost)))
    assert steps["oldest pod has pod-deletion-cost -5"]["victims"][0][4] == "-5"
    assert victims_of(lab, 4) == [old[0]]

    unready = lab.client.get(Pod, old[1], "default").metadata
    lab.nodes.set_ready("default", unready.name, unready.uid, "False")
    lab.clock.advance(1)
    assert steps["oldest pod is not ready"]["victims"][0][2] is False
    assert victims_of(lab, 3) == [old[1]]

    lab.nodes.hold = True
    running = set(state(lab))
    scale(lab, 5)
    lab.clock.advance(1)
    assert steps["two pending unscheduled pods exist"]["victims"][0][1] is None
    (pending,) = victims_of(lab, 4)
    assert pending not in running
    assert len(victims_of(lab, 0)) == len(steps["to zero"]["victims"])


KEY = "before(name,node,ready,created,cost)"


def test_crowded_nodes_give_up_their_pods_first():
    """The record `rs-victims-colocated`: p0, p1, p2 on node-1, oldest first, p3 on node-2."""
    record = RECORDS["rs-victims-colocated"]
    lab = Lab()
    wait = 100.0
    for name, node in record["before"]:
        lab.create(BARE % (name, "web", node))
        lab.clock.advance(wait)
        wait /= 4
    lab.create(WEB.replace("replicas: 3", "replicas: 4"))
    lab.settle()
    assert sorted(state(lab).items()) == [tuple(each) for each in record["before"]]
    for step in record["steps"]:
        scale(lab, step["replicas"])
        lab.settle()
        assert sorted(state(lab).items()) == [tuple(each) for each in step["left"]]


def test_ready_pods_outlive_those_that_are_not(lab):
    lab.create(WEB.replace("replicas: 3", "replicas: 6"))
    lab.settle()
    for pod in lab.pods()[:3]:
        lab.nodes.set_ready("default", pod.metadata.name, pod.metadata.uid, "False")
    lab.clock.advance(1)
    scale(lab, 3)
    lab.settle()
    assert all(is_ready(pod) for pod in lab.pods())


def test_a_stopped_controller_does_nothing_and_catches_up_when_started(lab):
    lab.create(WEB)
    lab.settle()
    lab.manager.stop("replicaset-controller")
    gone = lab.pods()[0].metadata.name
    lab.client.delete(Pod, gone, "default")
    lab.settle()
    assert len(lab.pods()) == 2
    assert web(lab).status.replicas == 3
    lab.manager.start("replicaset-controller")
    lab.settle()
    assert len(lab.pods()) == 3


def test_the_whole_manager_can_stop_and_start(lab):
    lab.create(WEB)
    lab.settle()
    lab.manager.stop()
    scale(lab, 5)
    lab.client.delete(Pod, lab.pods()[0].metadata.name, "default")
    lab.settle()
    assert len(lab.pods()) == 2
    lab.manager.start()
    lab.settle()
    assert len(lab.pods()) == 5
    assert web(lab).status == models.apps_v1.ReplicaSetStatus(
        replicas=5,
        fullyLabeledReplicas=5,
        readyReplicas=5,
        availableReplicas=5,
        terminatingReplicas=0,
        observedGeneration=2,
    )
