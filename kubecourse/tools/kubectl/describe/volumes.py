"""Volumes, as pods and pod templates describe them."""

from __future__ import annotations

from kubecourse.tools.kubectl.describe.description import UNSET, Json, Lines, at


def describe_volumes(d: Lines, volumes: list[Json] | None, indent: str = "") -> None:
    """All volumes of a pod or of a pod template."""
    d.line(f"{indent}Volumes:" if volumes else f"{indent}Volumes:\t<none>")
    for volume in volumes or []:
        d.line(f"{' ' if indent else ''}{volume['name']}:", 1)
        kind = next((kind for kind in _SOURCES if volume.get(kind) is not None), "")
        if not kind:
            d.line("<unknown>", 1)
            continue
        title, fields = _SOURCES[kind]
        d.line(f"Type:\t{title}", 2)
        d.fields(volume[kind], fields, 2)
        _more(d, kind, volume[kind])


_SOURCES = {
    "hostPath": (
        "HostPath (bare host directory volume)",
        "Path: path\nHostPathType: type | none",
    ),
    "emptyDir": ("EmptyDir (a temporary directory that shares a pod's lifetime)", "Medium: medium"),
    "secret": (
        "Secret (a volume populated by a Secret)",
        "SecretName: secretName\nOptional: optional | flag",
    ),
    "configMap": (
        "ConfigMap (a volume populated by a ConfigMap)",
        "Name: name\nOptional: optional | flag",
    ),
    "nfs": (
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        "Server: server\nPath: path\nReadOnly: readOnly | flag",
    ),
    "persistentVolumeClaim": (
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        "ClaimName: claimName\nReadOnly: readOnly | flag",
    ),
    "ephemeral": (
        "EphemeralVolume (an inline specification for a volume that gets created and deleted"
        " with the pod)",
        "",
    ),
    "downwardAPI": ("DownwardAPI (a volume populated by information about the pod)", ""),
    "fc": (
        "FC (a Fibre Channel disk)",
        "TargetWWNs: targetWWNs | joined\nLUN: lun | none\nFSType: fsType\n"
        "ReadOnly: readOnly | flag",
    ),
    "projected": ("Projected (a volume that contains injected data from multiple sources)", ""),
    "csi": (
        "CSI (a Container Storage Interface (CSI) volume source)",
        "Driver: driver\nFSType: fsType\nReadOnly: readOnly | flag",
    ),
    "image": (
        "Image (a container image or OCI artifact)",
        "Reference: reference\nPullPolicy: pullPolicy",
    ),
}
"""By the field that is set: kubectl's words for the type, and the fields it prints."""

_PROJECTED = {
    "secret": "SecretName: name\nOptional: optional | flag",
    "configMap": "ConfigMapName: name\nOptional: optional | flag",
    "serviceAccountToken": "TokenExpirationSeconds: expirationSeconds | number",
}


def _more(d: Lines, kind: str, source: Json) -> None:
    """What is more than a field."""
    match kind:
        case "emptyDir":
            limit = source.get("sizeLimit")
            d.field("SizeLimit", UNSET if limit in (None, "0") else limit, 2)
        case "projected":
            for part in source.get("sources") or []:
                for name in filter(part.__contains__, _PROJECTED):
                    d.fields(part[name], _PROJECTED[name], 2)
                if "downwardAPI" in part:
                    d.field("DownwardAPI", True, 2)
        case "downwardAPI":
            d.line("Items:", 2)
            for item in source.get("items") or []:
                resource = at(item, "resourceFieldRef", "resource")
                d.line(f"{at(item, 'fieldRef', 'fieldPath') or resource} -> {item['path']}", 3)
        case "csi":
            d.labels("VolumeAttributes", source.get("volumeAttributes"), " " * 4)
