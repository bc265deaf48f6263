"""Nodes that stop answering: as recorded with a real control plane, and zone by zone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kubecourse import Cluster
from kubecourse.api import models
from kubecourse.client import Informer
from kubecourse.control_plane.controller_manager.node_lifecycle import eviction_period
from tests.control_plane.controller_manager.replay import without_repeats

core, discovery = models.core_v1, models.discovery_v1

DATA = Path(__file__).parents[2] / "data" / "records" / "controllers.json"
RECORD = next(r for r in json.loads(DATA.read_text()) if r["scenario"] == "node-failure")
UNREACHABLE = "node.kubernetes.io/unreachable"
FINAL = 87.0
"""From here on the recorded pods were started anew, by the recorder's kubelet."""

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: f}
spec:
  selector: {matchLabels: {app: f}}
  template:
    metadata: {labels: {app: f}}
    spec:
      containers: [{name: c, image: nginx}]
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute,
         tolerationSeconds: 8}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute,
         tolerationSeconds: 8}
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            preference:
              matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node-6]}]
---
apiVersion: v1
kind: Service
metadata: {name: f}
spec: {selector: {app: f}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds}
spec:
  selector: {matchLabels: {app: ds}}
  template:
    metadata: {labels: {app: ds}}
    spec:
      nodeSelector: {kubernetes.io/hostname: node-6}
      containers: [{name: c, image: nginx}]
---
apiVersion: v1
kind: Pod
metadata: {name: bare-default-tol}
spec: {nodeName: node-6, containers: [{name: c, image: nginx}]}
"""


class Seen:
    """Every state of the node, of the pods and of the endpoints, with its time."""

    def __init__(self, cluster: Cluster) -> None:
        self.clock = cluster.clock
        self.nodes: list[tuple[float, Any]] = []
        self.pods: dict[str, list[tuple[float, Any]]] = {}
        self.endpoints: list[Any] = []
        for cls, handler in (
            (core.Node, self._node),
            (core.Pod, self._pod),
            (discovery.EndpointSlice, self._slice),
        ):
            informer = Informer(cluster.client, cls)
            informer.on_change(handler)
            informer.start()

    def _node(self, old: Any, new: Any) -> None:
        if new.metadata.name == "node-6":
            ready = next(c.status for c in new.status.conditions if c.type == "Ready")
            taints = new.spec.taints or ()
            taints = [[t.key, t.value, t.effect] for t in taints if t.key == UNREACHABLE]
            self.nodes.append((self.clock.now, (ready, taints)))

    def _pod(self, old: Any, new: Any) -> None:
        pod = old if new is None else new
        ready = any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ())
        state = None if new is None else (ready, pod.metadata.deletionTimestamp is not None)
        self.pods.setdefault(pod.metadata.name, []).append((self.clock.now, state))

    def _slice(self, old: Any, new: Any) -> None:
        if new is not None:
            found = [(e.nodeName == "node-6", e.conditions) for e in new.endpoints or ()]
            self.endpoints.append(
                [[here, [c.ready, c.serving, c.terminating]] for here, c in found]
            )

    def pod(self, prefix: str, number: int = 0) -> list[tuple[float, Any]]:
        """The states of the pod of that beginning, in the order in which they came."""
        names = [name for name in self.pods if name.startswith(prefix)]
        return self.pods[names[number]]


@pytest.fixture(scope="module")
def lost() -> tuple[Cluster, Seen, float]:
    cluster = Cluster(nodes=6)
    assert cluster.run("apply -f -", MANIFESTS).code == 0
    cluster.settle()
    cluster.advance(30)
    lease = models.coordination_v1.Lease
    renewed = cluster.client.get(lease, "node-6", "kube-node-lease").spec.renewTime
    seen = Seen(cluster)
    cluster.fail_node("node-6")
    failed = cluster.now
    cluster.advance(85.1)
    cluster.recover_node("node-6")
    cluster.advance(30)
    assert failed - cluster.clock.seconds(renewed) < 10
    return cluster, seen, cluster.clock.seconds(renewed)


def recorded(key: str) -> list[Any]:
    return [entry[key] for entry in RECORD["trace"] if entry.get(key) is not None]


def test_the_nodes_condition_and_taints_follow_one_another_as_recorded(lost) -> None:
    _, seen, renewed = lost
    theirs = [
        (next(c[1] for c in entry["nodeConds"] if c[0] == "Ready"), entry["taints"])
        for entry in RECORD["trace"]
        if entry.get("nodeConds")
    ]
    # The recorder looked twice a second and its kubelet was ready when it came back.
    passing = [("Unknown", []), ("Unknown", theirs[1][1][:1])]
    ours = [state for _, state in seen.nodes if state[0] != "False" and state not in passing]
    assert without_repeats(ours)[:4] == without_repeats(theirs)
    given_up = next(t for t, (ready, _) in seen.nodes if ready == "Unknown")
    assert 50 <= given_up - renewed <= 55


def test_pods_lose_their_readiness_and_one_its_place_as_recorded(lost) -> None:
    _, seen, _ = lost
    stages = [entry for entry in RECORD["trace"] if entry.get("pods") and entry["t"] < FINAL]
    for prefix, number in (("bare-default-tol", 0), ("ds-", 0), ("f-", 0), ("f-", 1)):
        theirs = []
        names: list[str] = []
        for pod in [pod for entry in stages for pod in entry["pods"]]:
            if pod["name"].startswith(prefix) and pod["name"] not in names:
                names.append(pod["name"])
            if pod["name"] in names[number:][:1] and pod["phase"] == "Running":
                theirs.append((pod["ready"], pod["dt"] is not None))
        wanted = without_repeats(theirs)
        ours = without_repeats(state for _, state in seen.pod(prefix, number) if state in wanted)
        assert ours[: len(wanted)] == wanted, prefix


def test_the_tolerated_seconds_count_from_when_the_taint_is_seen(lost) -> None:
    _, seen, _ = lost
    tainted = next(t for t, (_, taints) in seen.nodes if len(taints) == 2)
    going = next(t for t, state in seen.pod("f-") if state == (False, True))
    replaced = seen.pod("f-", 1)[0][0]
    assert going - tainted == pytest.approx(8, abs=0.1)
    assert replaced - going < 0.1
    assert RECORD["trace"][2]["t"] - RECORD["trace"][1]["t"] == pytest.approx(8, abs=0.6)


def test_the_pods_endpoint_is_dropped_in_the_recorded_steps(lost) -> None:
    _, seen, _ = lost
    theirs = without_repeats(
        [eps[1]["ready"], eps[1]["serving"], eps[1]["terminating"]]
        for entry in recorded("eps")
        for eps in entry
        if eps[2] == "node-6"
    )
    ours = without_repeats(state for slice in seen.endpoints for here, state in slice if here)
    assert ours == theirs


def test_the_recorded_events_are_told(lost) -> None:
    cluster, *_ = lost

    def told(kind: str, reason: str, message: str, source: str) -> tuple[str, ...]:
        message = message.replace("c-nodefail/", "default/")
        return kind, reason, re.sub(r"\b(f|ds)-[-a-z0-9]+", r"\1", message), source

    kinds = ("Pod", "ReplicaSet", "Deployment", "DaemonSet")
    ours = {
        told(e.involvedObject.kind, e.reason, e.message, e.source.component)
        for e in cluster.list("events")
        if e.involvedObject.kind in kinds and e.source.component != "kubelet"
    }
    theirs = {
        told(e["kind"], e["reason"], e["message"], e["source"])
        for e in RECORD["events"]
        if not e["message"].endswith("to node-2")
    }
    assert theirs <= ours
    node = [e for e in cluster.list("events") if e.involvedObject.name == "node-6"]
    messages = {e.message for e in node}
    assert {e["message"] for e in RECORD["nodeEvents"]} <= messages


# --- zones


@pytest.mark.parametrize(
    ("ready", "lost", "period"),
    [(3, 0, 10), (2, 1, 10), (1, 2, 10), (2, 3, None), (3, 3, 10), (40, 60, 100), (0, 3, 10)],
)
def test_how_fast_a_zone_is_emptied(ready: int, lost: int, period: float | None) -> None:
    assert eviction_period(ready, lost) == period


def driven_away(cluster: Cluster) -> list[str]:
    return [
        node.metadata.name
        for node in cluster.list("nodes")
        if any(t.effect == "NoExecute" for t in node.spec.taints or ())
    ]


def test_nodes_of_a_zone_are_emptied_one_after_another() -> None:
    cluster = Cluster(nodes=6)
    cluster.fail_node("node-1")
    cluster.fail_node("node-2")
    cluster.advance(57)
    assert len(driven_away(cluster)) == 1
    cluster.advance(11)
    assert driven_away(cluster) == ["node-1", "node-2"]


def test_when_all_nodes_are_lost_nobody_is_driven_away() -> None:
    cluster = Cluster(nodes=2)
    cluster.fail_node("node-1")
    cluster.advance(60)
    assert driven_away(cluster) == ["node-1"]
    cluster.fail_node("node-2")
    cluster.advance(70)
    assert driven_away(cluster) == []
    cluster.recover_node("node-2")
    cluster.advance(70)
    assert driven_away(cluster) == ["node-1"]
