"""Starts Jobs at set times, and keeps a few of those that have finished.

Source: `pkg/controller/cronjob/cronjob_controllerv2.go`, `utils.go`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from kubecourse.api import cron, models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    controller_of,
    controller_or_namespace,
    is_namespace_terminating,
    owned_by,
    owner_keys,
)
from kubecourse.control_plane.controller_manager.job.look import finished

Job = models.batch_v1.Job

DELTA = 0.1
"""Seconds after a scheduled minute at which it is looked at."""
MANY_MISSED = 100
_TOO_MANY = (
    "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
)
_FORBIDDEN = "Not starting job because prior execution is running and concurrency policy is Forbid"
SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class Due(NamedTuple):
    """The last scheduled minute that has come, the next one, and how many there were since."""

    last: datetime | None
    next: datetime | None
    missed: int = 0


def due(schedule: cron.Schedule, since: datetime, now: datetime) -> Due:
    """What a schedule says of the time from `since` to `now`."""
    first = schedule.next(since)
    if first is None or now < first:
        return Due(None, first)
    second = schedule.next(first)
    if second is None or now < second:
        return Due(first, second, 1)
    # Guess how many there were by the first two; look for the last from not long ago.
    interval = span = second - first
    while True:
        begin = max(first, now - span)
        last = first if begin == first else None
        following = schedule.next(begin)
        while following is not None and following <= now:
            last, following = following, schedule.next(following)
        if last is not None:
            return Due(last, following, (now - first) // interval + 1)
        span *= 4


class CronJobController(ManagedController):
    """Creates a CronJob's Jobs in time, one after another or side by side, as it says."""

    name = "cronjob-controller"

    def listen(self) -> None:
        self.objects = self.follow(models.batch_v1.CronJob, self.enqueue)
        self._jobs = self.follow(Job, self._job_changed, controller_or_namespace)

    def _job_changed(self, old: Any, new: Any) -> None:
        for key in owner_keys("CronJob", old, new):
            self.queue.add(key)

    def sync(self, cronjob: Any) -> Result | None:
        jobs = list(self._jobs.indexed(controller_or_namespace, cronjob.metadata.uid))
        look = _Look(self, cronjob, jobs)
        look.clean_up()
        look.follow()
        try:
            following = look.start()
        finally:
            self.write_status(cronjob, replace(look.status, active=look.active or None))
        if following is None:
            return None
        wait = self.clock.seconds(following) + DELTA - self.clock.now
        return Result(max(wait, DELTA), background=True)


class _Look:
    """A CronJob and its Jobs as they are; `active` and `status` as they become."""

    def __init__(self, controller: CronJobController, cronjob: Any, jobs: list[Any]) -> None:
        self.controller = controller
        self.client = controller.client
        self.clock = controller.clock
        self.cronjob = cronjob
        self.jobs = jobs
        self.status = cronjob.status
        self.active = list(cronjob.status.active or ())

    def _tell(self, reason: str, message: str, type: str = "Normal") -> None:
        self.controller.recorder.event(self.cronjob, type, reason, message)

    def _is_active(self, job: Any) -> bool:
        return any(each.uid == job.metadata.uid for each in self.active)

    def _drop(self, uid: str) -> None:
        self.active = [each for each in self.active if each.uid != uid]

    def _find(self, name: str) -> Any | None:
        with ignoring("NotFound"):
            return self.client.get(Job, name, self.cronjob.metadata.namespace)
        return None

    def _delete(self, name: str) -> None:
        """Delete a Job, with its pods. Raises ApiError."""
        namespace = self.cronjob.metadata.namespace
        with ignoring("NotFound"):
            self.client.delete(Job, name, namespace, propagation="Background")
        self._tell("SuccessfulDelete", f"Deleted job {name}")

    # --- Jobs that have finished

    def clean_up(self) -> None:
        spec = self.cronjob.spec
        for kind, limit in (
            ("Complete", spec.successfulJobsHistoryLimit),
            ("Failed", spec.failedJobsHistoryLimit),
        ):
            if limit is None:
                continue
            ended = [job for job in self.jobs if getattr(finished(job), "type", None) == kind]
            ended.sort(key=_begun)
            for job in ended[: max(0, len(ended) - limit)]:
                if job.metadata.deletionTimestamp is None:
                    self._drop(job.metadata.uid)
                    self._delete(job.metadata.name)

    def follow(self) -> None:
        """Note which of the active Jobs have finished, and when one last succeeded."""
        for job in self.jobs:
            name, ending = job.metadata.name, finished(job)
            if ending is None:
                if not self._is_active(job) and job.metadata.deletionTimestamp is None:
                    self._check_stranger(job)
                continue
            if self._is_active(job):
                self._drop(job.metadata.uid)
                message = f"Saw completed job: {name}, condition: {ending.type}"
                self._tell("SawCompletedJob", message)
            latest, done = self.status.lastSuccessfulTime, job.status.completionTime
            if ending.type == "Complete" and (latest is None or done > latest):
                self.status = replace(self.status, lastSuccessfulTime=done)
        known = {job.metadata.uid for job in self.jobs}
        for reference in [each for each in self.active if each.uid not in known]:
            if self._find(reference.name) is None:
                self._drop(reference.uid)
                self._tell("MissingJob", f"Active job went missing: {reference.name}")

    def _check_stranger(self, job: Any) -> None:
        """A running Job that is in no list: the list may be a moment old."""
        metadata = self.cronjob.metadata
        fresh: Any = self.client.get(type(self.cronjob), metadata.name, metadata.namespace)
        if any(each.uid == job.metadata.uid for each in fresh.status.active or ()):
            self.active = list(fresh.status.active)
            self.status = replace(fresh.status, lastSuccessfulTime=self.status.lastSuccessfulTime)

    # --- Jobs to come

    def start(self) -> datetime | None:
        """Start the Job whose time has come, if it may. Returns the next scheduled minute."""
        spec, metadata = self.cronjob.spec, self.cronjob.metadata
        if metadata.deletionTimestamp is not None or spec.suspend:
            return None
        zone = ZoneInfo(spec.timeZone) if spec.timeZone else UTC
        now = self.clock.utc_precise()
        since = self.status.lastScheduleTime or metadata.creationTimestamp
        deadline = spec.startingDeadlineSeconds
        if deadline is not None:
            since = max(since, now - timedelta(seconds=deadline))
        times = due(cron.parse(spec.schedule), since.astimezone(zone), now.astimezone(zone))
        if times.missed > MANY_MISSED:
            self._tell("TooManyMissedTimes", _TOO_MANY, "Warning")
        if times.last is not None and self._may_start(times.last.astimezone(UTC), now):
            self._create(times.last)
        return times.next

    def _may_start(self, when: datetime, now: datetime) -> bool:
        """Whether the Job of a minute is to be started; other Jobs may have to go for it."""
        spec = self.cronjob.spec
        deadline = spec.startingDeadlineSeconds
        if deadline is not None and when + timedelta(seconds=deadline) < now:
            shown = when.strftime("%a, %d %b %Y %H:%M:%S +0000")
            self._tell("MissSchedule", f"Missed scheduled time to start a job: {shown}", "Warning")
            return False
        name = self._job_name(when)
        if self.status.lastScheduleTime == when or any(each.name == name for each in self.active):
            return False
        if spec.concurrencyPolicy == "Forbid" and self.active:
            self._tell("JobAlreadyActive", _FORBIDDEN)
            return False
        if spec.concurrencyPolicy == "Replace":
            for reference in self.active:
                if self._find(reference.name) is not None:
                    self._delete(reference.name)
            self.active = []
        return True

    def _job_name(self, when: datetime) -> str:
        return f"{self.cronjob.metadata.name}-{int(when.timestamp()) // 60}"

    def _create(self, when: datetime) -> None:
        cronjob, template = self.cronjob, self.cronjob.spec.jobTemplate
        name = self._job_name(when)
        given = template.metadata or models.meta_v1.ObjectMeta()
        stamp = when.isoformat().replace("+00:00", "Z")
        annotations = {**(given.annotations or {}), SCHEDULED_AT: stamp}
        metadata = owned_by(cronjob, name=name, labels=given.labels, annotations=annotations)
        self.controller.note(key_of(cronjob), f"it is {stamp}: create {name}")
        try:
            job: Any = self.client.create(Job(metadata=metadata, spec=template.spec))
        except ApiError as error:
            job = self._find(name) if error.reason == "AlreadyExists" else None
            owner = controller_of(job) if job is not None else None
            if owner is None or owner.uid != cronjob.metadata.uid:
                if not is_namespace_terminating(error):
                    message = f"Error creating job: {error.message}"
                    self._tell("FailedCreate", message, "Warning")
                raise
        else:
            self._tell("SuccessfulCreate", f"Created job {name}")
        reference = models.core_v1.ObjectReference(
            apiVersion="batch/v1", kind="Job", name=name, namespace=job.metadata.namespace,
            uid=job.metadata.uid, resourceVersion=job.metadata.resourceVersion,
        )  # fmt: skip
        self.active.append(reference)
        self.status = replace(self.status, lastScheduleTime=when.astimezone(UTC))


def _begun(job: Any) -> tuple[Any, str]:
    return (job.status.startTime or job.metadata.creationTimestamp, job.metadata.name)
