"""Claims and volumes: the class that is the default, protection while in use, growing.

Sources: `plugin/pkg/admission/storage/{storageclass/setdefault,persistentvolume/resize,
storageobjectinuseprotection}/admission.go`, `pkg/volume/util/storageclass.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import quantity
from kubecourse.api.quota import STORAGE_CLASS_ANNOTATION
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

CLASSES = BY_PLURAL["storage.k8s.io", "v1", "storageclasses"]
DEFAULT_ANNOTATIONS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
FINALIZERS = {
    "PersistentVolume": "kubernetes.io/pv-protection",
    "PersistentVolumeClaim": "kubernetes.io/pvc-protection",
}
_FIXED = (
    "only dynamically provisioned pvc can be resized and "
    "the storageclass that provisions the pvc must support resize"
)


def default_class(attempt: Attempt) -> Any:
    """A claim gets the newest class marked as default. `storageClassName: ""` asks for none."""
    new = attempt.new
    named = STORAGE_CLASS_ANNOTATION in (new.metadata.annotations or {})
    if named or new.spec.storageClassName is not None:
        return new
    found = [
        each
        for each in attempt.server.list(CLASSES)
        if "true" in map((each.metadata.annotations or {}).get, DEFAULT_ANNOTATIONS)
    ]
    if not found:
        return new
    chosen = max(found, key=lambda each: each.metadata.creationTimestamp)
    return replace(new, spec=replace(new.spec, storageClassName=chosen.metadata.name))


def protect(attempt: Attempt) -> Any:
    """Claims and volumes are born with a finalizer, so that none goes while it is in use."""
    finalizer, metadata = FINALIZERS[attempt.resource.kind], attempt.new.metadata
    had = metadata.finalizers or []
    if finalizer in had:
        return attempt.new
    return replace(attempt.new, metadata=replace(metadata, finalizers=[*had, finalizer]))


def _size(claim: Any) -> str:
    requests = claim.spec.resources.requests if claim.spec.resources is not None else None
    return str((requests or {}).get("storage", "0"))


def resize(attempt: Attempt) -> None:
    """A claim may grow only where its StorageClass says that volumes can."""
    new, old = attempt.new, attempt.old
    if attempt.keeps_spec or quantity.compare(_size(new), _size(old)) <= 0:
        return
    name = new.spec.storageClassName
    found = attempt.server.find(CLASSES, None, name) if name else None
    if old.status is None or old.status.phase != "Bound":
        raise attempt.forbidden("only bound persistent volume claims can be expanded")
    if found is None or not found.allowVolumeExpansion:
        raise attempt.forbidden(_FIXED)
