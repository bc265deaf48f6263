"""The strategies that look at nodes: spread what is requested, or pack it together.

Percentages are of requests over what is allocatable, never of real use.
Source: `github.com/kubernetes-sigs/descheduler/pkg/framework/plugins/nodeutilization`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kubecourse.addons.descheduler.evictor import Evictor, allocatable_of
from kubecourse.addons.descheduler.policy import (
    HighNodeUtilization,
    LowNodeUtilization,
    Namespaces,
    Thresholds,
)
from kubecourse.api.placement import Amounts, requests_of, tolerated
from kubecourse.api.qos import qos_class

BASIC = ("cpu", "memory", "pods")
_QOS = {"BestEffort": 0, "Burstable": 1, "Guaranteed": 2}


class NodeUse(NamedTuple):
    """What is requested of a node, in amounts and in per cent, and up to where it may go."""

    node: Any
    used: Amounts
    percent: Thresholds
    room: Amounts

    @property
    def name(self) -> str:
        return str(self.node.metadata.name)

    @property
    def takes_pods(self) -> bool:
        return self.node.spec is None or not self.node.spec.unschedulable


def usage(evictor: Evictor, resources: list[str]) -> list[NodeUse]:
    """What is requested of every node."""
    found = []
    for node in evictor.view.nodes:
        total = allocatable_of(node.status)
        used = evictor.view.requested(node.metadata.name)
        used = {name: used.get(name, 0) for name in resources}
        percent = {r: 100.0 * used[r] / total[r] if total.get(r) else 0.0 for r in resources}
        found.append(NodeUse(node, used, percent, {r: total.get(r, 0) for r in resources}))
    return found


def _below(percent: Thresholds, thresholds: Thresholds) -> bool:
    return all(percent[name] <= limit for name, limit in thresholds.items())


def _above(percent: Thresholds, thresholds: Thresholds) -> bool:
    return any(percent[name] > limit for name, limit in thresholds.items())


def low_node_utilization(evictor: Evictor, given: LowNodeUtilization) -> None:
    """From nodes above the target in anything to nodes below the threshold in everything."""
    resources = list(dict.fromkeys((*given.thresholds, *BASIC)))
    nodes = usage(evictor, resources)
    low, high = given.thresholds, given.target_thresholds
    if given.use_deviation_thresholds:
        mean = {r: sum(n.percent[r] for n in nodes) / len(nodes) for r in low}
        low = {r: min(max(mean[r] - by, 0.0), 100.0) for r, by in low.items()}
        high = {r: min(max(mean[r] + by, 0.0), 100.0) for r, by in high.items()}
    capped = [
        n._replace(room={r: int(high.get(r, 100) * 0.01 * total) for r, total in n.room.items()})
        for n in nodes
    ]
    under = [n for n in capped if n.takes_pods and _below(n.percent, low)]
    over = [n for n in capped if n not in under and _above(n.percent, high)]
    _report(evictor, {"underutilized": under, "overutilized": over}, capped)
    if _pointless(evictor, under, len(nodes), given.number_of_nodes):
        return
    if not over:
        evictor.say("All nodes are under target utilization, nothing to do here")
        return

    def goes_on(node: NodeUse, left: Amounts) -> bool:
        too_much = any(used > node.room[name] for name, used in node.used.items())
        return too_much and all(amount > 0 for amount in left.values())

    over.sort(key=lambda n: -sum(n.used.values()))
    _move(evictor, over, under, given.evictable_namespaces, goes_on, "LowNodeUtilization")


def high_node_utilization(evictor: Evictor, given: HighNodeUtilization) -> None:
    """Empty the nodes below the threshold in everything, as far as the others have room."""
    resources = list(dict.fromkeys((*given.thresholds, *BASIC)))
    nodes = usage(evictor, resources)
    under = [n for n in nodes if _below(n.percent, given.thresholds)]
    others = [n for n in nodes if n not in under and n.takes_pods]
    _report(evictor, {"underutilized": under, "overutilized": others}, nodes)
    if _pointless(evictor, under, len(nodes), given.number_of_nodes):
        return
    if not others:
        evictor.say("No node is available to schedule the pods, nothing to do here")
        return

    def goes_on(node: NodeUse, left: Amounts) -> bool:
        return all(amount > 0 for amount in left.values())

    under.sort(key=lambda n: sum(n.used.values()))
    _move(evictor, under, others, given.evictable_namespaces, goes_on, "HighNodeUtilization")


def _report(evictor: Evictor, groups: dict[str, list[NodeUse]], nodes: list[NodeUse]) -> None:
    for node in nodes:
        category = [name for name, members in groups.items() if node in members]
        shown = " ".join(f"{r}:{node.percent[r]:.2f}" for r in node.percent)
        if category:
            evictor.say("Node has been classified", category=category[0], node=node.name,
                        usagePercentage=shown)  # fmt: skip
        else:
            evictor.say("Node is appropriately utilized", node=node.name, usagePercentage=shown)
    for name, members in groups.items():
        evictor.say(f"Number of {name} nodes", totalNumber=len(members))


def _pointless(evictor: Evictor, under: list[NodeUse], total: int, least: int) -> bool:
    if not under:
        why = "No node is underutilized, nothing to do here, you might tune your thresholds further"
    elif len(under) <= least:
        why = (
            "Number of nodes underutilized is less or equal than NumberOfNodes, nothing to do here"
        )
    elif len(under) == total:
        why = "All nodes are underutilized, nothing to do here"
    else:
        return False
    evictor.say(why)
    return True


def _move(
    evictor: Evictor,
    sources: list[NodeUse],
    targets: list[NodeUse],
    namespaces: Namespaces,
    goes_on: Callable[[NodeUse, Amounts], bool],
    strategy: str,
) -> None:
    """Evict pods from the sources while it makes sense and the targets have room for them."""
    left = {r: sum(n.room[r] - n.used[r] for n in targets) for r in targets[0].room}
    evictor.say("Total capacity to be moved", **left)
    for source in sources:
        pods = [pod for pod in evictor.view.active(source.name) if evictor.evictable(pod)]
        if not pods:
            evictor.say("No removable pods on node, try next node", node=source.name)
            continue
        if not goes_on(source, left):
            continue
        for pod in sorted(pods, key=_first_to_go):
            if (
                not any(_tolerates(pod, target.node) for target in targets)
                or not namespaces.has(pod.metadata.namespace)
                or not evictor.may_move(pod)
                or not evictor.evict(pod, strategy)
            ):
                if evictor.full(pod):
                    break
                continue
            for name, amount in {**requests_of(pod.spec), "pods": 1}.items():
                if name in left:
                    left[name] -= amount
                    source.used[name] -= amount
            if not goes_on(source, left):
                break


def _first_to_go(pod: Any) -> tuple[int, int]:
    """Low priority first, and of the same priority those that promise least."""
    return pod.spec.priority or 0, _QOS[pod.status.qosClass or qos_class(pod.spec)]


def _tolerates(pod: Any, node: Any) -> bool:
    taints = (node.spec.taints if node.spec is not None else None) or ()
    hard = [taint for taint in taints if taint.effect in ("NoSchedule", "NoExecute")]
    return all(tolerated(pod.spec.tolerations, taint) for taint in hard)
