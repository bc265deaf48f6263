"""Claims and volumes: the class that is the default, protection while in use, growing.

Sources: `plugin/pkg/admission/storage/{storageclass/setdefault,persistentvolume/resize,
storageobjectinuseprotection}/admission.go`, `…/network/defaultingressclass/admission.go`,
`pkg/volume/util/storageclass.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import quantity
from kubecourse.api.quota import STORAGE_CLASS_ANNOTATION
from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

CLASSES = BY_PLURAL["storage.k8s.io", "v1", "storageclasses"]
INGRESS_CLASSES = BY_PLURAL["networking.k8s.io", "v1", "ingressclasses"]
DEFAULT_INGRESS = "ingressclass.kubernetes.io/is-default-class"
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
    chosen = _newest(attempt, CLASSES, DEFAULT_ANNOTATIONS)
    return replace(new, spec=replace(new.spec, storageClassName=chosen)) if chosen else new


def default_ingress_class(attempt: Attempt) -> Any:
    """The same for an Ingress; an old annotation names a class as well."""
    new = attempt.new
    named = "kubernetes.io/ingress.class" in (new.metadata.annotations or {})
    if named or new.spec.ingressClassName is not None:
        return new
    chosen = _newest(attempt, INGRESS_CLASSES, (DEFAULT_INGRESS,))
    return replace(new, spec=replace(new.spec, ingressClassName=chosen)) if chosen else new


def _newest(attempt: Attempt, classes: Resource, annotations: tuple[str, ...]) -> str:
    """The name of the newest class that is marked as default."""
    found = [
        each
        for each in attempt.server.list(classes)
        if "true" in map((each.metadata.annotations or {}).get, annotations)
    ]
    newest = max(found, key=lambda each: each.metadata.creationTimestamp, default=None)
    return newest.metadata.name if newest is not None else ""


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
