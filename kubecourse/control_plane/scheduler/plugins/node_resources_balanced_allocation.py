"""Nodes whose CPU and memory fill up evenly are better: nothing is left stranded.

Source: `pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go`. Since 1.36 it is
the change that the pod makes to the balance that counts.
"""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.footprint import Footprint
from kubecourse.control_plane.scheduler.framework import MAX_SCORE, Part, Plugin

HALF = MAX_SCORE // 2


def balance(cpu: int, cpu_total: int, memory: int, memory_total: int) -> int:
    """How evenly a node is used: 100 if the same share of both, 50 if all of one resource only."""
    if not cpu_total or not memory_total:
        return MAX_SCORE
    of_cpu = cpu / cpu_total
    of_memory = memory / memory_total
    if of_cpu > 1:
        of_cpu = 1.0
    if of_memory > 1:
        of_memory = 1.0
    return int((1 - abs((of_cpu - of_memory) / 2)) * MAX_SCORE)


class _Part(Part):
    scores = True

    def __init__(self, needs: Footprint) -> None:
        self._cpu = needs.cpu
        self._memory = needs.memory

    def score(self, info: NodeInfo) -> int:
        cpu, memory = info.cpu_total, info.memory_total
        without = balance(info.cpu, cpu, info.memory, memory)
        with_pod = balance(info.cpu + self._cpu, cpu, info.memory + self._memory, memory)
        return HALF + (HALF + with_pod - without) // 2


class NodeResourcesBalancedAllocation(Plugin):
    """Prefers nodes that the pod makes more evenly used. Says nothing of pods without requests."""

    name = "NodeResourcesBalancedAllocation"
    weight = 1

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        needs = cache.footprint(pod.spec)
        return _Part(needs) if needs.cpu or needs.memory else None
