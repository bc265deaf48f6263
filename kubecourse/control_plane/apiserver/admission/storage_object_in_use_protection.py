"""Claims and volumes are born with a finalizer, so that none goes while it is in use.

Source: `plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.request import Options

FINALIZERS = {
    "PersistentVolume": "kubernetes.io/pv-protection",
    "PersistentVolumeClaim": "kubernetes.io/pvc-protection",
}


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Add the finalizer of the kind to an object being created."""
    finalizer = FINALIZERS[resource.kind]
    had = new.metadata.finalizers or []
    if finalizer in had:
        return new
    return replace(new, metadata=replace(new.metadata, finalizers=[*had, finalizer]))
