"""Pods."""

from __future__ import annotations

import re

from kubecourse.api import codec
from kubecourse.api.qos import qos_class
from kubecourse.tools.kubectl.describe.containers import (
    describe_containers,
    describe_resources,
    describe_spread,
    describe_tolerations,
)
from kubecourse.tools.kubectl.describe.description import (
    NONE,
    Description,
    Json,
    at,
    controller_of,
    rfc1123,
)
from kubecourse.tools.kubectl.describe.volumes import describe_volumes

_MIRROR = "kubernetes.io/config.mirror"


def describe_pod(d: Description, pod: Json) -> None:
    """A pod: where it runs, its containers and their states, its volumes, what happened to it."""
    spec, status = pod["spec"], pod.get("status") or {}
    d.name(pod)
    if "priority" in spec:
        d.field("Priority", spec["priority"])
    d.optional("Priority Class Name", spec.get("priorityClassName"))
    d.optional("Runtime Class Name", spec.get("runtimeClassName"))
    d.optional("Service Account", spec.get("serviceAccountName"))
    node = spec.get("nodeName")
    d.field("Node", f"{node}/{status.get('hostIP', '')}" if node else NONE)
    if "startTime" in status:
        d.field("Start Time", rfc1123(status["startTime"]))
    d.labels("Labels", at(pod, "metadata", "labels"))
    d.annotations("Annotations", at(pod, "metadata", "annotations"))
    _status(d, pod, status)
    if profile := at(spec, "securityContext", "seccompProfile"):
        d.field("SeccompProfile", profile.get("type", ""))
        if profile.get("type") == "Localhost":
            d.field("LocalhostProfile", profile.get("localhostProfile", ""))
    _addresses(d, status)
    if owner := controller_of(pod):
        d.field("Controlled By", f"{owner['kind']}/{owner['name']}")
    d.optional("NominatedNodeName", status.get("nominatedNodeName"))
    if "resources" in spec:
        d.line("Resources:")
        describe_resources(d, spec["resources"], 1)
    _containers(d, pod, spec, status)
    _conditions(d, spec, status)
    describe_volumes(d, spec.get("volumes"))
    d.field("QoS Class", status.get("qosClass") or _computed_qos(pod))
    d.labels("Node-Selectors", spec.get("nodeSelector"))
    describe_tolerations(d, spec.get("tolerations"))
    describe_spread(d, spec.get("topologySpreadConstraints"))
    mirrored = at(pod, "metadata", "annotations", _MIRROR)
    d.events(pod, uids=[mirrored] if mirrored else None, kind="")


def _status(d: Description, pod: Json, status: Json) -> None:
    metadata, phase = pod["metadata"], status.get("phase", "")
    if "deletionTimestamp" in metadata and phase not in ("Failed", "Succeeded"):
        d.field("Status", f"Terminating (lasts {d.age(metadata['deletionTimestamp'])})")
        d.field("Termination Grace Period", f"{metadata.get('deletionGracePeriodSeconds', 0)}s")
    else:
        d.field("Status", phase)
    d.optional("Reason", status.get("reason"))
    d.optional("Message", status.get("message"))


def _addresses(d: Description, status: Json) -> None:
    d.field("IP", status.get("podIP", ""))
    if not status.get("podIPs"):
        d.field("IPs", NONE)
        return
    d.line("IPs:")
    for address in status["podIPs"]:
        d.field("IP", address.get("ip", ""), 1)


def _containers(d: Description, pod: Json, spec: Json, status: Json) -> None:
    def resolve(path: str) -> str:
        return field_value(pod, path)

    if spec.get("initContainers"):
        statuses = status.get("initContainerStatuses")
        describe_containers(d, "Init Containers", spec["initContainers"], statuses, resolve)
    statuses = status.get("containerStatuses")
    describe_containers(d, "Containers", spec.get("containers"), statuses, resolve)
    if spec.get("ephemeralContainers"):
        statuses = status.get("ephemeralContainerStatuses")
        describe_containers(
            d, "Ephemeral Containers", spec["ephemeralContainers"], statuses, resolve
        )


def _conditions(d: Description, spec: Json, status: Json) -> None:
    conditions = status.get("conditions") or []
    found = {condition["type"]: condition["status"] for condition in conditions}
    gates = [gate["conditionType"] for gate in spec.get("readinessGates") or []]
    for title, rows in (
        ("Readiness Gates", [(gate, found.get(gate, NONE)) for gate in gates]),
        ("Conditions", [(condition["type"], condition["status"]) for condition in conditions]),
    ):
        if rows:
            d.line(f"{title}:")
            d.line("Type\tStatus", 1)
        for kind, value in rows:
            d.line(f"{kind} \t{value} ", 1)


def _computed_qos(pod: Json) -> str:
    return qos_class(codec.decode(pod, "core/v1.Pod")[0].spec)


_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


def field_value(pod: Json, path: str) -> str:
    """What a `fieldRef` refers to, where kubectl knows it without asking: names, labels.

    Source: `staging/src/k8s.io/kubectl/pkg/util/fieldpath/fieldpath.go`.
    """
    if match := _SUBSCRIPT.fullmatch(path):
        value = at(pod, "metadata", match[1], match[2], default="")
        return str(value)
    if path in ("metadata.labels", "metadata.annotations"):
        entries = at(pod, *path.split("."), default={})
        return "\n".join(f'{key}="{entries[key]}"' for key in sorted(entries))
    if path in ("metadata.name", "metadata.namespace", "metadata.uid"):
        return str(at(pod, *path.split("."), default=""))
    return ""
