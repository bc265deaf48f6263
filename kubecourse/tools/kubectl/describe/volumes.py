"""Volumes, as pods and persistent volumes describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import quantity
from kubecourse.tools.kubectl.describe.description import UNSET, Json, Lines, at


def describe_volumes(d: Lines, volumes: list[Json] | None, indent: str = "") -> None:
    """All volumes of a pod or of a pod template."""
    if not volumes:
        d.line(f"{indent}Volumes:\t<none>")
        return
    d.line(f"{indent}Volumes:")
    for volume in volumes:
        d.line(f"{' ' if indent else ''}{volume['name']}:", 1)
        describe_volume_source(d, volume)


def describe_volume_source(d: Lines, volume: Json) -> None:
    """Where one volume comes from."""
    for key, (title, rows) in _SOURCES.items():
        source = volume.get(key)
        if source is None:
            continue
        d.line(f"Type:\t{title}", 2)
        for name, look_up in rows:
            d.field(name, look_up(source), 2)
        if key in _MORE:
            _MORE[key](d, source)
        return
    d.line("<unknown>", 1)


Row = tuple[str, Callable[[Json], Any]]


def _field(name: str, key: str, default: Any = "") -> Row:
    return name, lambda source: source.get(key, default)


def _flag(name: str, key: str) -> Row:
    return _field(name, key, False)


def _size_limit(source: Json) -> str:
    limit = source.get("sizeLimit")
    return limit if limit and quantity.parse_quantity(limit).nano > 0 else UNSET


def _lun(source: Json) -> str:
    return str(source.get("lun", "<none>"))


_SOURCES: dict[str, tuple[str, list[Row]]] = {
    "hostPath": (
        "HostPath (bare host directory volume)",
        [_field("Path", "path"), _field("HostPathType", "type", "<none>")],
    ),
    "emptyDir": (
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        [_field("Medium", "medium"), ("SizeLimit", _size_limit)],
    ),
    "secret": (
        "Secret (a volume populated by a Secret)",
        [_field("SecretName", "secretName"), _flag("Optional", "optional")],
    ),
    "configMap": (
        "ConfigMap (a volume populated by a ConfigMap)",
        [_field("Name", "name"), _flag("Optional", "optional")],
    ),
    "nfs": (
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        [_field("Server", "server"), _field("Path", "path"), _flag("ReadOnly", "readOnly")],
    ),
    "persistentVolumeClaim": (
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        [_field("ClaimName", "claimName"), _flag("ReadOnly", "readOnly")],
    ),
    "ephemeral": (
        "EphemeralVolume (an inline specification for a volume that gets created and deleted"
        " with the pod)",
        [],
    ),
    "downwardAPI": ("DownwardAPI (a volume populated by information about the pod)", []),
    "fc": (
        "FC (a Fibre Channel disk)",
        [
            ("TargetWWNs", lambda source: ", ".join(source.get("targetWWNs", []))),
            ("LUN", _lun),
            _field("FSType", "fsType"),
            _flag("ReadOnly", "readOnly"),
        ],
    ),
    "projected": ("Projected (a volume that contains injected data from multiple sources)", []),
    "csi": (
        "CSI (a Container Storage Interface (CSI) volume source)",
        [_field("Driver", "driver"), _field("FSType", "fsType"), _flag("ReadOnly", "readOnly")],
    ),
    "image": (
        "Image (a container image or OCI artifact)",
        [_field("Reference", "reference"), _field("PullPolicy", "pullPolicy")],
    ),
    "local": (
        "LocalVolume (a persistent volume backed by local storage on a node)",
        [_field("Path", "path")],
    ),
}
"""By the field that is set: kubectl's words for the type, and the fields it prints."""


def _projected(d: Lines, source: Json) -> None:
    for part in source.get("sources") or []:
        if "secret" in part:
            d.field("SecretName", part["secret"].get("name", ""), 2)
            d.field("Optional", part["secret"].get("optional", False), 2)
        elif "downwardAPI" in part:
            d.field("DownwardAPI", True, 2)
        elif "configMap" in part:
            d.field("ConfigMapName", part["configMap"].get("name", ""), 2)
            d.field("Optional", part["configMap"].get("optional", False), 2)
        elif "serviceAccountToken" in part:
            seconds = part["serviceAccountToken"].get("expirationSeconds", 0)
            d.field("TokenExpirationSeconds", seconds, 2)


def _downward(d: Lines, source: Json) -> None:
    d.line("Items:", 2)
    for item in source.get("items") or []:
        if field := at(item, "fieldRef", "fieldPath"):
            d.line(f"{field} -> {item['path']}", 3)
        if resource := at(item, "resourceFieldRef", "resource"):
            d.line(f"{resource} -> {item['path']}", 3)


def _csi(d: Lines, source: Json) -> None:
    attributes = source.get("volumeAttributes") or {}
    d.several(
        "VolumeAttributes", [f"{key}={attributes[key]}" for key in sorted(attributes)], " " * 4
    )


_MORE: dict[str, Callable[[Lines, Json], None]] = {
    "projected": _projected,
    "downwardAPI": _downward,
    "csi": _csi,
}
