"""What a pod asks of its node: that it tolerates its taints, its labels, and its resources.

Sources: `staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go`,
`staging/src/k8s.io/api/core/v1/toleration.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubecourse.api import quantity
from kubecourse.api.labels import Requirement
from kubecourse.api.memo import memo
from kubecourse.api.pod_resources import Amounts as Exact
from kubecourse.api.pod_resources import pod_resources

HARD_EFFECTS = ("NoSchedule", "NoExecute")

# --- taints


def tolerates(toleration: Any, taint: Any) -> bool:
    """Whether a toleration covers a taint."""
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
            try:
                limit, found = int(toleration.value or ""), int(taint.value or "")
            except ValueError:
                return False
            return found < limit if operator == "Lt" else found > limit
    return False


def tolerated(tolerations: Iterable[Any] | None, taint: Any) -> bool:
    """Whether any of the tolerations covers a taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations or ())


def taints_of(node: Any) -> Sequence[Any]:
    """A node's taints."""
    return (node.spec.taints if node.spec is not None else None) or ()


def untolerated(tolerations: Iterable[Any] | None, node: Any) -> Any | None:
    """The first taint of a node that keeps away pods with these tolerations, or None."""
    for taint in taints_of(node):
        if taint.effect in HARD_EFFECTS and not tolerated(tolerations, taint):
            return taint
    return None


# --- labels

_OPERATORS = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}


class NodeTerm:
    """One node selector term: conditions on labels and on the name, which must all hold."""

    __slots__ = ("_fields", "_labels")

    def __init__(self, term: Any) -> None:
        self._labels = [_requirement(e) for e in term.matchExpressions or ()]
        self._fields = [_requirement(e) for e in term.matchFields or ()]

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a node is meant. A term without conditions means none."""
        if not self._labels and not self._fields:
            return False
        return all(r.matches(labels) for r in self._labels) and all(
            r.matches({"metadata.name": name}) for r in self._fields
        )


def _requirement(expression: Any) -> Requirement:
    operator = _OPERATORS[expression.operator]
    return Requirement(expression.key, operator, tuple(expression.values or ()))


def required_terms(spec: Any) -> list[Any] | None:
    """The node selector terms of which a pod requires one; None if it requires nothing."""
    affinity = spec.affinity.nodeAffinity if spec.affinity is not None else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
    return list(required.nodeSelectorTerms) if required is not None else None


def named_nodes(spec: Any) -> list[str] | None:
    """The only nodes that the terms of a pod's required affinity name; None if one names none."""
    found: list[str] = []
    for term in required_terms(spec) or ():
        named = [set(r.values) for r in term.matchFields or () if r.operator == "In"]
        if not named:
            return None
        found += sorted(set.intersection(*named))
    return list(dict.fromkeys(found)) if required_terms(spec) else None


class RequiredNodes:
    """The nodes that a pod can go to, by its nodeSelector and its required node affinity."""

    __slots__ = ("_selector", "_terms", "anything")

    def __init__(self, spec: Any) -> None:
        terms = required_terms(spec)
        self._selector = spec.nodeSelector or {}
        self._terms = None if terms is None else [NodeTerm(term) for term in terms]
        self.anything = not self._selector and terms is None

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a node will do: all of the selector and at least one term."""
        for key, value in self._selector.items():
            if labels.get(key) != value:
                return False
        return self._terms is None or any(term.matches(name, labels) for term in self._terms)


# --- resources

Amounts = dict[str, int]
"""Millicores of CPU, bytes, and counts of other resources, by name."""


def amounts(resources: Mapping[str, str] | None) -> Amounts:
    """A resource list in the units that scheduling counts in."""
    return {
        name: quantity.milli(text) if name == "cpu" else quantity.value(text)
        for name, text in (resources or {}).items()
    }


def pod_requests(spec: Any, missing: Exact | None = None) -> Amounts:
    """What a pod asks for at its hungriest moment; `missing` as for `pod_resources`."""
    return {
        name: amount.milli if name == "cpu" else amount.value
        for name, amount in pod_resources(spec, "requests", missing).items()
    }


requests_of = memo(pod_requests)
"""The same, worked out once for all pods that share a spec."""
