"""Runs pods to completion.

Source: `pkg/controller/job/job_controller.go`. A pod that has ended is noted in the Job's status,
then let go, then counted, so that it counts once whatever happens in between.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.api.memo import memo
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import (
    WRITE_TIME,
    controller_of,
    write_status,
)
from kubecourse.control_plane.controller_manager.job import indexes, policy
from kubecourse.control_plane.controller_manager.job.look import (
    COMPLETE,
    TRACKING,
    Backoff,
    Condition,
    Ending,
    Look,
    finished,
    is_tracked,
)
from kubecourse.control_plane.controller_manager.pod_control import pod_from_template
from kubecourse.control_plane.controller_manager.pod_ranking import pods_to_delete
from kubecourse.control_plane.controller_manager.pods import is_ready
from kubecourse.control_plane.controller_manager.workload import WorkloadController

Pod = models.core_v1.Pod
Key = tuple[str, str]

BATCH_PERIOD = 1.0
"""Seconds for which changes of a Job's pods gather until it is looked at."""
BURST = 500
"""Pods created or deleted at one look at most."""
_FINAL = {"FailureTarget": "Failed", "SuccessCriteriaMet": "Complete"}


class JobController(WorkloadController):
    """Creates pods until enough have succeeded, or too many failed."""

    name = "job-controller"
    model = models.batch_v1.Job

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._backoffs: dict[str, Backoff] = {}

    def forget(self) -> None:
        super().forget()
        self._backoffs.clear()

    # --- hearing

    def patience(self, uid: str) -> float:
        return BATCH_PERIOD

    def owner_changed(self, old: Any, new: Any) -> None:
        if old is not None and new is not None:
            if old.metadata.generation == new.metadata.generation:
                self.queue.add_after(key_of(new), BATCH_PERIOD)
                return
        elif new is None:
            self._backoffs.pop(old.metadata.uid, None)
            for pod in list(self.pods_of(old.metadata.uid)):
                self._release(pod)
        super().owner_changed(old, new)

    def pod_changed(self, old: Any, new: Any) -> None:
        super().pod_changed(old, new)
        if new is not None and new.metadata.deletionTimestamp is not None and is_tracked(new):
            owner = controller_of(new)
            if owner is None or (owner.kind == "Job" and owner.uid not in self.expected):
                self._release(new)  # nobody is left to count it

    # --- working

    def reconcile(self, key: Key) -> Result | None:
        job = self.owners.get(*key)
        if job is None or finished(job) is not None:
            return None
        look = Look(job, list(self.pods_of(job.metadata.uid)), self.clock)
        uid = job.metadata.uid
        backoff = look.backoff_after(self._backoffs.get(uid, Backoff()))
        status = job.status
        if status.startTime is None and not look.suspended:
            status = replace(status, startTime=self.clock.utc())
        ending = look.ending()
        active, waits, problem = len(look.active), [look.until_deadline()], None
        if ending is not None:
            problem = self._stop(look)
            active = len(look.active) if problem is not None else 0
            ending = ending if problem is None else None
        else:
            managed = self.expected[uid].satisfied(self.clock.now)
            managed = managed and job.metadata.deletionTimestamp is None
            if managed:
                active, wait, problem = self._manage(look, backoff)
                waits.append(wait)
            if look.is_complete(active):
                ending = COMPLETE
            elif managed:
                status = self._suspension(look, status)
        status, leaving, over = self._count(look, status, ending, active)
        stored = write_status(self.client, job, status)
        self._backoffs[uid] = backoff
        for pod in leaving:
            self._release(pod)
        if over is not None:
            self._tell_end(stored, over)
        if problem is not None:
            raise problem
        if leaving or (ending is not None and over is None):
            return Result(WRITE_TIME) if leaving else None
        left = [wait for wait in waits if wait is not None and wait > 0]
        return Result(min(left)) if left else None

    def _stop(self, look: Look) -> ApiError | None:
        """Delete the active pods of a Job that is about to end. They will be counted."""
        expected = self.expected[look.job.metadata.uid]
        names = [pod.metadata.name for pod in look.active]
        problem = self.control.delete(look.job, names, expected) if names else None
        if problem is None:
            look.terminating += len(look.active)
            look.ready = 0
        return problem

    def _manage(self, look: Look, backoff: Backoff) -> tuple[int, float | None, ApiError | None]:
        """Delete or create pods.

        Returns how many are then active, when to try again and the first problem.
        """
        job, have, wanted = look.job, len(look.active), look.wanted()
        expected = self.expected[job.metadata.uid]
        doomed = look.surplus_indexes()
        if have - wanted > len(doomed):
            others = [pod for pod in look.active if pod not in doomed]
            more = have - wanted - len(doomed)
            doomed += pods_to_delete(others, (), more, self.clock)
        if doomed := doomed[:BURST]:
            self.note(key_of(job), f"wants {wanted}, has {have}: delete {len(doomed)}")
            for pod in doomed:
                self._release(pod)
            names = [pod.metadata.name for pod in doomed]
            problem = self.control.delete(job, names, expected)
            if problem is not None:
                return have, None, problem
            look.terminating += len(doomed)
            look.ready -= sum(is_ready(pod) for pod in doomed)
            return have - len(doomed), None, None
        missing = wanted - have - (look.terminating if look.waits_for_terminating else 0)
        if missing <= 0:
            return have, None, None
        wait = 0.0 if look.per_index else backoff.remaining(self.clock.now)
        if wait > 0:
            self.note(key_of(job), f"wants {wanted}, has {have}: wait {wait:.1f} s to try again")
            return have, wait, None
        pods, later = self._new_pods(look, min(missing, BURST))
        if not pods:
            return have, later, None
        self.note(key_of(job), f"wants {wanted}, has {have}: create {len(pods)}")
        created, problem = self.control.create(job, pods, expected)
        return have + created, later, problem

    def _new_pods(self, look: Look, count: int) -> tuple[list[Any], float | None]:
        """The pods to create now, and in how many seconds there will be more."""
        if not look.indexed:
            finalizers = [*(look.job.spec.template.metadata.finalizers or ()), TRACKING]
            return [pod_from_template(look.job, finalizers=finalizers)] * count, None
        pods: list[Any] = []
        waits: list[float] = []
        for index in look.pending_indexes(count):
            wait = look.index_backoff(index)
            if wait > 0:
                waits.append(wait)
            else:
                pods.append(_indexed_pod(look, index))
        return pods, min(waits, default=None)

    def _suspension(self, look: Look, status: Any) -> Any:
        """The status with the condition Suspended, if that is news."""
        known = conditions.get(status.conditions, "Suspended")
        if look.suspended == (known is not None and known.status == "True"):
            return status
        what = "suspended" if look.suspended else "resumed"
        self.recorder.normal(look.job, what.capitalize(), f"Job {what}")
        condition = self._condition(
            "Suspended", f"Job{what.capitalize()}", f"Job {what}", str(look.suspended)
        )
        status = replace(status, conditions=conditions.put(status.conditions, condition))
        return status if look.suspended else replace(status, startTime=self.clock.utc())

    # --- counting

    def _count(
        self, look: Look, status: Any, ending: Ending | None, active: int
    ) -> tuple[Any, list[Any], Any | None]:
        """The new status, the pods that can go once it is written, and the end if this is it."""
        leaving = [pod for pod in look.tracked if self._may_leave(look, pod, ending)]
        tracked = {pod.metadata.uid for pod in look.tracked}
        succeeded = [uid for uid in look.listed_succeeded if uid in tracked]
        failed = [uid for uid in look.listed_failed if uid in tracked]
        counts = {
            "succeeded": (status.succeeded or 0) + len(look.listed_succeeded) - len(succeeded),
            "failed": (status.failed or 0) + len(look.listed_failed) - len(failed),
        }
        failing = ending is not None and ending[0] == "FailureTarget"
        completions = look.job.spec.completions
        for pod in leaving:
            uid = pod.metadata.uid
            if look.indexed and indexes.index_of(pod, completions) is None:
                continue
            if pod.status.phase == "Succeeded":
                if not look.indexed and uid not in succeeded:
                    succeeded.append(uid)
                continue
            counts_as_failed = failing or look.has_failed(pod)
            if counts_as_failed and uid not in failed and policy.judge(look.job, pod).counts:
                failed.append(uid)
        if look.indexed:
            counts["succeeded"] = len(look.completed)
        status = replace(
            status,
            active=active or None,
            ready=look.ready,
            terminating=look.terminating,
            uncountedTerminatedPods=models.batch_v1.UncountedTerminatedPods(
                failed=failed or None, succeeded=succeeded or None
            ),
            completedIndexes=indexes.text_of(look.completed) or None,
            failedIndexes=indexes.text_of(look.failed_indexes) if look.per_index else None,
            succeeded=counts["succeeded"] or None,
            failed=counts["failed"] or None,
        )
        if ending is None:
            return status, leaving, None
        if conditions.get(status.conditions, ending[0]) is None:
            status = self._with_condition(status, *ending)
        if succeeded or failed or leaving or look.terminating:
            return status, leaving, None
        status = self._with_condition(status, _FINAL[ending[0]], *ending[1:])
        over = status.conditions[-1]
        if over.type == "Complete":
            status = replace(status, completionTime=over.lastTransitionTime)
        return status, leaving, over

    def _may_leave(self, look: Look, pod: Any, ending: Ending | None) -> bool:
        """Whether a pod can be let go: it has ended, or the Job has."""
        if ending is not None or look.job.metadata.deletionTimestamp is not None:
            return True
        if pod.status.phase == "Succeeded":
            return True
        return look.has_failed(pod) and look.retrying.get(indexes.index_of(pod) or 0) is not pod

    def _condition(self, kind: str, reason: str, message: str, status: str = "True") -> Any:
        now = self.clock.utc()
        return Condition(
            type=kind,
            status=status,
            reason=reason,
            message=message,
            lastProbeTime=now,
            lastTransitionTime=now,
        )

    def _with_condition(self, status: Any, kind: str, reason: str, message: str) -> Any:
        condition = self._condition(kind, reason, message)
        return replace(status, conditions=[*(status.conditions or ()), condition])

    def _release(self, pod: Any) -> None:
        """Let a pod go, as far as its Job is concerned. Raises ApiError."""
        with ignoring("NotFound"):
            fresh: Any = self.client.get(Pod, pod.metadata.name, pod.metadata.namespace)
            if fresh.metadata.uid == pod.metadata.uid and is_tracked(fresh):
                left = [each for each in fresh.metadata.finalizers if each != TRACKING]
                metadata = replace(fresh.metadata, finalizers=left or None)
                self.client.update(replace(fresh, metadata=metadata))

    def _tell_end(self, job: Any, over: Any) -> None:
        if over.type == "Failed":
            self.recorder.warning(job, over.reason, over.message)
            return
        wanted = job.spec.completions
        if wanted is not None and (job.status.succeeded or 0) > wanted:
            message = "Too many succeeded pods running after completion count reached"
            self.recorder.warning(job, "TooManySucceededPods", message)
        self.recorder.normal(job, "Completed", "Job completed")


_indexed_spec = memo(indexes.indexed_spec)


def _indexed_pod(look: Look, index: int) -> Any:
    """The pod of an index, which knows how often its predecessors have failed."""
    job = look.job
    given = job.spec.template.metadata
    annotations = {**(given.annotations or {}), indexes.INDEX: str(index)}
    if look.per_index:
        failures = ignored = 0
        before = look.retrying.get(index)
        if before is not None:
            failures = indexes.number_in(before, indexes.FAILURES)
            ignored = indexes.number_in(before, indexes.IGNORED_FAILURES)
            counts = policy.judge(job, before).counts
            failures, ignored = failures + counts, ignored + (not counts)
        annotations[indexes.FAILURES] = str(failures)
        if ignored:
            annotations[indexes.IGNORED_FAILURES] = str(ignored)
    name = f"{job.metadata.name}-{index}"
    pod = pod_from_template(
        job,
        generateName=f"{name}-",
        labels={**(given.labels or {}), indexes.INDEX: str(index)},
        annotations=annotations,
        finalizers=[*(given.finalizers or ()), TRACKING],
    )
    return replace(pod, spec=replace(_indexed_spec(pod.spec), hostname=name))
