"""Taints keep away pods that do not tolerate them, or make a node second best.

Sources: `pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go`,
`staging/src/k8s.io/api/core/v1/toleration.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import (
    ClusterEvent,
    Part,
    Plugin,
    Verdict,
    Window,
    proportional,
)

HARD = ("NoSchedule", "NoExecute")


def _matches(toleration: Any, taint: Any) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator or "Equal":
        case "Equal":
            return (toleration.value or "") == (taint.value or "")
        case "Exists":
            return True
        case "Lt" | "Gt" as operator:
            return _compares(operator, toleration.value, taint.value)
    return False


def _compares(operator: str, tolerated: str | None, value: str | None) -> bool:
    """The numeric operators: a taint's value must be below, or above, the toleration's."""
    try:
        limit, found = int(tolerated or ""), int(value or "")
    except ValueError:
        return False
    return found < limit if operator == "Lt" else found > limit


def tolerates(tolerations: Iterable[Any] | None, taint: Any) -> bool:
    """Whether some toleration tolerates a taint."""
    return any(_matches(toleration, taint) for toleration in tolerations or ())


def taints(node: Any) -> Sequence[Any]:
    """A node's taints."""
    return (node.spec.taints if node.spec is not None else None) or ()


def untolerated(tolerations: Iterable[Any] | None, node: Any) -> Any | None:
    """The first taint of a node that keeps away pods with these tolerations, or None."""
    for taint in taints(node):
        if taint.effect in HARD and not tolerates(tolerations, taint):
            return taint
    return None


class _Part(Part):
    fixed = True
    checks = True
    ranks = True
    refusal = Verdict("TaintToleration", ("node(s) had untolerated taint(s)",), resolvable=False)

    def __init__(self, pod: Any) -> None:
        self._tolerations = pod.spec.tolerations or []
        self._for_soft = [
            t for t in self._tolerations if not t.effect or t.effect == "PreferNoSchedule"
        ]

    def check(self, info: NodeInfo) -> Verdict | None:
        return self.refusal if untolerated(self._tolerations, info.node) is not None else None

    def facts(self, info: NodeInfo) -> int:
        return sum(
            taint.effect == "PreferNoSchedule" and not tolerates(self._for_soft, taint)
            for taint in taints(info.node)
        )

    def raw(self, survey: Any, summaries: Sequence[int], window: Window) -> list[int | None]:
        return list(summaries)

    def normalize(self, scores: Sequence[int | None]) -> list[int]:
        return proportional(scores, reverse=True)


class TaintToleration(Plugin):
    """Refuses nodes with untolerated hard taints; prefers those with fewer soft ones."""

    name = "TaintToleration"
    weight = 3

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        return _Part(pod)

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        if event.kind != "node" or event.new is None:
            return False
        tolerations = pod.spec.tolerations
        refused = event.old is None or untolerated(tolerations, event.old) is not None
        return refused and untolerated(tolerations, event.new) is None
