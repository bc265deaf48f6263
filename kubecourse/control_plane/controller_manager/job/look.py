"""A Job and its pods as they are: what counts, what has ended, and how the Job is to end.

Source: `pkg/controller/job/job_controller.go`, `indexed_job_utils.go`, `backoff_utils.go`.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

from kubecourse.api import conditions
from kubecourse.clock import Clock
from kubecourse.control_plane.controller_manager.job import indexes, policy
from kubecourse.control_plane.controller_manager.pods import (
    FINISHED,
    by_age,
    is_active,
    is_ready,
    is_terminating,
)

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer that keeps a pod until its Job has counted it."""
FIRST_BACKOFF, LONGEST_BACKOFF = 10.0, 600.0
"""Seconds from a pod's failure to its replacement; they double with each failure."""

Ending = tuple[str, str, str]
"""The condition that a Job is to end with: type, reason, message."""

FAILURE, SUCCESS = "FailureTarget", "SuccessCriteriaMet"
LIMIT = FAILURE, "BackoffLimitExceeded", "Job has reached the specified backoff limit"
DEADLINE = FAILURE, "DeadlineExceeded", "Job was active longer than specified deadline"
TOO_MANY_INDEXES = (
    FAILURE,
    "MaxFailedIndexesExceeded",
    "Job has exceeded the specified maximal number of failed indexes",
)
FAILED_INDEXES = FAILURE, "FailedIndexes", "Job has failed indexes"
COMPLETE = SUCCESS, "CompletionsReached", "Reached expected number of succeeded pods"


class Backoff(NamedTuple):
    """How often pods have failed since one succeeded, and when the last did."""

    failures: int = 0
    last: float = 0.0

    def remaining(self, now: float) -> float:
        """Seconds until a pod may be created again."""
        return self.last + backoff(self.failures) - now if self.failures else 0.0


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures."""
    return float(min(FIRST_BACKOFF * 2 ** min(failures - 1, 10), LONGEST_BACKOFF))


def finished(job: Any) -> Any | None:
    """The condition that says that a Job is over, and how."""
    for condition in job.status.conditions or ():
        if condition.type in ("Complete", "Failed") and condition.status == "True":
            return condition
    return None


def is_tracked(pod: Any) -> bool:
    """Whether a pod has yet to be counted."""
    return TRACKING in (pod.metadata.finalizers or ())


def ended_at(pod: Any, clock: Clock) -> float:
    """The second at which a pod ended: its containers say, or its conditions, or its deletion."""
    states = [status.state for status in pod.status.containerStatuses or ()]
    ends = [state.terminated for state in states if state and state.terminated]
    times = [end.finishedAt for end in ends if end.finishedAt]
    if times and len(times) == len(states):
        return clock.seconds(max(times))
    ready = conditions.get(pod.status.conditions, "Ready")
    if ready is not None and ready.status == "False" and ready.lastTransitionTime is not None:
        return clock.seconds(ready.lastTransitionTime)
    metadata = pod.metadata
    if metadata.deletionTimestamp is not None:
        grace = metadata.deletionGracePeriodSeconds or 0
        return clock.seconds(metadata.deletionTimestamp) - grace
    return clock.seconds(metadata.creationTimestamp)


class Look:
    """What a Job's pods amount to.

    `new_succeeded` and `new_failed` are tracked pods that have ended and are in no list yet.
    """

    def __init__(self, job: Any, pods: list[Any], clock: Clock) -> None:
        spec, status = job.spec, job.status
        self.job = job
        self.clock = clock
        self.pods = pods
        self.suspended = bool(spec.suspend)
        self.indexed = spec.completionMode == "Indexed"
        self.per_index = spec.backoffLimitPerIndex is not None
        self.waits_for_terminating = spec.podReplacementPolicy == "Failed"
        self.active = [pod for pod in pods if is_active(pod)]
        self.terminating = sum(is_terminating(pod) for pod in pods)
        self.ready = sum(is_ready(pod) for pod in self.active)
        self.tracked = [pod for pod in pods if is_tracked(pod)]
        uncounted = status.uncountedTerminatedPods
        self.listed_succeeded = list((uncounted.succeeded if uncounted else None) or ())
        self.listed_failed = list((uncounted.failed if uncounted else None) or ())
        listed = {*self.listed_succeeded, *self.listed_failed}
        fresh = [p for p in self.tracked if p.metadata.uid not in listed and self._belongs(p)]
        self.new_succeeded = [pod for pod in fresh if pod.status.phase == "Succeeded"]
        self.new_failed = [pod for pod in fresh if self.has_failed(pod)]
        self.completed: set[int] = set()
        self.failed_indexes: set[int] = set()
        self.retrying: dict[int, Any] = {}
        done = len(self.listed_succeeded) + len(self.new_succeeded)
        self.succeeded = (status.succeeded or 0) + done
        self.failed = (status.failed or 0) + len(self.listed_failed)
        self.failed += sum(policy.judge(job, pod).counts for pod in self.new_failed)
        if self.indexed:
            self._look_at_indexes()

    def _belongs(self, pod: Any) -> bool:
        return not self.indexed or indexes.index_of(pod, self.job.spec.completions) is not None

    def has_failed(self, pod: Any) -> bool:
        """Whether a pod counts as failed: also when it is being deleted, if that replaces it."""
        if pod.status.phase in FINISHED:
            return bool(pod.status.phase == "Failed")
        return pod.metadata.deletionTimestamp is not None and not self.waits_for_terminating

    def _look_at_indexes(self) -> None:
        status = self.job.status
        completions = self.job.spec.completions
        done = [indexes.index_of(pod) for pod in self.new_succeeded]
        before = {i for i in indexes.parse(status.completedIndexes) if i < completions}
        self.completed = before | {index for index in done if index is not None}
        self.succeeded = len(self.completed)
        if not self.per_index:
            return
        self.failed_indexes = {i for i in indexes.parse(status.failedIndexes) if i < completions}
        limit = self.job.spec.backoffLimitPerIndex
        last: dict[int, Any] = {}
        for pod in self.tracked:
            index = indexes.index_of(pod, completions)
            if index is None or not self.has_failed(pod):
                continue
            judged = policy.judge(self.job, pod).action
            count = indexes.failures(pod)[0]
            if judged == "FailIndex" or (judged != "Ignore" and count >= limit):
                self.failed_indexes.add(index)
            elif index not in last or _tries(pod) > _tries(last[index]):
                last[index] = pod
        # A failed pod is kept until its successor has taken over its count.
        replaced = {indexes.index_of(pod): _tries(pod) for pod in self.active}
        self.retrying = {
            index: pod
            for index, pod in last.items()
            if index not in self.failed_indexes
            and index not in self.completed
            and replaced.get(index, -1) <= _tries(pod)
        }

    # --- how it ends

    def ending(self) -> Ending | None:
        """How the Job is to end, if it is: as was decided before, or by what its pods say."""
        for kind in (SUCCESS, FAILURE):
            known = conditions.get(self.job.status.conditions, kind)
            if known is not None and known.status == "True":
                return kind, known.reason or "", known.message or ""
        for pod in self.pods:
            if self.has_failed(pod):
                message = policy.judge(self.job, pod).message
                if message is not None:
                    return FAILURE, "PodFailurePolicy", message
        spec = self.job.spec
        if self.failed > spec.backoffLimit or self._restarted_too_often():
            return LIMIT
        if self.until_deadline() == 0:
            return DEADLINE
        if self.per_index:
            failed = len(self.failed_indexes)
            if spec.maxFailedIndexes is not None and failed > spec.maxFailedIndexes:
                return TOO_MANY_INDEXES
            if failed and failed + len(self.completed) >= spec.completions:
                return FAILED_INDEXES
        if self.indexed:
            message = policy.success(self.job, self.completed)
            if message is not None:
                return SUCCESS, "SuccessPolicy", message
        return None

    def _restarted_too_often(self) -> bool:
        """With `restartPolicy: OnFailure` the restarts of containers count."""
        if self.job.spec.template.spec.restartPolicy != "OnFailure":
            return False
        running = [p.status for p in self.pods if p.status.phase in ("Running", "Pending")]
        restarts = sum(
            container.restartCount or 0
            for status in running
            for container in (
                *(status.initContainerStatuses or ()),
                *(status.containerStatuses or ()),
            )
        )
        return restarts >= max(self.job.spec.backoffLimit, 1)

    def until_deadline(self) -> float | None:
        """Seconds left to the Job, None if there is no limit."""
        limit, since = self.job.spec.activeDeadlineSeconds, self.job.status.startTime
        if limit is None or self.suspended:
            return None
        if since is None:
            return float(limit)
        return max(0.0, self.clock.seconds(since) + limit - self.clock.now)

    def is_complete(self, active: int) -> bool:
        wanted = self.job.spec.completions
        enough = self.succeeded > 0 if wanted is None else self.succeeded >= wanted
        return enough and active == 0

    # --- what is missing

    def wanted(self) -> int:
        spec = self.job.spec
        if self.suspended:
            return 0
        if spec.completions is None:
            return len(self.active) if self.succeeded else int(spec.parallelism)
        return int(max(0, min(spec.completions - self.succeeded, spec.parallelism)))

    def pending_indexes(self, count: int) -> list[int]:
        """The first indexes without a pod that is active, has succeeded or has failed for good."""
        pods = self.active
        if self.waits_for_terminating:
            pods = [pod for pod in self.pods if pod.status.phase not in FINISHED]
        taken = {indexes.index_of(pod) for pod in pods} | self.completed | self.failed_indexes
        free = (index for index in range(self.job.spec.completions) if index not in taken)
        return list(islice(free, count))

    def surplus_indexes(self) -> list[Any]:
        """Active pods whose index is another's, or out of range."""
        seen: set[int] = set()
        surplus = []
        for pod in sorted(self.active, key=by_age) if self.indexed else ():
            index = indexes.index_of(pod, self.job.spec.completions)
            if index is None or index in seen:
                surplus.append(pod)
            else:
                seen.add(index)
        return surplus

    def index_backoff(self, index: int) -> float:
        """Seconds until a pod of an index may be created again."""
        pod = self.retrying.get(index)
        if pod is None:
            return 0.0
        return ended_at(pod, self.clock) + backoff(_tries(pod) + 1) - self.clock.now

    def backoff_after(self, known: Backoff) -> Backoff:
        ended = [(ended_at(pod, self.clock), 0) for pod in self.new_succeeded]
        ended += [(ended_at(pod, self.clock), 1) for pod in self.new_failed]
        for when, failed in sorted(ended):
            known = Backoff(known.failures + 1, when) if failed else Backoff()
        return known


def _tries(pod: Any) -> int:
    return sum(indexes.failures(pod))
