"""Nodes, namespaces, events; services; configuration, storage and roles."""

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
    UNSET,
    Column,
    Printer,
    labels_text,
    listed,
    since,
)


def _phase(obj: Any, now: datetime) -> str:
    if obj.kind != "Namespace" and obj.metadata.deletionTimestamp is not None:
        return "Terminating"
    return (obj.status.phase if obj.status else "") or ""


# --- nodes

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"


def _node_status(node: Any, now: datetime) -> str:
    ready = conditions.get(node.status.conditions if node.status else None, "Ready")
    shown = {None: "Unknown", "True": "Ready"}
    word = shown.get(ready.status if ready is not None else None, "NotReady")
    return f"{word},SchedulingDisabled" if node.spec and node.spec.unschedulable else word


def _roles(node: Any, now: datetime) -> str:
    labels = node.metadata.labels or {}
    roles = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    roles.add(labels.get(ROLE_LABEL, ""))
    return ",".join(sorted(role for role in roles if role)) or NONE


def _address(kind: str, node: Any, now: datetime) -> str:
    addresses = (node.status.addresses if node.status else None) or ()
    return next((address.address for address in addresses if address.type == kind), NONE)


def _kernel(node: Any, now: datetime) -> str:
    info = node.status.nodeInfo if node.status else None
    if not info or not info.kernelVersion:
        return UNKNOWN
    return (
        f"{info.kernelVersion} ({info.architecture})" if info.architecture else info.kernelVersion
    )


# --- events


def _times(event: Any) -> tuple[datetime | None, datetime | None, int]:
    """When it was first and last seen, and how often."""
    first = event.firstTimestamp or event.eventTime
    if event.series is not None:
        return first, event.series.lastObservedTime, event.series.count
    return first, event.lastTimestamp or first, event.count or 1


def _first_seen(event: Any, now: datetime) -> str:
    return since(_times(event)[0], now)


def _last_seen(event: Any, now: datetime) -> str:
    return since(_times(event)[1], now)


def _count(event: Any, now: datetime) -> int:
    return _times(event)[2]


def _subject(event: Any, now: datetime) -> str:
    about = event.involvedObject
    kind = (about.kind or "").lower()
    return f"{kind}/{about.name}" if about.name else kind


def _source(event: Any, now: datetime) -> str:
    component, host = event.reportingComponent or "", event.reportingInstance or ""
    if event.source and event.source.component:
        component, host = event.source.component, event.source.host or ""
    return f"{component}, {host}" if host else component


def _message(event: Any, now: datetime) -> str:
    return (event.message or "").strip()


# --- services, ingresses, network policies


def _ingress_addresses(obj: Any) -> list[str]:
    balancer = obj.status.loadBalancer if obj.status else None
    return [each.ip or each.hostname or "" for each in (balancer and balancer.ingress) or ()]


def _external(service: Any, now: datetime) -> str:
    spec = service.spec
    fixed = list(spec.externalIPs or ())
    if spec.type == "ExternalName":
        return spec.externalName or ""
    if spec.type != "LoadBalancer":
        return ",".join(fixed) or NONE
    return ",".join([*_ingress_addresses(service), *fixed]) or "<pending>"


def _ports(service: Any, now: datetime) -> str:
    shown = []
    for port in service.spec.ports or ():
        number = f"{port.port}:{port.nodePort}" if port.nodePort else str(port.port)
        shown.append(f"{number}/{port.protocol}")
    return ",".join(shown) or NONE


def _service_selector(service: Any, now: datetime) -> str:
    return labels_text(service.spec.selector)


def _slice_ports(obj: Any, now: datetime) -> str:
    return listed((str(port.port or port.name or "*") for port in obj.ports or ()), UNSET)


def _slice_addresses(obj: Any, now: datetime) -> str:
    endpoints = obj.endpoints or ()
    return listed((address for each in endpoints for address in each.addresses or ()), UNSET)


def _hosts(ingress: Any, now: datetime) -> str:
    return listed((rule.host for rule in ingress.spec.rules or () if rule.host), "*")


def _ingress_address(ingress: Any, now: datetime) -> str:
    return ",".join(_ingress_addresses(ingress))


def _ingress_ports(ingress: Any, now: datetime) -> str:
    return "80, 443" if ingress.spec.tls else "80"


def _pod_selector(policy: Any, now: datetime) -> str:
    return format_label_selector(policy.spec.podSelector)


# --- configuration and roles


def _data(obj: Any, now: datetime) -> int:
    return len(obj.data or ()) + len(getattr(obj, "binaryData", None) or ())


def _created(obj: Any, now: datetime) -> str:
    moment = obj.metadata.creationTimestamp
    return UNKNOWN if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _role(binding: Any, now: datetime) -> str:
    return f"{binding.roleRef.kind}/{binding.roleRef.name}"


def _subjects(kind: str, binding: Any, now: datetime) -> str:
    found = (subject for subject in binding.subjects or () if subject.kind == kind)
    if kind == "ServiceAccount":
        return ", ".join(f"{subject.namespace or ''}/{subject.name}" for subject in found)
    return ", ".join(subject.name for subject in found)


# --- storage

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def _storage(obj: Any) -> str:
    return (obj.capacity or {}).get("storage", "0")


def _is_bound(claim: Any) -> bool:
    return bool(claim.spec.volumeName) and claim.status is not None


def _claim_capacity(claim: Any, now: datetime) -> str:
    return _storage(claim.status) if _is_bound(claim) else ""


def _claim_modes(claim: Any, now: datetime) -> str:
    return _modes(claim.status.accessModes) if _is_bound(claim) else ""


def _volume_capacity(volume: Any, now: datetime) -> str:
    return _storage(volume.spec)


def _volume_modes(volume: Any, now: datetime) -> str:
    return _modes(volume.spec.accessModes)


def _claimed_by(volume: Any, now: datetime) -> str:
    claim = volume.spec.claimRef
    return f"{claim.namespace}/{claim.name}" if claim else ""


def _class_name(obj: Any, now: datetime) -> str:
    default = (obj.metadata.annotations or {}).get(DEFAULT_CLASS) == "true"
    return f"{obj.metadata.name} (default)" if default else obj.metadata.name


def _expands(obj: Any, now: datetime) -> str:
    return "true" if obj.allowVolumeExpansion else "false"


_DATA = Column("Data", _data)
_VOLUME_END = (
    Column("StorageClass", "spec.storageClassName"),
    Column("VolumeAttributesClass", f"spec.volumeAttributesClassName or {UNSET}"),
)
_VOLUME_MODE = Column("VolumeMode", f"spec.volumeMode or {UNSET}", wide=True)
_CREATED = Printer(NAME, Column("Created At", _created))
_BINDING = Printer(
    NAME,
    Column("Role", _role),
    AGE,
    Column("Users", partial(_subjects, "User"), wide=True),
    Column("Groups", partial(_subjects, "Group"), wide=True),
    Column("ServiceAccounts", partial(_subjects, "ServiceAccount"), wide=True),
)

PRINTERS = {
    "ClusterRole": _CREATED,
    "ClusterRoleBinding": _BINDING,
    "ConfigMap": Printer(NAME, _DATA, AGE),
    "EndpointSlice": Printer(
        NAME,
        Column("AddressType", "addressType"),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_addresses),
        AGE,
    ),
    "Event": Printer(
        Column("Last Seen", _last_seen),
        Column("Type", "type"),
        Column("Reason", "reason"),
        Column("Object", _subject),
        Column("Subobject", "involvedObject.fieldPath", wide=True),
        Column("Source", _source, wide=True),
        Column("Message", _message),
        Column("First Seen", _first_seen, wide=True),
        Column("Count", _count, wide=True),
        Column("Name", "metadata.name", wide=True, format="name"),
    ),
    "Ingress": Printer(
        NAME,
        Column("Class", f"spec.ingressClassName or {NONE}"),
        Column("Hosts", _hosts),
        Column("Address", _ingress_address),
        Column("Ports", _ingress_ports),
        AGE,
    ),
    "Lease": Printer(NAME, Column("Holder", "spec.holderIdentity"), AGE),
    "LimitRange": _CREATED,
    "Namespace": Printer(NAME, Column("Status", _phase), AGE),
    "NetworkPolicy": Printer(NAME, Column("Pod-Selector", _pod_selector), AGE),
    "Node": Printer(
        NAME,
        Column("Status", _node_status),
        Column("Roles", _roles),
        AGE,
        Column("Version", "status.nodeInfo.kubeletVersion"),
        Column("Internal-IP", partial(_address, "InternalIP"), wide=True),
        Column("External-IP", partial(_address, "ExternalIP"), wide=True),
        Column("OS-Image", f"status.nodeInfo.osImage or {UNKNOWN}", wide=True),
        Column("Kernel-Version", _kernel, wide=True),
        Column(
            "Container-Runtime", f"status.nodeInfo.containerRuntimeVersion or {UNKNOWN}", wide=True
        ),
    ),
    "PersistentVolume": Printer(
        NAME,
        Column("Capacity", _volume_capacity),
        Column("Access Modes", _volume_modes),
        Column("Reclaim Policy", "spec.persistentVolumeReclaimPolicy"),
        Column("Status", _phase),
        Column("Claim", _claimed_by),
        *_VOLUME_END,
        Column("Reason", "status.reason"),
        AGE,
        _VOLUME_MODE,
    ),
    "PersistentVolumeClaim": Printer(
        NAME,
        Column("Status", _phase),
        Column("Volume", "spec.volumeName"),
        Column("Capacity", _claim_capacity),
        Column("Access Modes", _claim_modes),
        *_VOLUME_END,
        AGE,
        _VOLUME_MODE,
    ),
    "Role": _CREATED,
    "RoleBinding": _BINDING,
    "Secret": Printer(NAME, Column("Type", "type"), _DATA, AGE),
    "Service": Printer(
        NAME,
        Column("Type", "spec.type"),
        Column("Cluster-IP", f"spec.clusterIP or {NONE}"),
        Column("External-IP", _external),
        Column("Port(s)", _ports),
        AGE,
        Column("Selector", _service_selector, wide=True),
    ),
    "StorageClass": Printer(
        Column("Name", _class_name, format="name"),
        Column("Provisioner", "provisioner"),
        Column("ReclaimPolicy", "reclaimPolicy or Delete"),
        Column("VolumeBindingMode", "volumeBindingMode or Immediate"),
        Column("AllowVolumeExpansion", _expands),
        AGE,
    ),
}
