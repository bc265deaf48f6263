"""Jobs and CronJobs. Source: `pkg/apis/batch/validation/validation.go`."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kubecourse.api import cron
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.control_plane.apiserver.validation import internal, pod
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR
from kubecourse.control_plane.apiserver.validation.workloads import carries_selected

_LONGEST_NAME = 52
"""A CronJob's Jobs add eleven characters to its name."""

# --- Jobs


def _mode(spec: Any, out: Errors) -> None:
    if spec.completionMode == "Indexed" and spec.completions is None:
        out.required("completions", "when completion mode is Indexed")
    for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
        value = getattr(spec, name)
        if spec.completionMode == "NonIndexed" and value is not None:
            out.invalid(name, value, "requires indexed completion mode")


def _codes_or_conditions(rule: Any, out: Errors) -> None:
    codes, conditions = rule.onExitCodes is not None, bool(rule.onPodConditions)
    if codes is conditions:
        why = "specifying one of OnExitCodes and OnPodConditions is required"
        if codes:
            why = "specifying both OnExitCodes and OnPodConditions is not supported"
        out.invalid("", internal.shown(rule), why)


_SOME = r.even_absent(r.refuse(lambda codes: not codes, "at least one value is required"))
_ON_CODES = r.struct(("operator", r.given(r.one_of("In", "NotIn"))), ("values", _SOME))
_FAILURE_RULE = r.struct(
    ("action", r.given(r.one_of("Count", "FailIndex", "FailJob", "Ignore"))),
    _codes_or_conditions,
    ("onExitCodes", _ON_CODES),
)


def _replacement(spec: Any, out: Errors) -> None:
    policies = ("Failed",) if spec.podFailurePolicy else ("TerminatingOrFailed", "Failed")
    at("podReplacementPolicy", r.one_of(*policies), spec.podReplacementPolicy, out)


def _template(spec: Any, out: Errors) -> None:
    at("template", pod.template, spec.template, out)
    path, policy = "template.spec.restartPolicy", spec.template.spec.restartPolicy
    if policy == "Always":
        out.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        out.unsupported(path, policy, ("OnFailure", "Never"))
    elif spec.podFailurePolicy is not None and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        out.invalid(path, policy, why)


_NUMBERS = r.not_negatives(
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
    "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes",
)  # fmt: skip
_JOB = r.struct(
    _NUMBERS,
    ("completionMode", r.one_of("Indexed", "NonIndexed")),
    _mode,
    ("podFailurePolicy", r.struct(("rules", r.each(_FAILURE_RULE)))),
    _replacement,
    _template,
    ("selector", r.given(LABEL_SELECTOR)),
    carries_selected,
)


def _own_selector(obj: Any, out: Errors) -> None:
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


JOB = r.struct(_own_selector, ("spec", _JOB))


def job_change(new: Any, old: Any, out: Errors) -> None:
    """Hardly anything of a Job but its parallelism may change."""
    spec, before = new.spec, old.spec
    elastic = spec.completionMode == "Indexed" and spec.completions == spec.parallelism
    for name in (
        "completions", "selector", "template", "completionMode", "podFailurePolicy",
        "backoffLimitPerIndex", "managedBy",
    ):  # fmt: skip
        value = getattr(spec, name)
        free = {"completions": elastic, "template": before.suspend}.get(name)
        if value != getattr(before, name) and not free:
            shown = internal.template(value) if name == "template" else value
            out.invalid(f"spec.{name}", shown, r.IMMUTABLE)


_JOB_STATUS = r.not_negatives("active", "succeeded", "failed")


def job_status(new: Any, old: Any, out: Errors) -> None:
    """A Job's status being reported."""
    at("status", _JOB_STATUS, new.status, out)


# --- CronJobs


def _exists(zone: str) -> bool:
    try:
        return bool(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


@lru_cache
def _is_time_zone(name: str) -> bool:
    # A machine without any list knows no zone at all: then nothing can be said.
    return _exists(name) or (find_spec("tzdata") is None and not _exists("Europe/Berlin"))


def _time_zone(name: str, out: Errors) -> None:
    if name.lower() == "local":
        where = "https://www.iana.org/time-zones"
        out.invalid("", name, f"timeZone must be an explicit time zone as defined in {where}")
    elif not name or not _is_time_zone(name):
        why = f"unknown time zone {name}" if name else "timeZone must be nil or non-empty string"
        out.invalid("", name, why)


def _schedule(spec: Any, out: Errors) -> None:
    text = spec.schedule
    if not text:
        out.required("schedule")
    elif "TZ" in text:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        if spec.timeZone is not None:
            why = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        out.invalid("schedule", text, why)
    else:
        try:
            cron.parse(text)
        except cron.CronError as error:
            out.invalid("schedule", text, str(error))


def _generated(spec: Any, out: Errors) -> None:
    """A Job's selector is generated, so a CronJob cannot say it."""
    if spec.selector is not None:
        out.invalid("selector", spec.selector, "`selector` will be auto-generated")
    if spec.manualSelector:
        out.unsupported("manualSelector", True, ("nil", "false"))


def _short_name(obj: Any, out: Errors) -> None:
    if len(obj.metadata.name or "") > _LONGEST_NAME:
        why = f"must be no more than {_LONGEST_NAME} characters"
        out.invalid("metadata.name", obj.metadata.name, why)


_CRON_JOB = r.struct(
    _schedule,
    r.not_negatives("startingDeadlineSeconds"),
    ("timeZone", _time_zone),
    ("concurrencyPolicy", r.given(r.one_of("Allow", "Forbid", "Replace"))),
    ("jobTemplate", r.struct(("spec", r.struct(_NUMBERS, _template, _generated)))),
    r.not_negatives("successfulJobsHistoryLimit", "failedJobsHistoryLimit"),
)
CRON_JOB = r.struct(("spec", _CRON_JOB), _short_name)
