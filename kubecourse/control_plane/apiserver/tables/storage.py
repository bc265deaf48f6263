"""Volumes, claims and storage classes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.control_plane.apiserver.tables.columns import (
    AGE,
    NAME,
    UNSET,
    Column,
    Printer,
    age,
)

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(modes: list[str] | None) -> str:
    given = set(modes or ())
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def _claim(obj: Any, now: datetime) -> list[Any]:
    spec, status = obj.spec, obj.status
    phase = (status.phase if status else "") or ""
    if obj.metadata.deletionTimestamp is not None:
        phase = "Terminating"
    bound = bool(spec.volumeName) and status is not None
    return [
        obj.metadata.name,
        phase,
        spec.volumeName or "",
        (status.capacity or {}).get("storage", "0") if bound else "",
        _modes(status.accessModes) if bound else "",
        spec.storageClassName or "",
        spec.volumeAttributesClassName or UNSET,
        age(obj, now),
        spec.volumeMode or UNSET,
    ]


def _volume(obj: Any, now: datetime) -> list[Any]:
    spec, status = obj.spec, obj.status
    claim = spec.claimRef
    phase = (status.phase if status else "") or ""
    if obj.metadata.deletionTimestamp is not None:
        phase = "Terminating"
    return [
        obj.metadata.name,
        (spec.capacity or {}).get("storage", "0"),
        _modes(spec.accessModes),
        spec.persistentVolumeReclaimPolicy or "",
        phase,
        f"{claim.namespace}/{claim.name}" if claim else "",
        spec.storageClassName or "",
        spec.volumeAttributesClassName or UNSET,
        (status.reason if status else "") or "",
        age(obj, now),
        spec.volumeMode or UNSET,
    ]


def _storage_class(obj: Any, now: datetime) -> list[Any]:
    default = (obj.metadata.annotations or {}).get(DEFAULT_CLASS) == "true"
    return [
        f"{obj.metadata.name} (default)" if default else obj.metadata.name,
        obj.provisioner,
        obj.reclaimPolicy or "Delete",
        obj.volumeBindingMode or "Immediate",
        "true" if obj.allowVolumeExpansion else "false",
        age(obj, now),
    ]


PRINTERS = {
    "PersistentVolume": Printer(
        (
            NAME,
            Column("Capacity"),
            Column("Access Modes"),
            Column("Reclaim Policy"),
            Column("Status"),
            Column("Claim"),
            Column("StorageClass"),
            Column("VolumeAttributesClass"),
            Column("Reason"),
            AGE,
            Column("VolumeMode", wide=True),
        ),
        _volume,
    ),
    "PersistentVolumeClaim": Printer(
        (
            NAME,
            Column("Status"),
            Column("Volume"),
            Column("Capacity"),
            Column("Access Modes"),
            Column("StorageClass"),
            Column("VolumeAttributesClass"),
            AGE,
            Column("VolumeMode", wide=True),
        ),
        _claim,
    ),
    "StorageClass": Printer(
        (
            NAME,
            Column("Provisioner"),
            Column("ReclaimPolicy"),
            Column("VolumeBindingMode"),
            Column("AllowVolumeExpansion"),
            AGE,
        ),
        _storage_class,
    ),
}
