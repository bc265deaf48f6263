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


_FAILURE_RULE = r.struct(
    ("action", r.given(r.one_of("Count", "FailIndex", "FailJob", "Ignore"))),
    _codes_or_conditions,
    ("onExitCodes", r.struct(("operator", r.given(r.one_of("In", "NotIn"))))),
)


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
    ("podReplacementPolicy", r.one_of("TerminatingOrFailed", "Failed")),
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


def _schedule(spec: Any, out: Errors) -> None:
    text, zone = spec.schedule, spec.timeZone
    if not text:
        out.required("schedule")
    elif "TZ" in text:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        if zone is not None:
            why = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        out.invalid("schedule", text, why)
    else:
        try:
            cron.parse(text)
        except cron.CronError as error:
            out.invalid("schedule", text, str(error))
    if zone is not None and not _is_time_zone(zone):
        out.invalid("timeZone", zone, f"unknown time zone {zone}")


def _short_name(obj: Any, out: Errors) -> None:
    # The names of its Jobs add eleven characters to its own.
    if len(obj.metadata.name or "") > 52:
        out.invalid("metadata.name", obj.metadata.name, "must be no more than 52 characters")


_CRON_JOB = r.struct(
    _schedule,
    r.not_negatives("startingDeadlineSeconds"),
    ("concurrencyPolicy", r.given(r.one_of("Allow", "Forbid", "Replace"))),
    ("jobTemplate", r.struct(("spec", r.struct(_NUMBERS, _template)))),
    r.not_negatives("successfulJobsHistoryLimit", "failedJobsHistoryLimit"),
)
CRON_JOB = r.struct(("spec", _CRON_JOB), _short_name)
