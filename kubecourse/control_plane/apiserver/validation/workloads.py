"""StatefulSets and DaemonSets. Source: `pkg/apis/apps/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import errors
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.control_plane.apiserver.validation import apps, checks, pod
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.selectors import label_selector

_MUTABLE = (
    "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
)


def _selector(spec: Any, kind: str, out: Errors) -> None:
    if spec.selector is None:
        out.append(errors.required("spec.selector"))
        return
    label_selector("spec.selector", spec.selector, out)
    if not spec.selector.matchLabels and not spec.selector.matchExpressions:
        why = f"empty selector is invalid for {kind}"
        out.append(errors.invalid("spec.selector", spec.selector, why))


def _matching_template(spec: Any, out: Errors) -> None:
    metadata = spec.template.metadata if spec.template is not None else None
    labels = metadata.labels if metadata is not None else None
    try:
        fits = selector_from_label_selector(spec.selector).matches(labels)
    except SelectorError:
        return
    if not fits:
        why = "`selector` does not match template `labels`"
        shown = labels and dict(sorted(labels.items()))
        out.append(errors.invalid("spec.template.metadata.labels", shown, why))


def _always_running(spec: Any, kind: str, out: Errors) -> None:
    if spec.template is None or spec.template.spec is None:
        out.append(errors.required("spec.template.spec.containers"))
        return
    # Mounts of a StatefulSet's own claims name no volume of the template: its pods are checked.
    check = pod.template_metadata if kind == "StatefulSet" else pod.template
    check("spec.template", spec.template, out)
    policy = spec.template.spec.restartPolicy
    if policy != "Always":
        out.append(errors.not_supported("spec.template.spec.restartPolicy", policy, ("Always",)))
    if spec.template.spec.activeDeadlineSeconds is not None:
        why = f"activeDeadlineSeconds in {kind} is not Supported"
        out.append(errors.field_forbidden("spec.template.spec.activeDeadlineSeconds", why))


# --- StatefulSet


def stateful_set(obj: Any, out: Errors) -> None:
    """A StatefulSet."""
    spec = obj.spec
    policy = spec.podManagementPolicy
    given = checks.required("spec.podManagementPolicy", policy, out)
    if given and policy not in ("OrderedReady", "Parallel"):
        why = "must be 'OrderedReady' or 'Parallel'"
        out.append(errors.invalid("spec.podManagementPolicy", policy, why))
    _stateful_strategy("spec.updateStrategy", spec.updateStrategy, out)
    _retention("spec.persistentVolumeClaimRetentionPolicy", spec, out)
    checks.non_negative("spec.replicas", spec.replicas, out)
    checks.non_negative("spec.minReadySeconds", spec.minReadySeconds, out)
    if spec.ordinals is not None:
        checks.non_negative("spec.ordinals.start", spec.ordinals.start, out)
    _selector(spec, "statefulset", out)
    _matching_template(spec, out)
    _always_running(spec, "StatefulSet", out)


def _stateful_strategy(path: str, strategy: Any, out: Errors) -> None:
    rolling = strategy.rollingUpdate
    if strategy.type == "OnDelete":
        if rolling is not None:
            why = "only allowed for updateStrategy 'RollingUpdate'"
            out.append(errors.invalid(f"{path}.rollingUpdate", rolling, why))
    elif strategy.type == "RollingUpdate":
        if rolling is not None:
            checks.non_negative(f"{path}.rollingUpdate.partition", rolling.partition, out)
            if rolling.maxUnavailable is not None:
                at = f"{path}.rollingUpdate.maxUnavailable"
                apps.percent_or_count(at, rolling.maxUnavailable, out)
                if apps.amount(rolling.maxUnavailable) == 0:
                    out.append(errors.invalid(at, rolling.maxUnavailable, "cannot be 0"))
                apps.at_most_all(at, rolling.maxUnavailable, out)
    elif checks.required(path, strategy.type, out):
        why = "must be 'RollingUpdate' or 'OnDelete'"
        out.append(errors.invalid(path, strategy, why))


def _retention(path: str, spec: Any, out: Errors) -> None:
    policy = spec.persistentVolumeClaimRetentionPolicy
    for name in ("whenDeleted", "whenScaled"):
        if policy is not None:
            at = f"{path}.{name}"
            checks.one_of(at, getattr(policy, name), ("Retain", "Delete"), out)


def stateful_set_update(new: Any, old: Any, out: Errors) -> None:
    """A StatefulSet being changed."""
    if new.spec is old.spec:
        return
    stateful_set(new, out)
    spec, before = new.spec, old.spec
    allowed = replace(
        before,
        replicas=spec.replicas,
        ordinals=spec.ordinals,
        template=spec.template,
        updateStrategy=spec.updateStrategy,
        revisionHistoryLimit=spec.revisionHistoryLimit,
        persistentVolumeClaimRetentionPolicy=spec.persistentVolumeClaimRetentionPolicy,
        minReadySeconds=spec.minReadySeconds,
    )
    if allowed != spec:
        why = f"updates to statefulset spec for fields other than {_MUTABLE} are forbidden"
        out.append(errors.field_forbidden("spec", why))


# --- DaemonSet


def daemon_set(obj: Any, out: Errors) -> None:
    """A DaemonSet."""
    spec = obj.spec
    _selector(spec, "daemonset", out)
    _matching_template(spec, out)
    _always_running(spec, "DaemonSet", out)
    checks.non_negative("spec.minReadySeconds", spec.minReadySeconds, out)
    _daemon_strategy("spec.updateStrategy", spec.updateStrategy, out)
    checks.non_negative("spec.revisionHistoryLimit", spec.revisionHistoryLimit, out)


def _daemon_strategy(path: str, strategy: Any, out: Errors) -> None:
    if strategy.type == "OnDelete":
        return
    if strategy.type != "RollingUpdate":
        choices = ("RollingUpdate", "OnDelete")
        out.append(errors.not_supported(f"{path}.type", strategy.type, choices))
        return
    rolling = strategy.rollingUpdate
    at = f"{path}.rollingUpdate"
    if rolling is None:
        out.append(errors.required(at))
        return
    for name in ("maxUnavailable", "maxSurge"):
        apps.percent_or_count(f"{at}.{name}", getattr(rolling, name), out)
        apps.at_most_all(f"{at}.{name}", getattr(rolling, name), out)
    unavailable, surge = apps.amount(rolling.maxUnavailable), apps.amount(rolling.maxSurge)
    if unavailable and surge:
        why = "may not be set when maxUnavailable is non-zero"
        out.append(errors.invalid(f"{at}.maxSurge", rolling.maxSurge, why))
    elif not unavailable and not surge:
        why = "cannot be 0 when maxSurge is 0"
        out.append(errors.invalid(f"{at}.maxUnavailable", rolling.maxUnavailable, why))


def daemon_set_update(new: Any, old: Any, out: Errors) -> None:
    """A DaemonSet being changed: not its selector."""
    if new.spec is old.spec:
        return
    daemon_set(new, out)
    checks.unchanged("spec.selector", new.spec.selector, old.spec.selector, out)
