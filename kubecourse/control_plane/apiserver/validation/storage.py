"""Claims, volumes and storage classes.

Sources: `pkg/apis/core/validation/validation.go`, `pkg/apis/storage/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import errors, quantity
from kubecourse.control_plane.apiserver.validation import checks, selectors, volumes
from kubecourse.control_plane.apiserver.validation.checks import Errors


def claim(obj: Any, out: Errors) -> None:
    """A PersistentVolumeClaim."""
    volumes.claim_spec("spec", obj.spec, out)


def claim_update(new: Any, old: Any, out: Errors) -> None:
    """A claim being changed: once bound it may only grow."""
    if new.spec is old.spec:
        return
    claim(new, out)
    before = old.spec
    fixed = replace(new.spec, resources=before.resources, volumeName=before.volumeName)
    if fixed != before:
        may = "resources.requests and volumeAttributesClassName for bound claims"
        why = f"spec is immutable after creation except {may}"
        out.append(errors.field_forbidden("spec", why))
        return
    had, wants = _size(before), _size(new.spec)
    if had is not None and wants is not None and quantity.compare(wants, had) < 0:
        path, why = "spec.resources.requests.storage", "field can not be less than status.capacity"
        out.append(errors.field_forbidden(path, why))


def _size(spec: Any) -> str | None:
    requests = spec.resources.requests if spec.resources is not None else None
    return (requests or {}).get("storage")


_NO_SOURCE = {
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
    "persistentVolumeReclaimPolicy", "storageClassName", "volumeAttributesClassName", "volumeMode",
}  # fmt: skip


def volume(obj: Any, out: Errors) -> None:
    """A PersistentVolume."""
    spec = obj.spec
    if spec is None or not spec.accessModes:
        out.append(errors.required("spec.accessModes"))
    if spec is None:
        return
    for mode in spec.accessModes or ():
        checks.one_of("spec.accessModes", mode, volumes.ACCESS_MODES, out)
    capacity = spec.capacity or {}
    if not capacity:
        out.append(errors.required("spec.capacity"))
    if set(capacity) != {"storage"}:
        out.append(errors.not_supported("spec.capacity", sorted(capacity), ("storage",)))
    for name, text in sorted(capacity.items()):
        if quantity.parse_quantity(text).nano <= 0:
            path = f"spec.capacity[{name}]"
            out.append(errors.invalid(path, text, checks.NOT_POSITIVE))
    policies = ("Delete", "Recycle", "Retain")
    policy = spec.persistentVolumeReclaimPolicy
    checks.one_of("spec.persistentVolumeReclaimPolicy", policy, policies, out)
    if spec.nodeAffinity is not None and spec.nodeAffinity.required is not None:
        selectors.node_selector("spec.nodeAffinity.required", spec.nodeAffinity.required, out)
    sources = [n for n in spec.__struct_fields__ if n not in _NO_SOURCE and getattr(spec, n)]
    if checks.only_one("spec", sources, "volume type", out) is None:
        out.append(errors.required("spec", "must specify a volume type"))


def volume_update(new: Any, old: Any, out: Errors) -> None:
    """A PersistentVolume being changed."""
    if new.spec is not old.spec:
        volume(new, out)


def storage_class(obj: Any, out: Errors) -> None:
    """A StorageClass."""
    if checks.required("provisioner", obj.provisioner, out):
        checks.qualified("provisioner", obj.provisioner.lower(), out)
    checks.one_of("reclaimPolicy", obj.reclaimPolicy, ("Delete", "Retain"), out)
    modes = ("Immediate", "WaitForFirstConsumer")
    checks.required_one_of("volumeBindingMode", obj.volumeBindingMode, modes, out)


def storage_class_update(new: Any, old: Any, out: Errors) -> None:
    """A StorageClass being changed: not what it makes volumes with."""
    why = "updates to {} are forbidden."
    for field in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        if getattr(new, field) != getattr(old, field):
            out.append(errors.field_forbidden(field, why.format(field)))
