"""Budgets, quotas, limits, priorities, autoscalers, roles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.control_plane.apiserver.tables.columns import (
    AGE,
    NAME,
    UNSET,
    Column,
    Printer,
    age,
    created_at,
)

CREATED_AT = Column("Created At")
MOST_METRICS = 2
"""How many of an autoscaler's metrics are shown."""


def _budget(obj: Any, now: datetime) -> list[Any]:
    spec = obj.spec
    allowed = (obj.status.disruptionsAllowed if obj.status else None) or 0
    least, most = (
        "N/A" if value is None else str(value) for value in (spec.minAvailable, spec.maxUnavailable)
    )
    return [obj.metadata.name, least, most, allowed, age(obj, now)]


def _quota(obj: Any, now: datetime) -> list[Any]:
    status = obj.status
    hard, used = (status.hard if status else None) or {}, (status.used if status else None) or {}
    shown: dict[bool, list[str]] = {False: [], True: []}
    for name in sorted(hard):
        shown[name.startswith("limits.")].append(f"{name}: {used.get(name, '0')}/{hard[name]}")
    return [obj.metadata.name, ", ".join(shown[False]), ", ".join(shown[True]), age(obj, now)]


def _created(obj: Any, now: datetime) -> list[Any]:
    return [obj.metadata.name, created_at(obj)]


def _priority_class(obj: Any, now: datetime) -> list[Any]:
    default = "true" if obj.globalDefault else "false"
    return [obj.metadata.name, obj.value, default, age(obj, now), obj.preemptionPolicy or ""]


# --- autoscalers


def _resource_metric(source: Any, status: Any) -> str:
    current = status.current if status is not None else None
    target = source.target
    if target.averageValue is not None:
        now = current.averageValue if current is not None else None
        return f"{source.name}: {now or '<unknown>'}/{target.averageValue}"
    used = current.averageUtilization if current is not None else None
    shown = "<unknown>" if used is None else f"{used}%"
    wanted = "<auto>" if target.averageUtilization is None else f"{target.averageUtilization}%"
    return f"{source.name}: {shown}/{wanted}"


def _value_metric(source: Any, status: Any) -> str:
    current = status.current if status is not None else None
    target = source.target
    if target.averageValue is not None:
        now = current.averageValue if current is not None else None
        return f"{now or '<unknown>'}/{target.averageValue} (avg)"
    now = current.value if current is not None else None
    return f"{now or '<unknown>'}/{target.value}"


def _pods_metric(source: Any, status: Any) -> str:
    return _value_metric(source, status).removesuffix(" (avg)")


_METRICS = {
    "Resource": ("resource", _resource_metric),
    "ContainerResource": ("containerResource", _resource_metric),
    "Pods": ("pods", _pods_metric),
    "Object": ("object", _value_metric),
    "External": ("external", _value_metric),
}


def _targets(obj: Any) -> str:
    specs = obj.spec.metrics or []
    if not specs:
        return "<none>"
    statuses = (obj.status.currentMetrics if obj.status else None) or []
    shown = []
    for index, spec in enumerate(specs[:MOST_METRICS]):
        status = statuses[index] if index < len(statuses) else None
        attribute, text = _METRICS[spec.type]
        part = getattr(status, attribute, None) if status is not None else None
        shown.append(text(getattr(spec, attribute), part))
    more = len(specs) - len(shown)
    return ", ".join(shown) + (f" + {more} more..." if more else "")


def _autoscaler(obj: Any, now: datetime) -> list[Any]:
    spec = obj.spec
    return [
        obj.metadata.name,
        f"{spec.scaleTargetRef.kind}/{spec.scaleTargetRef.name}",
        _targets(obj),
        UNSET if spec.minReplicas is None else str(spec.minReplicas),
        spec.maxReplicas,
        (obj.status.currentReplicas if obj.status else None) or 0,
        age(obj, now),
    ]


# --- roles


def _binding(obj: Any, now: datetime) -> list[Any]:
    subjects: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.subjects or ():
        name = subject.name
        if subject.kind == "ServiceAccount":
            name = f"{subject.namespace or ''}/{name}"
        subjects.setdefault(subject.kind, []).append(name)
    role = f"{obj.roleRef.kind}/{obj.roleRef.name}"
    people = (", ".join(subjects[kind]) for kind in ("User", "Group", "ServiceAccount"))
    return [obj.metadata.name, role, age(obj, now), *people]


_BINDING = Printer(
    (
        NAME,
        Column("Role"),
        AGE,
        Column("Users", wide=True),
        Column("Groups", wide=True),
        Column("ServiceAccounts", wide=True),
    ),
    _binding,
)

PRINTERS = {
    "ClusterRole": Printer((NAME, CREATED_AT), _created),
    "ClusterRoleBinding": _BINDING,
    "HorizontalPodAutoscaler": Printer(
        (
            NAME,
            Column("Reference"),
            Column("Targets"),
            Column("MinPods"),
            Column("MaxPods"),
            Column("Replicas"),
            AGE,
        ),
        _autoscaler,
    ),
    "LimitRange": Printer((NAME, CREATED_AT), _created),
    "PodDisruptionBudget": Printer(
        (
            NAME,
            Column("Min Available"),
            Column("Max Unavailable"),
            Column("Allowed Disruptions", type="integer"),
            AGE,
        ),
        _budget,
    ),
    "PriorityClass": Printer(
        (
            NAME,
            Column("Value", type="integer"),
            Column("Global-Default", type="boolean"),
            AGE,
            Column("PreemptionPolicy"),
        ),
        _priority_class,
    ),
    "ResourceQuota": Printer((NAME, Column("Request"), Column("Limit"), AGE), _quota),
    "Role": Printer((NAME, CREATED_AT), _created),
    "RoleBinding": _BINDING,
}
