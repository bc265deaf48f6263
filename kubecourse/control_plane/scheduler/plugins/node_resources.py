"""A pod's requests must fit into what its node has left; emptier and more even nodes are better.

Sources: `pkg/scheduler/framework/plugins/noderesources/{fit,least_allocated,
balanced_allocation}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.api.placement import amounts
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.footprint import Footprint, footprint
from kubecourse.control_plane.scheduler.framework import (
    MAX_SCORE,
    ClusterEvent,
    Plugin,
    Verdict,
    empty_node,
)

HALF = MAX_SCORE // 2


def shortages(needs: Footprint, info: NodeInfo) -> Verdict | None:
    """What a node has too little of, in the order in which the real plugin looks.

    It is beyond help when the node would be too small were it empty.
    """
    wanted = [
        ("cpu", needs.cpu, info.cpu_total, info.cpu),
        ("memory", needs.memory, info.memory_total, info.memory),
    ]
    for name, value in needs.others:
        wanted.append((name, value, info.allocatable.get(name, 0), info.others.get(name, 0)))
    reasons = ["Too many pods"] if len(info.pods) >= info.pods_total else []
    too_small = False
    for name, value, total, used in wanted:
        if value and value > total - used:
            reasons.append(f"Insufficient {name}")
            too_small = too_small or value > total
    return Verdict("NodeResourcesFit", tuple(reasons), not too_small) if reasons else None


def least_allocated(resources: Iterable[tuple[int, int, int]]) -> int:
    """The share of each resource that stays free, in percent, averaged by weight.

    resources: requested with the pod (any unit), allocatable (same unit), weight. What a node
    does not have is left out; what it has not enough of counts 0.
    """
    total = weights = 0
    for requested, capacity, weight in resources:
        if capacity:
            weights += weight
            if requested <= capacity:
                total += (capacity - requested) * MAX_SCORE // capacity * weight
    return total // weights if weights else 0


class NodeResourcesFit(Plugin):
    """Refuses nodes without room for the pod; prefers those with more room.

    `resources` are those that count for the score, with their weights. Others than CPU and memory
    count only for pods that request them.
    """

    name = "NodeResourcesFit"
    weight = 1
    checks = scores = True
    resources: tuple[tuple[str, int], ...] = (("cpu", 1), ("memory", 1))

    def __init__(self, pod: Any, cache: Cache) -> None:
        self._needs = footprint(pod.spec)
        self._others = dict(self._needs.others)

    def check(self, info: NodeInfo) -> Verdict | None:
        needs = self._needs
        if (
            not needs.others
            and len(info.pods) < info.pods_total
            and (not needs.cpu or needs.cpu <= info.cpu_total - info.cpu)
            and (not needs.memory or needs.memory <= info.memory_total - info.memory)
        ):
            return None
        return shortages(needs, info)

    def score(self, info: NodeInfo) -> int:
        needs = self._needs
        shares = []
        for name, weight in self.resources:
            if name == "cpu":
                shares.append((info.scored_cpu + needs.scored_cpu, info.cpu_total, weight))
            elif name == "memory":
                shares.append((info.scored_memory + needs.scored_memory, info.memory_total, weight))
            elif name in self._others:
                wanted = info.others.get(name, 0) + self._others[name]
                shares.append((wanted, info.allocatable.get(name, 0), weight))
        return least_allocated(shares)

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        if event.kind == "pod":
            return event.new is None or (event.old is not None and _shrank(event))
        if event.kind != "node" or event.new is None:
            return False
        empty = empty_node(event.new)
        if shortages(self._needs, empty) is not None:
            return False
        if event.old is None or event.old.status is None:
            return True
        before = amounts(event.old.status.allocatable)
        return any(value > before.get(name, 0) for name, value in empty.allocatable.items())


def _shrank(event: ClusterEvent) -> bool:
    before, after = footprint(event.old.spec), footprint(event.new.spec)
    return after.cpu < before.cpu or after.memory < before.memory


def balance(cpu: int, cpu_total: int, memory: int, memory_total: int) -> int:
    """How evenly a node is used: 100 if the same share of both, 50 if all of one resource only."""
    if not cpu_total or not memory_total:
        return MAX_SCORE
    of_cpu = min(cpu / cpu_total, 1.0)
    of_memory = min(memory / memory_total, 1.0)
    return int((1 - abs((of_cpu - of_memory) / 2)) * MAX_SCORE)


class NodeResourcesBalancedAllocation(Plugin):
    """Prefers nodes whose CPU and memory the pod makes more evenly used.

    Since 1.36 it is the change that the pod makes to the balance that counts. It says nothing of
    pods without requests.
    """

    name = "NodeResourcesBalancedAllocation"
    weight = 1

    def __init__(self, pod: Any, cache: Cache) -> None:
        needs = footprint(pod.spec)
        self._cpu, self._memory = needs.cpu, needs.memory
        self.scores = bool(needs.cpu or needs.memory)

    def score(self, info: NodeInfo) -> int:
        cpu, memory = info.cpu_total, info.memory_total
        without = balance(info.cpu, cpu, info.memory, memory)
        with_pod = balance(info.cpu + self._cpu, cpu, info.memory + self._memory, memory)
        return HALF + (HALF + with_pod - without) // 2
