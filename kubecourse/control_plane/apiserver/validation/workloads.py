"""Workloads, Jobs and autoscalers: what `rules.txt` cannot say of them.

Sources: `validation.go` below `pkg/apis/apps`, `pkg/apis/batch`, `pkg/apis/autoscaling`, and
`pkg/registry/apps`.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from kubecourse.api import names
from kubecourse.api.errors import FieldError
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation.pods import pod_template
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, named, rule

# --- the selector, and the template that must carry what it selects


@named
def good_selector(selector: Any) -> bool:
    """Whether a selector can be used."""
    try:
        selector_from_label_selector(selector)
    except SelectorError:
        return False
    return True


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
def names_of_indexes(obj: Any, out: Errors) -> None:
    """The pods of an indexed Job are called after it, each with its index."""
    spec, name = obj.spec, obj.metadata.name or ""
    if spec.completionMode == "Indexed" and (spec.completions or 0) > 0:
        longest = f"{name}-{spec.completions - 1}"
        if names.is_dns1123_label(longest):
            why = f"will not able to create pod with invalid DNS label: {longest}"
            out.invalid("metadata.name", name, why)


@named
def failure_policy(spec: Any, out: Errors) -> None:
    """What a failure policy says of its Job."""
    pods = spec.template.spec
    known = {each.name for each in (*(pods.containers or ()), *(pods.initContainers or ()))}
    rules = (spec.podFailurePolicy.rules if spec.podFailurePolicy is not None else None) or ()
    for index, each in enumerate(rules):
        path = f"podFailurePolicy.rules[{index}]"
        if each.action == "FailIndex" and spec.backoffLimitPerIndex is None:
            why = "requires the backoffLimitPerIndex to be set"
            out.invalid(f"{path}.action", each.action, why)
        name = each.onExitCodes.containerName if each.onExitCodes is not None else None
        if name is not None and name not in known:
            why = "must be one of the container or initContainer names in the pod template"
            out.invalid(f"{path}.onExitCodes.containerName", name, why)


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
        if value in values[:index]:
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
        named_here = 0
        if each.succeededIndexes is not None:
            try:
                named_here = _count(each.succeededIndexes, most or 0)
            except ValueError as error:
                why = f"error parsing succeededIndexes: {error}"
                out.invalid(f"{path}.succeededIndexes", each.succeededIndexes, why)
        if count is None:
            continue
        at(f"{path}.succeededCount", rule(">= 0"), count, out)
        bounds = [(most or 0, "the number of specified completions")]
        if each.succeededIndexes is not None:
            what = "the number of indexes in the specified succeededIndexes field"
            bounds.append((named_here, what))
        for bound, what in bounds:
            if count > bound:
                why = f"must be less than or equal to {bound} ({what})"
                out.invalid(f"{path}.succeededCount", count, why)


def _count(text: str, most: int) -> int:
    """How many indexes a text such as `0-2,5` names. Raises ValueError."""
    total, last = 0, -1
    for part in text.split(",") if text else ():
        ends = part.split("-")
        if len(ends) > 2:
            rule_of = "an index interval can have at most two parts separated by '-'"
            raise ValueError(f'the fragment "{part}" violates the requirement that {rule_of}')
        for end in ends:
            if not re.fullmatch("[+-]?[0-9]+", end):
                raise ValueError(f'cannot convert string to integer for index: "{end}"')
            if int(end) >= most:
                raise ValueError(f'too large index: "{end}"')
        first, final = int(ends[0]), int(ends[-1])
        steps = [(first, final)] if len(ends) > 1 else []
        for before, after in (*steps, (last, first)):
            if before >= after:
                raise ValueError(f"non-increasing order, previous: {before}, current: {after}")
        total, last = total + final - first + 1, final
    return total


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
    if meant not in _SOURCES:
        # The server says so twice.
        kinds = sorted(f"{name[0].upper()}{name[1:]}" for name in _SOURCES)
        out.unsupported("type", metric.type, kinds)
    elif meant not in present:
        out.required(meant, "must populate information for the given metric source")
    for name in present if len(present) > 1 else ():
        if name != meant:
            out.forbidden(name, "must populate the given metric source only")
