"""Discovery: what a client asks to learn which resources there are.

Sources: `staging/src/k8s.io/apiserver/pkg/endpoints/discovery`, `…/discovery/aggregated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from kubecourse.api.resources import RESOURCES, Resource
from kubecourse.control_plane.apiserver import openapi

Json = dict[str, Any]
Resources = Sequence[Resource]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""How clients ask for all groups in one document, and its content type."""
VERSION: Json = {
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
    "", "apiregistration.k8s.io", "apps", "events.k8s.io", "autoscaling", "batch",
    "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
    "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
    "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
)  # fmt: skip
"""The order in which the real server lists its groups."""

_SUBRESOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "status": ("", "", ("get", "patch", "update")),
    "approval": ("", "", ("get", "patch", "update")),
    "scale": ("autoscaling/v1", "Scale", ("get", "patch", "update")),
    "binding": ("v1", "Binding", ("create",)),
    "eviction": ("policy/v1", "Eviction", ("create",)),
    "finalize": ("", "", ("update",)),
    "log": ("", "", ("get",)),
    "token": ("authentication.k8s.io/v1", "TokenRequest", ("create",)),
    "exec": ("v1", "PodExecOptions", ("create", "get")),
    "attach": ("v1", "PodAttachOptions", ("create", "get")),
    "portforward": ("v1", "PodPortForwardOptions", ("create", "get")),
}
"""Per subresource: the apiVersion and kind it speaks ('' for its parent's), and its verbs."""


def groups(served: Resources = RESOURCES) -> dict[str, list[str]]:
    """The versions of each group, the preferred one first."""
    found: dict[str, list[str]] = {}
    for resource in sorted(served, key=_place):
        versions = found.setdefault(resource.group, [])
        if resource.version not in versions:
            versions.append(resource.version)
    return found


def _place(resource: Resource) -> tuple[int, str]:
    known = resource.group in GROUP_ORDER
    return (GROUP_ORDER.index(resource.group) if known else len(GROUP_ORDER), resource.group)


def document(path: str, accept: str, served: Resources = RESOURCES) -> Json | None:
    """The discovery document at a path, or None if the path is not one of them."""
    aggregated = AGGREGATED in accept
    match path.strip("/").split("/"):
        case ["openapi", "v3", *_]:
            return openapi.document(path, served)
        case ["version"]:
            return VERSION
        case ["api"] if aggregated:
            return _aggregated({"": ["v1"]}, served)
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["api", version]:
            return _resource_list("", version, served)
        case ["apis"]:
            named = {group: versions for group, versions in groups(served).items() if group}
            if aggregated:
                return _aggregated(named, served)
            listed = [_group(group, versions) for group, versions in named.items()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        case ["apis", group]:
            versions = groups(served).get(group)
            kind = {"kind": "APIGroup", "apiVersion": "v1"}
            return kind | _group(group, versions) if versions else None
        case ["apis", group, version]:
            return _resource_list(group, version, served)
    return None


def _group(group: str, versions: list[str]) -> Json:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _resources(group: str, version: str, served: Resources) -> list[Resource]:
    found = [r for r in served if (r.group, r.version) == (group, version)]
    return sorted(found, key=attrgetter("plural"))


def _names(resource: Resource) -> Json:
    """The other names of a resource, those that it has."""
    names = {"shortNames": list(resource.short_names), "categories": list(resource.categories)}
    return {key: values for key, values in names.items() if values}


def _resource_list(group: str, version: str, served: Resources) -> Json | None:
    rows = [row for resource in _resources(group, version, served) for row in _rows(resource)]
    named = {"kind": "APIResourceList", "apiVersion": "v1"}
    place = f"{group}/{version}" if group else version
    return {**named, "groupVersion": place, "resources": rows} if rows else None


def _rows(resource: Resource) -> list[Json]:
    """A resource and its subresources."""
    first = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    rows = [first | _names(resource)]
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
            row["group"], _, row["version"] = version.rpartition("/")
        rows.append(row)
    return rows


# --- all groups in one document


def _aggregated(found: dict[str, list[str]], served: Resources) -> Json:
    items = []
    for group, versions in found.items():
        listed = [
            {
                "version": version,
                "freshness": "Current",
                "resources": [_aggregated_row(r) for r in _resources(group, version, served)],
            }
            for version in versions
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    named = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2"}
    return {**named, "metadata": {}, "items": items}


def _aggregated_row(resource: Resource) -> Json:
    row = {
        "resource": resource.plural,
        "responseKind": _kind(resource.api_version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **_names(resource),
    }
    if resource.subresources:
        row["subresources"] = [
            {
                "subresource": name,
                "responseKind": _kind(version or resource.api_version, kind or resource.kind),
                "verbs": list(verbs),
            }
            for name in sorted(resource.subresources)
            for version, kind, verbs in [_SUBRESOURCES[name]]
        ]
    return row


def _kind(api_version: str, kind: str) -> Json:
    group, _, version = api_version.rpartition("/")
    return {"group": group, "version": version, "kind": kind}
