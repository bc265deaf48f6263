"""Defaults of Jobs and CronJobs. Source: `pkg/apis/batch/v1/defaults.go`."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.control_plane.apiserver.defaults.fill import fill, listed, put, within
from kubecourse.control_plane.apiserver.defaults.pod import template

_FOREVER = 2**31 - 1


def _pattern(pattern: Any) -> Any:
    return fill(pattern, status="True")


def _rule(rule: Any) -> Any:
    return within(rule, onPodConditions=listed(_pattern))


def _failure_policy(policy: Any) -> Any:
    return within(policy, rules=listed(_rule))


def _job_spec(spec: Any) -> Any:
    if spec.completions is None and spec.parallelism is None:
        spec = replace(spec, completions=1, parallelism=1)
    spec = fill(
        spec,
        parallelism=1,
        backoffLimit=6 if spec.backoffLimitPerIndex is None else _FOREVER,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy="TerminatingOrFailed" if spec.podFailurePolicy is None else "Failed",
    )
    return within(spec, podFailurePolicy=_failure_policy, template=template)


def job(obj: Any) -> Any:
    """Defaults of a Job; without labels it takes those of its pods."""
    obj = within(obj, spec=_job_spec)
    pods = obj.spec.template.metadata if obj.spec is not None and obj.spec.template else None
    if obj.metadata is None or obj.metadata.labels or pods is None or not pods.labels:
        return obj
    return replace(obj, metadata=replace(obj.metadata, labels=pods.labels))


def _job_template(value: Any) -> Any:
    return within(value, spec=_template_spec)


def _template_spec(spec: Any) -> Any:
    return within(spec, template=template)


def _cron_job_spec(spec: Any) -> Any:
    spec = fill(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    return put(spec, jobTemplate=_job_template(spec.jobTemplate))


def cron_job(obj: Any) -> Any:
    """Defaults of a CronJob."""
    return within(obj, spec=_cron_job_spec)
