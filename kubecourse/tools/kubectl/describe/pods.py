"""Containers and what pods and pod templates say besides: states, environment, volumes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from kubecourse.api import codec
from kubecourse.api.patch.values import go_text
from kubecourse.api.qos import qos_class
from kubecourse.api.quantity import QuantityError, parse_quantity
from kubecourse.tools.kubectl.describe.description import (
    FORMS,
    LAYOUTS,
    NONE,
    UNSET,
    Description,
    Json,
    Lines,
    at,
    block,
    events,
    label_selector,
)

MIRROR = "kubernetes.io/config.mirror"

# --- pods


def _node(pod: Json) -> str:
    node = at(pod, "spec.nodeName")
    return f"{node}/{at(pod, 'status.hostIP', '')}" if node else NONE


def _qos(pod: Json) -> str:
    return at(pod, "status.qosClass") or qos_class(codec.decode(pod, "core/v1.Pod")[0].spec)


@block
def phase(d: Description, obj: Json, level: int) -> None:
    """The phase, or for how long the object has been going to be deleted."""
    metadata, found = obj["metadata"], at(obj, "status.phase", "")
    if "deletionTimestamp" not in metadata or found in ("Failed", "Succeeded"):
        return d.field("Status", found)
    d.field("Status", f"Terminating (lasts {d.age(metadata['deletionTimestamp'])})")
    if obj["kind"] == "Pod":
        grace = f"{metadata.get('deletionGracePeriodSeconds', 0)}s"
        d.field("Termination Grace Period", grace)
    return None


@block
def pod_ips(d: Lines, pod: Json, level: int) -> None:
    """All its addresses."""
    addresses = at(pod, "status.podIPs", [])
    d.line("IPs:" if addresses else f"IPs:\t{NONE}")
    for address in addresses:
        d.field("IP", address.get("ip", ""), 1)


@block
def pod_containers(d: Lines, pod: Json, level: int) -> None:
    """The containers of each sort, with their states."""
    for title, key in (
        ("Init Containers", "initContainer"),
        ("Containers", "container"),
        ("Ephemeral Containers", "ephemeralContainer"),
    ):
        containers = at(pod, f"spec.{key}s", [])
        if containers or key == "container":
            _containers(d, title, containers, at(pod, f"status.{key}Statuses", []), pod)


@block
def template_containers(d: Lines, spec: Json, level: int) -> None:
    """Containers that are yet to be made."""
    if spec.get("initContainers"):
        _containers(d, "  Init Containers", spec["initContainers"])
    _containers(d, "  Containers", spec.get("containers") or [])


def _containers(
    d: Lines, title: str, containers: list[Json], statuses: Any = (), pod: Json | None = None
) -> None:
    """Containers with what is known of each; their names are set in by one inside a template."""
    d.line(f"{title}:{'' if containers else f' {NONE}'}")
    by_name = {status["name"]: status for status in statuses}
    for container in containers:
        d.line(f"{'' if pod else ' '}{container['name']}:", 1)
        view = {**container, "status": by_name.get(container["name"]), "pod": pod}
        d.write(LAYOUTS["container"], view, 2)


@block
def pod_conditions(d: Lines, pod: Json, level: int) -> None:
    """Readiness gates and conditions, types and values."""
    found = {each["type"]: each["status"] for each in at(pod, "status.conditions", ())}
    gates = [gate["conditionType"] for gate in at(pod, "spec.readinessGates", ())]
    for title, rows in (
        ("Readiness Gates", {gate: found.get(gate, NONE) for gate in gates}),
        ("Conditions", found),
    ):
        if rows:
            d.line(f"{title}:")
            d.line("Type\tStatus", 1)
        for kind, value in rows.items():
            d.line(f"{kind} \t{value} ", 1)


@block
def pod_events(d: Description, pod: Json, level: int) -> None:
    """Those of a static pod are about the kubelet's own object."""
    mirrored = at(pod, "metadata.annotations", {}).get(MIRROR)
    events(d, pod, level, uids=[mirrored] if mirrored else (), kind="")


# --- containers


@block
def ports(d: Lines, container: Json, level: int) -> None:
    """The container's ports and the host's."""
    # kubectl 1.33, whose texts were recorded, does not yet print the port's name.
    for title, key in (("Port", "containerPort"), ("Host Port", "hostPort")):
        listed = [f"{p.get(key, 0)}/{p.get('protocol', '')}" for p in container.get("ports") or []]
        d.field(f"{title}s" if len(listed) > 1 else title, ", ".join(listed) or NONE, level)


@block
def words(d: Lines, container: Json, level: int) -> None:
    """Its command and arguments, a word a line."""
    for name in ("command", "args"):
        if container.get(name):
            d.line(f"{name.capitalize()}:", level)
        for word in container.get(name) or []:
            for line in word.split("\n"):
                d.line(line, level + 1)


@block
def states(d: Lines, status: Json, level: int) -> None:
    """How it is, how it ended before, how often it was started again."""
    states = [("State", status.get("state") or {})]
    if at(status, "lastState.terminated"):
        states.append(("Last State", status["lastState"]))
    for title, state in states:
        kind = next((kind for kind in ("running", "terminated") if state.get(kind)), "waiting")
        d.write(LAYOUTS[kind], {**(state.get(kind) or {}), "title": title}, level)
    d.write("Ready: {ready|Bool}\nRestart Count: {restartCount|number}", status, level)


@block
def resources(
    d: Lines, holder: Json, level: int, titles: tuple[str, ...] = ("limits", "requests")
) -> None:
    """Limits and requests, or other amounts under their titles."""
    for title in titles:
        amounts = at(holder, title, {})
        if amounts:
            d.line(f"{title.capitalize()}:", level)
        for name in sorted(amounts):
            d.field(name, amounts[name], level + 1)


_TIMING = "delay={}s timeout={}s period={}s #success={} #failure={}"
_TIMES = (
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
    "failureThreshold",
)  # fmt: skip


def describe_probe(probe: Json | None) -> str:
    """`http-get http://:80/ready delay=0s timeout=1s period=5s #success=1 #failure=3`."""
    if probe is None:
        return ""
    what = "unknown"
    if (action := probe.get("exec")) is not None:
        what = f"exec {go_text(action.get('command') or [])}"
    elif (action := probe.get("httpGet")) is not None:
        host = action.get("host", "")
        host = f"[{host}]" if ":" in host else host
        path = quote(action.get("path", ""), safe="/:@!$&'()*+,;=~%")
        path = path if not path or path.startswith("/") else f"/{path}"
        scheme = action.get("scheme", "").lower()
        what = f"http-get {scheme}://{host}:{action.get('port', 0)}{path}"
    elif (action := probe.get("tcpSocket")) is not None:
        what = f"tcp-socket {action.get('host', '')}:{action.get('port', 0)}"
    elif (action := probe.get("grpc")) is not None:
        what = f"grpc <pod>:{action.get('port', 0)} {action.get('service') or ''}"
    return f"{what} {_TIMING.format(*(probe.get(key, 0) for key in _TIMES))}"


@block
def environment(d: Lines, container: Json, level: int) -> None:
    """Variables, and the ConfigMaps and Secrets that more come from."""
    if sources := container.get("envFrom"):
        d.line("Environment Variables from:", level)
    for each in sources or []:
        kind = "ConfigMap" if "configMapRef" in each else "Secret"
        source = each.get("configMapRef") or each.get("secretRef") or {}
        prefix = f" with prefix '{each['prefix']}'" if each.get("prefix") else ""
        d.line(f"{source.get('name', '')}\t{kind}{prefix}\t{_optional(source)}", level + 1)
    variables = container.get("env") or []
    d.line("Environment:" if variables else f"Environment:\t{NONE}", level)
    for variable in variables:
        if (source := variable.get("valueFrom")) is None:
            first, *rest = variable.get("value", "").split("\n")
            d.field(variable["name"], first, level + 1)
            for line in rest:
                d.line(f"\t{line}", level + 1)
        elif value := _value_from(source, container):
            d.field(variable["name"], value, level + 1)


def _optional(source: Json) -> str:
    return f"Optional: {go_text(bool(source.get('optional')))}"


def _value_from(source: Json, container: Json) -> str:
    if field := source.get("fieldRef"):
        path = field.get("fieldPath", "")
        # Of all other fields kubectl's client does not know that pods have them.
        known = path in ("metadata.name", "metadata.namespace")
        value = at(container["pod"], path, "") if known else ""
        return f"{value} ({field.get('apiVersion', '')}:{path})"
    if ref := source.get("resourceFieldRef"):
        resource = ref.get("resource", "")
        value = _resource_value(ref, container)
        if value == "0" and resource in ("limits.cpu", "limits.memory"):
            value = "node allocatable"
        return f"{value} ({resource})"
    for kind, where in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        if ref := source.get(kind):
            key, name = ref.get("key", ""), ref.get("name", "")
            return f"<set to the key '{key}' {where} '{name}'>\t{_optional(ref)}"
    return ""


def _resource_value(ref: Json, container: Json) -> str:
    """A container's own resource in whole units of the divisor, rounded up."""
    of, _, name = ref.get("resource", "").partition(".")
    try:
        amount = parse_quantity(at(container, f"resources.{of}", {}).get(name, "0")).nano
        divisor = parse_quantity(ref.get("divisor") or "1").nano or parse_quantity("1").nano
    except QuantityError:
        return ""
    return str(-(-amount // divisor))


@block
def mounts(d: Lines, container: Json, level: int) -> None:
    """Where volumes are mounted, and which devices there are."""
    found = sorted(container.get("volumeMounts") or [], key=lambda each: each.get("mountPath", ""))
    none = "" if found else f"\t{NONE}"
    d.line(f"Mounts:{none}", level)
    for mount in found:
        flags = "ro" if mount.get("readOnly") else "rw"
        flags += f',path="{mount["subPath"]}"' if mount.get("subPath") else ""
        d.line(f"{mount.get('mountPath', '')} from {mount['name']} ({flags})", level + 1)
    devices = container.get("volumeDevices") or []
    if devices:
        d.line(f"Devices:{none}", level)
    for device in sorted(devices, key=lambda each: each.get("devicePath", "")):
        d.line(f"{device.get('devicePath', '')} from {device['name']}", level + 1)


# --- where pods may run


def _tolerations(tolerations: list[Json] | None) -> list[str]:
    """One a line, by key."""
    ordered = sorted(tolerations or [], key=lambda toleration: toleration.get("key", ""))
    return list(map(_toleration, ordered)) or [NONE]


def _toleration(toleration: Json) -> str:
    text: str = toleration.get("key", "")
    if toleration.get("value"):
        text += f"={toleration['value']}"
    if toleration.get("effect"):
        text += f":{toleration['effect']}"
    if toleration.get("operator") == "Exists" and not toleration.get("value"):
        text += " op=Exists" if text else "op=Exists"
    seconds = toleration.get("tolerationSeconds")
    return text if seconds is None else f"{text} for {seconds}s"


def _spread(constraints: list[Json] | None) -> list[str]:
    """Topology spread constraints, by key."""
    lines = []
    for each in sorted(constraints or [], key=lambda each: each.get("topologyKey", "")):
        text = (
            f"{each.get('topologyKey', '')}:{each.get('whenUnsatisfiable', '')}"
            f" when max skew {each.get('maxSkew', 0)} is exceeded"
        )
        if "labelSelector" in each:
            text += f" for selector {label_selector(each['labelSelector'])}"
        lines.append(text)
    return lines


# --- volumes


@block
def volumes(d: Lines, spec: Json, level: int) -> None:
    """All volumes of a pod or of a pod template."""
    found = spec.get("volumes") or []
    d.line("Volumes:" if found else f"Volumes:\t{NONE}", level)
    for volume in found:
        d.line(f"{' ' if level else ''}{volume['name']}:", 1)
        volume_source(d, volume, 1)


@block
def volume_source(d: Lines, holder: Json, level: int) -> None:
    """What is behind a volume."""
    if not _write_first(d, "volume/", holder, 2):
        d.line("<unknown>", 1)


def _write_first(d: Lines, prefix: str, holder: Json, level: int) -> bool:
    """The first of several layouts whose field is set."""
    for name in LAYOUTS:
        source = holder.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if source is not None:
            d.write(LAYOUTS[name], source, level)
            return True
    return False


@block
def projected(d: Lines, volume: Json, level: int) -> None:
    """Each source of a projected volume."""
    for part in volume.get("sources") or []:
        _write_first(d, "projected/", part, level)


@block
def downward_items(d: Lines, volume: Json, level: int) -> None:
    """Which field goes into which file."""
    for item in volume.get("items") or []:
        field = at(item, "fieldRef.fieldPath") or at(item, "resourceFieldRef.resource")
        d.line(f"{field} -> {item['path']}", level)


FORMS.update(
    pod_node=_node,
    qos=_qos,
    probe=describe_probe,
    tolerations=_tolerations,
    spread=_spread,
    size_limit=lambda limit: UNSET if limit in (None, "0") else limit,
)
