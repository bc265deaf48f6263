"""Claims, volumes and storage classes.

Sources: `pkg/apis/core/validation/validation.go`, `pkg/apis/storage/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models, quantity
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors
from kubecourse.control_plane.apiserver.validation.selectors import NODE_SELECTOR
from kubecourse.control_plane.apiserver.validation.volumes import access_modes


def claim_change(new: Any, old: Any, out: Errors) -> None:
    """A claim, once bound, may only grow."""
    before = old.spec
    fixed = replace(new.spec, resources=before.resources, volumeName=before.volumeName)
    if fixed != before:
        may = "resources.requests and volumeAttributesClassName for bound claims"
        out.forbidden("spec", f"spec is immutable after creation except {may}")
        return
    had, wants = _size(before), _size(new.spec)
    if had is not None and wants is not None and quantity.compare(wants, had) < 0:
        path = "spec.resources.requests.storage"
        out.forbidden(path, "field can not be less than status.capacity")


def _size(spec: Any) -> str | None:
    requests = spec.resources.requests if spec.resources is not None else None
    return (requests or {}).get("storage")


_NO_SOURCE = {
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
    "persistentVolumeReclaimPolicy", "storageClassName", "volumeAttributesClassName", "volumeMode",
}  # fmt: skip
_FIELDS = models.core_v1.PersistentVolumeSpec.__struct_fields__


@r.even_absent
def _capacity(capacity: dict[str, str] | None, out: Errors) -> None:
    capacity = capacity or {}
    if not capacity:
        out.required("")
    if set(capacity) != {"storage"}:
        out.unsupported("", sorted(capacity), ("storage",))
    for name, text in sorted(capacity.items()):
        if quantity.parse_quantity(text).nano <= 0:
            out.invalid(f"[{name}]", text, r.NOT_POSITIVE)


VOLUME = r.given(
    ("accessModes", r.REQUIRED),
    ("accessModes", access_modes),
    ("capacity", _capacity),
    ("persistentVolumeReclaimPolicy", r.one_of("Delete", "Recycle", "Retain")),
    ("nodeAffinity", r.struct(("required", NODE_SELECTOR))),
    r.union("volume type", (name for name in _FIELDS if name not in _NO_SOURCE)),
)


def _provisioner(name: str, out: Errors) -> None:
    r.QUALIFIED(name.lower(), out)


STORAGE_CLASS = r.struct(
    ("provisioner", r.given(_provisioner)),
    ("reclaimPolicy", r.one_of("Delete", "Retain")),
    ("volumeBindingMode", r.given(r.one_of("Immediate", "WaitForFirstConsumer"))),
)


def storage_class_update(new: Any, old: Any, out: Errors) -> None:
    """A StorageClass being changed: not what it makes volumes with."""
    for field in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        if getattr(new, field) != getattr(old, field):
            out.forbidden(field, f"updates to {field} are forbidden.")
