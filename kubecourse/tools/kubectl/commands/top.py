"""`kubectl top`: what nodes and pods use now, as metrics-server tells it.

Source: `staging/src/k8s.io/kubectl/pkg/{cmd/top,metricsutil}`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.api import quantity
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import align_rows

API = "/apis/metrics.k8s.io/v1beta1"
NODES, PODS = BY_KIND["v1", "Node"], BY_KIND["v1", "Pod"]
CREATION_DELAY = 120
"""Seconds after which a pod should have metrics."""
UNKNOWN = ["<unknown>"] * 4

Usage = dict[str, str]


@command("top node")
def nodes(inv: Invocation) -> None:
    """Print what each node uses, and the share of what it has."""
    found = _metrics(inv, "nodes")
    selector = inv.flags["selector"]
    field = "capacity" if inv.flags["show-capacity"] else "allocatable"
    known = {
        node["metadata"]["name"]: node["status"].get(field, {})
        for node in inv.connection.list(NODES, labels=selector)
        if not inv.args or node["metadata"]["name"] in inv.args
    }
    rows = [["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]]
    for each in _sorted(inv, found, "usage"):
        name = each["metadata"]["name"]
        cells = _cells(each["usage"])
        room = known.pop(name, {})
        shares = [_share(each["usage"], room, resource) for resource in ("cpu", "memory")]
        rows.append([name, cells[0], shares[0], cells[1], shares[1]])
    rows += [[name, *UNKNOWN] for name in known]
    _print(inv, rows if found else [])


@command("top pod")
def pods(inv: Invocation) -> None:
    """Print what each pod, or each of its containers, uses."""
    everywhere = inv.flags["all-namespaces"]
    found = _metrics(inv, "pods" if everywhere else f"namespaces/{inv.namespace}/pods")
    if not found:
        _explain(inv)
        where = "" if everywhere else f" in {inv.namespace} namespace"
        inv.error(f"No resources found{where}" + "." * (not everywhere))
        return
    for each in found:
        each["usage"] = _sum([container["usage"] for container in each["containers"]])
    by_container = inv.flags["containers"]
    head = ["NAMESPACE"] * everywhere + ["POD"] * by_container
    rows = [[*head, "NAME", "CPU(cores)", "MEMORY(bytes)"]]
    for each in _sorted(inv, found, "usage"):
        name, place = each["metadata"]["name"], each["metadata"]["namespace"]
        before = [place] * everywhere
        if by_container:
            containers = _sorted(inv, each["containers"], "usage")
            rows += [[*before, name, c["name"], *_cells(c["usage"])] for c in containers]
        else:
            rows.append([*before, name, *_cells(each["usage"])])
    if inv.flags["sum"]:
        empty = [""] * (len(head) + 1)
        rows.append([*empty, "________", "________"])
        rows.append([*empty, *_cells(_sum([each["usage"] for each in found]))])
    _print(inv, rows)


def _metrics(inv: Invocation, place: str) -> list[dict[str, Any]]:
    groups = inv.connection.request("GET", "/apis")["groups"]
    if not any(group["name"] == "metrics.k8s.io" for group in groups):
        raise KubectlError("Metrics API not available")
    query = {"labelSelector": inv.flags["selector"]} if inv.flags["selector"] else {}
    path = "/".join([API, place, *inv.args])
    answer = inv.connection.request("GET", path, query)
    found: list[dict[str, Any]] = answer.get("items", [answer])
    if place == "nodes" and not found:
        raise KubectlError("metrics not available yet")
    fields = inv.flags.get("field-selector")
    if fields and found:
        namespace = None if inv.flags["all-namespaces"] else inv.namespace
        chosen = inv.connection.list(PODS, namespace, "", fields)
        names = [(p["metadata"]["namespace"], p["metadata"]["name"]) for p in chosen]
        of = [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found]
        found = [each for each, name in zip(found, of, strict=True) if name in names]
    return found


def _explain(inv: Invocation) -> None:
    """Raise KubectlError if there are pods that have no metrics, or none yet."""
    namespace = None if inv.flags["all-namespaces"] else inv.namespace
    selectors = inv.flags["selector"], inv.flags["field-selector"]
    listed = inv.connection.list(PODS, namespace, *selectors)
    for pod in listed:
        metadata = pod["metadata"]
        made = datetime.fromisoformat(metadata["creationTimestamp"])
        age = (inv.connection.clock.utc_precise() - made).total_seconds()
        if age > CREATION_DELAY:
            name = f"{metadata['namespace']}/{metadata['name']}"
            minutes, seconds = divmod(age, 60)
            shown = f"{minutes:.0f}m{seconds:.6f}".rstrip("0").rstrip(".") + "s"
            raise KubectlError(f"Metrics not available for pod {name}, age: {shown}")
    if listed:
        raise KubectlError("metrics not available yet")


def _sum(usages: list[Usage]) -> Usage:
    total = {"cpu": "0", "memory": "0"}
    for usage in usages:
        total = {name: quantity.add(total[name], usage[name]) for name in total}
    return total


def _sorted(inv: Invocation, found: list[Any], key: str) -> list[Any]:
    """By name, or by what is used, the largest first."""
    by = inv.flags["sort-by"]
    if by:
        return sorted(found, key=lambda each: -quantity.parse_quantity(each[key][by]).nano)
    return sorted(found, key=_name)


def _name(each: dict[str, Any]) -> tuple[str, str]:
    metadata = each.get("metadata", each)
    return metadata.get("namespace", ""), metadata["name"]


def _cells(usage: Usage) -> list[str]:
    return [f"{quantity.milli(usage['cpu'])}m", f"{quantity.value(usage['memory']) // 2**20}Mi"]


def _share(usage: Usage, room: Usage, resource: str) -> str:
    total = quantity.milli(room.get(resource, "0"))
    return f"{int(quantity.milli(usage[resource]) / total * 100) if total else 0}%"


def _print(inv: Invocation, rows: list[list[str]]) -> None:
    """The real one ends every cell with a tab, the last one of a line too."""
    rows = rows[1:] if inv.flags["no-headers"] else rows
    inv.write(align_rows([[*row, ""] for row in rows]))
