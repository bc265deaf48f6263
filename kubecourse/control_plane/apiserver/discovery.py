"""Discovery: what a client asks to learn which resources there are.

Sources: `staging/src/k8s.io/apiserver/pkg/endpoints/discovery`, `…/discovery/aggregated`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api.resources import RESOURCES, STANDARD_VERBS, Resource

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-05T09:00:00Z",
    "goVersion": "go1.26.0",
    "compiler": "gc",
    "platform": "linux/amd64",
}
"""What `GET /version` answers: the version whose behaviour is simulated."""

GROUP_ORDER = (
    "", "apps", "events.k8s.io", "autoscaling", "batch", "networking.k8s.io", "policy",
    "rbac.authorization.k8s.io", "storage.k8s.io", "scheduling.k8s.io", "coordination.k8s.io",
    "discovery.k8s.io",
)  # fmt: skip
"""The order in which the real server lists its groups."""

_AGGREGATED = "g=apidiscovery.k8s.io"
_SUBRESOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "status": ("", "", ("get", "patch", "update")),
    "scale": ("autoscaling/v1", "Scale", ("get", "patch", "update")),
    "binding": ("v1", "Binding", ("create",)),
    "eviction": ("policy/v1", "Eviction", ("create",)),
    "finalize": ("", "", ("update",)),
    "log": ("", "", ("get",)),
    "exec": ("v1", "PodExecOptions", ("create", "get")),
    "attach": ("v1", "PodAttachOptions", ("create", "get")),
    "portforward": ("v1", "PodPortForwardOptions", ("create", "get")),
}
"""Per subresource: the apiVersion and kind it speaks ('' for its parent's), and its verbs."""


def groups() -> dict[str, list[str]]:
    """The versions of each group, the preferred one first."""
    found: dict[str, list[str]] = {}
    for resource in sorted(RESOURCES, key=_place):
        versions = found.setdefault(resource.group, [])
        if resource.version not in versions:
            versions.append(resource.version)
    return found


def _place(resource: Resource) -> tuple[int, str]:
    known = resource.group in GROUP_ORDER
    return (GROUP_ORDER.index(resource.group) if known else len(GROUP_ORDER), resource.group)


def document(path: str, accept: str) -> dict[str, Any] | None:
    """The discovery document at a path, or None if the path is not one of them."""
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            if _AGGREGATED in accept:
                return _aggregated({"": ["v1"]})
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            named = {group: versions for group, versions in groups().items() if group}
            if _AGGREGATED in accept:
                return _aggregated(named)
            listed = [_group(group, versions) for group, versions in named.items()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        case ["api", version]:
            return _resource_list("", version)
        case ["apis", group]:
            versions = groups().get(group)
            return (
                {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)}
                if versions
                else None
            )
        case ["apis", group, version]:
            return _resource_list(group, version)
    return None


def _group(group: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(group: str, version: str) -> dict[str, Any] | None:
    found = [r for r in RESOURCES if (r.group, r.version) == (group, version)]
    if not found:
        return None
    rows = [row for resource in sorted(found, key=_plural) for row in _rows(resource)]
    api_version = f"{group}/{version}" if group else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": rows,
    }


def _plural(resource: Resource) -> str:
    return resource.plural


def _rows(resource: Resource) -> list[dict[str, Any]]:
    first: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(STANDARD_VERBS),
    }
    if resource.short_names:
        first["shortNames"] = list(resource.short_names)
    if resource.categories:
        first["categories"] = list(resource.categories)
    rows = [first]
    for name in sorted(resource.subresources):
        version, kind, verbs = _SUBRESOURCES[name]
        row = {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": kind or resource.kind,
            "verbs": list(verbs),
        }
        if version:
            group, _, local = version.rpartition("/")
            row |= {"group": group, "version": local}
        rows.append(row)
    return rows


def _aggregated(found: dict[str, list[str]]) -> dict[str, Any]:
    items = []
    for group, versions in found.items():
        listed = [
            {
                "version": version,
                "freshness": "Current",
                "resources": [
                    _aggregated_row(r)
                    for r in sorted(RESOURCES, key=_plural)
                    if (r.group, r.version) == (group, version)
                ],
            }
            for version in versions
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated_row(resource: Resource) -> dict[str, Any]:
    row: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {
            "group": resource.group,
            "version": resource.version,
            "kind": resource.kind,
        },
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(STANDARD_VERBS),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if resource.subresources:
        row["subresources"] = [
            _aggregated_subresource(resource, s) for s in sorted(resource.subresources)
        ]
    return row


def _aggregated_subresource(resource: Resource, name: str) -> dict[str, Any]:
    api_version, kind, verbs = _SUBRESOURCES[name]
    group, _, version = (api_version or resource.api_version).rpartition("/")
    return {
        "subresource": name,
        "responseKind": {"group": group, "version": version, "kind": kind or resource.kind},
        "verbs": list(verbs),
    }
