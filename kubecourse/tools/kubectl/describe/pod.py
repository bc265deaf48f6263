"""Pods."""

from __future__ import annotations

from kubecourse.api import codec
from kubecourse.api.qos import qos_class
from kubecourse.tools.kubectl.describe.containers import (
    SECCOMP,
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
    d.fields(
        spec,
        """
        Priority?: priority
        Priority Class Name?: priorityClassName
        Runtime Class Name?: runtimeClassName
        Service Account?: serviceAccountName
        """,
    )
    node = spec.get("nodeName")
    d.field("Node", f"{node}/{status.get('hostIP', '')}" if node else NONE)
    if "startTime" in status:
        d.field("Start Time", rfc1123(status["startTime"]))
    d.labels("Labels", at(pod, "metadata", "labels"))
    d.annotations("Annotations", at(pod, "metadata", "annotations"))
    _status(d, pod, status)
    d.fields(at(spec, "securityContext", default={}), SECCOMP)
    _addresses(d, status)
    if owner := controller_of(pod):
        d.field("Controlled By", f"{owner['kind']}/{owner['name']}")
    d.optional("NominatedNodeName", status.get("nominatedNodeName"))
    if "resources" in spec:
        d.line("Resources:")
        describe_resources(d, spec["resources"], 1)
    for title, key in (
        ("Init Containers", "initContainer"),
        ("Containers", "container"),
        ("Ephemeral Containers", "ephemeralContainer"),
    ):
        if spec.get(f"{key}s") or key == "container":
            describe_containers(d, title, spec.get(f"{key}s"), status.get(f"{key}Statuses"), pod)
    _conditions(d, spec, status)
    describe_volumes(d, spec.get("volumes"))
    qos = status.get("qosClass") or qos_class(codec.decode(pod, "core/v1.Pod")[0].spec)
    d.field("QoS Class", qos)
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
    d.fields(status, "Reason?: reason\nMessage?: message")


def _addresses(d: Description, status: Json) -> None:
    d.field("IP", status.get("podIP", ""))
    addresses = status.get("podIPs") or []
    d.line("IPs:" if addresses else f"IPs:\t{NONE}")
    for address in addresses:
        d.field("IP", address.get("ip", ""), 1)


def _conditions(d: Description, spec: Json, status: Json) -> None:
    found = {each["type"]: each["status"] for each in status.get("conditions") or []}
    gates = [gate["conditionType"] for gate in spec.get("readinessGates") or []]
    for title, rows in (
        ("Readiness Gates", {gate: found.get(gate, NONE) for gate in gates}),
        ("Conditions", found),
    ):
        if rows:
            d.line(f"{title}:")
            d.line("Type\tStatus", 1)
        for kind, value in rows.items():
            d.line(f"{kind} \t{value} ", 1)
