"""Containers and pod templates: what pods and everything that makes pods have in common."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from kubecourse.api import models
from kubecourse.api.labels import SelectorError, selector_from_label_selector
from kubecourse.api.patch.values import go_text
from kubecourse.api.quantity import QuantityError, parse_quantity
from kubecourse.tools.kubectl.describe.description import (
    NONE,
    Json,
    Lines,
    at,
)
from kubecourse.tools.kubectl.describe.volumes import describe_volumes

SECCOMP = """
    SeccompProfile?: seccompProfile.type
    LocalhostProfile?: seccompProfile.localhostProfile
"""


def label_selector(selector: Json | None) -> str:
    """A LabelSelector on one line: `app=web,tier in (a,b)`, `<none>`, `<error>`."""
    expressions = [
        models.meta_v1.LabelSelectorRequirement(
            key=each.get("key", ""), operator=each.get("operator", ""), values=each.get("values")
        )
        for each in at(selector, "matchExpressions", default=[])
    ]
    parsed = models.meta_v1.LabelSelector(
        matchLabels=at(selector, "matchLabels"), matchExpressions=expressions or None
    )
    try:
        return str(selector_from_label_selector(parsed)) or NONE
    except SelectorError:
        return "<error>"


def describe_template(d: Lines, template: Json) -> None:
    """The pods that a workload makes."""
    d.line("Pod Template:")
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    d.labels("Labels", metadata.get("labels"), "  ")
    if metadata.get("annotations"):
        d.annotations("  Annotations", metadata["annotations"])
    d.optional("Service Account", spec.get("serviceAccountName"), 1)
    if spec.get("initContainers"):
        describe_containers(d, "Init Containers", spec["initContainers"], indent="  ")
    describe_containers(d, "Containers", spec.get("containers"), indent="  ")
    describe_volumes(d, spec.get("volumes"), "  ")
    describe_spread(d, spec.get("topologySpreadConstraints"), "  ")
    d.optional("Priority Class Name", spec.get("priorityClassName"), 1)
    d.labels("Node-Selectors", spec.get("nodeSelector"), "  ")
    describe_tolerations(d, spec.get("tolerations"), "  ")


def describe_containers(
    d: Lines,
    title: str,
    containers: list[Json] | None,
    statuses: list[Json] | None = None,
    pod: Json | None = None,
    indent: str = "",
) -> None:
    """Containers with what is known of each; `indent` is set inside a template, `pod` is not."""
    d.line(f"{indent}{title}:{'' if containers else ' <none>'}")
    by_name = {status["name"]: status for status in statuses or []}
    for container in containers or []:
        d.line(f"{' ' if indent else ''}{container['name']}:", 1)
        status = by_name.get(container["name"])
        _basics(d, container, status)
        for name in ("command", "args"):
            if container.get(name):
                d.line(f"{name.capitalize()}:", 2)
            for word in container.get(name) or []:
                for line in word.split("\n"):
                    d.line(line, 3)
        if status is not None:
            _one_state(d, "State", status.get("state") or {})
            if at(status, "lastState", "terminated"):
                _one_state(d, "Last State", status["lastState"])
            d.field("Ready", str(bool(status.get("ready"))), 2)
            d.field("Restart Count", status.get("restartCount", 0), 2)
        describe_resources(d, container.get("resources"), 2)
        for name in ("liveness", "readiness", "startup"):
            if probe := container.get(f"{name}Probe"):
                d.field(name.capitalize(), describe_probe(probe), 2)
        _environment_from(d, container)
        _environment(d, container, pod)
        _mounts(d, container)


def _basics(d: Lines, container: Json, status: Json | None) -> None:
    if status is not None:
        d.field("Container ID", status.get("containerID", ""), 2)
    d.field("Image", container.get("image", ""), 2)
    if status is not None:
        d.field("Image ID", status.get("imageID", ""), 2)
    ports = container.get("ports") or []
    for title, key in (("Port", "containerPort"), ("Host Port", "hostPort")):
        # kubectl 1.33, whose texts were recorded, does not yet print the port's name.
        listed = [f"{port.get(key, 0)}/{port.get('protocol', '')}" for port in ports]
        d.field(f"{title}s" if len(listed) > 1 else title, ", ".join(listed) or NONE, 2)
    d.fields(container.get("securityContext") or {}, SECCOMP, 2)


def describe_resources(
    d: Lines, resources: Json | None, level: int, titles: tuple[str, ...] = ("limits", "requests")
) -> None:
    """Limits and requests, or other amounts under their titles."""
    for title in titles:
        amounts = at(resources, title, default={})
        if amounts:
            d.line(f"{title.capitalize()}:", level)
        for name in sorted(amounts):
            d.field(name, amounts[name], level + 1)


_TERMINATED = """
    Reason?: reason
    Message?: message
    Exit Code: exitCode | number
    Signal?: signal
    Started: startedAt | time
    Finished: finishedAt | time
"""


def _one_state(d: Lines, title: str, state: Json) -> None:
    if running := state.get("running"):
        d.field(title, "Running", 2)
        d.fields(running, "Started: startedAt | time", 3)
    elif ended := state.get("terminated"):
        d.field(title, "Terminated", 2)
        d.fields(ended, _TERMINATED, 3)
    else:
        d.field(title, "Waiting", 2)
        d.fields(state, "Reason?: waiting.reason", 3)


_TIMING = (
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
    "failureThreshold",
)  # fmt: skip


def describe_probe(probe: Json) -> str:
    """`http-get http://:80/ready delay=0s timeout=1s period=5s #success=1 #failure=3`."""
    numbers = (probe.get(key, 0) for key in _TIMING)
    rest = "delay={}s timeout={}s period={}s #success={} #failure={}".format(*numbers)
    if (action := probe.get("exec")) is not None:
        return f"exec {go_text(action.get('command') or [])} {rest}"
    if (action := probe.get("httpGet")) is not None:
        host = action.get("host", "")
        host = f"[{host}]" if ":" in host else host
        path = quote(action.get("path", ""), safe="/:@!$&'()*+,;=~%")
        path = path if not path or path.startswith("/") else f"/{path}"
        scheme = action.get("scheme", "").lower()
        return f"http-get {scheme}://{host}:{action.get('port', 0)}{path} {rest}"
    if (action := probe.get("tcpSocket")) is not None:
        return f"tcp-socket {action.get('host', '')}:{action.get('port', 0)} {rest}"
    if (action := probe.get("grpc")) is not None:
        return f"grpc <pod>:{action.get('port', 0)} {action.get('service') or ''} {rest}"
    return f"unknown {rest}"


def _environment_from(d: Lines, container: Json) -> None:
    sources = container.get("envFrom") or []
    if sources:
        d.line("Environment Variables from:", 2)
    for each in sources:
        kind = "ConfigMap" if "configMapRef" in each else "Secret"
        source = each.get("configMapRef") or each.get("secretRef") or {}
        prefix = f" with prefix '{each['prefix']}'" if each.get("prefix") else ""
        optional = go_text(bool(source.get("optional")))
        d.line(f"{source.get('name', '')}\t{kind}{prefix}\tOptional: {optional}", 3)


def _environment(d: Lines, container: Json, pod: Json | None) -> None:
    variables = container.get("env") or []
    d.line(f"Environment:{'' if variables else chr(9) + NONE}", 2)
    for variable in variables:
        name, source = variable["name"], variable.get("valueFrom")
        if source is None:
            first, *rest = variable.get("value", "").split("\n")
            d.field(name, first, 3)
            for line in rest:
                d.line(f"\t{line}", 3)
        else:
            d.optional(name, _value_from(source, container, pod), 3)


def _value_from(source: Json, container: Json, pod: Json | None) -> str:
    if field := source.get("fieldRef"):
        path = field.get("fieldPath", "")
        value = field_value(pod, path) if pod else ""
        return f"{value} ({field.get('apiVersion', '')}:{path})"
    if ref := source.get("resourceFieldRef"):
        resource = ref.get("resource", "")
        value = _resource_value(ref, container)
        if value == "0" and resource in ("limits.cpu", "limits.memory"):
            value = "node allocatable"
        return f"{value} ({resource})"
    for key, words in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        if ref := source.get(key):
            optional = go_text(bool(ref.get("optional")))
            return (
                f"<set to the key '{ref.get('key', '')}' {words} '{ref.get('name', '')}'>"
                f"\tOptional: {optional}"
            )
    return ""


def field_value(pod: Json, path: str) -> str:
    """What a `fieldRef` refers to, where kubectl knows it without asking: names, labels.

    Source: `staging/src/k8s.io/kubectl/pkg/util/fieldpath/fieldpath.go`.
    """
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['([^']*)'\]", path):
        return str(at(pod, "metadata", match[1], match[2], default=""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = at(pod, *path.split("."), default={})
        return "\n".join(f'{key}="{entries[key]}"' for key in sorted(entries))
    if path in ("metadata.name", "metadata.namespace", "metadata.uid"):
        return str(at(pod, *path.split("."), default=""))
    return ""


def _resource_value(ref: Json, container: Json) -> str:
    """A container's own resource in whole units of the divisor, rounded up."""
    of, _, name = ref.get("resource", "").partition(".")
    try:
        amount = parse_quantity(at(container, "resources", of, name, default="0")).nano
        divisor = parse_quantity(ref.get("divisor") or "1").nano or parse_quantity("1").nano
    except QuantityError:
        return ""
    return str(-(-amount // divisor))


def _mounts(d: Lines, container: Json) -> None:
    mounts = container.get("volumeMounts") or []
    none = "" if mounts else f"\t{NONE}"
    d.line(f"Mounts:{none}", 2)
    for mount in sorted(mounts, key=lambda mount: mount.get("mountPath", "")):
        flags = ["ro" if mount.get("readOnly") else "rw"]
        if mount.get("subPath"):
            flags.append(f'path="{mount["subPath"]}"')
        d.line(f"{mount.get('mountPath', '')} from {mount['name']} ({','.join(flags)})", 3)
    devices = container.get("volumeDevices") or []
    if devices:
        d.line(f"Devices:{none}", 2)
    for device in sorted(devices, key=lambda device: device.get("devicePath", "")):
        d.line(f"{device.get('devicePath', '')} from {device['name']}", 3)


def describe_tolerations(d: Lines, tolerations: list[Json] | None, indent: str = "") -> None:
    """Tolerations, one a line, by key."""
    ordered = sorted(tolerations or [], key=lambda toleration: toleration.get("key", ""))
    d.several("Tolerations", map(_toleration, ordered), indent)


def _toleration(toleration: Json) -> str:
    text: str = toleration.get("key", "")
    if toleration.get("value"):
        text += f"={toleration['value']}"
    if toleration.get("effect"):
        text += f":{toleration['effect']}"
    if toleration.get("operator") == "Exists" and not toleration.get("value"):
        text += " op=Exists" if text else "op=Exists"
    seconds: Any = toleration.get("tolerationSeconds")
    return text if seconds is None else f"{text} for {seconds}s"


def describe_spread(d: Lines, constraints: list[Json] | None, indent: str = "") -> None:
    """Topology spread constraints, one a line, by key; nothing where there are none."""
    lines = []
    for each in sorted(constraints or [], key=lambda each: each.get("topologyKey", "")):
        text = (
            f"{each.get('topologyKey', '')}:{each.get('whenUnsatisfiable', '')}"
            f" when max skew {each.get('maxSkew', 0)} is exceeded"
        )
        if "labelSelector" in each:
            text += f" for selector {label_selector(each['labelSelector'])}"
        lines.append(text)
    if lines:
        d.several("Topology Spread Constraints", lines, indent)
