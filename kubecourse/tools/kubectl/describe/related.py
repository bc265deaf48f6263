"""What descriptions say of other objects: pods, events, endpoints, quotas."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from kubecourse.api import codec
from kubecourse.api.duration import human_duration
from kubecourse.api.errors import ApiError
from kubecourse.api.pod_resources import Amounts, Field, add, pod_resources
from kubecourse.api.quantity import ZERO, parse_quantity
from kubecourse.client.informer import SERVICE_NAME
from kubecourse.tools.kubectl.describe.formatters import NONE, Json, controller_of, label_selector
from kubecourse.tools.kubectl.describe.kind_formatters import limit_rows
from kubecourse.tools.kubectl.describe.layout import Description, at, lookup
from kubecourse.tools.kubectl.rollouts import new_and_old_replica_sets

MIRROR = "kubernetes.io/config.mirror"
MOST_ENDPOINTS = 3

# --- times and events


def age(now: datetime, timestamp: str | None) -> str:
    """How long ago something was: `5s`, `<unknown>`."""
    if not timestamp:
        return "<unknown>"
    return human_duration((now - datetime.fromisoformat(timestamp)).total_seconds())


def seen(now: datetime, event: Json) -> str:
    """When an event happened, and how often: `3s (x2 over 14s)`."""
    first = age(now, event.get("eventTime") or event.get("firstTimestamp"))
    if series := event.get("series"):
        return f"{age(now, series.get('lastObservedTime'))} (x{series['count']} over {first})"
    if event.get("count", 0) > 1:
        return f"{age(now, event.get('lastTimestamp'))} (x{event['count']} over {first})"
    return first


@lookup
def events(d: Description, obj: Json) -> Json | None:
    """The events about an object, by the uids that stand for it; None if nobody wants them."""
    if not d.show_events:
        return None
    metadata, kind = obj["metadata"], obj["kind"]
    uids = [metadata.get("uid", "")]
    if kind == "Node":
        # The kubelet's own events bear the node's name for a uid.
        uids.append(metadata["name"])
    if kind == "Pod":
        # Those of a static pod are about the kubelet's own object.
        uids = [at(obj, "metadata.annotations", {}).get(MIRROR) or uids[0]]
    about = f"involvedObject.name={metadata['name']}"
    about += f",involvedObject.namespace={metadata.get('namespace', '')}"
    about += "" if kind == "Pod" else f",involvedObject.kind={kind}"
    found: list[Json] = []
    for uid in uids:
        fields = f"{about},involvedObject.uid={uid}" if uid else about
        found += d.source.list("v1", "Event", metadata.get("namespace"), fields=fields)
    found.sort(key=lambda event: event.get("lastTimestamp") or "")
    rows = [
        {
            **event,
            "age": seen(d.source.now, event),
            "from": at(event, "source.component") or event.get("reportingComponent", ""),
            "message": event.get("message", "").strip(),
        }
        for event in found
    ]
    return {"events": rows}


@lookup
def phase(d: Description, obj: Json) -> str:
    """The phase, or for how long the object has been going to be deleted."""
    found, deleted = at(obj, "status.phase", ""), obj["metadata"].get("deletionTimestamp")
    if not deleted or found in ("Failed", "Succeeded"):
        return str(found)
    return f"Terminating (lasts {age(d.source.now, deleted)})"


@lookup
def grace_period(d: Description, pod: Json) -> str:
    """Of a pod that is going."""
    going = phase(d, pod).startswith("Terminating")
    return f"{pod['metadata'].get('deletionGracePeriodSeconds', 0)}s" if going else ""


# --- what makes pods


@lookup
def replica_sets(d: Description, deployment: Json) -> Json | None:
    """The old ones and the new one."""
    selector, namespace = deployment["spec"].get("selector"), deployment["metadata"]["namespace"]
    found = d.source.list("apps/v1", "ReplicaSet", namespace, labels=label_selector(selector))
    new, old = new_and_old_replica_sets(deployment, found)
    if not new and not old:
        return None
    return {"old": _sizes(old), "new": _sizes([new] if new else [])}


def _sizes(replica_sets: list[Json]) -> str:
    sizes = (
        f"{each['metadata']['name']} ({at(each, 'status.replicas', 0)}"
        f"/{each['spec'].get('replicas', 0)} replicas created)"
        for each in replica_sets
    )
    return ", ".join(sizes) or NONE


@lookup
def pod_phases(d: Description, owner: Json) -> str:
    """How many of the pods that it controls are in which phase."""
    selector = label_selector(owner["spec"].get("selector"))
    counts = {"Running": 0, "Pending": 0, "Succeeded": 0, "Failed": 0}
    for pod in d.source.list("v1", "Pod", owner["metadata"].get("namespace"), labels=selector):
        controller, phase = controller_of(pod["metadata"]), at(pod, "status.phase")
        if controller and controller["uid"] == owner["metadata"].get("uid") and phase in counts:
            counts[phase] += 1
    words = ("Running", "Waiting", "Succeeded", "Failed")
    return " / ".join(f"{n} {word}" for n, word in zip(counts.values(), words, strict=True))


# --- nodes and namespaces

_STANDARD = ("cpu", "memory", "ephemeral-storage")
_KINDS: tuple[Field, Field] = ("requests", "limits")


@lookup
def lease(d: Description, node: Json) -> Json:
    """The lease by which the kubelet says that it is there."""
    name = node["metadata"]["name"]
    try:
        return d.source.get("coordination.k8s.io/v1", "Lease", "kube-node-lease", name)
    except ApiError as error:
        return {"error": f"Failed to get lease: {error}"}


@lookup
def node_pods(d: Description, node: Json) -> Json:
    """The pods that run there, and how much of it they are promised together."""
    name, status = node["metadata"]["name"], node.get("status") or {}
    fields = f"spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed"
    found = status.get("allocatable") or status.get("capacity") or {}
    whole = {name: parse_quantity(text) for name, text in found.items()}
    total: dict[Field, Amounts] = {kind: {} for kind in _KINDS}
    pods: list[Json] = []
    for pod in d.source.list("v1", "Pod", None, fields=fields):
        spec, row = codec.decode(pod, "core/v1.Pod")[0].spec, dict(pod["metadata"])
        for kind in _KINDS:
            own = pod_resources(spec, kind)
            add(total[kind], own)
            row[kind] = {name: _share(own, name, whole) for name in _STANDARD}
        pods.append({**row, "age": age(d.source.now, row.get("creationTimestamp"))})
    huge = sorted(name for name in whole if name.startswith("hugepages-"))
    rows: list[Json] = []
    for name in (*_STANDARD, *huge):
        rows.append({"name": name, **{kind: _share(total[kind], name, whole) for kind in _KINDS}})
    for name in sorted(set(whole) - {*_STANDARD, "pods", *huge}):
        rows.append({"name": name, **{k: str(total[k].get(name, ZERO)) for k in _KINDS}})
    return {"pods": pods, "count": len(pods), "resources": rows}


def _share(amounts: Amounts, name: str, whole: Amounts) -> str:
    """`100m (2%)`: an amount, and how much of the node it is, rounded down."""
    amount, all_of_it = amounts.get(name, ZERO), whole.get(name, ZERO)
    return f"{amount} ({amount.nano * 100 // all_of_it.nano if all_of_it.nano else 0}%)"


@lookup
def quotas(d: Description, namespace: Json) -> list[Json]:
    """The quotas of a namespace."""
    found = d.source.list("v1", "ResourceQuota", namespace["metadata"]["name"])
    return sorted(found, key=lambda quota: quota["metadata"]["name"])


@lookup
def limit_ranges(d: Description, namespace: Json) -> list[Json]:
    """The limits of a namespace."""
    found = d.source.list("v1", "LimitRange", namespace["metadata"]["name"])
    return [row for each in found for row in limit_rows(each)]


# --- ServiceAccounts and claims


@lookup
def account_secrets(d: Description, account: Json) -> dict[str, list[str]]:
    """The Secrets of a ServiceAccount, and whether they are there."""
    metadata = account["metadata"]
    there = d.source.list("v1", "Secret", metadata.get("namespace"))
    names = {secret["metadata"]["name"] for secret in there}
    identity, tokens = [metadata["name"], metadata.get("uid")], []
    for secret in there:
        notes = at(secret, "metadata.annotations", {})
        of = [notes.get(f"kubernetes.io/service-account.{key}") for key in ("name", "uid")]
        if secret.get("type") == "kubernetes.io/service-account-token" and of == identity:
            tokens.append(secret["metadata"])

    def shown(listed: Iterable[Json] | None) -> list[str]:
        found = [each.get("name", "") for each in listed or ()]
        return [name if name in names else f"{name} (not found)" for name in found] or [NONE]

    pull, mountable = account.get("imagePullSecrets"), account.get("secrets")
    return {"pull": shown(pull), "mountable": shown(mountable), "tokens": shown(tokens)}


@lookup
def used_by(d: Description, claim: Json) -> list[str]:
    """The pods that mount a claim, or that it belongs to."""
    metadata = claim["metadata"]
    owners = {o["uid"] for o in metadata.get("ownerReferences") or [] if o["kind"] == "Pod"}
    users = []
    for pod in d.source.list("v1", "Pod", metadata.get("namespace")):
        volumes = at(pod, "spec.volumes", ())
        claims = [at(volume, "persistentVolumeClaim.claimName") for volume in volumes]
        if pod["metadata"].get("uid") in owners or metadata["name"] in claims:
            users.append(pod["metadata"]["name"])
    return sorted(users) or [NONE]


# --- Services and Ingresses


@lookup
def service_ports(d: Description, service: Json) -> list[Json]:
    """Each port, and the pods behind it; none if the slices cannot be read."""
    slices: list[Json] = []
    with suppress(ApiError):
        slices = _slices(d, service["metadata"].get("namespace"), service["metadata"]["name"])
    ports = at(service, "spec.ports", [])
    return [{**port, "endpoints": _endpoints(slices, port.get("name", ""))} for port in ports]


def _slices(d: Description, namespace: str | None, service: str) -> Any:
    labels = f"{SERVICE_NAME}={service}"
    return d.source.list("discovery.k8s.io/v1", "EndpointSlice", namespace, labels=labels)


def _endpoints(slices: list[Json], port_name: str) -> str:
    """The ready addresses behind one port: three of them, and how many more.

    As there, those that are not ready bring the words, but are not counted.
    """
    if not slices:
        return NONE
    ready: list[str] = []
    more = False
    for each in slices:
        ports = [p.get("port") for p in each.get("ports") or [] if p.get("name", "") == port_name]
        for port in ports if each.get("ports") else [None]:
            for endpoint in each.get("endpoints") or []:
                more = more or len(ready) >= MOST_ENDPOINTS
                if at(endpoint, "conditions.ready", True):
                    address = endpoint["addresses"][0]
                    ready.append(address if port is None else f"{address}:{port}")
    shown = ",".join(ready[:MOST_ENDPOINTS])
    return f"{shown} + {len(ready) - MOST_ENDPOINTS} more..." if more else shown


@lookup
def ingress_rules(d: Description, ingress: Json) -> Json:
    """Which paths of which hosts lead where."""
    spec, namespace = ingress["spec"], ingress["metadata"].get("namespace")
    default = spec.get("defaultBackend")
    otherwise = "<default>" if default is None else _backend(d, namespace, default)
    tls, lines = [], []
    for each in spec.get("tls") or ():
        who = f"{each['secretName']} terminates" if each.get("secretName") else "SNI routes"
        tls.append(f"{who} {','.join(each.get('hosts') or [])}")
    for rule in spec.get("rules") or ():
        if rule.get("http") is not None:
            lines.append(f"{rule.get('host') or '*'}\t")
            for path in rule["http"].get("paths") or ():
                to = _backend(d, namespace, path["backend"])
                lines.append(f"  \t{path.get('path', '')} \t{to}")
    return {"default": otherwise, "tls": tls, "lines": lines or [f"*\t*\t{otherwise}"]}


def _backend(d: Description, namespace: str | None, backend: Json) -> str:
    """`web:80 (10.0.1.7:80)`, or what is wrong with it."""
    if resource := backend.get("resource"):
        group = resource.get("apiGroup", NONE)
        return f"APIGroup: {group}, Kind: {resource['kind']}, Name: {resource['name']}"
    name, port = backend["service"]["name"], backend["service"].get("port") or {}
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
