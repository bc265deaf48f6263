"""What a Job's author says about its pods' failures and successes.

Source: `pkg/controller/job/pod_failure_policy.go`, `success_policy.go`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubecourse.control_plane.controller_manager.job import indexes


class Verdict(NamedTuple):
    """What a failure policy makes of a pod: the action, and why if that is to fail the Job."""

    action: str | None = None
    message: str | None = None

    @property
    def counts(self) -> bool:
        return self.action != "Ignore"


def judge(job: Any, pod: Any) -> Verdict:
    """What a Job's failure policy says of a failed pod: the first rule that fits decides."""
    policy = job.spec.podFailurePolicy
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        why = None
        if rule.onExitCodes is not None:
            why = _by_exit_code(rule.onExitCodes, pod)
        elif rule.onPodConditions:
            why = _by_condition(rule.onPodConditions, pod)
        if why is None or (rule.action == "FailIndex" and job.spec.backoffLimitPerIndex is None):
            continue
        if rule.action != "FailJob":
            return Verdict(rule.action)
        return Verdict("FailJob", f"{why} matching FailJob rule at index {number}")
    return Verdict()


def _by_exit_code(rule: Any, pod: Any) -> str | None:
    statuses = [*(pod.status.containerStatuses or ()), *(pod.status.initContainerStatuses or ())]
    for status in statuses:
        ended = status.state.terminated if status.state is not None else None
        if ended is None or (ended.exitCode or 0) == 0:
            continue
        if rule.containerName and rule.containerName != status.name:
            continue
        if (ended.exitCode in (rule.values or ())) == (rule.operator == "In"):
            where = f"{pod.metadata.namespace}/{pod.metadata.name}"
            return f"Container {status.name} for pod {where} failed with exit code {ended.exitCode}"
    return None


def _by_condition(patterns: list[Any], pod: Any) -> str | None:
    for condition in pod.status.conditions or ():
        for pattern in patterns:
            if condition.type == pattern.type and condition.status == pattern.status:
                where = f"{pod.metadata.namespace}/{pod.metadata.name}"
                return f"Pod {where} has condition {condition.type}"
    return None


def success(job: Any, succeeded: set[int]) -> str | None:
    """Why a Job counts as successful although not all indexes have completed, or None."""
    policy = job.spec.successPolicy
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        wanted = indexes.parse(rule.succeededIndexes) if rule.succeededIndexes else None
        met = succeeded if wanted is None else succeeded & wanted
        needed = len(wanted or ()) if rule.succeededCount is None else rule.succeededCount
        if len(met) >= needed:
            return f"Matched rules at index {number}"
    return None
