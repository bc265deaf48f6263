"""A Deployment: from one template to the next, and what it says on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.client import Informer
from kubecourse.control_plane.controller_manager.deployment import history
from kubecourse.control_plane.controller_manager.deployment.rolling import (
    max_surge,
    min_available,
)
from tests.control_plane.controller_manager.double import Deployment, Lab, Pod, ReplicaSet
from tests.control_plane.controller_manager.replay import undo

core = models.core_v1
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1"}]}
"""


@pytest.fixture
def lab():
    lab = Lab()
    lab.create(WEB)
    lab.settle()
    return lab


def progressing(lab):
    return conditions.get(lab.deployment().status.conditions, "Progressing")


def images(lab):
    return sorted(pod.spec.containers[0].image for pod in lab.pods())


def roll(lab, image):
    lab.set_image(image)
    lab.settle()


def test_a_replica_set_is_named_and_marked_by_its_template(lab):
    (rs,) = lab.replicasets()
    digest = rs.metadata.labels["pod-template-hash"]
    assert rs.metadata.name == f"web-{digest}"
    assert rs.spec.selector.matchLabels == {"app": "web", "pod-template-hash": digest}
    assert rs.spec.template.metadata.labels == rs.spec.selector.matchLabels
    (owner,) = rs.metadata.ownerReferences
    assert (owner.kind, owner.name, owner.controller) == ("Deployment", "web", True)


def test_only_the_template_makes_a_revision(lab):
    deployment = lab.deployment()
    lab.change(deployment, replicas=4, minReadySeconds=1)
    lab.settle()
    (rs,) = lab.replicasets()
    assert rs.spec.minReadySeconds == 1
    assert history.revision(lab.deployment()) == 1
    roll(lab, "nginx:2")
    assert history.revision(lab.deployment()) == 2
    assert [history.revision(rs) for rs in lab.replicasets()] == [1, 2]


def test_rolling_back_uses_the_old_replica_set_again(lab):
    first = lab.replicasets()[0].metadata.name
    roll(lab, "nginx:2")
    roll(lab, "nginx:3")
    lab.clock.advance(5)
    undo(lab)
    lab.settle()
    sets = {history.revision(rs): rs for rs in lab.replicasets()}
    assert sorted(sets) == [1, 3, 4], "the number 2 is gone: its set has become number 4"
    assert sets[4].metadata.annotations[history.REVISION_HISTORY] == "2"
    assert sets[4].spec.replicas == 3
    assert images(lab) == ["nginx:2"] * 3
    assert sets[1].metadata.name == first
    assert history.revision(lab.deployment()) == 4


def test_recreate_starts_nothing_before_the_last_old_pod_has_gone():
    lab = Lab()
    lab.create(WEB.replace("replicas: 3", "replicas: 3\n  strategy: {type: Recreate}"))
    lab.settle()
    lab.set_image("nginx:2")
    for _ in range(100):
        lab.clock.advance(0.01)
        assert len(set(images(lab))) <= 1
    lab.settle()
    assert images(lab) == ["nginx:2"] * 3


def test_a_paused_deployment_is_scaled_but_not_rolled_out(lab):
    lab.change(lab.deployment(), paused=True)
    lab.set_image("nginx:2")
    lab.change(lab.deployment(), replicas=5)
    lab.settle()
    assert images(lab) == ["nginx:1"] * 5
    assert (progressing(lab).status, progressing(lab).reason) == ("Unknown", "DeploymentPaused")
    lab.change(lab.deployment(), paused=None)
    lab.settle()
    assert images(lab) == ["nginx:2"] * 5
    assert progressing(lab).reason == "NewReplicaSetAvailable"


def test_a_rollout_that_does_not_get_on_is_late_and_then_succeeds(lab):
    lab.change(lab.deployment(), progressDeadlineSeconds=10)
    lab.set_image("broken:1")
    lab.clock.advance(9)
    assert progressing(lab).reason == "ReplicaSetUpdated"
    lab.clock.advance(5)
    late = progressing(lab)
    name = lab.replicasets()[-1].metadata.name
    assert (late.status, late.reason) == ("False", "ProgressDeadlineExceeded")
    assert name in late.message and late.message.endswith("has timed out progressing.")
    assert lab.deployment().status.availableReplicas == 3, "nothing is rolled back, nothing lost"
    roll(lab, "nginx:2")
    assert progressing(lab).reason == "NewReplicaSetAvailable"


def test_waiting_for_a_deadline_keeps_nobody_waiting(lab):
    lab.set_image("broken:1")
    before = lab.clock.now
    assert lab.settle()
    assert lab.clock.now - before < 60


def test_without_a_deadline_nothing_is_said_of_progress():
    lab = Lab()
    lab.create(WEB.replace("replicas: 3", f"replicas: 3\n  progressDeadlineSeconds: {2**31 - 1}"))
    lab.settle()
    assert [c.type for c in lab.deployment().status.conditions] == ["Available"]


def test_too_few_available_pods_are_reported(lab):
    for pod in lab.pods():
        lab.nodes.set_ready("default", pod.metadata.name, pod.metadata.uid, "False")
    lab.settle()
    found = conditions.get(lab.deployment().status.conditions, "Available")
    assert (found.status, found.reason) == ("False", "MinimumReplicasUnavailable")
    assert lab.deployment().status.unavailableReplicas == 3


def test_a_replica_set_that_somebody_scaled_is_put_right(lab):
    (rs,) = lab.replicasets()
    lab.change(rs, replicas=7)
    lab.settle()
    assert lab.replicasets()[0].spec.replicas == 3
    assert len(lab.pods()) == 3


def test_a_deleted_replica_set_is_made_again(lab):
    lab.client.delete(ReplicaSet, lab.replicasets()[0].metadata.name, "default")
    lab.settle()
    assert len(lab.pods()) == 3
    assert len(lab.replicasets()) == 1


def test_an_orphaned_replica_set_is_adopted_with_its_pods(lab):
    pods = {pod.metadata.uid for pod in lab.pods()}
    lab.client.delete(Deployment, "web", "default", propagation="Orphan")
    lab.settle()
    lab.create(WEB)
    lab.settle()
    assert {pod.metadata.uid for pod in lab.pods()} == pods


def test_a_replica_set_relabelled_away_is_released(lab):
    rs = lab.replicasets()[0]
    metadata = replace(rs.metadata, labels={"app": "mine"})
    lab.client.update(replace(rs, metadata=metadata))
    lab.settle()
    assert lab.client.get(ReplicaSet, rs.metadata.name, "default").metadata.ownerReferences is None


def test_failures_of_a_replica_set_are_passed_on(lab):
    condition = models.apps_v1.ReplicaSetCondition(
        type="ReplicaFailure", status="True", reason="FailedCreate", message="no"
    )
    lab.manager.stop("replicaset-controller")
    rs = lab.replicasets()[0]
    lab.client.update_status(replace(rs, status=replace(rs.status, conditions=[condition])))
    lab.settle()
    found = conditions.get(lab.deployment().status.conditions, "ReplicaFailure")
    assert (found.status, found.reason, found.message) == ("True", "FailedCreate", "no")
    lab.manager.start("replicaset-controller")
    lab.settle()
    assert conditions.get(lab.deployment().status.conditions, "ReplicaFailure") is None


def test_the_same_seed_gives_the_same_history():
    def story(seed):
        lab = Lab(seed)
        lab.create(WEB)
        lab.settle()
        roll(lab, "nginx:2")
        return [(e.metadata.name, e.message) for e in lab.client.list(core.Event, "default")]

    assert story(1) == story(1)
    assert story(1) != story(2)


# --- properties


class Watcher:
    """Sees every state of a Deployment's ReplicaSets that anybody could see."""

    def __init__(self, lab):
        self.lab = lab
        self.most = 0
        self.fewest_available = None
        for cls in (ReplicaSet, Pod):
            informer = Informer(lab.client, cls)
            informer.on_change(self.look)
            informer.start()
        lab.clock.advance(0.01)

    def look(self, old, new):
        self.most = max(self.most, sum(rs.spec.replicas for rs in self.lab.replicasets()))
        ready = sum(
            pod.metadata.deletionTimestamp is None
            and conditions.is_true(pod.status.conditions, "Ready")
            for pod in self.lab.pods()
        )
        if self.fewest_available is None or ready < self.fewest_available:
            self.fewest_available = ready


share = st.integers(0, 6) | st.integers(0, 100).map(lambda n: f"{n}%")


@given(st.integers(1, 12), share, share, st.integers(0, 3), st.integers(0, 5))
def test_a_healthy_rollout_stays_within_its_bounds(replicas, surge, unavailable, third, seed):
    if str(surge).rstrip("%") == "0" and str(unavailable).rstrip("%") == "0":
        unavailable = 1
    lab = Lab(seed)
    deployment = lab.create(
        WEB.replace(
            "replicas: 3",
            f"replicas: {replicas}\n  strategy: {{rollingUpdate: "
            f"{{maxSurge: {surge}, maxUnavailable: {unavailable}}}}}",
        )
    )
    lab.settle()
    watcher = Watcher(lab)
    lab.set_image("nginx:2")
    if third:  # change one's mind in the middle
        lab.clock.advance(third)
        lab.set_image("nginx:3")
    lab.settle()
    assert images(lab) == [f"nginx:{3 if third else 2}"] * replicas
    assert watcher.most <= replicas + max_surge(deployment)
    if watcher.fewest_available is not None:
        assert watcher.fewest_available >= min_available(deployment)


acts = st.lists(
    st.tuples(
        st.sampled_from(
            ["image", "scale", "delete", "relabel", "scale a set", "unready", "pause", "wait"]
        ),
        st.integers(0, 9),
    ),
    max_size=12,
)


@given(acts, st.sampled_from(["RollingUpdate", "Recreate"]))
def test_whatever_happens_it_settles_at_what_is_wanted(doings, strategy):
    lab = Lab()
    lab.create(WEB.replace("replicas: 3", f"replicas: 3\n  strategy: {{type: {strategy}}}"))
    replicas, image = 3, "nginx:1"
    for act, number in doings:
        pods = lab.pods("app=web")
        pod = pods[number % len(pods)] if pods else None
        match act:
            case "image":
                image = f"nginx:{number}"
                lab.set_image(image)
            case "scale":
                replicas = number
                lab.change(lab.deployment(), replicas=number)
            case "scale a set":
                for rs in lab.replicasets()[:1]:
                    lab.change(rs, replicas=number)
            case "pause":
                lab.change(lab.deployment(), paused=not lab.deployment().spec.paused)
            case "wait":
                lab.clock.advance(number / 4)
            case _ if pod is None:
                pass
            case "delete":
                lab.client.delete(Pod, pod.metadata.name, "default")
            case "relabel":
                labels = {**pod.metadata.labels, "pod-template-hash": "strayed"}
                lab.client.update(replace(pod, metadata=replace(pod.metadata, labels=labels)))
            case "unready":
                lab.nodes.set_ready("default", pod.metadata.name, pod.metadata.uid, "False")
    lab.change(lab.deployment(), paused=None)
    # Pods that lost their readiness stay without it: their ReplicaSet does not mind.
    lab.clock.advance(60)
    for pod in lab.pods():
        lab.nodes.set_ready("default", pod.metadata.name, pod.metadata.uid)
    assert lab.settle()
    owned = [pod for pod in lab.pods() if pod.metadata.ownerReferences]
    assert [pod.spec.containers[0].image for pod in owned] == [image] * replicas
    status = lab.deployment().status
    assert (status.replicas or 0, status.availableReplicas or 0) == (replicas, replicas)
    assert sum(rs.spec.replicas for rs in lab.replicasets()) == replicas
    assert progressing(lab).reason == "NewReplicaSetAvailable"
