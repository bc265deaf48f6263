"""The selectors of a pod's affinity and spreading, narrowed by the pod's own labels.

`matchLabelKeys` and `mismatchLabelKeys` are written out when a pod is created.
Source: `pkg/registry/core/pod/strategy.go` (mutatePodAffinity, mutateTopologySpreadConstraints).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.memo import memo

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def narrowed(spec: Any, labels: Mapping[str, str]) -> Any:
    """A spec for a pod with these labels; pods of one template go on sharing theirs."""
    keys, known = _asked(spec)
    if not keys:
        return spec
    values = tuple(labels.get(key) for key in keys)
    if values not in known:
        known[values] = replace(
            spec,
            affinity=_affinity(spec.affinity, labels),
            topologySpreadConstraints=[
                _narrowed(each, labels) for each in spec.topologySpreadConstraints or ()
            ]
            or None,
        )
    return known[values]


@memo
def _asked(spec: Any) -> tuple[tuple[str, ...], dict[Any, Any]]:
    """The labels that matter to a spec, and a place for what it becomes by their values."""
    terms = list(spec.topologySpreadConstraints or ())
    for side in _sides(spec.affinity):
        terms += getattr(side, REQUIRED) or ()
        terms += [each.podAffinityTerm for each in getattr(side, PREFERRED) or ()]
    keys = [key for term in terms for _, key in _keys(term)]
    return tuple(dict.fromkeys(keys)), {}


def _sides(affinity: Any) -> list[Any]:
    sides = (affinity.podAffinity, affinity.podAntiAffinity) if affinity is not None else ()
    return [side for side in sides if side is not None]


def _keys(term: Any) -> list[tuple[str, str]]:
    return [
        *(("In", key) for key in term.matchLabelKeys or ()),
        *(("NotIn", key) for key in getattr(term, "mismatchLabelKeys", None) or ()),
    ]


def _narrowed(term: Any, labels: Mapping[str, str]) -> Any:
    selector = term.labelSelector
    more = [
        models.meta_v1.LabelSelectorRequirement(key=key, operator=how, values=[labels[key]])
        for how, key in _keys(term)
        if key in labels
    ]
    if not more or selector is None:
        return term
    expressions = [*(selector.matchExpressions or ()), *more]
    return replace(term, labelSelector=replace(selector, matchExpressions=expressions))


def _affinity(affinity: Any, labels: Mapping[str, str]) -> Any:
    def side(given: Any) -> Any:
        if given is None:
            return None
        required = [_narrowed(term, labels) for term in getattr(given, REQUIRED) or ()]
        preferred = [
            replace(each, podAffinityTerm=_narrowed(each.podAffinityTerm, labels))
            for each in getattr(given, PREFERRED) or ()
        ]
        return replace(given, **{REQUIRED: required or None, PREFERRED: preferred or None})

    if affinity is None:
        return None
    return replace(
        affinity,
        podAffinity=side(affinity.podAffinity),
        podAntiAffinity=side(affinity.podAntiAffinity),
    )
