"""Deployments and ReplicaSets.

Sources: `pkg/apis/apps/validation/validation.go`, `pkg/registry/apps`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors, names
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.control_plane.apiserver.validation import checks, pod
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.selectors import label_selector

_ABOVE_REPLICAS = "cannot be greater than status.replicas"


def _selected_template(spec: Any, out: Errors) -> None:
    """The selector, and the template that must carry what it selects."""
    path = "spec.selector"
    selector = spec.selector
    if selector is None:
        out.append(errors.required(path))
    else:
        label_selector(path, selector, out)
        if not selector.matchLabels and not selector.matchExpressions:
            why = "empty selector is invalid for deployment"
            out.append(errors.invalid(path, selector, why))
    try:
        parsed = selector_from_label_selector(selector)
    except SelectorError:
        out.append(errors.invalid(path, selector, "invalid label selector"))
        return
    template = spec.template
    if template is None:
        out.append(errors.required("spec.template"))
        return
    labels = template.metadata.labels if template.metadata is not None else None
    empty = selector is not None and not selector.matchLabels and not selector.matchExpressions
    if not empty and not parsed.matches(labels):
        why = "`selector` does not match template `labels`"
        shown = labels and dict(sorted(labels.items()))
        out.append(errors.invalid("spec.template.metadata.labels", shown, why))
    pod.template("spec.template", template, out)
    if template.spec.restartPolicy != "Always":
        policy = template.spec.restartPolicy
        out.append(errors.not_supported("spec.template.spec.restartPolicy", policy, ("Always",)))
    if template.spec.activeDeadlineSeconds is not None:
        why = "activeDeadlineSeconds in ReplicaSet is not Supported"
        out.append(errors.field_forbidden("spec.template.spec.activeDeadlineSeconds", why))


# --- Deployment


def percent_or_count(path: str, value: int | str | None, out: Errors) -> None:
    """A number that is not negative, or a percentage."""
    if isinstance(value, str):
        checks.obeys(path, value, names.is_valid_percent, out)
    else:
        checks.non_negative(path, value or 0, out)


def at_most_all(path: str, value: int | str | None, out: Errors) -> None:
    """A percentage may not be above 100."""
    if isinstance(value, str) and not names.is_valid_percent(value) and int(value[:-1]) > 100:
        out.append(errors.invalid(path, value, "must not be greater than 100%"))


def amount(value: int | str | None) -> int:
    """The number in a count or percentage; 0 where it is neither."""
    if isinstance(value, str):
        return int(value[:-1]) if not names.is_valid_percent(value) else 0
    return value or 0


def _rolling_update(path: str, rolling: Any, out: Errors) -> None:
    unavailable, surge = rolling.maxUnavailable, rolling.maxSurge
    percent_or_count(f"{path}.maxUnavailable", unavailable, out)
    percent_or_count(f"{path}.maxSurge", surge, out)
    if amount(unavailable) == 0 and amount(surge) == 0:
        why = "may not be 0 when `maxSurge` is 0"
        out.append(errors.invalid(f"{path}.maxUnavailable", unavailable, why))
    at_most_all(f"{path}.maxUnavailable", unavailable, out)


def _strategy(path: str, strategy: Any, out: Errors) -> None:
    if strategy is None:
        return
    rolling = strategy.rollingUpdate
    if strategy.type == "Recreate":
        if rolling is not None:
            why = "may not be specified when strategy `type` is 'Recreate'"
            out.append(errors.field_forbidden(f"{path}.rollingUpdate", why))
    elif strategy.type == "RollingUpdate":
        if rolling is None:
            why = "this should be defaulted and never be nil"
            out.append(errors.required(f"{path}.rollingUpdate", why))
        else:
            _rolling_update(f"{path}.rollingUpdate", rolling, out)
    else:
        choices = ("Recreate", "RollingUpdate")
        out.append(errors.not_supported(f"{path}.type", strategy.type or "", choices))


def deployment(obj: Any, out: Errors) -> None:
    """A Deployment."""
    spec = obj.spec
    checks.non_negative("spec.replicas", spec.replicas, out)
    _selected_template(spec, out)
    _strategy("spec.strategy", spec.strategy, out)
    checks.non_negative("spec.minReadySeconds", spec.minReadySeconds, out)
    checks.non_negative("spec.revisionHistoryLimit", spec.revisionHistoryLimit, out)
    deadline = spec.progressDeadlineSeconds
    if deadline is not None:
        checks.non_negative("spec.progressDeadlineSeconds", deadline, out)
        if deadline <= (spec.minReadySeconds or 0):
            why = "must be greater than minReadySeconds"
            out.append(errors.invalid("spec.progressDeadlineSeconds", deadline, why))


def _same_selector(new: Any, old: Any, out: Errors) -> None:
    checks.unchanged("spec.selector", new.spec.selector, old.spec.selector, out)


def deployment_update(new: Any, old: Any, out: Errors) -> None:
    """A Deployment being changed: not its selector."""
    if new.spec is old.spec:
        return
    deployment(new, out)
    _same_selector(new, old, out)


def _counts(status: Any, fields: tuple[str, ...], parts: tuple[str, ...], out: Errors) -> None:
    for name in fields:
        checks.non_negative(f"status.{name}", getattr(status, name), out)
    total = status.replicas or 0
    for name in parts:
        count = getattr(status, name) or 0
        if count > total:
            out.append(errors.invalid(f"status.{name}", count, _ABOVE_REPLICAS))
    available = status.availableReplicas or 0
    if available > (status.readyReplicas or 0):
        why = "cannot be greater than readyReplicas"
        out.append(errors.invalid("status.availableReplicas", available, why))


_DEPLOYMENT_COUNTS = (
    "observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas",
    "unavailableReplicas", "collisionCount",
)  # fmt: skip


def deployment_status_update(new: Any, old: Any, out: Errors) -> None:
    """A Deployment's status being reported."""
    status = new.status
    parts = ("updatedReplicas", "readyReplicas", "availableReplicas")
    _counts(status, _DEPLOYMENT_COUNTS, parts, out)
    before = old.status.collisionCount if old.status is not None else None
    if before is not None and (status.collisionCount is None or status.collisionCount < before):
        why = "cannot be decremented"
        out.append(errors.invalid("status.collisionCount", status.collisionCount, why))


# --- ReplicaSet


def replica_set(obj: Any, out: Errors) -> None:
    """A ReplicaSet."""
    spec = obj.spec
    checks.non_negative("spec.replicas", spec.replicas, out)
    checks.non_negative("spec.minReadySeconds", spec.minReadySeconds, out)
    _selected_template(spec, out)


def replica_set_update(new: Any, old: Any, out: Errors) -> None:
    """A ReplicaSet being changed: not its selector."""
    if new.spec is old.spec:
        return
    found: Errors = []
    replica_set(new, found)
    out += [*found, *found]  # The server looks twice.
    _same_selector(new, old, out)


_REPLICA_SET_COUNTS = (
    "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration",
)  # fmt: skip


def replica_set_status_update(new: Any, old: Any, out: Errors) -> None:
    """A ReplicaSet's status being reported."""
    parts = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    _counts(new.status, _REPLICA_SET_COUNTS, parts, out)
