"""Deployments, ReplicaSets, StatefulSets and DaemonSets.

Sources: `pkg/apis/apps/validation/validation.go`, `pkg/registry/apps`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import names
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.control_plane.apiserver.validation import pod
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, Rule, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR

# --- counts and percentages

_PERCENT = r.obeys(names.is_valid_percent)


def _is_percent(value: Any) -> bool:
    return isinstance(value, str) and not names.is_valid_percent(value)


def _amount(value: int | str | None) -> int:
    """The number in a count or percentage; 0 where it is neither."""
    if isinstance(value, str):
        return int(value[:-1]) if _is_percent(value) else 0
    return value or 0


def percent_or_count(value: int | str, out: Errors) -> None:
    """A number that is not negative, or a percentage."""
    (_PERCENT if isinstance(value, str) else r.NOT_BELOW_ZERO)(value, out)


AT_MOST_ALL = r.refuse(
    lambda value: _is_percent(value) and _amount(value) > 100, "must not be greater than 100%"
)

# --- the selector, and the template that must carry what it selects


def _selector(whose: str) -> Rule:
    return r.given(
        LABEL_SELECTOR,
        r.refuse(
            lambda selector: not selector.matchLabels and not selector.matchExpressions,
            f"empty selector is invalid for {whose}",
        ),
    )


def carries_selected(spec: Any, out: Errors) -> None:
    """The template's labels are those that the selector asks for."""
    metadata = spec.template.metadata if spec.template is not None else None
    labels = metadata.labels if metadata is not None else None
    try:
        fits = selector_from_label_selector(spec.selector).matches(labels)
    except SelectorError:
        return
    if not fits:
        why = "`selector` does not match template `labels`"
        out.invalid("template.metadata.labels", labels and dict(sorted(labels.items())), why)


def _always_running(kind: str, check: Rule = pod.template) -> Rule:
    """A template of pods that never end."""

    def rule(template: Any, out: Errors) -> None:
        check(template, out)
        if template.spec.restartPolicy != "Always":
            out.unsupported("spec.restartPolicy", template.spec.restartPolicy, ("Always",))
        if template.spec.activeDeadlineSeconds is not None:
            why = f"activeDeadlineSeconds in {kind} is not Supported"
            out.forbidden("spec.activeDeadlineSeconds", why)

    return r.given(rule)


_SELECTOR = _selector("deployment")
_TEMPLATE = _always_running("ReplicaSet")


def _selected_template(spec: Any, out: Errors) -> None:
    """As Deployments and ReplicaSets are asked for both; they stop at a bad selector."""
    selector = spec.selector
    at("selector", _SELECTOR, selector, out)
    try:
        selector_from_label_selector(selector)
    except SelectorError:
        out.invalid("selector", selector, "invalid label selector")
        return
    if selector is None or selector.matchLabels or selector.matchExpressions:
        carries_selected(spec, out)
    at("template", _TEMPLATE, spec.template, out)


# --- Deployment

_ROLLING = r.given(
    ("maxUnavailable", percent_or_count),
    ("maxSurge", percent_or_count),
    r.refuse(
        lambda rolling: _amount(rolling.maxUnavailable) == _amount(rolling.maxSurge) == 0,
        "may not be 0 when `maxSurge` is 0",
        "maxUnavailable",
    ),
    ("maxUnavailable", AT_MOST_ALL),
    why="this should be defaulted and never be nil",
)


def _strategy(strategy: Any, out: Errors) -> None:
    if strategy.type == "RollingUpdate":
        at("rollingUpdate", _ROLLING, strategy.rollingUpdate, out)
    elif strategy.type != "Recreate":
        out.unsupported("type", strategy.type, ("Recreate", "RollingUpdate"))
    elif strategy.rollingUpdate is not None:
        why = "may not be specified when strategy `type` is 'Recreate'"
        out.forbidden("rollingUpdate", why)


def _deadline(spec: Any, out: Errors) -> None:
    deadline = spec.progressDeadlineSeconds
    if deadline is not None and deadline <= (spec.minReadySeconds or 0):
        out.invalid("progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


DEPLOYMENT = r.struct(
    r.not_negatives("replicas"),
    _selected_template,
    ("strategy", _strategy),
    r.not_negatives("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"),
    _deadline,
)


# --- ReplicaSet

REPLICA_SET = r.struct(r.not_negatives("replicas", "minReadySeconds"), _selected_template)


# --- StatefulSet

_STATEFUL_ROLLING = r.struct(
    r.not_negatives("partition"),
    ("maxUnavailable", percent_or_count),
    ("maxUnavailable", r.refuse(lambda value: _amount(value) == 0, "cannot be 0")),
    ("maxUnavailable", AT_MOST_ALL),
)


def _stateful_strategy(strategy: Any, out: Errors) -> None:
    rolling = strategy.rollingUpdate
    if strategy.type == "RollingUpdate":
        at("rollingUpdate", _STATEFUL_ROLLING, rolling, out)
    elif strategy.type != "OnDelete":
        out.invalid("", strategy, "must be 'RollingUpdate' or 'OnDelete'")
    elif rolling is not None:
        out.invalid("rollingUpdate", rolling, "only allowed for updateStrategy 'RollingUpdate'")


_MANAGEMENT = r.refuse(
    lambda policy: policy not in ("OrderedReady", "Parallel"),
    "must be 'OrderedReady' or 'Parallel'",
)
_RETAIN = r.one_of("Retain", "Delete")
_RETENTION = r.struct(("whenDeleted", _RETAIN), ("whenScaled", _RETAIN))
STATEFUL_SET = r.struct(
    ("podManagementPolicy", r.given(_MANAGEMENT)),
    ("updateStrategy", _stateful_strategy),
    ("persistentVolumeClaimRetentionPolicy", _RETENTION),
    r.not_negatives("replicas", "minReadySeconds"),
    ("ordinals", r.not_negatives("start")),
    ("selector", _selector("statefulset")),
    carries_selected,
    # Mounts of its own claims name no volume of the template: its pods are checked.
    ("template", _always_running("StatefulSet", pod.template_metadata)),
)
_MAY_CHANGE = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip


def stateful_set_change(new: Any, old: Any, out: Errors) -> None:
    """What of a StatefulSet may change."""
    if replace(old.spec, **{name: getattr(new.spec, name) for name in _MAY_CHANGE}) != new.spec:
        *some, last = (f"'{name}'" for name in _MAY_CHANGE)
        fields = f"{', '.join(some)} and {last}"
        why = f"updates to statefulset spec for fields other than {fields} are forbidden"
        out.forbidden("spec", why)


# --- DaemonSet


def _one_way(rolling: Any, out: Errors) -> None:
    unavailable, surge = _amount(rolling.maxUnavailable), _amount(rolling.maxSurge)
    if unavailable and surge:
        out.invalid("maxSurge", rolling.maxSurge, "may not be set when maxUnavailable is non-zero")
    elif not unavailable and not surge:
        out.invalid("maxUnavailable", rolling.maxUnavailable, "cannot be 0 when maxSurge is 0")


_DAEMON_ROLLING = r.given(
    ("maxUnavailable", percent_or_count),
    ("maxUnavailable", AT_MOST_ALL),
    ("maxSurge", percent_or_count),
    ("maxSurge", AT_MOST_ALL),
    _one_way,
)


def _daemon_strategy(strategy: Any, out: Errors) -> None:
    if strategy.type == "RollingUpdate":
        at("rollingUpdate", _DAEMON_ROLLING, strategy.rollingUpdate, out)
    elif strategy.type != "OnDelete":
        out.unsupported("type", strategy.type, ("RollingUpdate", "OnDelete"))


DAEMON_SET = r.struct(
    ("selector", _selector("daemonset")),
    carries_selected,
    ("template", _always_running("DaemonSet")),
    r.not_negatives("minReadySeconds"),
    ("updateStrategy", _daemon_strategy),
    r.not_negatives("revisionHistoryLimit"),
)
