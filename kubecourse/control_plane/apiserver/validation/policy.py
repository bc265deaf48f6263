"""Budgets, priorities, quotas, limits, autoscalers.

Sources: `validation.go` below `pkg/apis/policy`, `pkg/apis/scheduling`, `pkg/apis/core` and
`pkg/apis/autoscaling`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors, quantity
from kubecourse.control_plane.apiserver.validation import apps, checks, internal, resources
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.selectors import label_selector

HIGHEST_PRIORITY = 1_000_000_000
SYSTEM_PRIORITIES = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}


# --- PodDisruptionBudget


def budget(obj: Any, out: Errors) -> None:
    """A PodDisruptionBudget."""
    spec = obj.spec
    if spec is None:
        return
    if spec.minAvailable is not None and spec.maxUnavailable is not None:
        shown = internal.shown(spec)
        if spec.selector is not None:
            shown["Selector"] = errors_json(spec.selector)
        why = "minAvailable and maxUnavailable cannot be both set"
        out.append(errors.invalid("spec", shown, why))
    for name in ("minAvailable", "maxUnavailable"):
        value = getattr(spec, name)
        if value is not None:
            apps.percent_or_count(f"spec.{name}", value, out)
            apps.at_most_all(f"spec.{name}", value, out)
    label_selector("spec.selector", spec.selector, out)
    policy = spec.unhealthyPodEvictionPolicy
    if policy is not None:
        choices = ("AlwaysAllow", "IfHealthyBudget")
        checks.one_of("spec.unhealthyPodEvictionPolicy", policy, choices, out)


def errors_json(obj: Any) -> Any:
    """An object of a type that has JSON names also inside the server."""
    from kubecourse.api import codec

    return codec.encode(obj)


def budget_update(new: Any, old: Any, out: Errors) -> None:
    """A PodDisruptionBudget being changed."""
    budget(new, out)


# --- PriorityClass


def priority_class(obj: Any, out: Errors) -> None:
    """A PriorityClass."""
    name, value = obj.metadata.name or "", obj.value or 0
    if name.startswith("system-"):
        if SYSTEM_PRIORITIES.get(name) != value:
            trouble = f"{name} is not a known system priority class"
            why = "priority class names with 'system-' prefix are reserved for system use only"
            out.append(errors.field_forbidden("metadata.name", f"{why}. error: {trouble}"))
    elif value > HIGHEST_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {HIGHEST_PRIORITY}"
        out.append(errors.field_forbidden("value", why))
    policies = ("PreemptLowerPriority", "Never")
    checks.required_one_of("preemptionPolicy", obj.preemptionPolicy, policies, out)


def priority_class_update(new: Any, old: Any, out: Errors) -> None:
    """A PriorityClass being changed: not what it is worth."""
    if (new.value or 0) != (old.value or 0):
        out.append(errors.field_forbidden("value", "may not be changed in an update."))
    checks.unchanged("preemptionPolicy", new.preemptionPolicy, old.preemptionPolicy, out)


# --- ResourceQuota


def _quota_name(path: str, name: str, out: Errors) -> None:
    resources.standard_name(path, name, out)
    if "/" not in name and name not in resources.QUOTA and not resources.is_huge(name):
        out.append(errors.invalid(path, name, "must be a standard resource for quota"))


_SCOPES = (
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass",
    "CrossNamespacePodAffinity", "VolumeAttributesClass",
)  # fmt: skip
_CONFLICTS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})


def quota(obj: Any, out: Errors) -> None:
    """A ResourceQuota."""
    spec = obj.spec
    if spec is None:
        return
    for name, text in sorted((spec.hard or {}).items()):
        _quota_name(f"spec.hard[{name}]", name, out)
        resources.amount(f"spec.hard[{name}]", name, text, out)
    scopes = spec.scopes or []
    for scope in scopes:
        if scope not in _SCOPES:
            out.append(errors.invalid("spec.scopes", scopes, "unsupported scope"))
    for pair in _CONFLICTS:
        if pair <= set(scopes):
            out.append(errors.invalid("spec.scopes", scopes, "conflicting scopes"))


def quota_update(new: Any, old: Any, out: Errors) -> None:
    """A ResourceQuota being changed: not its scopes."""
    if new.spec is old.spec:
        return
    quota(new, out)
    ours = new.spec.scopes if new.spec is not None else None
    theirs = old.spec.scopes if old.spec is not None else None
    if set(ours or ()) != set(theirs or ()):
        out.append(errors.invalid("spec.scopes", ours, checks.IMMUTABLE))


# --- LimitRange

_KINDS_OF_LIMITS = ("Container", "PersistentVolumeClaim", "Pod")
# What may not be more than what: the field that is blamed, the value shown there, and the text.
_ORDERED = (
    ("min", "max", "min", "min", "min value {0} is greater than max value {1}"),
    (
        "min", "defaultRequest", "defaultRequest", "defaultRequest",
        "min value {0} is greater than default request value {1}",
    ),
    (
        "defaultRequest", "max", "defaultRequest", "defaultRequest",
        "default request value {0} is greater than max value {1}",
    ),
    (
        "defaultRequest", "default", "defaultRequest", "defaultRequest",
        "default request value {0} is greater than default limit value {1}",
    ),
    ("min", "default", "default", "min", "min value {0} is greater than default value {1}"),
    ("default", "max", "default", "max", "default value {0} is greater than max value {1}"),
)  # fmt: skip


def limit_range(obj: Any, out: Errors) -> None:
    """A LimitRange."""
    seen: set[str] = set()
    for index, item in enumerate((obj.spec.limits if obj.spec is not None else None) or ()):
        path = f"spec.limits[{index}]"
        kind = item.type or ""
        checks.qualified(f"{path}.type", kind, out)
        if kind and "/" not in kind and kind not in _KINDS_OF_LIMITS:
            why = "must be a standard limit type or fully qualified"
            out.append(errors.invalid(f"{path}.type", kind, why))
        checks.distinct(f"{path}.type", kind, seen, out)
        _limit(path, item, out)


def _limit(path: str, item: Any, out: Errors) -> None:
    fields = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
    given = {name: getattr(item, name) or {} for name in fields}
    check = resources.container_name
    if item.type not in ("Container", "Pod"):
        check = resources.standard_name
    for name, values in given.items():
        if item.type == "Pod" and name.startswith("default"):
            if values:
                why = "may not be specified when `type` is 'Pod'"
                out.append(errors.field_forbidden(f"{path}.{name}", why))
            continue
        for key in sorted(values):
            check(f"{path}.{name}[{key}]", key, out)
    storage = "storage" in given["min"] or "storage" in given["max"]
    if item.type == "PersistentVolumeClaim" and not storage:
        why = "either minimum or maximum storage value is required, but neither was provided"
        out.append(errors.required(f"{path}.limits", why))
    for key in sorted({key for values in given.values() for key in values}):
        _ordered(path, key, given, out)


def _ordered(path: str, key: str, given: dict[str, dict[str, str]], out: Errors) -> None:
    for less, more, blamed, shown, text in _ORDERED:
        low, high = given[less].get(key), given[more].get(key)
        if low is not None and high is not None and quantity.compare(low, high) > 0:
            value = given[shown][key]
            out.append(errors.invalid(f"{path}.{blamed}[{key}]", value, text.format(low, high)))
    ratio = given["maxLimitRequestRatio"].get(key)
    if ratio is not None and quantity.compare(ratio, "1") < 0:
        why = f"ratio {ratio} is less than 1"
        out.append(errors.invalid(f"{path}.maxLimitRequestRatio[{key}]", ratio, why))


def limit_range_update(new: Any, old: Any, out: Errors) -> None:
    """A LimitRange being changed."""
    limit_range(new, out)


# --- HorizontalPodAutoscaler


def autoscaler(obj: Any, out: Errors) -> None:
    """A HorizontalPodAutoscaler."""
    spec = obj.spec
    least, most = spec.minReplicas, spec.maxReplicas or 0
    if least is not None and least < 1:
        why = "must be greater than or equal to 1"
        out.append(errors.invalid("spec.minReplicas", least, why))
    if most == 0:
        out.append(errors.required("spec.maxReplicas", "must be set and greater than 0"))
    elif most < 1:
        out.append(errors.invalid("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        why = "must be greater than or equal to `minReplicas`"
        out.append(errors.invalid("spec.maxReplicas", most, why))
    target = spec.scaleTargetRef
    for name in ("kind", "name"):
        checks.required(f"spec.scaleTargetRef.{name}", getattr(target, name, None), out)


def autoscaler_update(new: Any, old: Any, out: Errors) -> None:
    """A HorizontalPodAutoscaler being changed."""
    if new.spec is not old.spec:
        autoscaler(new, out)
