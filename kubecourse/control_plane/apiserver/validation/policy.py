"""Budgets, priorities, quotas, limits.

Sources: `validation.go` below `pkg/apis/policy`, `pkg/apis/scheduling` and `pkg/apis/core`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import quantity
from kubecourse.control_plane.apiserver.validation import internal, resources
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.pod import PREEMPTION_POLICY
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR
from kubecourse.control_plane.apiserver.validation.workloads import AT_MOST_ALL, percent_or_count

# --- PodDisruptionBudget


def _not_both(spec: Any, out: Errors) -> None:
    if spec.minAvailable is not None and spec.maxUnavailable is not None:
        out.invalid("", internal.shown(spec), "minAvailable and maxUnavailable cannot be both set")


_SHARE = r.struct(percent_or_count, AT_MOST_ALL)
BUDGET = r.struct(
    _not_both,
    ("minAvailable", _SHARE),
    ("maxUnavailable", _SHARE),
    ("selector", LABEL_SELECTOR),
    ("unhealthyPodEvictionPolicy", r.one_of("AlwaysAllow", "IfHealthyBudget")),
)


# --- PriorityClass

_HIGHEST_PRIORITY = 1_000_000_000
_SYSTEM_PRIORITIES = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}


def _value(obj: Any, out: Errors) -> None:
    name, value = obj.metadata.name or "", obj.value or 0
    if name.startswith("system-"):
        if _SYSTEM_PRIORITIES.get(name) != value:
            trouble = f"{name} is not a known system priority class"
            why = "priority class names with 'system-' prefix are reserved for system use only"
            out.forbidden("metadata.name", f"{why}. error: {trouble}")
    elif value > _HIGHEST_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        out.forbidden("value", why)


PRIORITY_CLASS = r.struct(_value, ("preemptionPolicy", r.given(PREEMPTION_POLICY)))


def priority_class_update(new: Any, old: Any, out: Errors) -> None:
    """A PriorityClass being changed: not what it is worth."""
    if (new.value or 0) != (old.value or 0):
        out.forbidden("value", "may not be changed in an update.")
    if new.preemptionPolicy != old.preemptionPolicy:
        out.invalid("preemptionPolicy", new.preemptionPolicy, r.IMMUTABLE)


# --- ResourceQuota

_SCOPES = {
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass",
    "CrossNamespacePodAffinity", "VolumeAttributesClass",
}  # fmt: skip


def _scopes(scopes: list[str], out: Errors) -> None:
    for scope in scopes:
        if scope not in _SCOPES:
            out.invalid("", scopes, "unsupported scope")
    for pair in _CONFLICTS:
        if pair <= set(scopes):
            out.invalid("", scopes, "conflicting scopes")


_CONFLICTS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})


QUOTA = r.struct(("hard", resources.amounts(resources.quota_name)), ("scopes", _scopes))


def quota_change(new: Any, old: Any, out: Errors) -> None:
    """A quota's scopes may not change."""
    ours, theirs = (obj.spec.scopes if obj.spec is not None else None for obj in (new, old))
    if set(ours or ()) != set(theirs or ()):
        out.invalid("spec.scopes", ours, r.IMMUTABLE)


# --- LimitRange

_AMOUNTS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
# What may not be more than what: the field that is blamed, the one shown there, and the names.
_ORDERED = (
    ("min", "max", "min", "min", "min", "max"),
    ("min", "defaultRequest", "defaultRequest", "defaultRequest", "min", "default request"),
    ("defaultRequest", "max", "defaultRequest", "defaultRequest", "default request", "max"),
    (
        "defaultRequest", "default", "defaultRequest", "defaultRequest", "default request",
        "default limit",
    ),
    ("min", "default", "default", "min", "min", "default"),
    ("default", "max", "default", "max", "default", "max"),
)  # fmt: skip


_LIMITED_KINDS = ("Container", "PersistentVolumeClaim", "Pod")
_KIND = r.refuse(
    lambda kind: kind and "/" not in kind and kind not in _LIMITED_KINDS,
    "must be a standard limit type or fully qualified",
)


def _limit(item: Any, out: Errors) -> None:
    given = {name: getattr(item, name) or {} for name in _AMOUNTS}
    bound = item.type in ("Container", "Pod")
    name_rule = resources.container_name if bound else resources.standard_name
    for name, values in given.items():
        if item.type == "Pod" and name.startswith("default"):
            if values:
                out.forbidden(name, "may not be specified when `type` is 'Pod'")
            continue
        for key in sorted(values):
            at(f"{name}[{key}]", name_rule, key, out)
    storage = "storage" in given["min"] or "storage" in given["max"]
    if item.type == "PersistentVolumeClaim" and not storage:
        why = "either minimum or maximum storage value is required, but neither was provided"
        out.required("limits", why)
    for key in sorted({key for values in given.values() for key in values}):
        _ordered(key, given, out)


def _ordered(key: str, given: dict[str, dict[str, str]], out: Errors) -> None:
    for less, more, blamed, shown, low_name, high_name in _ORDERED:
        low, high = given[less].get(key), given[more].get(key)
        if low is not None and high is not None and quantity.compare(low, high) > 0:
            why = f"{low_name} value {low} is greater than {high_name} value {high}"
            out.invalid(f"{blamed}[{key}]", given[shown][key], why)
    ratio = given["maxLimitRequestRatio"].get(key)
    if ratio is not None and quantity.compare(ratio, "1") < 0:
        out.invalid(f"maxLimitRequestRatio[{key}]", ratio, f"ratio {ratio} is less than 1")


_LIMITS = r.each(("type", r.QUALIFIED), ("type", _KIND), r.Unique("type"), _limit)
LIMIT_RANGE = r.struct(("limits", _LIMITS))
