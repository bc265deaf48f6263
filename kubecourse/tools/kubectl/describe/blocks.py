"""What the other kinds say in more than lines: counts, tables, and what belongs to them."""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress
from datetime import datetime
from typing import Any

from kubecourse.api import codec
from kubecourse.api.duration import human_duration
from kubecourse.api.errors import ApiError
from kubecourse.api.patch.values import go_text
from kubecourse.api.pod_resources import Amounts, Field, add, pod_resources
from kubecourse.api.quantity import ZERO, Quantity, parse_quantity
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
    controller_of,
    events,
    label_selector,
    pairs,
)
from kubecourse.tools.kubectl.describe.pods import resources
from kubecourse.tools.kubectl.rollouts import new_and_old_replica_sets

UNKNOWN = "<unknown>"

# --- what makes pods


def _deployment_counts(deployment: Json) -> str:
    parts = [f"{at(deployment, 'spec.replicas', 0)} desired"]
    for name in ("updated", "total", "available", "unavailable"):
        key = "replicas" if name == "total" else f"{name}Replicas"
        parts.append(f"{at(deployment, f'status.{key}', 0)} {name}")
    return " | ".join(parts)


@block
def replica_sets(d: Description, deployment: Json, level: int) -> None:
    """The old ones and the new one."""
    selector, namespace = deployment["spec"].get("selector"), deployment["metadata"]["namespace"]
    try:
        found = d.source.list("apps/v1", "ReplicaSet", namespace, labels=label_selector(selector))
    except ApiError:
        return
    new, old = new_and_old_replica_sets(deployment, found)
    if new or old:
        d.field("OldReplicaSets", _sizes(old))
        d.field("NewReplicaSet", _sizes([new] if new else []))


def _sizes(replica_sets: list[Json]) -> str:
    sizes = (
        f"{each['metadata']['name']} ({at(each, 'status.replicas', 0)}"
        f"/{each['spec'].get('replicas', 0)} replicas created)"
        for each in replica_sets
    )
    return ", ".join(sizes) or NONE


@block
def pod_phases(d: Description, owner: Json, level: int) -> None:
    """How many of the pods that it controls are in which phase."""
    selector = label_selector(owner["spec"].get("selector"))
    counts = {"Running": 0, "Pending": 0, "Succeeded": 0, "Failed": 0}
    for pod in d.source.list("v1", "Pod", owner["metadata"].get("namespace"), labels=selector):
        controller, phase = controller_of(pod), at(pod, "status.phase")
        if controller and controller["uid"] == owner["metadata"].get("uid") and phase in counts:
            counts[phase] += 1
    words = ("Running", "Waiting", "Succeeded", "Failed")
    parts = (f"{count} {word}" for count, word in zip(counts.values(), words, strict=True))
    d.field("Pods Status", " / ".join(parts))


@block
def claim_templates(d: Lines, stateful_set: Json, level: int) -> None:
    """The claims that each pod gets."""
    claims = at(stateful_set, "spec.volumeClaimTemplates", [])
    d.line("Volume Claims:" if claims else f"Volume Claims:\t{NONE}")
    for claim in claims:
        d.write(LAYOUTS["claim_template"], claim, 1)


def _job_duration(status: Json | None) -> str:
    start, end = at(status, "startTime"), at(status, "completionTime")
    if not start or not end:
        return ""
    return human_duration(
        (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    )


def _job_pods(status: Json | None) -> str:
    active, succeeded, failed = (at(status, key, 0) for key in ("active", "succeeded", "failed"))
    ready = at(status, "ready")
    shown = f"{active} Active" if ready is None else f"{active} Active ({ready} Ready)"
    return f"{shown} / {succeeded} Succeeded / {failed} Failed"


def _completed_indexes(job: Json) -> str:
    """Those of an indexed job, cut behind the fiftieth character."""
    if at(job, "spec.completionMode") != "Indexed":
        return ""
    indexes = at(job, "status.completedIndexes", "")
    end = indexes.find(",", 50)
    return (indexes if end < 0 else f"{indexes[: end + 1]}...") or NONE


# --- autoscalers


@block
def metrics(d: Lines, autoscaler: Json, level: int) -> None:
    """Each metric: how it is and how it should be."""
    current = at(autoscaler, "status.currentMetrics", [])
    for index, metric in enumerate(at(autoscaler, "spec.metrics", [])):
        kind = metric.get("type", "")
        key = kind[:1].lower() + kind[1:]
        source = metric.get(key)
        if source is None:
            d.line(f'<unknown metric type "{kind}">', level)
            continue
        now = at(current[index], f"{key}.current") if index < len(current) else None
        d.field(*_metric(key, source, now), level)


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
        of_object = source["describedObject"]
        where = f" on {of_object['kind']}/{of_object['name']}"
    aim = "" if kind == "pods" else f" (target {'average ' if average else ''}value)"
    return f'"{name}"{where}{aim}', shown


@block
def behavior(d: Lines, behavior: Json, level: int) -> None:
    """How fast it may scale."""
    d.line("Behavior:", level)
    for title, key in (("Scale Up", "scaleUp"), ("Scale Down", "scaleDown")):
        rules = behavior.get(key)
        if rules is None:
            continue
        d.line(f"{title}:", level + 1)
        if "stabilizationWindowSeconds" in rules:
            seconds = rules["stabilizationWindowSeconds"]
            d.line(f"Stabilization Window: {seconds} seconds", level + 2)
        if rules.get("policies"):
            d.line(f"Select Policy: {rules.get('selectPolicy', 'Max')}", level + 2)
            d.line("Policies:", level + 2)
        for policy in rules.get("policies") or []:
            what = f"- Type: {policy['type']}\tValue: {policy['value']}"
            d.line(f"{what}\tPeriod: {policy['periodSeconds']} seconds", level + 3)


# --- nodes


def _roles(labels: dict[str, str] | None) -> str:
    prefix, labels = "node-role.kubernetes.io/", labels or {}
    found = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)}
    found |= {labels.get("kubernetes.io/role", "")}
    return ",".join(sorted(found - {""})) or NONE


def format_taint(taint: Json) -> str:
    """`key=value:NoSchedule`, `key:NoExecute`."""
    value = f"={taint['value']}" if taint.get("value") else ""
    effect = f":{taint['effect']}" if taint.get("effect") else ""
    return f"{taint['key']}{value}{effect}"


def _taints(taints: list[Json] | None) -> list[str]:
    ordered = sorted(taints or [], key=lambda taint: f"{taint['effect']},{taint['key']}")
    return list(map(format_taint, ordered)) or [NONE]


@block
def lease(d: Description, node: Json, level: int) -> None:
    """The lease by which the kubelet says that it is there."""
    name = node["metadata"]["name"]
    try:
        found = d.source.get("coordination.k8s.io/v1", "Lease", "kube-node-lease", name)
    except ApiError as error:
        d.field("Lease", f"Failed to get lease: {error}")
        return
    d.write(LAYOUTS["node_lease"], found)


@block
def addresses(d: Lines, addresses: list[Json], level: int) -> None:
    """A node's addresses by their types."""
    for address in addresses:
        d.field(address["type"], address["address"], level + 1)


@block
def node_amounts(d: Lines, status: Json, level: int) -> None:
    """What the node has, and what of it pods may get."""
    resources(d, status, level, ("capacity", "allocatable"))


@block
def node_events(d: Description, node: Json, level: int) -> None:
    """The kubelet's events bear the node's name for a uid, those of controllers its uid."""
    metadata = node["metadata"]
    events(d, node, level, uids=[metadata.get("uid", ""), metadata["name"]])


_STANDARD = ("cpu", "memory", "ephemeral-storage")
_KINDS: tuple[Field, Field] = ("requests", "limits")


@block
def node_pods(d: Description, node: Json, level: int) -> None:
    """The pods that run there, and how much of it they are promised together."""
    name, status = node["metadata"]["name"], node.get("status") or {}
    fields = f"spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed"
    pods = d.source.list("v1", "Pod", None, fields=fields)
    whole = _amounts(status.get("allocatable") or status.get("capacity"))
    d.field("Non-terminated Pods", f"({len(pods)} in total)")
    headers = ["Namespace", "Name", ""]
    headers += [f"{name} {kind}" for name in ("CPU", "Memory") for kind in ("Requests", "Limits")]
    total: dict[Field, Amounts] = {kind: {} for kind in _KINDS}
    rows: list[list[str]] = []
    for pod in pods:
        spec = codec.decode(pod, "core/v1.Pod")[0].spec
        own = {kind: pod_resources(spec, kind) for kind in _KINDS}
        for kind in _KINDS:
            add(total[kind], own[kind])
        shares = [_share(own[kind], name, whole) for name in _STANDARD[:2] for kind in _KINDS]
        metadata = pod["metadata"]
        age = d.age(metadata.get("creationTimestamp"))
        rows.append([metadata["namespace"], metadata["name"], "", *shares, age])
    d.table([*headers, "Age"], rows)
    d.line("Allocated resources:")
    d.line("(Total limits may be over 100 percent, i.e., overcommitted.)", 1)
    huge = sorted(name for name in whole if name.startswith("hugepages-"))
    rows = [[n, *(_share(total[kind], n, whole) for kind in _KINDS)] for n in (*_STANDARD, *huge)]
    for name in sorted(set(whole) - {*_STANDARD, "pods", *huge}):
        rows.append([name, *(str(total[kind].get(name, ZERO)) for kind in _KINDS)])
    d.table(["Resource", "Requests", "Limits"], rows)


def _amounts(resources: dict[str, str] | None) -> Amounts:
    return {name: parse_quantity(text) for name, text in (resources or {}).items()}


def _share(amounts: Amounts, name: str, whole: Amounts) -> str:
    """`100m (2%)`: an amount, and how much of the node it is, rounded down."""
    amount, all_of_it = amounts.get(name, ZERO), whole.get(name, ZERO)
    return f"{amount} ({amount.nano * 100 // all_of_it.nano if all_of_it.nano else 0}%)"


# --- quotas and limits


@block
def quota(d: Lines, quota: Json, level: int) -> None:
    """A ResourceQuota: used and allowed."""
    _scopes(d, quota, level, " ")
    rows = []
    for name, limit, taken in _uses(quota):
        if limit.format != taken.format:
            taken = Quantity(taken.nano, limit.format)
        rows.append((name, taken, limit))
    d.table(["Resource", "Used", "Hard"], rows, level)


def _scopes(d: Lines, quota: Json, level: int, indent: str = "") -> None:
    scopes = sorted(at(quota, "spec.scopes", []))
    if scopes:
        d.field("Scopes", ", ".join(scopes), level)
    for scope in scopes:
        if meaning := LAYOUTS.get(f"scope/{scope}"):
            d.line(f"{indent}* {meaning}", level)


def _uses(quota: Json) -> list[tuple[str, Quantity, Quantity]]:
    """Names with what is allowed and what is used."""
    hard, used = (at(quota, f"status.{key}", {}) for key in ("hard", "used"))
    return [
        (name, parse_quantity(hard[name]), parse_quantity(used.get(name, "0")))
        for name in sorted(hard)
    ]


@block
def namespace_quotas(d: Description, namespace: Json, level: int) -> None:
    """The quotas of a namespace."""
    quotas = d.source.list("v1", "ResourceQuota", namespace["metadata"]["name"])
    d.line("\nResource Quotas" if quotas else "\nNo resource quota.")
    for quota in sorted(quotas, key=lambda quota: quota["metadata"]["name"]):
        d.field("Name", quota["metadata"]["name"], 1)
        _scopes(d, quota, 1)
        d.line("Resource\tUsed\tHard", 1)
        d.line("--------\t---\t---", 1)
        for name, limit, taken in _uses(quota):
            d.line(f"{name}\t{taken}\t{limit}", 1)


_LIMIT_HEADER = (
    "Type", "Resource", "Min", "Max", "Default Request", "Default Limit", "Max Limit/Request Ratio",
)  # fmt: skip
_LIMIT_KEYS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


@block
def limits(d: Lines, limit_range: Json, level: int) -> None:
    """A LimitRange."""
    d.table(_LIMIT_HEADER, _limit_rows(limit_range), level)


@block
def namespace_limits(d: Description, namespace: Json, level: int) -> None:
    """The limits of a namespace."""
    found = d.source.list("v1", "LimitRange", namespace["metadata"]["name"])
    d.line("\nResource Limits" if found else "\nNo LimitRange resource.")
    if found:
        rows = [row for each in found for row in _limit_rows(each)]
        for row in (_LIMIT_HEADER, tuple("-" * len(word) for word in _LIMIT_HEADER), *rows):
            d.line(" " + "\t".join(row))


def _limit_rows(limit_range: Json) -> list[tuple[str, ...]]:
    """One row for each resource; Go's order is that of a map, which is none: ours is by name."""
    rows: list[tuple[str, ...]] = []
    for item in at(limit_range, "spec.limits", []):
        for name in sorted({name for key in _LIMIT_KEYS for name in item.get(key) or {}}):
            values = ((item.get(key) or {}).get(name, "-") for key in _LIMIT_KEYS)
            rows.append((item.get("type", ""), name, *values))
    return rows


# --- configuration and access


@block
def config_data(d: Lines, config_map: Json, level: int) -> None:
    """What stands in a ConfigMap."""
    d.line("\nData\n====")
    for key, value in sorted((config_map.get("data") or {}).items()):
        d.line(f"{key}:\n----\n{value}\n")
    d.line("\nBinaryData\n====")
    for key, value in sorted((config_map.get("binaryData") or {}).items()):
        d.line(f"{key}: {len(b64decode(value))} bytes")
    d.line()


@block
def secret_data(d: Lines, secret: Json, level: int) -> None:
    """How large a Secret's values are; a token is shown."""
    d.line()
    d.field("Type", secret.get("type", ""))
    d.line("\nData\n====")
    for key, text in sorted((secret.get("data") or {}).items()):
        value = b64decode(text)
        is_token = key == "token" and secret.get("type") == "kubernetes.io/service-account-token"
        d.field(key, value.decode(errors="replace") if is_token else f"{len(value)} bytes")


@block
def account_secrets(d: Description, account: Json, level: int) -> None:
    """The Secrets of a ServiceAccount, and whether they are there."""
    metadata = account["metadata"]
    there = d.source.list("v1", "Secret", metadata.get("namespace"))
    names = {secret["metadata"]["name"] for secret in there}
    tokens = []
    for secret in there:
        notes = at(secret, "metadata.annotations", {})
        of = [notes.get(f"kubernetes.io/service-account.{key}") for key in ("name", "uid")]
        if secret.get("type") == "kubernetes.io/service-account-token" and of == [
            metadata["name"],
            metadata.get("uid"),
        ]:
            tokens.append(secret["metadata"])
    for title, listed in (
        ("Image pull secrets", account.get("imagePullSecrets") or []),
        ("Mountable secrets", account.get("secrets") or []),
        ("Tokens", tokens),
    ):
        shown = [
            name if name in names else f"{name} (not found)"
            for name in (each.get("name", "") for each in listed)
        ]
        d.field(title, shown or [NONE])


_RULE = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
_Rule = tuple[list[str], list[str], list[str], list[str], list[str]]


@block
def rules(d: Lines, role: Json, level: int) -> None:
    """What a role allows: for each resource all its verbs.

    Source: `staging/src/k8s.io/kubectl/pkg/util/rbac/rbac.go` (BreakdownRule, CompactRules).
    """
    by_resource: dict[tuple[str, ...], _Rule] = {}
    found: list[_Rule] = []
    for rule in role.get("rules") or []:
        verbs, groups, resources, names, urls = (rule.get(key) or [] for key in _RULE)
        for group in groups:
            for resource in resources:
                for name in names or [""]:
                    only = [name] if name else []
                    new: _Rule = ([], [group], [resource], only, [])
                    by_resource.setdefault((group, resource, name), new)[0].extend(verbs)
        found += [([verb], [], [], [], [url]) for url in urls for verb in verbs]
    found += by_resource.values()
    rows = []
    for verbs, groups, resources, names, urls in sorted(found, key=_as_go_prints):
        resource, slash, below = (resources or [""])[0].partition("/")
        group = f".{groups[0]}" if groups and groups[0] else ""
        rows.append((f"{resource}{group}{slash}{below}", urls, names, verbs))
    d.table(("Resources", "Non-Resource URLs", "Resource Names", "Verbs"), rows, level)


def _as_go_prints(rule: _Rule) -> str:
    """Kubectl sorts rules as text."""
    keys = ("Verbs", "APIGroups", "Resources", "ResourceNames", "NonResourceURLs")
    return "".join(f"{key}:{go_text(value)}," for key, value in zip(keys, rule, strict=True))


# --- Services and Ingresses

MOST_ENDPOINTS = 3
SERVICE_NAME = "kubernetes.io/service-name"


@block
def service_ports(d: Description, service: Json, level: int) -> None:
    """Each port, and the pods behind it; none if the slices cannot be read."""
    slices: list[Json] = []
    with suppress(ApiError):
        slices = _slices(d, service["metadata"].get("namespace"), service["metadata"]["name"])
    for port in at(service, "spec.ports", []):
        view = {**port, "endpoints": _endpoints(slices, port.get("name", ""))}
        d.write(LAYOUTS["service_port"], view)


def _slices(d: Description, namespace: str | None, service: str) -> list[Json]:
    labels = f"{SERVICE_NAME}={service}"
    return d.source.list("discovery.k8s.io/v1", "EndpointSlice", namespace, labels=labels)


def _endpoints(slices: list[Json], port_name: str) -> str:
    """The ready addresses behind one port: three of them, and how many more."""
    if not slices:
        return NONE
    ready: list[str] = []
    for each in slices:
        ports = [p.get("port") for p in each.get("ports") or [] if p.get("name", "") == port_name]
        for port in ports if each.get("ports") else [None]:
            for endpoint in each.get("endpoints") or []:
                if at(endpoint, "conditions.ready", True):
                    address = endpoint["addresses"][0]
                    host = f"[{address}]" if ":" in address else address
                    ready.append(address if port is None else f"{host}:{port}")
    text = ",".join(ready[:MOST_ENDPOINTS])
    more = len(ready) - MOST_ENDPOINTS
    return f"{text} + {more} more..." if more > 0 else text


@block
def slice_ports(d: Lines, endpoint_slice: Json, level: int) -> None:
    """The ports of an EndpointSlice."""
    found = endpoint_slice.get("ports") or []
    d.line("Ports:" if found else f"Ports: {UNSET}")
    rows = [(p.get("name") or UNSET, p.get("port", UNSET), p.get("protocol", "")) for p in found]
    if found:
        d.table(("Name", "Port", "Protocol"), rows)


@block
def slice_endpoints(d: Lines, endpoint_slice: Json, level: int) -> None:
    """The endpoints of an EndpointSlice."""
    found = endpoint_slice.get("endpoints") or []
    d.line("Endpoints:" if found else f"Endpoints: {NONE}")
    for endpoint in found:
        d.write(LAYOUTS["endpoint"], endpoint, 1)


def _balancer(ingress: list[Json] | None) -> str:
    return ", ".join(
        f"{each['ip']}{f' ({mode})' if (mode := each.get('ipMode')) else ''}"
        if each.get("ip")
        else each.get("hostname", "")
        for each in ingress or []
    )


@block
def ingress_rules(d: Description, ingress: Json, level: int) -> None:
    """Which paths of which hosts lead where."""
    spec, namespace = ingress["spec"], ingress["metadata"].get("namespace")
    default = spec.get("defaultBackend")
    otherwise = "<default>" if default is None else _backend(d, namespace, default)
    d.field("Default backend", otherwise)
    if spec.get("tls"):
        d.line("TLS:")
    for each in spec.get("tls") or []:
        who = f"{each['secretName']} terminates" if each.get("secretName") else "SNI routes"
        d.line(f"{who} {','.join(each.get('hosts') or [])}", 1)
    d.line("Rules:")
    d.table(("Host", "Path", "Backends"), ())
    rules = [rule for rule in spec.get("rules") or [] if rule.get("http") is not None]
    for rule in rules:
        d.line(f"{rule.get('host') or '*'}\t", 1)
        for path in rule["http"].get("paths") or []:
            to = _backend(d, namespace, path["backend"])
            d.line(f"\t{path.get('path', '')} \t{to}", 2)
    if not rules:
        d.line(f"*\t*\t{otherwise}", 1)


def _backend(d: Description, namespace: str | None, backend: Json) -> str:
    """`web:80 (10.0.1.7:80)`, or what is wrong with it."""
    if resource := backend.get("resource"):
        group = resource.get("apiGroup", NONE)
        return f"APIGroup: {group}, Kind: {resource['kind']}, Name: {resource['name']}"
    if not (service := backend.get("service")):
        return ""
    name, port = service["name"], service.get("port") or {}
    shown = f"{name}:{port.get('number') or port.get('name', '')}"
    try:
        slices = _slices(d, namespace, name)
        found = d.source.get("v1", "Service", namespace, name)
    except ApiError as error:
        return f"{shown} (<error: {error}>)"
    port_name = ""
    for each in at(found, "spec.ports", []):
        if each["port"] == port.get("number") or port.get("name") == each.get("name", ""):
            port_name = each.get("name", "")
    return f"{shown} ({_endpoints(slices, port_name)})"


# --- network policies


@block
def policy(d: Lines, spec: Json, level: int) -> None:
    """What a NetworkPolicy lets in and out."""
    chosen = label_selector(spec.get("podSelector") or {})
    if chosen == NONE:
        chosen = f"{NONE} (Allowing the specific traffic to all pods in this namespace)"
    d.line(f"PodSelector:     {chosen}", level)
    for name, key in (("ingress", "from"), ("egress", "to")):
        if name.capitalize() in (spec.get("policyTypes") or []):
            d.line(f"Allowing {name} traffic:", level)
            _allowed(d, spec.get(name) or [], name, key)
        else:
            d.line(f"Not affecting {name} traffic", level)
    d.line(f"Policy Types: {', '.join(spec.get('policyTypes') or []) or NONE}", level)


def _allowed(d: Lines, rules: list[Json], direction: str, key: str) -> None:
    if not rules:
        d.line(f"{NONE} (Selected pods are isolated for {direction} connectivity)", 2)
    for index, rule in enumerate(rules):
        if not rule.get("ports"):
            d.line("To Port: <any> (traffic allowed to all ports)", 2)
        for port in rule.get("ports") or []:
            first, protocol = go_text(port.get("port")), port.get("protocol", "TCP")
            last = port.get("endPort")
            text = f"To Port: {first}" if last is None else f"To Port Range: {first}-{last}"
            d.line(f"{text}/{protocol}", 2)
        if not rule.get(key):
            other = "source" if key == "from" else "destination"
            d.line(f"{key.capitalize()}: <any> (traffic not restricted by {other})", 2)
        for peer in rule.get(key) or []:
            d.line(f"{key.capitalize()}:", 2)
            _peer(d, peer)
        if index < len(rules) - 1:
            d.line("----------", 2)


def _peer(d: Lines, peer: Json) -> None:
    for title in ("NamespaceSelector", "PodSelector"):
        selector = peer.get(title[0].lower() + title[1:])
        if selector is not None:
            d.line(f"{title}: {label_selector(selector)}", 3)
    if addresses := peer.get("ipBlock"):
        d.line("IPBlock:", 3)
        d.line(f"CIDR: {addresses['cidr']}", 4)
        d.line(f"Except: {', '.join(addresses.get('except') or [])}", 4)


# --- storage

_MODES = {
    "ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}  # fmt: skip
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = "storageclass.{}kubernetes.io/is-default-class"


def _modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def _storage_class(obj: Json) -> str:
    notes = at(obj, "metadata.annotations", {})
    return str(notes.get(_BETA_CLASS, at(obj, "spec.storageClassName", "")))


def _default_class(annotations: dict[str, str] | None) -> str:
    keys = (_DEFAULT_CLASS.format(part) for part in ("", "beta."))
    return "Yes" if any((annotations or {}).get(key) == "true" for key in keys) else "No"


def _claim_capacity(claim: Json) -> str:
    bound = at(claim, "spec.volumeName")
    return str(at(claim, "status.capacity.storage", "0")) if bound else ""


def _claim_modes(claim: Json) -> str:
    return _modes(at(claim, "status.accessModes")) if at(claim, "spec.volumeName") else ""


@block
def used_by(d: Description, claim: Json, level: int) -> None:
    """The pods that mount a claim, or that it belongs to."""
    metadata = claim["metadata"]
    owners = {o["uid"] for o in metadata.get("ownerReferences") or [] if o["kind"] == "Pod"}
    pods = d.source.list("v1", "Pod", metadata.get("namespace"))
    users = [
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"].get("uid") in owners
        or any(
            at(volume, "persistentVolumeClaim.claimName") == metadata["name"]
            for volume in at(pod, "spec.volumes", ())
        )
    ]
    d.field("Used By", sorted(users) or [NONE])


@block
def node_affinity(d: Lines, volume: Json, level: int) -> None:
    """The nodes from which a volume can be reached."""
    required = at(volume, "spec.nodeAffinity.required")
    if required is None:
        return d.field("Node Affinity", NONE)
    terms = required.get("nodeSelectorTerms") or []
    d.line("Node Affinity:\t")
    d.line("Required Terms:\t" if terms else f"Required Terms:\t{NONE}", 1)
    return _terms(d, [term.get("matchExpressions") for term in terms], 2)


@block
def topologies(d: Lines, topologies: list[Json], level: int) -> None:
    """Where a class makes volumes."""
    d.line("AllowedTopologies:\t" if topologies else f"AllowedTopologies:\t{NONE}")
    _terms(d, [term.get("matchLabelExpressions") for term in topologies], 1)


def _terms(d: Lines, terms: list[Any], level: int) -> None:
    for number, requirements in enumerate(terms):
        shown = []
        for each in requirements or []:
            values = f" [{', '.join(each['values'])}]" if each.get("values") else ""
            shown.append(f"{each['key']} {each.get('operator', 'In').lower()}{values}")
        d.field(f"Term {number}", shown or [NONE], level)


@block
def mount_options(d: Lines, storage_class: Json, level: int) -> None:
    """How volumes of a class are mounted."""
    options = storage_class.get("mountOptions") or []
    d.line("MountOptions:" if options else f"MountOptions:\t{NONE}")
    for option in options:
        d.line(option, 1)


FORMS.update(
    autoscaler_counts=lambda status: (
        f"{at(status, 'currentReplicas', 0)} current / {at(status, 'desiredReplicas', 0)} desired"
    ),
    deployment_counts=_deployment_counts,
    rolling=lambda rolling: (
        rolling
        and f"{rolling.get('maxUnavailable')} max unavailable, {rolling.get('maxSurge')} max surge"
    ),
    job_duration=_job_duration,
    job_pods=_job_pods,
    completed_indexes=_completed_indexes,
    seconds=lambda value: UNSET if value is None else f"{value}s",
    names=lambda references: ", ".join(each["name"] for each in references or ()) or NONE,
    roles=_roles,
    taints=_taints,
    balancer=_balancer,
    addresses=lambda ingress: ",".join(
        sorted({each.get("ip") or each.get("hostname", "") for each in ingress or ()} - {""})
    ),
    go_time=lambda text: f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S %z} UTC",
    modes=_modes,
    storage_class=_storage_class,
    default_class=_default_class,
    default=lambda amount: amount or "<default>",
    attributes=lambda entries: [f"    {pair}" for pair in pairs(entries)] or [NONE],
    nested=lambda entries: [f"    {pair}" for pair in pairs(entries) or [NONE]],
    zero=lambda amount: amount or "0",
    claim=lambda ref: f"{ref.get('namespace', '')}/{ref['name']}" if ref else "",
    claim_capacity=_claim_capacity,
    claim_modes=_claim_modes,
)
