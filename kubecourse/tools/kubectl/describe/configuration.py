"""Namespaces and what is kept in them: ConfigMaps, Secrets, quotas and limits."""

from __future__ import annotations

from base64 import b64decode

from kubecourse.api.errors import ApiError
from kubecourse.api.quantity import Quantity, parse_quantity
from kubecourse.tools.kubectl.describe.description import Description, Json, at, rfc1123

_SCOPES = {
    "Terminating": "Matches all pods that have an active deadline. These pods have a limited "
    "lifespan on a node before being actively terminated by the system.",
    "NotTerminating": "Matches all pods that do not have an active deadline. These pods usually "
    "include long running pods whose container command is not expected to terminate.",
    "BestEffort": "Matches all pods that do not have resource requirements set. These pods have a "
    "best effort quality of service.",
    "NotBestEffort": "Matches all pods that have at least one resource requirement set. These pods "
    "have a burstable or guaranteed quality of service.",
}
_LIMIT_HEADER = (
    "Type", "Resource", "Min", "Max", "Default Request", "Default Limit", "Max Limit/Request Ratio",
)  # fmt: skip
_LIMIT_KEYS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


def describe_namespace(d: Description, namespace: Json) -> None:
    """A namespace, its quotas and its limits."""
    status = namespace.get("status") or {}
    d.heading(namespace, namespaced=False)
    d.field("Status", status.get("phase", ""))
    if conditions := status.get("conditions"):
        d.line("Conditions:")
        d.table(
            ["Type", "Status", "LastTransitionTime", "Reason", "Message"],
            [
                (c["type"], c["status"], rfc1123(c.get("lastTransitionTime")), c.get("reason", ""),
                 c.get("message", ""))
                for c in conditions
            ],
        )  # fmt: skip
    name = namespace["metadata"]["name"]
    quotas = _list_or_none(d, "ResourceQuota", name)
    if quotas is not None:
        d.line()
        _quotas(d, quotas)
    limits = _list_or_none(d, "LimitRange", name)
    if limits is not None:
        d.line()
        _limits(d, limits)


def _list_or_none(d: Description, kind: str, namespace: str) -> list[Json] | None:
    """The objects of a kind that a server may not have."""
    try:
        return d.source.list("v1", kind, namespace)
    except ApiError as error:
        if error.reason == "NotFound":
            return None
        raise


def _quotas(d: Description, quotas: list[Json]) -> None:
    if not quotas:
        d.line("No resource quota.")
        return
    d.line("Resource Quotas")
    for quota in sorted(quotas, key=lambda quota: quota["metadata"]["name"]):
        d.field("Name", quota["metadata"]["name"], 1)
        _quota_scopes(d, quota, 1, "* ")
        d.line("Resource\tUsed\tHard", 1)
        d.line("--------\t---\t---", 1)
        hard = at(quota, "status", "hard", default={})
        for name in sorted(hard):
            used = at(quota, "status", "used", name, default="0")
            d.line(f"{name}\t{used}\t{hard[name]}", 1)


def _quota_scopes(d: Description, quota: Json, level: int, bullet: str) -> None:
    scopes = sorted(at(quota, "spec", "scopes", default=[]))
    if scopes:
        d.field("Scopes", ", ".join(scopes), level)
    for scope in scopes:
        if scope in _SCOPES:
            d.line(f"{bullet}{_SCOPES[scope]}", level)


def describe_quota(d: Description, quota: Json) -> None:
    """A ResourceQuota: used and allowed."""
    d.name(quota)
    _quota_scopes(d, quota, 0, " * ")
    hard, used = at(quota, "status", "hard", default={}), at(quota, "status", "used", default={})
    rows = []
    for name in sorted(hard):
        limit, taken = parse_quantity(hard[name]), parse_quantity(used.get(name, "0"))
        if limit.format != taken.format:
            taken = Quantity(taken.value * 10**9, limit.format)
        rows.append((name, taken, limit))
    d.table(["Resource", "Used", "Hard"], rows, level=0)


def describe_limit_range(d: Description, limit_range: Json) -> None:
    """A LimitRange."""
    d.name(limit_range)
    d.table(list(_LIMIT_HEADER), _limit_rows(limit_range), level=0)


def _limits(d: Description, limit_ranges: list[Json]) -> None:
    if not limit_ranges:
        d.line("No LimitRange resource.")
        return
    d.line("Resource Limits")
    d.line(" " + "\t".join(_LIMIT_HEADER))
    d.line(" " + "\t".join("-" * len(word) for word in _LIMIT_HEADER))
    for limit_range in limit_ranges:
        for row in _limit_rows(limit_range):
            d.line(" " + "\t".join(row))


def _limit_rows(limit_range: Json) -> list[tuple[str, ...]]:
    """One row for each resource; Go's order is that of a map, which is none: ours is by name."""
    rows: list[tuple[str, ...]] = []
    for item in at(limit_range, "spec", "limits", default=[]):
        names = sorted({name for key in _LIMIT_KEYS for name in item.get(key) or {}})
        for name in names:
            values = (at(item, key, name, default="-") for key in _LIMIT_KEYS)
            rows.append((item.get("type", ""), name, *values))
    return rows


def describe_config_map(d: Description, config_map: Json) -> None:
    """A ConfigMap with its data."""
    d.heading(config_map)
    d.line()
    d.line("Data")
    d.line("====")
    data = config_map.get("data") or {}
    for key in sorted(data):
        d.line(f"{key}:")
        d.line("----")
        d.line(data[key])
        d.line()
    d.line()
    d.line("BinaryData")
    d.line("====")
    binary = config_map.get("binaryData") or {}
    for key in sorted(binary):
        d.line(f"{key}: {len(b64decode(binary[key]))} bytes")
    d.line()
    d.events(config_map)


def describe_secret(d: Description, secret: Json) -> None:
    """A Secret without its values."""
    d.heading(secret)
    d.line()
    d.field("Type", secret.get("type", ""))
    d.line()
    d.line("Data")
    d.line("====")
    data = secret.get("data") or {}
    for key in sorted(data):
        value = b64decode(data[key])
        if key == "token" and secret.get("type") == "kubernetes.io/service-account-token":
            d.field(key, value.decode(errors="replace"))
        else:
            d.field(key, f"{len(value)} bytes")
