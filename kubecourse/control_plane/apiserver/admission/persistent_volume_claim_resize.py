"""A claim may grow only where its StorageClass says that volumes can.

Source: `plugin/pkg/admission/storage/persistentvolume/resize/admission.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors, quantity
from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.control_plane.apiserver.request import Options

_CLASSES = BY_PLURAL["storage.k8s.io", "v1", "storageclasses"]
_NOT_BOUND = "only bound persistent volume claims can be expanded"
_FIXED = (
    "only dynamically provisioned pvc can be resized and "
    "the storageclass that provisions the pvc must support resize"
)


def _size(claim: Any) -> str:
    requests = claim.spec.resources.requests if claim.spec.resources is not None else None
    return str((requests or {}).get("storage", "0"))


def check(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> None:
    """Refuse to let a claim ask for more than it has, unless it can be given that."""
    if new.spec is old.spec or quantity.compare(_size(new), _size(old)) <= 0:
        return
    name = new.spec.storageClassName
    found = server.find(_CLASSES, None, name) if name else None
    why = ""
    if old.status is None or old.status.phase != "Bound":
        why = _NOT_BOUND
    elif found is None or not found.allowVolumeExpansion:
        why = _FIXED
    if why:
        raise errors.forbidden("persistentvolumeclaims", "", new.metadata.name, why)
