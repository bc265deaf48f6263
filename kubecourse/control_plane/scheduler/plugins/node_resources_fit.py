"""A pod's requests must fit into what its node has left; emptier nodes are better.

Sources: `pkg/scheduler/framework/plugins/noderesources/{fit,least_allocated}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.footprint import Footprint, amounts
from kubecourse.control_plane.scheduler.framework import (
    MAX_SCORE,
    ClusterEvent,
    Part,
    Plugin,
    Verdict,
)

Weights = tuple[tuple[str, int], ...]


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


def shortages(needs: Footprint, info: NodeInfo) -> Verdict | None:
    """What a node has too little of, in the order in which the real plugin looks.

    It is beyond help when the node would be too small were it empty.
    """
    reasons: list[str] = []
    too_small = False
    if len(info.pods) >= info.pods_total:
        reasons.append("Too many pods")
    if needs.nothing:
        return Verdict("NodeResourcesFit", tuple(reasons)) if reasons else None
    wanted = [
        ("cpu", needs.cpu, info.cpu_total, info.cpu),
        ("memory", needs.memory, info.memory_total, info.memory),
        ("ephemeral-storage", needs.ephemeral, info.ephemeral_total, info.ephemeral),
    ]
    for name, value in needs.others:
        wanted.append((name, value, info.allocatable.get(name, 0), info.others.get(name, 0)))
    for name, value, total, used in wanted:
        if value and value > total - used:
            reasons.append(f"Insufficient {name}")
            too_small = too_small or value > total
    return Verdict("NodeResourcesFit", tuple(reasons), not too_small) if reasons else None


class _Part(Part):
    checks = True
    scores = True

    def __init__(self, needs: Footprint, resources: Weights) -> None:
        self._needs = needs
        self._resources = resources
        self._others = dict(needs.others)
        self._simple = not needs.others and not needs.ephemeral

    def check(self, info: NodeInfo) -> Verdict | None:
        needs = self._needs
        if (
            self._simple
            and len(info.pods) < info.pods_total
            and (not needs.cpu or needs.cpu <= info.cpu_total - info.cpu)
            and (not needs.memory or needs.memory <= info.memory_total - info.memory)
        ):
            return None
        return shortages(needs, info)

    def score(self, info: NodeInfo) -> int:
        needs = self._needs
        shares = []
        for name, weight in self._resources:
            if name == "cpu":
                shares.append((info.scored_cpu + needs.scored_cpu, info.cpu_total, weight))
            elif name == "memory":
                shares.append((info.scored_memory + needs.scored_memory, info.memory_total, weight))
            elif name in self._others:
                wanted = info.others.get(name, 0) + self._others[name]
                shares.append((wanted, info.allocatable.get(name, 0), weight))
        return least_allocated(shares)


class NodeResourcesFit(Plugin):
    """Refuses nodes without room for the pod; prefers those with more room.

    resources: those that count for the score, with their weights. Others than CPU and memory
    count only for pods that request them.
    """

    name = "NodeResourcesFit"
    weight = 1

    def __init__(self, resources: Weights = (("cpu", 1), ("memory", 1))) -> None:
        self._resources = resources

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        return _Part(cache.footprint(pod.spec), self._resources)

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        if event.kind == "pod":
            return event.new is None or (event.old is not None and _shrank(event, cache))
        if event.new is None:
            return False
        empty = NodeInfo(event.new.metadata.name)
        empty.set_node(event.new)
        if shortages(cache.footprint(pod.spec), empty) is not None:
            return False
        if event.old is None or event.old.status is None:
            return True
        before = amounts(event.old.status.allocatable)
        return any(value > before.get(name, 0) for name, value in empty.allocatable.items())


def _shrank(event: ClusterEvent, cache: Cache) -> bool:
    before, after = cache.footprint(event.old.spec), cache.footprint(event.new.spec)
    return after.cpu < before.cpu or after.memory < before.memory
