"""Nodes, and how much of them is taken."""

from __future__ import annotations

from kubecourse.api.errors import ApiError
from kubecourse.api.patch.values import go_text
from kubecourse.api.quantity import ZERO, Quantity, parse_quantity
from kubecourse.tools.kubectl.describe.containers import describe_resources
from kubecourse.tools.kubectl.describe.description import (
    NONE,
    UNSET,
    Description,
    Json,
    at,
    rfc1123,
)

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"
_STANDARD = ("cpu", "memory", "ephemeral-storage")

Amounts = dict[str, Quantity]


def describe_node(d: Description, node: Json) -> None:
    """A node: what it is, how it feels, what runs there and how much of it is promised."""
    metadata, spec = node["metadata"], node.get("spec") or {}
    status = node.get("status") or {}
    d.name(node, namespaced=False)
    d.field("Roles", ",".join(node_roles(metadata.get("labels") or {})) or NONE)
    d.labels("Labels", metadata.get("labels"))
    d.annotations("Annotations", metadata.get("annotations"))
    d.field("CreationTimestamp", rfc1123(metadata.get("creationTimestamp")))
    taints = sorted(spec.get("taints") or [], key=lambda taint: f"{taint['effect']},{taint['key']}")
    d.several("Taints", map(format_taint, taints))
    d.field("Unschedulable", spec.get("unschedulable", False))
    _lease(d, metadata["name"])
    _conditions(d, status.get("conditions"))
    d.line("Addresses:")
    for address in status.get("addresses") or []:
        d.field(address["type"], address["address"], 1)
    describe_resources(d, status, 0, ("capacity", "allocatable"))
    d.line("System Info:")
    d.fields(status.get("nodeInfo") or {}, _SYSTEM, 1)
    d.fields(spec, _NETWORK)
    _pods(d, node)
    # The kubelet's events bear the node's name for a uid, those of controllers its uid.
    d.events(node, uids=[metadata.get("uid", ""), metadata["name"]])


def node_roles(labels: dict[str, str]) -> list[str]:
    """The roles that a node's labels give it."""
    prefixed = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    return sorted((prefixed | {labels.get(_ROLE_LABEL, "")}) - {""})


def format_taint(taint: Json) -> str:
    """`key=value:NoSchedule`, `key:NoExecute`."""
    value = f"={taint['value']}" if taint.get("value") else ""
    effect = f":{taint['effect']}" if taint.get("effect") else ""
    return f"{taint['key']}{value}{effect}"


def _lease(d: Description, name: str) -> None:
    try:
        lease = d.source.get("coordination.k8s.io/v1", "Lease", "kube-node-lease", name)
    except ApiError as error:
        d.field("Lease", f"Failed to get lease: {error}")
        return
    d.line("Lease:")
    spec = lease.get("spec") or {}
    d.fields(spec, "HolderIdentity: holderIdentity | unset", 1)
    for title, key in (("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")):
        d.field(title, rfc1123(spec[key]) if spec.get(key) else UNSET, 1)


def _conditions(d: Description, conditions: list[Json] | None) -> None:
    if not conditions:
        return
    d.line("Conditions:")
    d.line("Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage", 1)
    d.line("----\t------\t-----------------\t------------------\t------\t-------", 1)
    for each in conditions:
        times = [rfc1123(each.get(f"last{what}Time")) for what in ("Heartbeat", "Transition")]
        cells = (each["type"], each["status"], *times, each.get("reason", ""))
        d.line("".join(f"{cell} \t" for cell in cells) + each.get("message", ""), 1)


_SYSTEM = """
    Machine ID: machineID
    System UUID: systemUUID
    Boot ID: bootID
    Kernel Version: kernelVersion
    OS Image: osImage
    Operating System: operatingSystem
    Architecture: architecture
    Container Runtime Version: containerRuntimeVersion
    Kubelet Version: kubeletVersion
    Kube-Proxy Version: kubeProxyVersion
"""
_NETWORK = """
    PodCIDR?: podCIDR
    PodCIDRs?: podCIDRs | joined
    ProviderID?: providerID
"""

# --- what runs there


def _pods(d: Description, node: Json) -> None:
    name = node["metadata"]["name"]
    fields = f"spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed"
    pods = d.source.list("v1", "Pod", None, fields=fields)
    status = node.get("status") or {}
    allocatable = _amounts(status.get("allocatable") or status.get("capacity"))
    d.field("Non-terminated Pods", f"({len(pods)} in total)")
    header = ("CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age")
    d.line("Namespace\tName\t\t" + "\t".join(header), 1)
    d.line("---------\t----\t\t" + "\t".join("-" * len(word) for word in header), 1)
    total: dict[str, Amounts] = {"requests": {}, "limits": {}}
    for pod in pods:
        asked = {kind: pod_resources(pod, kind) for kind in total}
        for kind, amounts in asked.items():
            _add(total[kind], amounts)
        cells = [
            _with_share(asked[kind].get(resource, ZERO), resource, allocatable)
            for resource in ("cpu", "memory")
            for kind in ("requests", "limits")
        ]
        cells.append(d.age(pod["metadata"].get("creationTimestamp")))
        metadata = pod["metadata"]
        d.line(f"{metadata['namespace']}\t{metadata['name']}\t\t" + "\t".join(cells), 1)
    _allocated(d, total, allocatable)


def _allocated(d: Description, total: dict[str, Amounts], allocatable: Amounts) -> None:
    d.line("Allocated resources:")
    d.line("(Total limits may be over 100 percent, i.e., overcommitted.)", 1)
    huge = sorted(name for name in allocatable if name.startswith("hugepages-"))
    others = sorted(set(allocatable) - {*_STANDARD, "pods", *huge})
    rows: list[tuple[str, ...]] = []
    for name in (*_STANDARD, *huge, *others):
        amounts = [total[kind].get(name, ZERO) for kind in ("requests", "limits")]
        if name in others:
            rows.append((name, *map(str, amounts)))
        else:
            rows.append((name, *(_with_share(each, name, allocatable) for each in amounts)))
    d.table(["Resource", "Requests", "Limits"], rows)


def _with_share(amount: Quantity, resource: str, allocatable: Amounts) -> str:
    """`100m (2%)`: an amount, and how much of the node it is, rounded down."""
    whole = allocatable.get(resource, ZERO)
    share = amount.nano * 100 // whole.nano if whole.nano else 0
    return f"{amount} ({go_text(share)}%)"


def pod_resources(pod: Json, kind: str) -> Amounts:
    """What a pod requests, or is limited to: its containers together, or its largest init step.

    kind: `requests` or `limits`. Sidecars (init containers that always restart) count among the
    containers and run beside the init steps after them.
    Source: `staging/src/k8s.io/component-helpers/resource/helpers.go` (PodRequests, PodLimits).
    """
    spec = pod["spec"]
    total: Amounts = {}
    for container in spec.get("containers") or []:
        _add(total, _amounts(at(container, "resources", kind)))
    sidecars: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("initContainers") or []:
        own = _amounts(at(container, "resources", kind))
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            own = dict(sidecars)
        else:
            _add(own, sidecars)
        _raise_to(largest, own)
    _raise_to(total, largest)
    total.update(_amounts(at(spec, "resources", kind)))
    for name, amount in _amounts(spec.get("overhead")).items():
        if kind == "requests" or name in total:
            total[name] = total.get(name, ZERO) + amount
    return total


def _amounts(resources: dict[str, str] | None) -> Amounts:
    return {name: parse_quantity(text) for name, text in (resources or {}).items()}


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _raise_to(total: Amounts, least: Amounts) -> None:
    for name, amount in least.items():
        if name not in total or total[name] < amount:
            total[name] = amount
