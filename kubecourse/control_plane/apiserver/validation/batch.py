"""Jobs and CronJobs. Source: `pkg/apis/batch/validation/validation.go`."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kubecourse.api import cron, errors
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.control_plane.apiserver.validation import checks, internal, pod
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.selectors import label_selector

LONGEST_NAME = 52
"""A CronJob's Jobs add eleven characters to its name."""

_NUMBERS = (
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
    "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes",
)  # fmt: skip
_INDEXED_ONLY = ("backoffLimitPerIndex", "maxFailedIndexes")
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")


def _job_spec(path: str, spec: Any, out: Errors) -> None:
    for name in _NUMBERS:
        checks.non_negative(f"{path}.{name}", getattr(spec, name), out)
    mode = spec.completionMode
    checks.one_of(f"{path}.completionMode", mode, ("Indexed", "NonIndexed"), out)
    if mode == "Indexed" and spec.completions is None:
        why = "when completion mode is Indexed"
        out.append(errors.required(f"{path}.completions", why))
    if mode == "NonIndexed":
        for name in _INDEXED_ONLY:
            if getattr(spec, name) is not None:
                why = "requires indexed completion mode"
                out.append(errors.invalid(f"{path}.{name}", getattr(spec, name), why))
    if spec.podFailurePolicy is not None:
        _failure_policy(f"{path}.podFailurePolicy", spec, out)
    policies = ("Failed",) if spec.podFailurePolicy else ("TerminatingOrFailed", "Failed")
    if spec.podReplacementPolicy is not None:
        checks.one_of(f"{path}.podReplacementPolicy", spec.podReplacementPolicy, policies, out)
    _template(f"{path}.template", spec, out)


def _template(path: str, spec: Any, out: Errors) -> None:
    if spec.template is None or spec.template.spec is None:
        out.append(errors.required(f"{path}.spec.containers"))
        return
    pod.template(path, spec.template, out)
    policy = spec.template.spec.restartPolicy
    at = f"{path}.spec.restartPolicy"
    if policy == "Always":
        out.append(errors.required(at, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        out.append(errors.not_supported(at, policy, ("OnFailure", "Never")))
    elif spec.podFailurePolicy is not None and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        out.append(errors.invalid(at, policy, why))


def _failure_policy(path: str, spec: Any, out: Errors) -> None:
    for index, rule in enumerate(spec.podFailurePolicy.rules or ()):
        at = f"{path}.rules[{index}]"
        checks.required_one_of(f"{at}.action", rule.action, _ACTIONS, out)
        codes = rule.onExitCodes
        if codes is None and not rule.onPodConditions:
            why = "specifying one of OnExitCodes and OnPodConditions is required"
            out.append(errors.invalid(at, internal.shown(rule), why))
        elif codes is not None and rule.onPodConditions:
            why = "specifying both OnExitCodes and OnPodConditions is not supported"
            out.append(errors.invalid(at, internal.shown(rule), why))
        if codes is not None:
            checks.required_one_of(
                f"{at}.onExitCodes.operator", codes.operator, ("In", "NotIn"), out
            )
            if not codes.values:
                why = "at least one value is required"
                out.append(errors.invalid(f"{at}.onExitCodes.values", codes.values, why))


def _own_selector(obj: Any, out: Errors) -> None:
    """Unless its author insists, a Job selects by what only its own pods carry."""
    spec, selector = obj.spec, obj.spec.selector
    if spec.manualSelector or selector is None:
        return
    own = {"controller-uid": obj.metadata.uid or "", "job-name": obj.metadata.name or ""}
    own |= {f"batch.kubernetes.io/{key}": value for key, value in own.items()}
    try:
        fits = selector_from_label_selector(selector).matches(own)
    except SelectorError:
        return
    if not fits:
        out.append(errors.invalid("spec.selector", selector, "`selector` not auto-generated"))


def job(obj: Any, out: Errors) -> None:
    """A Job."""
    spec = obj.spec
    _own_selector(obj, out)
    _job_spec("spec", spec, out)
    if spec.selector is None:
        out.append(errors.required("spec.selector"))
    else:
        label_selector("spec.selector", spec.selector, out)
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


def job_update(new: Any, old: Any, out: Errors) -> None:
    """A Job being changed: hardly anything but its parallelism may."""
    if new.spec is old.spec:
        return
    job(new, out)
    spec, before = new.spec, old.spec
    elastic = spec.completionMode == "Indexed" and spec.completions == spec.parallelism
    if not elastic:
        checks.unchanged("spec.completions", spec.completions, before.completions, out)
    checks.unchanged("spec.selector", spec.selector, before.selector, out)
    if not before.suspend and spec.template != before.template:
        shown = internal.template(spec.template)
        out.append(errors.invalid("spec.template", shown, checks.IMMUTABLE))
    for name in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy"):
        checks.unchanged(f"spec.{name}", getattr(spec, name), getattr(before, name), out)


def job_status_update(new: Any, old: Any, out: Errors) -> None:
    """A Job's status being reported."""
    for name in ("active", "succeeded", "failed"):
        checks.non_negative(f"status.{name}", getattr(new.status, name), out)


# --- CronJobs


@lru_cache
def is_time_zone(name: str) -> bool:
    """Whether there is such a time zone, by the machine's or Python's own list."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A machine without the list knows no zone at all: then nothing can be said.
        known = find_spec("tzdata") is not None or _knows("Europe/Berlin")
        return not known
    return True


def _knows(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def cron_job(obj: Any, out: Errors) -> None:
    """A CronJob."""
    spec = obj.spec
    if checks.required("spec.schedule", spec.schedule, out):
        _schedule(spec, out)
    checks.non_negative("spec.startingDeadlineSeconds", spec.startingDeadlineSeconds, out)
    if spec.timeZone is not None:
        _time_zone("spec.timeZone", spec.timeZone, out)
    policies = ("Allow", "Forbid", "Replace")
    checks.required_one_of("spec.concurrencyPolicy", spec.concurrencyPolicy, policies, out)
    template = spec.jobTemplate.spec if spec.jobTemplate is not None else None
    if template is None:
        out.append(errors.required("spec.jobTemplate.spec.template.spec.containers"))
    else:
        _generated(template, out)
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        checks.non_negative(f"spec.{name}", getattr(spec, name), out)
    name = obj.metadata.name or ""
    if len(name) > LONGEST_NAME:
        why = f"must be no more than {LONGEST_NAME} characters"
        out.append(errors.invalid("metadata.name", name, why))


def _generated(spec: Any, out: Errors) -> None:
    """A Job's spec in a CronJob: its mode has no default there, and its selector is generated."""
    path = "spec.jobTemplate.spec"
    for name in _NUMBERS:
        checks.non_negative(f"{path}.{name}", getattr(spec, name), out)
    _template(f"{path}.template", spec, out)
    if spec.selector is not None:
        why = "`selector` will be auto-generated"
        out.append(errors.invalid(f"{path}.selector", spec.selector, why))
    if spec.manualSelector:
        out.append(errors.not_supported(f"{path}.manualSelector", True, ("nil", "false")))


def _schedule(spec: Any, out: Errors) -> None:
    text = spec.schedule
    if "TZ" in text:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        if spec.timeZone is not None:
            why = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        out.append(errors.invalid("spec.schedule", text, why))
        return
    try:
        cron.parse(text)
    except cron.CronError as error:
        out.append(errors.invalid("spec.schedule", text, str(error)))


def _time_zone(path: str, name: str, out: Errors) -> None:
    if not name:
        why = "timeZone must be nil or non-empty string"
        out.append(errors.invalid(path, name, why))
    elif name.lower() == "local":
        why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        out.append(errors.invalid(path, name, why))
    elif not is_time_zone(name):
        out.append(errors.invalid(path, name, f"unknown time zone {name}"))


def cron_job_update(new: Any, old: Any, out: Errors) -> None:
    """A CronJob being changed."""
    if new.spec is not old.spec:
        cron_job(new, out)
