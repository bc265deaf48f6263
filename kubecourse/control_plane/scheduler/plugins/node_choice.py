"""Rules about the node itself: whether it takes pods, its taints, labels, ports, images.

Sources: `pkg/scheduler/framework/plugins/{nodeunschedulable,tainttoleration,nodeaffinity,
nodeports,imagelocality}`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api.placement import (
    NodeTerm,
    RequiredNodes,
    named_nodes,
    taints_of,
    tolerated,
    untolerated,
)
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.footprint import footprint
from kubecourse.control_plane.scheduler.framework import (
    MAX_SCORE,
    Candidates,
    ClusterEvent,
    Plugin,
    Verdict,
    proportional,
)

CORDON = models.core_v1.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")

MIB = 1024 * 1024
LEAST_IMAGE = 23 * MIB
MOST_IMAGE = 1000 * MIB


class NodeUnschedulable(Plugin):
    """A cordoned node, `spec.unschedulable`, takes only pods that tolerate it."""

    name = "NodeUnschedulable"
    fixed = True
    refusal = Verdict(name, ("node(s) were unschedulable",), resolvable=False)

    def __init__(self, pod: Any, cache: Cache) -> None:
        self.checks = not tolerated(pod.spec.tolerations, CORDON)

    def check(self, info: NodeInfo) -> Verdict | None:
        spec = info.node.spec
        return self.refusal if spec is not None and spec.unschedulable else None


class TaintToleration(Plugin):
    """Refuses nodes with hard taints that are not tolerated; prefers those with fewer soft ones."""

    name = "TaintToleration"
    weight = 3
    fixed = checks = ranks = True
    refusal = Verdict(name, ("node(s) had untolerated taint(s)",), resolvable=False)

    def __init__(self, pod: Any, cache: Cache) -> None:
        self._tolerations = pod.spec.tolerations or []
        self._for_soft = [
            t for t in self._tolerations if not t.effect or t.effect == "PreferNoSchedule"
        ]

    def check(self, info: NodeInfo) -> Verdict | None:
        return self.refusal if untolerated(self._tolerations, info.node) is not None else None

    def facts(self, info: NodeInfo) -> int:
        return sum(
            taint.effect == "PreferNoSchedule" and not tolerated(self._for_soft, taint)
            for taint in taints_of(info.node)
        )

    def normalize(self, scores: list[int | None]) -> list[int]:
        return proportional(scores, reverse=True)


class NodeAffinity(Plugin):
    """A pod chooses its nodes by their labels: nodeSelector, required and preferred affinity."""

    name = "NodeAffinity"
    weight = 2
    fixed = True
    refusal = Verdict(name, ("node(s) didn't match Pod's node affinity/selector",), False)

    def __init__(self, pod: Any, cache: Cache) -> None:
        affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
        wishes = affinity.preferredDuringSchedulingIgnoredDuringExecution if affinity else None
        self._required = RequiredNodes(pod.spec)
        self._preferred = [(wish.weight, NodeTerm(wish.preference)) for wish in wishes or ()]
        self.checks = not self._required.anything
        self.ranks = bool(self._preferred)

    def reject(self, pod: Any) -> str | None:
        return "pod affinity terms conflict" if named_nodes(pod.spec) == [] else None

    def check(self, info: NodeInfo) -> Verdict | None:
        return None if self._required.matches(info.name, info.labels) else self.refusal

    def facts(self, info: NodeInfo) -> int:
        return sum(
            weight for weight, term in self._preferred if term.matches(info.name, info.labels)
        )

    def normalize(self, scores: list[int | None]) -> list[int]:
        return proportional(scores)


class NodePorts(Plugin):
    """A port of the node can be given to one pod only."""

    name = "NodePorts"
    refusal = Verdict(name, ("node(s) didn't have free ports for the requested pod ports",))

    def __init__(self, pod: Any, cache: Cache) -> None:
        self._ports = footprint(pod.spec).ports
        self.checks = bool(self._ports)

    def check(self, info: NodeInfo) -> Verdict | None:
        if info.ports and any(info.port_taken(port) for port in self._ports):
            return self.refusal
        return None

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        if event.kind == "pod":
            return event.new is None and bool(footprint(event.old.spec).ports)
        return event.kind == "node" and event.new is not None and event.old is None


class ImageLocality(Plugin):
    """A node that has the pod's images already is better, unless few nodes have them."""

    name = "ImageLocality"
    weight = 1
    fixed = ranks = True

    def __init__(self, pod: Any, cache: Cache) -> None:
        containers = [*(pod.spec.initContainers or ()), *(pod.spec.containers or ())]
        self._images = [with_tag(c.image) for c in containers if c.image]
        self._cache = cache

    def facts(self, info: NodeInfo) -> tuple[str, ...]:
        there = info.images
        return tuple(image for image in self._images if image in there) if there else ()

    def raw(self, survey: Any, candidates: Candidates) -> list[int | None]:
        return [self._score(images) for images in candidates.summaries]

    def _score(self, images: tuple[str, ...]) -> int:
        total = 0
        for image in images:
            have = self._cache.images[image]
            size = next(iter(have.values()))
            total += int(size * (len(have) / len(self._cache.order)))
        most = MOST_IMAGE * len(self._images)
        counted = min(max(total, LEAST_IMAGE), most) - LEAST_IMAGE
        return MAX_SCORE * counted // (most - LEAST_IMAGE)


def with_tag(image: str) -> str:
    """An image's name with its tag."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"
