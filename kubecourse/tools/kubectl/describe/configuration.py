"""Namespaces and what is kept in them: ConfigMaps, Secrets, quotas and limits."""

from __future__ import annotations

from base64 import b64decode

from kubecourse.api.quantity import Quantity, parse_quantity
from kubecourse.tools.kubectl.describe.description import Description, Json, at

_LIMIT_HEADER = (
    "Type", "Resource", "Min", "Max", "Default Request", "Default Limit", "Max Limit/Request Ratio",
)  # fmt: skip
_LIMIT_KEYS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


def describe_namespace(d: Description, namespace: Json) -> None:
    """A namespace, its quotas and its limits."""
    d.heading(namespace, namespaced=False)
    d.fields(namespace, "Status: status.phase")
    name = namespace["metadata"]["name"]
    d.line()
    _quotas(d, d.source.list("v1", "ResourceQuota", name))
    d.line()
    _limits(d, d.source.list("v1", "LimitRange", name))


def _quotas(d: Description, quotas: list[Json]) -> None:
    if not quotas:
        d.line("No resource quota.")
        return
    d.line("Resource Quotas")
    for quota in sorted(quotas, key=lambda quota: quota["metadata"]["name"]):
        d.field("Name", quota["metadata"]["name"], 1)
        d.optional("Scopes", ", ".join(sorted(at(quota, "spec", "scopes", default=[]))), 1)
        d.line("Resource\tUsed\tHard", 1)
        d.line("--------\t---\t---", 1)
        hard = at(quota, "status", "hard", default={})
        for name in sorted(hard):
            used = at(quota, "status", "used", name, default="0")
            d.line(f"{name}\t{used}\t{hard[name]}", 1)


def describe_quota(d: Description, quota: Json) -> None:
    """A ResourceQuota: used and allowed."""
    d.name(quota)
    d.optional("Scopes", ", ".join(sorted(at(quota, "spec", "scopes", default=[]))))
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
    d.line("\nData\n====")
    data = config_map.get("data") or {}
    for key in sorted(data):
        d.line(f"{key}:\n----\n{data[key]}\n")
    d.line("\nBinaryData\n====")
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
    d.line("\nData\n====")
    data = secret.get("data") or {}
    for key in sorted(data):
        value = b64decode(data[key])
        if key == "token" and secret.get("type") == "kubernetes.io/service-account-token":
            d.field(key, value.decode(errors="replace"))
        else:
            d.field(key, f"{len(value)} bytes")
