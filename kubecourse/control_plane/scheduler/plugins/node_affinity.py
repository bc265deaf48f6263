"""A pod chooses its nodes by their labels: nodeSelector and node affinity.

Sources: `pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go`,
`staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubecourse.api.labels import Requirement
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo, labels_of
from kubecourse.control_plane.scheduler.framework import (
    ClusterEvent,
    Part,
    Plugin,
    Verdict,
    Window,
    proportional,
)

OPERATORS = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}


class Term:
    """One node selector term: conditions on labels and on the name, which must all hold."""

    __slots__ = ("_fields", "_labels")

    def __init__(self, term: Any) -> None:
        self._labels = [_requirement(e) for e in term.matchExpressions or ()]
        self._fields = [_requirement(e) for e in term.matchFields or ()]

    def matches(self, name: str, labels: dict[str, str]) -> bool:
        """Whether a node is meant. A term without conditions means none."""
        if not self._labels and not self._fields:
            return False
        return all(r.matches(labels) for r in self._labels) and all(
            r.matches({"metadata.name": name}) for r in self._fields
        )

    @property
    def names(self) -> list[str] | None:
        """The only node names it can match, or None if it does not say."""
        for requirement in self._fields:
            if requirement.key == "metadata.name" and requirement.operator == "in":
                return list(requirement.values)
        return None


def _requirement(expression: Any) -> Requirement:
    return Requirement(
        expression.key, OPERATORS[expression.operator], tuple(expression.values or ())
    )


class RequiredNodes:
    """What a pod requires of its node."""

    __slots__ = ("_selector", "_terms")

    def __init__(self, spec: Any) -> None:
        self._selector = spec.nodeSelector or {}
        self._terms: list[Term] | None = None
        affinity = spec.affinity.nodeAffinity if spec.affinity is not None else None
        required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
        if required is not None:
            self._terms = [Term(term) for term in required.nodeSelectorTerms]

    @property
    def anything(self) -> bool:
        """Whether every node will do."""
        return not self._selector and self._terms is None

    def matches(self, name: str, labels: dict[str, str]) -> bool:
        """Whether a node will do: the selector and at least one term."""
        for key, value in self._selector.items():
            if labels.get(key) != value:
                return False
        return self._terms is None or any(term.matches(name, labels) for term in self._terms)

    @property
    def names(self) -> list[str] | None:
        """The only nodes that can match, if every term names them (a DaemonSet's pods do)."""
        if not self._terms:
            return None
        found: dict[str, None] = {}
        for term in self._terms:
            if term.names is None:
                return None
            found |= dict.fromkeys(term.names)
        return list(found)


class _Part(Part):
    fixed = True
    refusal = Verdict(
        "NodeAffinity", ("node(s) didn't match Pod's node affinity/selector",), resolvable=False
    )

    def __init__(self, required: RequiredNodes, preferred: list[tuple[int, Term]]) -> None:
        self._required = required
        self._preferred = preferred
        self.checks = not required.anything
        self.ranks = bool(preferred)

    def check(self, info: NodeInfo) -> Verdict | None:
        return None if self._required.matches(info.name, info.labels) else self.refusal

    def facts(self, info: NodeInfo) -> int:
        return sum(
            weight for weight, term in self._preferred if term.matches(info.name, info.labels)
        )

    def raw(self, survey: Any, summaries: Sequence[int], window: Window) -> list[int | None]:
        return list(summaries)

    def normalize(self, scores: Sequence[int | None]) -> list[int]:
        return proportional(scores)


class NodeAffinity(Plugin):
    """Refuses nodes that are not what is required; prefers those that are what is preferred."""

    name = "NodeAffinity"
    weight = 2

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        required = RequiredNodes(pod.spec)
        affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity is not None else None
        preferred = (
            (affinity.preferredDuringSchedulingIgnoredDuringExecution or []) if affinity else []
        )
        if required.anything and not preferred:
            return None
        return _Part(required, [(p.weight, Term(p.preference)) for p in preferred if p.weight])

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        if event.kind != "node" or event.new is None:
            return False
        required = RequiredNodes(pod.spec)
        name = event.new.metadata.name
        refused = event.old is None or not required.matches(name, labels_of(event.old))
        return refused and required.matches(name, labels_of(event.new))
