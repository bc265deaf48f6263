"""A claim that names no storage class gets the cluster's default one.

Source: `plugin/pkg/admission/storage/storageclass/setdefault/admission.go`,
`pkg/volume/util/storageclass.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api.quota import STORAGE_CLASS_ANNOTATION
from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.control_plane.apiserver.request import Options

CLASSES = BY_PLURAL["storage.k8s.io", "v1", "storageclasses"]
DEFAULT = "storageclass.kubernetes.io/is-default-class"
BETA_DEFAULT = "storageclass.beta.kubernetes.io/is-default-class"


def default_class(server: Any) -> Any | None:
    """The class marked as default; of several the newest, then the first by name."""
    found = [
        each
        for each in server.list(CLASSES)
        if "true" in ((each.metadata.annotations or {}).get(key) for key in (DEFAULT, BETA_DEFAULT))
    ]
    return max(found, key=lambda each: each.metadata.creationTimestamp) if found else None


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Fill in the class of a claim being created. `storageClassName: ""` asks for none."""
    named = STORAGE_CLASS_ANNOTATION in (new.metadata.annotations or {})
    if named or new.spec.storageClassName is not None:
        return new
    chosen = default_class(server)
    if chosen is None:
        return new
    return replace(new, spec=replace(new.spec, storageClassName=chosen.metadata.name))
