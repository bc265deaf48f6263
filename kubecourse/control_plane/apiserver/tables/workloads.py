"""Workloads: deployments and replica sets, stateful and daemon sets, jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.api import conditions
from kubecourse.api.labels import format_label_selector
from kubecourse.control_plane.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    Column,
    Printer,
    age,
    container_names,
    images,
    labels_text,
    since,
)

_TEMPLATE = (
    Column("Containers", wide=True),
    Column("Images", wide=True),
    Column("Selector", wide=True),
)


def _count(name: str) -> Column:
    return Column(name, type="integer")


def _template(obj: Any) -> list[str]:
    spec = obj.spec.template.spec
    return [container_names(spec), images(spec), format_label_selector(obj.spec.selector)]


def _deployment(obj: Any, now: datetime) -> list[Any]:
    status = obj.status
    return [
        obj.metadata.name,
        f"{status.readyReplicas or 0}/{obj.spec.replicas}",
        status.updatedReplicas or 0,
        status.availableReplicas or 0,
        age(obj, now),
        *_template(obj),
    ]


def _replica_set(obj: Any, now: datetime) -> list[Any]:
    status = obj.status
    return [
        obj.metadata.name,
        obj.spec.replicas,
        status.replicas or 0,
        status.readyReplicas or 0,
        age(obj, now),
        *_template(obj),
    ]


def _stateful_set(obj: Any, now: datetime) -> list[Any]:
    ready = (obj.status.readyReplicas if obj.status else None) or 0
    return [
        obj.metadata.name,
        f"{ready}/{obj.spec.replicas}",
        age(obj, now),
        *_template(obj)[:2],
    ]


def _daemon_set(obj: Any, now: datetime) -> list[Any]:
    status = obj.status
    return [
        obj.metadata.name,
        status.desiredNumberScheduled or 0,
        status.currentNumberScheduled or 0,
        status.numberReady or 0,
        status.updatedNumberScheduled or 0,
        status.numberAvailable or 0,
        labels_text(obj.spec.template.spec.nodeSelector),
        age(obj, now),
        *_template(obj),
    ]


_JOB_STATES = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("", "Terminating"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)
"""Conditions and what they are shown as, the first that holds; '' stands for being deleted."""


def _job_state(job: Any) -> str:
    deleting = job.metadata.deletionTimestamp is not None
    for condition, shown in _JOB_STATES:
        if deleting if not condition else conditions.is_true(job.status.conditions, condition):
            return shown
    return "Running"


def _completions(job: Any) -> str:
    succeeded = job.status.succeeded or 0
    if job.spec.completions is not None:
        return f"{succeeded}/{job.spec.completions}"
    parallelism = job.spec.parallelism or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(job: Any, now: datetime) -> str:
    started, ended = job.status.startTime, job.status.completionTime
    return "" if started is None else since(started, now if ended is None else ended)


def _job(job: Any, now: datetime) -> list[Any]:
    return [
        job.metadata.name,
        _job_state(job),
        _completions(job),
        _job_duration(job, now),
        age(job, now),
        *_template(job),
    ]


def _cron_job(obj: Any, now: datetime) -> list[Any]:
    spec, status = obj.spec, obj.status
    last = status.lastScheduleTime if status else None
    job = spec.jobTemplate.spec
    pod = job.template.spec
    return [
        obj.metadata.name,
        spec.schedule,
        spec.timeZone or NONE,
        "True" if spec.suspend else "False",
        len((status.active if status else None) or ()),
        NONE if last is None else since(last, now),
        age(obj, now),
        container_names(pod),
        images(pod),
        format_label_selector(job.selector) if job.selector else NONE,
    ]


PRINTERS = {
    "CronJob": Printer(
        (
            NAME,
            Column("Schedule"),
            Column("Timezone"),
            Column("Suspend", type="boolean"),
            _count("Active"),
            Column("Last Schedule"),
            AGE,
            *_TEMPLATE,
        ),
        _cron_job,
    ),
    "DaemonSet": Printer(
        (
            NAME,
            _count("Desired"),
            _count("Current"),
            _count("Ready"),
            _count("Up-to-date"),
            _count("Available"),
            Column("Node Selector"),
            AGE,
            *_TEMPLATE,
        ),
        _daemon_set,
    ),
    "Job": Printer(
        (NAME, Column("Status"), Column("Completions"), Column("Duration"), AGE, *_TEMPLATE), _job
    ),
    "StatefulSet": Printer((NAME, Column("Ready"), AGE, *_TEMPLATE[:2]), _stateful_set),
    "Deployment": Printer(
        (NAME, Column("Ready"), Column("Up-to-date"), Column("Available"), AGE, *_TEMPLATE),
        _deployment,
    ),
    "ReplicaSet": Printer(
        (NAME, _count("Desired"), _count("Current"), _count("Ready"), AGE, *_TEMPLATE), _replica_set
    ),
}
