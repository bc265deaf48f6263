"""How the values of objects are worded in descriptions."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import product
from typing import Any
from urllib.parse import quote

from kubecourse.api import codec
from kubecourse.api.duration import human_duration
from kubecourse.api.labels import format_label_selector
from kubecourse.api.patch.values import go_text
from kubecourse.api.qos import qos_class
from kubecourse.api.quantity import Quantity, QuantityError, parse_quantity
from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.describe.layout import FORMS, LAYOUTS, at, form

Json = dict[str, Any]

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"
LONGEST_ANNOTATION = 140
NEVER = "Mon, 01 Jan 0001 00:00:00 +0000"
"""Go's zero time, which kubectl prints where a time is missing."""

# --- what all kinds have


def rfc1123(text: str | None) -> str:
    """A timestamp as descriptions print it: `Mon, 23 Nov 2026 01:29:00 +0000`."""
    return f"{datetime.fromisoformat(text):%a, %d %b %Y %H:%M:%S %z}" if text else NEVER


def controller_of(metadata: Json) -> Json | None:
    """The owner reference of an object's controller."""
    owners = metadata.get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def label_selector(selector: Json | None) -> str:
    """A LabelSelector on one line: `app=web,tier in (a,b)`, `<none>`, `<error>`; or a plain map."""
    if selector and not selector.keys() & {"matchLabels", "matchExpressions"}:
        return format_label_selector(selector)
    return format_label_selector(codec.decode(selector, "meta/v1.LabelSelector")[0])


def pairs(entries: Mapping[str, str] | None) -> list[str]:
    """Labels, by key: `app=web`."""
    return [f"{key}={value}" for key, value in sorted((entries or {}).items())]


@form
def some_annotations(annotations: Mapping[str, str] | None) -> list[str]:
    """Annotations, by key, long ones cut; kubectl's own is left out."""
    lines: list[str] = []
    longest = LONGEST_ANNOTATION - 2
    for key, value in sorted((annotations or {}).items()):
        value = value.removesuffix("\n")
        if key == LAST_APPLIED:
            continue
        if len(value) + len(key) > longest or "\n" in value:
            lines.append(f"{key}:")
            for part in value.split("\n"):
                lines.append(f"  {part[:longest]}..." if len(part) > longest else f"  {part}")
        else:
            lines.append(f"{key}: {value}")
    return lines


@form
def controller(metadata: Json) -> str:
    """`ReplicaSet/web-1`."""
    owner = controller_of(metadata)
    return f"{owner['kind']}/{owner['name']}" if owner else ""


def _items(entries: Mapping[str, Any] | None) -> list[Json]:
    return [{"name": key, "value": value} for key, value in sorted((entries or {}).items())]


FORMS.update(
    {
        "number": lambda value: value or 0,
        "flag": bool,
        "Bool": lambda value: UNSET if value is None else str(bool(value)),
        "none": lambda value: NONE if value is None else value,
        "unset": lambda value: UNSET if value is None else value,
        "name": lambda value: value or UNSET,
        "zero": lambda amount: amount or "0",
        "default": lambda amount: amount or "<default>",
        "seconds": lambda value: UNSET if value is None else f"{value}s",
        "go": lambda value: go_text(value or []),
        "bytes": lambda value: len(b64decode(value)),
        "time": lambda value: value and rfc1123(value),
        "time_or_never": rfc1123,
        "time_or_unset": lambda value: rfc1123(value) if value else UNSET,
        "go_time": lambda text: f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S %z} UTC",
        "labels": lambda labels: ",".join(pairs(labels)) or NONE,
        "lines": lambda labels: pairs(labels) or [NONE],
        "attributes": lambda entries: [f"    {pair}" for pair in pairs(entries)] or [NONE],
        "nested": lambda entries: [f"    {pair}" for pair in pairs(entries) or [NONE]],
        "items": _items,
        "annotations": lambda annotations: some_annotations(annotations) or [NONE],
        "joined": lambda values: ",".join(values or ()),
        "joined_or_none": lambda values: ",".join(values or ()) or NONE,
        "listed": lambda values: ", ".join(values or ()),
        "listed_or_none": lambda values: ", ".join(values or ()) or NONE,
        "names": lambda references: ", ".join(each["name"] for each in references or ()) or NONE,
        "selector": label_selector,
        "selector_or_unset": lambda value: UNSET if value is None else label_selector(value),
    }
)

# --- containers, and what they run on


def _containers(key: str, pod: Json) -> list[Json]:
    """The containers of one sort, each with its status and its pod."""
    statuses = at(pod, f"status.{key}Statuses", ())
    by_name = {status["name"]: status for status in statuses}
    found = at(pod, f"spec.{key}s", [])
    return [{**each, "status": by_name.get(each["name"]), "pod": pod} for each in found]


FORMS.update(
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


@form
def readiness_gates(pod: Json) -> list[Json]:
    """Conditions of others that a pod waits for."""
    found = {each["type"]: each["status"] for each in at(pod, "status.conditions", ())}
    gates = [gate["conditionType"] for gate in at(pod, "spec.readinessGates", ())]
    return [{"type": gate, "status": found.get(gate, NONE)} for gate in gates]


@form
def ports(ports: list[Json] | None) -> list[Json]:
    """The container's ports and the host's."""
    # kubectl 1.33, whose texts were recorded, does not yet print the port's name.
    found = []
    for title, key in (("Port", "containerPort"), ("Host Port", "hostPort")):
        listed = [f"{port.get(key, 0)}/{port.get('protocol', '')}" for port in ports or ()]
        title += "s" if len(listed) > 1 else ""
        found.append({"name": title, "value": ", ".join(listed) or NONE})
    return found


@form
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


@form
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


@form
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


@form
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


@form
def mounts(mounts: list[Json] | None) -> list[str]:
    """Where volumes are mounted."""
    lines = []
    for each in sorted(mounts or (), key=lambda each: each.get("mountPath", "")):
        flags = "ro" if each.get("readOnly") else "rw"
        flags += f',path="{each["subPath"]}"' if each.get("subPath") else ""
        lines.append(f"{each.get('mountPath', '')} from {each['name']} ({flags})")
    return lines


@form
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


@form
def taints(taints: list[Json] | None) -> list[str]:
    """A node's taints, by effect."""
    ordered = sorted(taints or (), key=lambda taint: f"{taint['effect']},{taint['key']}")
    return list(map(format_taint, ordered)) or [NONE]


@form
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


FORMS.update(
    volume=lambda volume: _source("volume", volume),
    projected=lambda sources: [
        each for source in sources or () for each in _source("projected", source)
    ],
)


@form
def downward_items(items: list[Json] | None) -> list[str]:
    """Which field goes into which file."""
    paths = ("fieldRef.fieldPath", "resourceFieldRef.resource")
    return [f"{at(each, paths[0]) or at(each, paths[1])} -> {each['path']}" for each in items or ()]


# --- what makes pods


@form
def job_duration(status: Json | None) -> str:
    """From its start to its completion."""
    start, end = at(status, "startTime"), at(status, "completionTime")
    if not start or not end:
        return ""
    return human_duration(
        (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    )


@form
def job_pods(status: Json | None) -> str:
    """How many pods are active, have succeeded, have failed."""
    active, succeeded, failed = (at(status, key, 0) for key in ("active", "succeeded", "failed"))
    ready = at(status, "ready")
    shown = f"{active} Active" if ready is None else f"{active} Active ({ready} Ready)"
    return f"{shown} / {succeeded} Succeeded / {failed} Failed"


@form
def completed_indexes(job: Json) -> str:
    """Those of an indexed job, cut behind the fiftieth character."""
    if at(job, "spec.completionMode") != "Indexed":
        return ""
    indexes = at(job, "status.completedIndexes", "")
    end = indexes.find(",", 50)
    return (indexes if end < 0 else f"{indexes[: end + 1]}...") or NONE


@form
def metrics(autoscaler: Json) -> list[Json]:
    """Each metric: how it is and how it should be."""
    current = at(autoscaler, "status.currentMetrics", [])
    found = []
    for index, metric in enumerate(at(autoscaler, "spec.metrics", [])):
        key = metric["type"][:1].lower() + metric["type"][1:]
        now = at(current[index], f"{key}.current") if index < len(current) else None
        name, value = _metric(key, metric[key], now)
        found.append({"name": name, "value": value})
    return found


def _metric(kind: str, source: Json, now: Json | None) -> tuple[str, str]:
    target, name = source.get("target") or {}, source.get("name") or at(source, "metric.name", "")
    average = "averageValue" in target
    value = "averageValue" if average else "value"
    shown = f"{at(now, value, UNKNOWN)} / {target.get(value, '<nil>')}"
    if kind in ("resource", "containerResource"):
        of = f' of container "{source["container"]}"' if kind != "resource" else ""
        title = f"resource {name}{of} on pods"
        if average:
            return title, shown
        used = at(now, "averageUtilization")
        is_now = UNKNOWN if used is None else f"{used}% ({at(now, 'averageValue', '0')})"
        wanted = target.get("averageUtilization")
        goal = "<auto>" if wanted is None else f"{wanted}%"
        return f"{title}  (as a percentage of request)", f"{is_now} / {goal}"
    where = {"pods": " on pods", "external": ""}.get(kind)
    if where is None:
        where = f" on {source['describedObject']['kind']}/{source['describedObject']['name']}"
    aim = "" if kind == "pods" else f" (target {'average ' if average else ''}value)"
    return f'"{name}"{where}{aim}', shown


# --- quotas and limits

_LIMITS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


@form
def uses(quota: Json) -> list[Json]:
    """What is allowed and what is used; `alike` is that in the words of what is allowed."""
    hard, used = at(quota, "status.hard", {}), at(quota, "status.used", {})
    rows = []
    for name in sorted(hard):
        limit, taken = parse_quantity(hard[name]), parse_quantity(used.get(name, "0"))
        alike = Quantity(taken.nano, limit.format)
        rows.append({"name": name, "hard": str(limit), "used": str(taken), "alike": str(alike)})
    return rows


@form
def limit_rows(limit_range: Json) -> list[Json]:
    """One row for each resource; Go's order is that of a map, which is none: ours is by name."""
    rows = []
    for item in at(limit_range, "spec.limits", []):
        for name in sorted({name for key in _LIMITS for name in item.get(key) or {}}):
            values = {key: (item.get(key) or {}).get(name, "-") for key in _LIMITS}
            rows.append({"type": item.get("type", ""), "name": name, **values})
    return rows


FORMS.update(
    sorted=lambda names: ", ".join(sorted(names or ())),
    scopes=lambda names: [
        LAYOUTS[key] for name in sorted(names or ()) if (key := f"scope/{name}") in LAYOUTS
    ],
)

# --- configuration and access


@form
def secret_values(secret: Json) -> list[Json]:
    """How large a Secret's values are; a token is shown."""
    found = []
    for key, text in sorted((secret.get("data") or {}).items()):
        value = b64decode(text)
        is_token = key == "token" and secret.get("type") == "kubernetes.io/service-account-token"
        shown = value.decode(errors="replace") if is_token else f"{len(value)} bytes"
        found.append({"name": key, "value": shown})
    return found


_RULE = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
_GO_RULE = ("Verbs", "APIGroups", "Resources", "ResourceNames", "NonResourceURLs")


@form
def rules(rules: list[Json] | None) -> list[Json]:
    """What a role allows, for each resource all its verbs; kubectl sorts rules as text.

    Source: `staging/src/k8s.io/kubectl/pkg/util/rbac/rbac.go` (BreakdownRule, CompactRules).
    """
    by_place: dict[tuple[str, str, str], list[str]] = {}
    found: list[tuple[list[str], ...]] = []
    for rule in rules or ():
        verbs, groups, resources, names, urls = (rule.get(key) or [] for key in _RULE)
        for place in product(groups, resources, names or [""]):
            by_place.setdefault(place, []).extend(verbs)
        found += [([verb], [], [], [], [url]) for url in urls for verb in verbs]
    for (group, resource, name), verbs in by_place.items():
        found.append((verbs, [group], [resource], [name] if name else [], []))
    rows = []
    for verbs, groups, resources, names, urls in sorted(found, key=_as_go_prints):
        resource, slash, below = "".join(resources).partition("/")
        what = f"{resource}{f'.{group}' if (group := ''.join(groups)) else ''}{slash}{below}"
        rows.append({"resource": what, "urls": urls, "names": names, "verbs": verbs})
    return rows


def _as_go_prints(rule: tuple[list[str], ...]) -> str:
    return "".join(f"{key}:{go_text(value)}," for key, value in zip(_GO_RULE, rule, strict=True))


@form
def roles(labels: dict[str, str] | None) -> str:
    """A node's roles, from its labels."""
    prefix, labels = "node-role.kubernetes.io/", labels or {}
    found = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)}
    found |= {labels.get("kubernetes.io/role", "")}
    return ",".join(sorted(found - {""})) or NONE


# --- networks


@form
def balancer(ingress: list[Json] | None) -> str:
    """The addresses of a load balancer."""
    shown = []
    for each in ingress or ():
        mode = f" ({each['ipMode']})" if each.get("ipMode") else ""
        shown.append(f"{each['ip']}{mode}" if each.get("ip") else each.get("hostname", ""))
    return ", ".join(shown)


FORMS.update(
    addresses=lambda ingress: ",".join(
        sorted({each.get("ip") or each.get("hostname", "") for each in ingress or ()} - {""})
    ),
    no_ports=lambda ports: "" if ports else f"Ports: {UNSET}",
)


@form
def policy(spec: Json) -> list[str]:
    """What a NetworkPolicy lets in and out."""
    chosen = label_selector(spec.get("podSelector") or {})
    if chosen == NONE:
        chosen = f"{NONE} (Allowing the specific traffic to all pods in this namespace)"
    lines = [f"PodSelector:     {chosen}"]
    for name, key in (("ingress", "from"), ("egress", "to")):
        if name.capitalize() in (spec.get("policyTypes") or ()):
            lines.append(f"Allowing {name} traffic:")
            lines += (f"  {line}" for line in _allowed(spec.get(name) or [], name, key))
        else:
            lines.append(f"Not affecting {name} traffic")
    return [*lines, f"Policy Types: {', '.join(spec.get('policyTypes') or ()) or NONE}"]


def _allowed(rules: list[Json], direction: str, key: str) -> Iterable[str]:
    title, other = key.capitalize(), "source" if key == "from" else "destination"
    if not rules:
        yield f"{NONE} (Selected pods are isolated for {direction} connectivity)"
    for index, rule in enumerate(rules):
        if index:
            yield "----------"
        if not rule.get("ports"):
            yield "To Port: <any> (traffic allowed to all ports)"
        for port in rule.get("ports") or ():
            first, protocol = go_text(port.get("port")), port.get("protocol", "TCP")
            last = port.get("endPort")
            text = f"To Port: {first}" if last is None else f"To Port Range: {first}-{last}"
            yield f"{text}/{protocol}"
        if not rule.get(key):
            yield f"{title}: <any> (traffic not restricted by {other})"
        for peer in rule.get(key) or ():
            yield f"{title}:"
            for name in ("NamespaceSelector", "PodSelector"):
                if (selector := peer.get(name[0].lower() + name[1:])) is not None:
                    yield f"  {name}: {label_selector(selector)}"
            if addresses := peer.get("ipBlock"):
                excepted = ", ".join(addresses.get("except") or ())
                yield from (
                    "  IPBlock:",
                    f"    CIDR: {addresses['cidr']}",
                    f"    Except: {excepted}",
                )


# --- storage

_MODES = {
    "ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}  # fmt: skip
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASSES = [f"storageclass.{part}kubernetes.io/is-default-class" for part in ("", "beta.")]


@form
def modes(modes: list[str] | None) -> str:
    """Access modes, shortened."""
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


@form
def terms(terms: list[Json] | None) -> list[Json]:
    """Terms of a node affinity, or of a class's topologies."""
    found = []
    for number, term in enumerate(terms or ()):
        shown = []
        for each in term.get("matchExpressions") or term.get("matchLabelExpressions") or ():
            values = f" [{', '.join(each['values'])}]" if each.get("values") else ""
            shown.append(f"{each['key']} {each.get('operator', 'In').lower()}{values}")
        found.append({"name": f"Term {number}", "value": shown or [NONE]})
    return found


FORMS.update(
    storage_class=lambda obj: at(obj, "metadata.annotations", {}).get(
        _BETA_CLASS, at(obj, "spec.storageClassName", "")
    ),
    default_class=lambda annotations: (
        "Yes" if any((annotations or {}).get(key) == "true" for key in _DEFAULT_CLASSES) else "No"
    ),
    claim=lambda ref: f"{ref.get('namespace', '')}/{ref['name']}" if ref else "",
    claim_capacity=lambda claim: (
        at(claim, "status.capacity.storage", "0") if at(claim, "spec.volumeName") else ""
    ),
    claim_modes=lambda claim: (
        modes(at(claim, "status.accessModes")) if at(claim, "spec.volumeName") else ""
    ),
)
