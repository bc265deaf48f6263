"""How pods are worded in descriptions: containers, probes, volumes, tolerations."""

from __future__ import annotations

from urllib.parse import quote

from kubecourse.api import codec
from kubecourse.api.patch.values import go_text
from kubecourse.api.qos import qos_class
from kubecourse.api.quantity import QuantityError, parse_quantity
from kubecourse.tools.kubectl.describe.formatters import NONE, UNSET, Json, label_selector
from kubecourse.tools.kubectl.describe.layout import FORMATTERS, LAYOUTS, at, formatter


def _containers(key: str, pod: Json) -> list[Json]:
    """The containers of one sort, each with its status and its pod."""
    statuses = at(pod, f"status.{key}Statuses", ())
    by_name = {status["name"]: status for status in statuses}
    found = at(pod, f"spec.{key}s", [])
    return [{**each, "status": by_name.get(each["name"]), "pod": pod} for each in found]


FORMATTERS.update(
    init_containers=lambda pod: _containers("initContainer", pod),
    containers=lambda pod: _containers("container", pod),
    pod_node=lambda pod: (
        f"{node}/{at(pod, 'status.hostIP', '')}" if (node := at(pod, "spec.nodeName")) else NONE
    ),
    qos=lambda pod: (
        at(pod, "status.qosClass") or qos_class(codec.decode(pod, "core/v1.Pod")[0].spec)
    ),
    split=lambda words: [line for word in words or () for line in word.split("\n")],
    size_limit=lambda limit: UNSET if limit in (None, "0") else limit,
)


@formatter
def readiness_gates(pod: Json) -> list[Json]:
    """Conditions of others that a pod waits for."""
    found = {each["type"]: each["status"] for each in at(pod, "status.conditions", ())}
    gates = [gate["conditionType"] for gate in at(pod, "spec.readinessGates", ())]
    return [{"type": gate, "status": found.get(gate, NONE)} for gate in gates]


@formatter
def ports(ports: list[Json] | None) -> list[Json]:
    """The container's ports and the host's."""
    # kubectl 1.33, whose texts were recorded, does not yet print the port's name.
    found = []
    for title, key in (("Port", "containerPort"), ("Host Port", "hostPort")):
        listed = [f"{port.get(key, 0)}/{port.get('protocol', '')}" for port in ports or ()]
        title += "s" if len(listed) > 1 else ""
        found.append({"name": title, "value": ", ".join(listed) or NONE})
    return found


@formatter
def states(status: Json) -> list[Json]:
    """How a container is, and how it ended before."""
    found = [("State", status.get("state") or {})]
    if at(status, "lastState.terminated"):
        found.append(("Last State", status["lastState"]))
    kinds = ("running", "terminated")
    return [
        {**(state.get(kind) or {}), "kind": kind, "title": title}
        for title, state in found
        for kind in [next((kind for kind in kinds if state.get(kind)), "waiting")]
    ]


_TIMING = "delay={}s timeout={}s period={}s #success={} #failure={}"
_TIMES = (
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
    "failureThreshold",
)  # fmt: skip


@formatter
def probe(probe: Json | None) -> str:
    """`http-get http://:80/ready delay=0s timeout=1s period=5s #success=1 #failure=3`."""
    if probe is None:
        return ""
    what = "unknown"
    if (action := probe.get("exec")) is not None:
        what = f"exec {go_text(action.get('command') or [])}"
    elif (action := probe.get("httpGet")) is not None:
        path = quote(action.get("path", ""), safe="/:@!$&'()*+,;=~%")
        path = path if not path or path.startswith("/") else f"/{path}"
        scheme, host = action.get("scheme", "").lower(), action.get("host", "")
        what = f"http-get {scheme}://{host}:{action.get('port', 0)}{path}"
    elif (action := probe.get("tcpSocket")) is not None:
        what = f"tcp-socket {action.get('host', '')}:{action.get('port', 0)}"
    elif (action := probe.get("grpc")) is not None:
        what = f"grpc <pod>:{action.get('port', 0)} {action.get('service') or ''}"
    return f"{what} {_TIMING.format(*(probe.get(key, 0) for key in _TIMES))}"


def _optional(source: Json) -> str:
    return f"Optional: {go_text(bool(source.get('optional')))}"


@formatter
def env_from(sources: list[Json] | None) -> list[str]:
    """ConfigMaps and Secrets that all their keys are variables of."""
    lines = []
    for each in sources or ():
        kind = "ConfigMap" if "configMapRef" in each else "Secret"
        source = each.get("configMapRef") or each.get("secretRef") or {}
        prefix = f" with prefix '{each['prefix']}'" if each.get("prefix") else ""
        lines.append(f"{source.get('name', '')}\t{kind}{prefix}\t{_optional(source)}")
    return lines


_NEXT_LINE = "\n      \t"
"""Between the lines of a variable's value."""


@formatter
def environment(container: Json) -> list[Json]:
    """A container's variables, and where their values come from."""
    found = []
    for variable in container.get("env") or ():
        if (source := variable.get("valueFrom")) is None:
            value = variable.get("value", "").replace("\n", _NEXT_LINE)
        else:
            value = _value_from(source, container)
        if value or not source:
            found.append({"name": variable["name"], "value": value})
    return found


def _value_from(source: Json, container: Json) -> str:
    if field := source.get("fieldRef"):
        path = field.get("fieldPath", "")
        # Of all other fields kubectl's client does not know that pods have them.
        known = path in ("metadata.name", "metadata.namespace")
        value = at(container, f"pod.{path}", "") if known else ""
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


@formatter
def mounts(mounts: list[Json] | None) -> list[str]:
    """Where volumes are mounted."""
    lines = []
    for each in sorted(mounts or (), key=lambda each: each.get("mountPath", "")):
        flags = "ro" if each.get("readOnly") else "rw"
        flags += f',path="{each["subPath"]}"' if each.get("subPath") else ""
        lines.append(f"{each.get('mountPath', '')} from {each['name']} ({flags})")
    return lines


@formatter
def tolerations(tolerations: list[Json] | None) -> list[str]:
    """Tolerations, by key: `key=value:NoExecute op=Exists for 300s`."""
    lines = []
    for each in sorted(tolerations or (), key=lambda each: each.get("key", "")):
        text = format_taint(each)
        if each.get("operator") == "Exists" and not each.get("value"):
            text += " op=Exists" if text else "op=Exists"
        seconds = each.get("tolerationSeconds")
        lines.append(text if seconds is None else f"{text} for {seconds}s")
    return lines or [NONE]


def format_taint(taint: Json) -> str:
    """`key=value:NoSchedule`, `key:NoExecute`."""
    value = f"={taint['value']}" if taint.get("value") else ""
    effect = f":{taint['effect']}" if taint.get("effect") else ""
    return f"{taint.get('key', '')}{value}{effect}"


@formatter
def taints(taints: list[Json] | None) -> list[str]:
    """A node's taints, by effect."""
    ordered = sorted(taints or (), key=lambda taint: f"{taint['effect']},{taint['key']}")
    return list(map(format_taint, ordered)) or [NONE]


@formatter
def spread(constraints: list[Json] | None) -> list[str]:
    """Topology spread constraints, by key."""
    lines = []
    for each in sorted(constraints or (), key=lambda each: each.get("topologyKey", "")):
        rule = f"{each.get('topologyKey', '')}:{each.get('whenUnsatisfiable', '')}"
        text = f"{rule} when max skew {each.get('maxSkew', 0)} is exceeded"
        if "labelSelector" in each:
            text += f" for selector {label_selector(each['labelSelector'])}"
        lines.append(text)
    return lines


def _source(sort: str, holder: Json) -> list[Json]:
    """What is behind a volume, with the name of its layout."""
    for layout in LAYOUTS:
        prefix, _, name = layout.partition("/")
        if prefix == sort and holder.get(name) is not None:
            return [{**holder[name], "layout": layout}]
    return [{"layout": "unknown_volume"}]


FORMATTERS.update(
    volume=lambda volume: _source("volume", volume),
    projected=lambda sources: [
        each for source in sources or () for each in _source("projected", source)
    ],
)


@formatter
def downward_items(items: list[Json] | None) -> list[str]:
    """Which field goes into which file."""
    paths = ("fieldRef.fieldPath", "resourceFieldRef.resource")
    return [f"{at(each, paths[0]) or at(each, paths[1])} -> {each['path']}" for each in items or ()]
