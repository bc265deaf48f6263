"""Workloads and what watches over them: budgets, quotas, autoscalers."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from kubecourse.api import conditions
from kubecourse.api.labels import format_label_selector
from kubecourse.control_plane.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Column,
    Printer,
    labels_text,
    since,
)


def _of_containers(field: str, obj: Any, now: datetime) -> str:
    """A field of all containers of a workload's pods."""
    template = obj.spec.jobTemplate.spec.template if obj.kind == "CronJob" else obj.spec.template
    return ",".join(getattr(each, field) or "" for each in template.spec.containers or ())


def _selector(obj: Any, now: datetime) -> str:
    if obj.kind == "CronJob":
        selector = obj.spec.jobTemplate.spec.selector
        return format_label_selector(selector) if selector else NONE
    return format_label_selector(obj.spec.selector)


_TEMPLATE = (
    Column("Containers", partial(_of_containers, "name"), wide=True),
    Column("Images", partial(_of_containers, "image"), wide=True),
    Column("Selector", _selector, wide=True),
)


def _count(name: str, path: str) -> Column:
    return Column(name, f"{path} or 0", type="integer")


def _ready(obj: Any, now: datetime) -> str:
    ready = obj.status.readyReplicas if obj.status else None
    return f"{ready or 0}/{obj.spec.replicas}"


def _node_selector(obj: Any, now: datetime) -> str:
    return labels_text(obj.spec.template.spec.nodeSelector)


# --- jobs

_JOB_STATES = ("Complete", "Failed", "Terminating", "Suspended", "FailureTarget")
"""What a job's state is called, by the first condition that holds; one is no condition."""


def _job_state(job: Any, now: datetime) -> str:
    for state in (*_JOB_STATES, "SuccessCriteriaMet"):
        if state == "Terminating":
            holds = job.metadata.deletionTimestamp is not None
        else:
            holds = conditions.is_true(job.status.conditions, state)
        if holds:
            return state
    return "Running"


def _completions(job: Any, now: datetime) -> str:
    succeeded = job.status.succeeded or 0
    if job.spec.completions is not None:
        return f"{succeeded}/{job.spec.completions}"
    parallelism = job.spec.parallelism or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(job: Any, now: datetime) -> str:
    started = job.status.startTime
    return "" if started is None else since(started, job.status.completionTime or now)


def _suspended(obj: Any, now: datetime) -> str:
    return "True" if obj.spec.suspend else "False"


def _active(obj: Any, now: datetime) -> int:
    return len((obj.status.active if obj.status else None) or ())


def _last_schedule(obj: Any, now: datetime) -> str:
    last = obj.status.lastScheduleTime if obj.status else None
    return NONE if last is None else since(last, now)


# --- budgets, quotas, priorities


def _limit(field: str, obj: Any, now: datetime) -> str:
    value = getattr(obj.spec, field)
    return "N/A" if value is None else str(value)


def _quota(limits: bool, obj: Any, now: datetime) -> str:
    """Used and allowed: of limits, or of all else."""
    hard = (obj.status.hard if obj.status else None) or {}
    used = (obj.status.used if obj.status else None) or {}
    names = (name for name in sorted(hard) if name.startswith("limits.") == limits)
    return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)


def _is_default(obj: Any, now: datetime) -> str:
    return "true" if obj.globalDefault else "false"


# --- autoscalers

_METRICS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _metric(source: Any, current: Any, kind: str) -> str:
    """`cpu: 20%/50%`, `12/100 (avg)`: what is measured, and what is wanted."""
    target = source.target
    prefix = f"{source.name}: " if kind.endswith("Resource") else ""
    if target.averageValue is not None:
        suffix = " (avg)" if kind in ("Object", "External") else ""
        measured = getattr(current, "averageValue", None) or UNKNOWN
        return f"{prefix}{measured}/{target.averageValue}{suffix}"
    if not prefix:
        return f"{getattr(current, 'value', None) or UNKNOWN}/{target.value}"
    used = getattr(current, "averageUtilization", None)
    wanted = target.averageUtilization
    shown = UNKNOWN if used is None else f"{used}%"
    return f"{prefix}{shown}/{'<auto>' if wanted is None else f'{wanted}%'}"


def _targets(obj: Any, now: datetime) -> str:
    specs = obj.spec.metrics or []
    statuses = (obj.status.currentMetrics if obj.status else None) or []
    shown = []
    for index, spec in enumerate(specs[:2]):
        attribute = _METRICS[spec.type]
        part = getattr(statuses[index], attribute) if index < len(statuses) else None
        shown.append(_metric(getattr(spec, attribute), part and part.current, spec.type))
    more = f" + {len(specs) - 2} more..." if len(specs) > 2 else ""
    return (", ".join(shown) or NONE) + more


def _reference(obj: Any, now: datetime) -> str:
    return f"{obj.spec.scaleTargetRef.kind}/{obj.spec.scaleTargetRef.name}"


def _least(obj: Any, now: datetime) -> str:
    return "<unset>" if obj.spec.minReplicas is None else str(obj.spec.minReplicas)


PRINTERS = {
    "CronJob": Printer(
        NAME,
        Column("Schedule", "spec.schedule"),
        Column("Timezone", f"spec.timeZone or {NONE}"),
        Column("Suspend", _suspended, type="boolean"),
        Column("Active", _active, type="integer"),
        Column("Last Schedule", _last_schedule),
        AGE,
        *_TEMPLATE,
    ),
    "DaemonSet": Printer(
        NAME,
        _count("Desired", "status.desiredNumberScheduled"),
        _count("Current", "status.currentNumberScheduled"),
        _count("Ready", "status.numberReady"),
        _count("Up-to-date", "status.updatedNumberScheduled"),
        _count("Available", "status.numberAvailable"),
        Column("Node Selector", _node_selector),
        AGE,
        *_TEMPLATE,
    ),
    "Deployment": Printer(
        NAME,
        Column("Ready", _ready),
        Column("Up-to-date", "status.updatedReplicas or 0"),
        Column("Available", "status.availableReplicas or 0"),
        AGE,
        *_TEMPLATE,
    ),
    "HorizontalPodAutoscaler": Printer(
        NAME,
        Column("Reference", _reference),
        Column("Targets", _targets),
        Column("MinPods", _least),
        Column("MaxPods", "spec.maxReplicas"),
        Column("Replicas", "status.currentReplicas or 0"),
        AGE,
    ),
    "Job": Printer(
        NAME,
        Column("Status", _job_state),
        Column("Completions", _completions),
        Column("Duration", _duration),
        AGE,
        *_TEMPLATE,
    ),
    "PodDisruptionBudget": Printer(
        NAME,
        Column("Min Available", partial(_limit, "minAvailable")),
        Column("Max Unavailable", partial(_limit, "maxUnavailable")),
        _count("Allowed Disruptions", "status.disruptionsAllowed"),
        AGE,
    ),
    "PriorityClass": Printer(
        NAME,
        _count("Value", "value"),
        Column("Global-Default", _is_default, type="boolean"),
        AGE,
        Column("PreemptionPolicy", "preemptionPolicy"),
    ),
    "ReplicaSet": Printer(
        NAME,
        _count("Desired", "spec.replicas"),
        _count("Current", "status.replicas"),
        _count("Ready", "status.readyReplicas"),
        AGE,
        *_TEMPLATE,
    ),
    "ResourceQuota": Printer(
        NAME,
        Column("Request", partial(_quota, False)),
        Column("Limit", partial(_quota, True)),
        AGE,
    ),
    "StatefulSet": Printer(NAME, Column("Ready", _ready), AGE, *_TEMPLATE[:2]),
}
