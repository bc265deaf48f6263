"""What if the largest machine failed now? Tried on a copy of the cluster, never on the cluster."""

from __future__ import annotations

from typing import Any

import msgspec

from kubecourse.api import models
from kubecourse.api.placement import amounts, requests_of
from kubecourse.cloud.accounting import FINISHED

core = models.core_v1
PATIENCE = 900.0
"""Seconds in which pods that find a place have found it."""


class Drill(msgspec.Struct, frozen=True):
    """What came of it: who had to move, who found no place, and how much room is missing.

    `requested` are the cores that pods request afterwards, by the name of the node.
    """

    failed: tuple[str, ...]
    moved: int
    pending: tuple[str, ...]
    missing_cpu: float
    missing_memory: float
    requested: dict[str, float]

    @property
    def survived(self) -> bool:
        """Whether every pod found a place."""
        return not self.pending

    def __str__(self) -> str:
        who = ", ".join(self.failed) or "no machine"
        if self.survived:
            return f"without {who}: all {self.moved} pods found another place"
        room = f"{self.missing_cpu:g} cores and {self.missing_memory / 2**30:.1f} GiB are missing"
        return f"without {who}: {len(self.pending)} of {self.moved} pods wait, {room}"


def largest(cluster: Any) -> str:
    """The node with most CPU for pods, then most memory; the first by name of several."""
    nodes = {node.metadata.name: amounts(node.status.allocatable) for node in cluster.list("nodes")}
    order = sorted(nodes)
    return max(order, key=lambda name: (nodes[name]["cpu"], nodes[name]["memory"]))


def what_if(cluster: Any, fail: str = "largest", spot: str = "") -> Drill:
    """Try the loss of a node by name or of the largest, or a storm that takes a whole spot pool.

    No new machines come meanwhile: this asks for the room that there is.
    """
    copy = cluster.fork()
    if copy.cloud is not None:
        copy.cloud.freeze()
    names = [largest(copy) if fail == "largest" else fail]
    if spot:
        names = copy.cloud.nodes(spot)
    there = {
        pod.metadata.uid
        for pod in copy.list("pods", None)
        if pod.spec.nodeName in names
        and pod.status.phase not in FINISHED
        and not any(o.kind == "DaemonSet" for o in pod.metadata.ownerReferences or ())
    }
    waiting = {_name(pod) for pod in _pending(copy)}
    for name in names:
        copy.fail_node(name)
        copy.client.delete(core.Node, name)
    copy.advance(PATIENCE)
    pending = [pod for pod in _pending(copy) if _name(pod) not in waiting]
    asked = [requests_of(pod.spec) for pod in pending]
    return Drill(
        tuple(names), len(there), tuple(map(_name, pending)),
        sum(each.get("cpu", 0) for each in asked) / 1000,
        float(sum(each.get("memory", 0) for each in asked)),
        cores_requested(copy),
    )  # fmt: skip


def cores_requested(cluster: Any) -> dict[str, float]:
    """The cores that pods request, by the name of their node."""
    found: dict[str, float] = {}
    for pod in cluster.list("pods", None):
        if pod.spec.nodeName and pod.status.phase not in FINISHED:
            cores = requests_of(pod.spec).get("cpu", 0) / 1000
            found[pod.spec.nodeName] = found.get(pod.spec.nodeName, 0.0) + cores
    return found


def _pending(cluster: Any) -> list[Any]:
    return [
        pod
        for pod in cluster.list("pods", None)
        if not pod.spec.nodeName and pod.metadata.deletionTimestamp is None
    ]


def _name(pod: Any) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
