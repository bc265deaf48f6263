"""Nodes, namespaces, events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.api import conditions
from kubecourse.control_plane.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Column,
    Printer,
    age,
    since,
)

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"


def _node_status(node: Any) -> str:
    ready = conditions.get(node.status.conditions if node.status else None, "Ready")
    shown = {None: "Unknown", "True": "Ready"}
    words = [shown.get(ready.status if ready is not None else None, "NotReady")]
    if node.spec and node.spec.unschedulable:
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(node: Any) -> str:
    labels = node.metadata.labels or {}
    roles = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    roles.add(labels.get(ROLE_LABEL, ""))
    return ",".join(sorted(role for role in roles if role)) or NONE


def _address(node: Any, kind: str) -> str:
    addresses = (node.status.addresses if node.status else None) or ()
    return next((a.address for a in addresses if a.type == kind), NONE)


def _node(node: Any, now: datetime) -> list[Any]:
    info = node.status.nodeInfo if node.status else None
    kernel = (info.kernelVersion if info else "") or UNKNOWN
    if info and info.architecture and kernel != UNKNOWN:
        kernel = f"{kernel} ({info.architecture})"
    return [
        node.metadata.name,
        _node_status(node),
        _roles(node),
        age(node, now),
        (info.kubeletVersion if info else "") or "",
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        (info.osImage if info else "") or UNKNOWN,
        kernel,
        (info.containerRuntimeVersion if info else "") or UNKNOWN,
    ]


def _namespace(obj: Any, now: datetime) -> list[Any]:
    return [obj.metadata.name, (obj.status.phase if obj.status else "") or "", age(obj, now)]


def _source(event: Any) -> str:
    component = (event.source.component if event.source else "") or event.reportingComponent or ""
    host = (event.source.host if event.source else "") or ""
    if not (event.source and event.source.component):
        host = event.reportingInstance or ""
    return f"{component}, {host}" if host else component


def _event(event: Any, now: datetime) -> list[Any]:
    first = event.firstTimestamp or event.eventTime
    last, count = event.lastTimestamp or first, event.count or 1
    if event.series is not None:
        last, count = event.series.lastObservedTime, event.series.count
    about = event.involvedObject
    kind = (about.kind or "").lower()
    return [
        since(last, now),
        event.type,
        event.reason,
        f"{kind}/{about.name}" if about.name else kind,
        about.fieldPath or "",
        _source(event),
        (event.message or "").strip(),
        since(first, now),
        count,
        event.metadata.name,
    ]


PRINTERS = {
    "Node": Printer(
        (
            NAME,
            Column("Status"),
            Column("Roles"),
            AGE,
            Column("Version"),
            Column("Internal-IP", wide=True),
            Column("External-IP", wide=True),
            Column("OS-Image", wide=True),
            Column("Kernel-Version", wide=True),
            Column("Container-Runtime", wide=True),
        ),
        _node,
    ),
    "Namespace": Printer((NAME, Column("Status"), AGE), _namespace),
    "Event": Printer(
        (
            Column("Last Seen"),
            Column("Type"),
            Column("Reason"),
            Column("Object"),
            Column("Subobject", wide=True),
            Column("Source", wide=True),
            Column("Message"),
            Column("First Seen", wide=True),
            Column("Count", wide=True),
            Column("Name", wide=True, format="name"),
        ),
        _event,
    ),
}
