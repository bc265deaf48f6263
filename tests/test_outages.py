"""Outages of the control plane, and what people who use the cluster notice of them.

In each somebody writes once a second, and a client sends ten requests a second to a Service. How
many of those are answered is what users see; every write that was acknowledged must be there in
the end, and no pod twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.cluster import CourseError

core = models.core_v1
FIRST, SECOND, THIRD = "control-plane-1", "control-plane-2", "control-plane-3"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 6
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.27", ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "redis:7"}]}
"""


class Outage:
    """A cluster in use. `answered` is the share of the users' requests that were answered."""

    def __init__(self, control_plane: int = 3) -> None:
        self.cluster = Cluster(nodes=3, control_plane=control_plane, zones=3)
        self.cluster.run("apply -f -", WEB)
        self.cluster.settle()
        self.writer = self.cluster.connect_as("writer")
        self.acknowledged: dict[str, Any] = {}
        self.refused: Counter[str] = Counter()
        self.tried = 0
        self.traffic = self.cluster.traffic("http://web")
        self.cluster.clock.call_later(1.0, self._write, background=True)
        self.cluster.advance(30)

    def _write(self) -> None:
        self.tried += 1
        metadata = models.meta_v1.ObjectMeta(name=f"note-{self.tried}", namespace="default")
        try:
            written: Any = self.writer.create(core.ConfigMap(metadata=metadata))
            self.acknowledged[written.metadata.uid] = written
        except ApiError as error:
            self.refused[error.message] += 1
        self.cluster.clock.call_later(1.0, self._write, background=True)

    @property
    def answered(self) -> float:
        rows = self.traffic.rows
        return sum(row.ok for row in rows) / len(rows)

    def leaders(self) -> list[str | None]:
        plane = self.cluster.control_plane
        programs = ("kube-scheduler", "kube-controller-manager")
        return [plane.etcd_leader, *map(plane.leader, programs)]

    def is_whole(self) -> None:
        """All is as it should be: nothing lost, nothing twice, everything works."""
        cluster = self.cluster
        cluster.advance(60)
        stored = {each.metadata.uid for each in cluster.list("configmaps")}
        assert self.acknowledged.keys() <= stored
        stored_at = [int(e.metadata.resourceVersion) for e in self.acknowledged.values()]
        assert all(cluster.etcd.change(at) is not None for at in stored_at)
        for name in ("deployment/web", "statefulset/db"):
            owner = cluster.get(name)
            assert owner.status.readyReplicas == owner.spec.replicas
        pods = cluster.list("pods")
        running = Counter(uid for k in cluster.kubelets.values() for uid in k.runtime.sandboxes)
        assert running == Counter(pod.metadata.uid for pod in pods)
        assert len(pods) == cluster.get("deployment/web").spec.replicas + 3
        for node in cluster.list("nodes"):
            assert {c.type: c.status for c in node.status.conditions}["Ready"] == "True"
        assert cluster.control_plane.has_quorum and None not in self.leaders()
        before = cluster.get("deployment/web").spec.replicas
        assert cluster.run(f"scale deployment web --replicas={before + 1}").code == 0
        cluster.settle()
        assert cluster.get("deployment/web").status.readyReplicas == before + 1


def test_one_of_three_dies_and_nobody_notices() -> None:
    outage = Outage()
    cluster = outage.cluster
    assert outage.leaders() == [FIRST] * 3
    cluster.fail_node(FIRST)
    began = cluster.now
    output = cluster.run('patch deployment web -p \'{"spec": {"replicas": 7}}\'')
    # kubectl waits a little for the two others to elect a leader of etcd.
    assert output.code == 0 and 1 < cluster.now - began < 5
    cluster.advance(40)
    assert FIRST not in outage.leaders() and None not in outage.leaders()
    assert cluster.get("deployment/web").status.readyReplicas == 7
    assert sum(outage.refused.values()) <= 6
    cluster.recover_node(FIRST)
    outage.is_whole()
    assert outage.answered == 1.0


def test_with_two_of_three_gone_nothing_can_be_changed_and_what_runs_runs_on() -> None:
    outage = Outage()
    cluster = outage.cluster
    cluster.fail_node(SECOND)
    cluster.fail_node(THIRD)
    began = cluster.now
    for command in ("create namespace new", "get pods", "delete pod --all"):
        output = cluster.run(command)
        assert output.code == 1
        assert output.stderr == "Error from server: etcdserver: request timed out\n"
    assert cluster.now - began == pytest.approx(21, abs=0.2)
    acknowledged = len(outage.acknowledged)
    cluster.advance(600)
    assert len(outage.acknowledged) == acknowledged
    assert outage.leaders() == [None] * 3
    assert not cluster.control_plane.has_quorum
    assert len(cluster.pods("web")) == 6
    cluster.recover_node(THIRD)
    cluster.advance(10)
    assert cluster.run("get pods").code == 0
    cluster.recover_node(SECOND)
    cluster.advance(300)
    outage.is_whole()
    assert outage.answered == 1.0


def test_a_leader_in_the_minority_is_replaced_by_the_majority() -> None:
    outage = Outage()
    cluster = outage.cluster
    plane = cluster.control_plane
    cluster.partition([FIRST], [SECOND, THIRD])
    cluster.advance(5)
    first = plane.facts()[0]
    assert (first.etcd, first.quorum, first.apiserver) == ("candidate", False, "not ready")
    assert outage.leaders()[0] in (SECOND, THIRD)
    # For a moment the old leaders do not know it; they cannot write, and give up after 10 s.
    assert outage.leaders()[1:] == [FIRST, FIRST]
    cluster.advance(6)
    assert outage.leaders()[1:] == [None, None]
    cluster.advance(10)
    assert FIRST not in outage.leaders() and None not in outage.leaders()
    assert not plane.facts()[0].in_rotation
    cluster.run("scale deployment web --replicas=7")
    cluster.settle()
    assert len(cluster.pods("web")) == 7
    stale = plane[FIRST].etcd.serializable("/registry/pods/default/")
    assert len([key for key in stale if "/web-" in key]) == 6
    cluster.heal()
    outage.is_whole()
    assert outage.answered == 1.0
    assert outage.cluster.control_plane.facts()[0].in_rotation


@pytest.mark.parametrize("control_plane", [1, 3])
def test_without_any_control_plane_for_an_hour_kubelets_keep_it_all_running(
    control_plane: int,
) -> None:
    outage = Outage(control_plane)
    cluster = outage.cluster
    machines = [machine.name for machine in cluster.control_plane]
    for machine in machines:
        cluster.fail_node(machine)
    output = cluster.run("get pods")
    assert output.stderr == (
        "The connection to the server 127.0.0.1:6443 was refused"
        " - did you specify the right host or port?\n"
    )
    cluster.advance(1800)
    pod = cluster.list("pods", selector="app=web")[0]
    cluster.crash(pod.metadata.name)
    cluster.advance(1800)
    node = cluster.kubelets[pod.spec.nodeName]
    assert node.runtime.container(pod.metadata.uid, "web").running
    assert len(outage.acknowledged) == 30
    began = cluster.now
    for machine in machines:
        cluster.recover_node(machine)
    cluster.advance(120)
    outage.is_whole()
    # Nobody took the nodes' silence for their death, and no pod was replaced.
    assert not [e for e in cluster.list("events") if e.reason in ("NodeNotReady", "Killing")]
    assert pod.metadata.name in cluster.pods()
    restarted = cluster.get(f"pod/{pod.metadata.name}").status.containerStatuses[0]
    assert restarted.restartCount == 1
    assert cluster.clock.seconds(restarted.lastState.terminated.finishedAt) < began
    assert outage.answered > 0.999


def test_with_a_zone_lost_two_thirds_are_answered_until_its_pods_are_given_up() -> None:
    outage = Outage()
    cluster = outage.cluster
    assert cluster.zone("zone-a") == [FIRST, "node-1"]
    began = cluster.now
    cluster.fail_zone("zone-a")
    cluster.advance(120)
    failed = [row.time for row in outage.traffic.rows if not row.ok]
    # The grace period of a node begins anew under a controller manager that has just taken over.
    assert began <= failed[0] and 50 < failed[-1] - began < 50 + 5 + 25
    during = [row.ok for row in outage.traffic.rows if failed[0] <= row.time <= failed[-1]]
    assert sum(during) / len(during) == pytest.approx(2 / 3, abs=0.05)
    cluster.advance(400)
    web = [pod for pod in cluster.list("pods", selector="app=web") if pod.status.phase == "Running"]
    assert Counter(p.spec.nodeName for p in web if not p.metadata.deletionTimestamp) == {
        "node-2": 3, "node-3": 3,
    }  # fmt: skip
    cluster.recover_zone("zone-a")
    cluster.advance(120)
    outage.is_whole()
    assert 0.9 < outage.answered < 0.99


def test_a_zone_that_is_cut_off_works_on_and_ends_what_was_replaced_when_it_is_back() -> None:
    outage = Outage()
    cluster = outage.cluster
    before = {*cluster.pods("web"), *cluster.pods("db")}
    cut_off = set(cluster.kubelets["node-2"].runtime.sandboxes)
    cluster.partition(cluster.zone("zone-b"))
    cluster.advance(500)
    # Its pods answered until they were taken off the Service, and still run.
    assert cut_off <= set(cluster.kubelets["node-2"].runtime.sandboxes)
    replaced = set(cluster.pods("web")) - before
    assert len(replaced) == 2
    # A StatefulSet's pod is not replaced: nobody knows whether the other one has ended.
    assert set(cluster.pods("db")) <= before
    cluster.heal()
    outage.is_whole()
    assert not cut_off & set(cluster.kubelets["node-2"].runtime.sandboxes)
    assert outage.answered == 1.0


def test_every_component_can_be_stopped_on_one_machine_alone() -> None:
    outage = Outage()
    cluster = outage.cluster
    for component in ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager"):
        cluster.stop(f"{component}@{FIRST}")
        cluster.advance(40)
        assert cluster.run(f"create deployment {component} --image=nginx:1.27").code == 0
        cluster.settle()
        assert cluster.get(f"deployment/{component}").status.readyReplicas == 1
        cluster.run(f"delete deployment {component}")
        cluster.start(f"{component}@{FIRST}")
        cluster.advance(40)
    outage.is_whole()
    assert outage.answered == 1.0


def _something_happens(outage: Outage, rng: Random) -> None:
    cluster = outage.cluster
    machines = [machine.name for machine in cluster.control_plane]
    machine, node = rng.choice(machines), rng.choice(list(cluster.kubelets))
    component = rng.choice(["etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager"])
    match rng.randrange(12):
        case 0:
            cluster.fail_node(machine)
        case 1:
            cluster.fail_node(node)
        case 2 | 3:
            cluster.recover_node(machine)
            cluster.recover_node(node)
        case 4:
            cluster.partition([machine], [node])
        case 5:
            cluster.partition([machine, node])
        case 6:
            cluster.heal()
        case 7:
            cluster.stop(f"{component}@{machine}")
        case 8:
            cluster.start(component)
        case 9:
            cluster.run(f"scale deployment web --replicas={rng.randrange(3, 9)}")
        case 10:
            cluster.run("delete pod --all --wait=false")
        case 11:
            cluster.run("rollout restart deployment web")
    cluster.advance(rng.choice([0.0, 0.001, 0.5, 3, 8, 20, 70]))


@pytest.mark.parametrize("control_plane", [1, 2, 3, 5])
def test_whatever_happens_all_is_whole_once_everything_works_again(control_plane: int) -> None:
    for seed in range(2):
        outage, rng = Outage(control_plane), Random(seed)
        cluster = outage.cluster
        for _ in range(40):
            _something_happens(outage, rng)
        cluster.heal()
        for machine in (*cluster.kubelets, *(machine.name for machine in cluster.control_plane)):
            cluster.recover_node(machine)
        cluster.advance(900)
        outage.is_whole()


def test_nothing_starts_on_a_machine_without_power() -> None:
    cluster = Cluster(nodes=1, control_plane=3)
    cluster.fail_node(FIRST)
    for component in ("etcd", "kube-apiserver", "kube-scheduler", f"kubelet@{FIRST}"):
        cluster.start(component)
    cluster.advance(30)
    facts = cluster.control_plane.facts()[0]
    assert (facts.powered, facts.etcd, facts.apiserver) == (False, "stopped", "stopped")
    assert facts.scheduler == "stopped" and not cluster.kubelets[FIRST].running


def test_what_is_not_there_cannot_fail() -> None:
    cluster = Cluster(nodes=1)
    for call in (
        lambda: cluster.fail_node("control-plane-2"),
        lambda: cluster.partition(["node-1"], ["node-2"]),
        lambda: cluster.stop("etcd@node-1"),
        lambda: cluster.stop("kubelet"),
        lambda: cluster.fail_zone("zone-a"),
        lambda: Cluster(nodes=1, control_plane=0),
    ):
        with pytest.raises(CourseError):
            call()


def test_an_outage_can_be_replayed_from_a_snapshot_and_on_a_copy() -> None:
    cluster = Cluster(nodes=2, control_plane=3)
    cluster.run("create deployment web --image=nginx:1.27 --replicas=2")
    cluster.settle()
    cluster.partition([FIRST])
    cluster.advance(3)
    kept, copy = cluster.snapshot(), cluster.fork()
    told: list[Any] = []
    for each in (cluster, copy, cluster):
        if len(told) == 2:
            cluster.restore(kept)
        each.advance(20)
        each.run("scale deployment web --replicas=3")
        each.heal()
        each.advance(200)
        told.append((each.control_plane.facts(), each.run("get pods -o wide").stdout))
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(
    "ask", [Cluster.metrics, Cluster.what_if, lambda cluster: cluster.install("metrics-server")]
)
def test_what_needs_an_api_server_says_how_to_get_one(ask: Callable[[Cluster], object]) -> None:
    cluster = Cluster(nodes=1)
    cluster.stop("kube-apiserver")
    with pytest.raises(CourseError, match=r"no API server answers; start one, cluster\.start"):
        ask(cluster)


def test_nodes_are_not_called_silent_while_nobody_listens() -> None:
    cluster = Cluster(nodes=2)
    cluster.advance(60)
    cluster.stop("kube-apiserver")
    cluster.advance(60)
    assert "silent" not in repr(cluster.timeline("node/node-1"))
    cluster.start("kube-apiserver")
    cluster.advance(30)
    cluster.fail_node("node-1")
    cluster.advance(30)
    assert "silent" in repr(cluster.timeline("node/node-1"))
