"""Jobs and CronJobs. Source: `pkg/apis/batch/validation/validation.go`."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kubecourse.api import cron
from kubecourse.api.errors import FieldError
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


def _exit_codes(requirement: Any, out: Errors) -> None:
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


_FAILURE_RULE = r.struct(
    ("action", r.given(r.one_of("Count", "FailIndex", "FailJob", "Ignore"))),
    _codes_or_conditions,
    ("onExitCodes", r.struct(("operator", r.given(r.one_of("In", "NotIn"))), _exit_codes)),
)


def _success(spec: Any, out: Errors) -> None:
    if spec.successPolicy is None:
        return
    path, rules = "successPolicy.rules", spec.successPolicy.rules
    if spec.completionMode != "Indexed":
        why = "requires indexed completion mode"
        out.invalid("successPolicy", internal.shown(spec.successPolicy), why)
    elif not rules:
        out.required(
            path, "at least one rules must be specified when the successPolicy is specified"
        )
    for index, rule in enumerate(rules or ()):
        count, most = rule.succeededCount, spec.completions or 0
        if count is None and rule.succeededIndexes is None:
            why = "at least one of succeededCount or succeededIndexes must be specified"
            out.required(f"{path}[{index}]", why)
        if count is not None and not 0 <= count <= most:
            why = f"must be less than or equal to {most} (the number of specified completions)"
            out.invalid(
                f"{path}[{index}].succeededCount", count, why if count > most else r.NOT_NEGATIVE
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
_MANAGER = r.refuse(
    lambda name: "/" not in name,
    'must be a domain-prefixed path (such as "acme.io/foo")',
)
_JOB = r.struct(
    _NUMBERS,
    ("completionMode", r.one_of("Indexed", "NonIndexed")),
    _mode,
    ("podFailurePolicy", r.struct(("rules", r.each(_FAILURE_RULE)))),
    _success,
    _replacement,
    ("managedBy", _MANAGER),
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
    if zone is not None and zone.lower() == "local":
        where = "https://www.iana.org/time-zones"
        out.invalid(
            "timeZone", zone, f"timeZone must be an explicit time zone as defined in {where}"
        )
    elif zone is not None and not (zone and _is_time_zone(zone)):
        why = f"unknown time zone {zone}" if zone else "timeZone must be nil or non-empty string"
        out.invalid("timeZone", zone, why)


def _generated(spec: Any, out: Errors) -> None:
    # A Job's selector is generated, so a CronJob cannot say it.
    if spec.selector is not None:
        out.invalid("selector", spec.selector, "`selector` will be auto-generated")
    if spec.manualSelector:
        out.unsupported("manualSelector", True, ("nil", "false"))


def _short_name(obj: Any, out: Errors) -> None:
    # The names of its Jobs add eleven characters to its own.
    if len(obj.metadata.name or "") > 52:
        out.invalid("metadata.name", obj.metadata.name, "must be no more than 52 characters")


_CRON_JOB = r.struct(
    _schedule,
    r.not_negatives("startingDeadlineSeconds"),
    ("concurrencyPolicy", r.given(r.one_of("Allow", "Forbid", "Replace"))),
    ("jobTemplate", r.struct(("spec", r.struct(_NUMBERS, _template, _generated)))),
    r.not_negatives("successfulJobsHistoryLimit", "failedJobsHistoryLimit"),
)
CRON_JOB = r.struct(("spec", _CRON_JOB), _short_name)
