"""Workloads, Jobs and autoscalers: what `rules.txt` cannot say of them.

Sources: `validation.go` below `pkg/apis/apps`, `pkg/apis/batch`, `pkg/apis/autoscaling`, and
`pkg/registry/apps`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api.errors import FieldError
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation.pods import pod_template
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, named, rule

# --- the selector, and the template that must carry what it selects


@named
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


@named
def selector_and_template(spec: Any, out: Errors) -> None:
    """As Deployments and ReplicaSets are asked for both; they stop at a bad selector."""
    selector = spec.selector
    rule("DeploymentSelector")(spec, out)
    try:
        selector_from_label_selector(selector)
    except SelectorError:
        out.invalid("selector", selector, "invalid label selector")
        return
    if selector is None or selector.matchLabels or selector.matchExpressions:
        carries_selected(spec, out)
    rule("DeploymentTemplate")(spec, out)


_MAY_CHANGE = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip


@named
def lasting_statefulset(new: Any, out: Errors) -> None:
    """What of a StatefulSet may change."""
    same = replace(out.old.spec, **{name: getattr(new.spec, name) for name in _MAY_CHANGE})
    if same != new.spec:
        *some, last = (f"'{name}'" for name in _MAY_CHANGE)
        fields = f"{', '.join(some)} and {last}"
        why = f"updates to statefulset spec for fields other than {fields} are forbidden"
        out.forbidden("spec", why)


# --- Jobs


@named
def own_selector(obj: Any, out: Errors) -> None:
    """Unless its author insists, a Job selects by what only its own pods carry."""
    selector = obj.spec.selector
    if obj.spec.manualSelector or selector is None:
        return
    own = {"controller-uid": obj.metadata.uid or "", "job-name": obj.metadata.name or ""}
    own |= {f"batch.kubernetes.io/{key}": value for key, value in own.items()}
    try:
        fits = selector_from_label_selector(selector).matches(own)
    except SelectorError:
        return
    if not fits:
        out.invalid("spec.selector", selector, "`selector` not auto-generated")


@named
def exit_codes(requirement: Any, out: Errors) -> None:
    """The exit codes that a rule of a failure policy is about."""
    values, operator = requirement.values or [], requirement.operator
    if not values:
        out.invalid("values", [], "at least one value is required")
    elif len(values) > 255:
        out.append(FieldError("values", "Too many", len(values), "must have at most 255 items"))
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            out.invalid(f"values[{index}]", 0, "must not be 0 for the In operator")
        elif value in values[:index]:
            out.duplicate(f"values[{index}]", value)
    if values != sorted(values):
        out.invalid("values", values, "must be ordered")


@named
def success_rules(spec: Any, out: Errors) -> None:
    """When a Job has succeeded before all its indexes have."""
    rules = spec.successPolicy.rules if spec.successPolicy is not None else None
    for index, each in enumerate(rules or ()):
        path, count, most = f"successPolicy.rules[{index}]", each.succeededCount, spec.completions
        if count is None and each.succeededIndexes is None:
            why = "at least one of succeededCount or succeededIndexes must be specified"
            out.required(path, why)
        elif count is not None and count > (most or 0):
            why = f"must be less than or equal to {most or 0} (the number of specified completions)"
            out.invalid(f"{path}.succeededCount", count, why)
        elif count is not None:
            at(f"{path}.succeededCount", rule(">= 0"), count, out)


@named
def job_template(spec: Any, out: Errors) -> None:
    """The template of pods that end."""
    at("template", pod_template, spec.template, out)
    path, policy = "template.spec.restartPolicy", spec.template.spec.restartPolicy
    if policy == "Always":
        out.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        out.unsupported(path, policy, ("OnFailure", "Never"))
    elif spec.podFailurePolicy is not None and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        out.invalid(path, policy, why)


@named
def lasting_job(new: Any, out: Errors) -> None:
    """Hardly anything of a Job but its parallelism may change."""
    spec, before = new.spec, out.old.spec
    elastic = spec.completionMode == "Indexed" and spec.completions == spec.parallelism
    for name in (
        "completions", "selector", "template", "completionMode", "podFailurePolicy",
        "backoffLimitPerIndex", "managedBy",
    ):  # fmt: skip
        value = getattr(spec, name)
        free = {"completions": elastic, "template": before.suspend}.get(name)
        if value != getattr(before, name) and not free:
            shown = internal.template(value) if name == "template" else value
            out.invalid(f"spec.{name}", shown, "field is immutable")


# --- autoscalers

# By the field of a metric that holds them; the type is called so too.
_SOURCES = ("object", "external", "pods", "resource", "containerResource")


@named
def metric_source(metric: Any, out: Errors) -> None:
    """Of a metric exactly the source that its type means."""
    meant = metric.type[:1].lower() + metric.type[1:]
    present = [name for name in _SOURCES if getattr(metric, name) is not None]
    for name in present[:1]:
        kind = f"{name[0].upper()}{name[1:]}MetricSource"
        at(name, rule(kind), getattr(metric, name), out)
    if meant in _SOURCES and meant not in present:
        out.required(meant, "must populate information for the given metric source")
    for name in present if len(present) > 1 else ():
        if name != meant:
            out.forbidden(name, "must populate the given metric source only")
