"""Runs pods to completion.

Source: `pkg/controller/job/job_controller.go`. A pod that has ended is noted in the Job's status,
then let go, then counted, so that it counts once whatever happens in between.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import WRITE_TIME, controller_of
from kubecourse.control_plane.controller_manager.job import indexes, policy
from kubecourse.control_plane.controller_manager.job.look import (
    COMPLETE,
    TRACKING,
    Backoff,
    Ending,
    Look,
    finished,
    is_tracked,
)
from kubecourse.control_plane.controller_manager.pods import is_ready, pods_to_delete
from kubecourse.control_plane.controller_manager.workload import (
    WorkloadController,
    pod_from_template,
)

Pod = models.core_v1.Pod

BATCH_PERIOD = 1.0
"""Seconds for which changes of a Job's pods gather until it is looked at."""
BURST = 500
"""Pods created or deleted at one look at most."""
_FINAL = {"FailureTarget": "Failed", "SuccessCriteriaMet": "Complete"}


class JobController(WorkloadController):
    """Creates pods until enough have succeeded, or too many failed."""

    name = "job-controller"
    model = models.batch_v1.Job

    def forget(self) -> None:
        super().forget()
        self._backoffs: dict[str, Backoff] = {}

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

    def sync(self, job: Any) -> Result | None:
        if finished(job) is not None:
            return None
        uid, status = job.metadata.uid, job.status
        look = Look(job, list(self.pods_of(uid)), self.clock)
        backoff = look.backoff_after(self._backoffs.get(uid, Backoff()))
        if status.startTime is None and not look.suspended:
            status = replace(status, startTime=self.clock.utc())
        ending = look.ending()
        active, waits, problem = len(look.active), [look.until_deadline()], None
        if ending is not None:
            problem = self._delete_pods(look, look.active)
            if problem is not None:
                ending = None
            else:
                active = look.ready = 0
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
        stored = self.write_status(job, status)
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

    def _delete_pods(self, look: Look, pods: list[Any]) -> ApiError | None:
        """Delete active pods. They will be counted."""
        problem = self.delete_pods(look.job, [p.metadata.name for p in pods]) if pods else None
        if problem is None:
            look.terminating += len(pods)
            look.ready -= sum(is_ready(pod) for pod in pods)
        return problem

    def _manage(self, look: Look, backoff: Backoff) -> tuple[int, float | None, ApiError | None]:
        """Delete or create pods.

        Returns how many are then active, when to try again and the first problem.
        """
        job, have, wanted = look.job, len(look.active), look.wanted()
        told = f"wants {wanted}, has {have}"
        doomed = look.surplus_indexes()
        more = have - wanted - len(doomed)
        if more > 0:
            others = [pod for pod in look.active if pod not in doomed]
            doomed += pods_to_delete(others, (), more, self.clock)
        if doomed := doomed[:BURST]:
            self.note(key_of(job), f"{told}: delete {len(doomed)}")
            for pod in doomed:
                self._release(pod)
            problem = self._delete_pods(look, doomed)
            return have - (0 if problem is not None else len(doomed)), None, problem
        missing = wanted - have - (look.terminating if look.waits_for_terminating else 0)
        if missing <= 0:
            return have, None, None
        wait = 0.0 if look.per_index else backoff.remaining(self.clock.now)
        if wait > 0:
            self.note(key_of(job), f"{told}: wait {wait:.1f} s to try again")
            return have, wait, None
        pods, later = self._new_pods(look, min(missing, BURST))
        if not pods:
            return have, later, None
        self.note(key_of(job), f"{told}: create {len(pods)}")
        created, problem = self.create_pods(job, pods)
        return have + created, later, problem

    def _new_pods(self, look: Look, count: int) -> tuple[list[Any], float | None]:
        """The pods to create now, and in how many seconds there will be more."""
        if not look.indexed:
            finalizers = [*(look.job.spec.template.metadata.finalizers or ()), TRACKING]
            return [pod_from_template(look.job, finalizers=finalizers)] * count, None
        waits = {index: look.index_backoff(index) for index in look.pending_indexes(count)}
        pods = [_indexed_pod(look, index) for index, wait in waits.items() if wait <= 0]
        return pods, min((wait for wait in waits.values() if wait > 0), default=None)

    def _suspension(self, look: Look, status: Any) -> Any:
        """The status with the condition Suspended, if that is news."""
        known = conditions.get(status.conditions, "Suspended")
        if look.suspended == (known is not None and known.status == "True"):
            return status
        what = "suspended" if look.suspended else "resumed"
        self.recorder.normal(look.job, what.capitalize(), f"Job {what}")
        value = str(look.suspended)
        news = self._condition("Suspended", f"Job{what.capitalize()}", f"Job {what}", value)
        status = replace(status, conditions=conditions.put(status.conditions, news))
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
        return models.batch_v1.JobCondition(
            type=kind, status=status, reason=reason, message=message, lastProbeTime=now,
            lastTransitionTime=now,
        )  # fmt: skip

    def _with_condition(self, status: Any, *told: str) -> Any:
        return replace(status, conditions=[*(status.conditions or ()), self._condition(*told)])

    def _release(self, pod: Any) -> None:
        """Let a pod go, as far as its Job is concerned. Raises ApiError."""
        with ignoring("NotFound"):
            fresh: Any = self.client.get(Pod, pod.metadata.name, pod.metadata.namespace)
            if fresh.metadata.uid == pod.metadata.uid:
                self.remove_finalizer(fresh, TRACKING)

    def _tell_end(self, job: Any, over: Any) -> None:
        if over.type == "Failed":
            self.recorder.warning(job, over.reason, over.message)
            return
        wanted = job.spec.completions
        if wanted is not None and (job.status.succeeded or 0) > wanted:
            message = "Too many succeeded pods running after completion count reached"
            self.recorder.warning(job, "TooManySucceededPods", message)
        self.recorder.normal(job, "Completed", "Job completed")


def _indexed_pod(look: Look, index: int) -> Any:
    """The pod of an index, which knows how often its predecessors have failed."""
    job = look.job
    given = job.spec.template.metadata
    annotations = {**(given.annotations or {}), indexes.INDEX: str(index)}
    if look.per_index:
        before = look.retrying.get(index)
        failures, ignored = indexes.failures(before) if before is not None else (0, 0)
        if before is not None:
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
    return replace(pod, spec=replace(indexes.indexed_spec(pod.spec), hostname=name))
