"""Volumes of pods and their mounts; claims, PersistentVolumes, StorageClasses.

Sources: `pkg/apis/core/validation/validation.go`, `pkg/apis/storage/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models, names, quantity
from kubecourse.control_plane.apiserver.validation import references
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR, NODE_SELECTOR

core = models.core_v1

# --- files in volumes

# Names that begin so are the kubelet's own.
_NOT_HIDDEN = r.refuse(
    lambda path: path.startswith("..") and not path.startswith("../"), "must not start with '..'"
)
_PATH = ("path", r.given(r.DESCENDING, _NOT_HIDDEN))
_OCTAL = "must be a number between 0 and 0777 (octal), both inclusive"
_MODE = r.refuse(lambda mode: not 0 <= mode <= 0o777, _OCTAL)
_DEFAULT_MODE = ("defaultMode", _MODE)
_KEYS = ("items", r.each(("key", r.REQUIRED), _PATH, ("mode", _MODE)))
_DOWNWARD_FILE = r.struct(
    _PATH,
    ("fieldRef", references.FILE_FIELD),
    ("resourceFieldRef", references.RESOURCE_OF),
    ("mode", _MODE),
)


def _downward(source: Any, out: Errors) -> None:
    # The server gives the paths of these files without their index.
    for item in source.items or ():
        _DOWNWARD_FILE(item, out)


_SHORT = r.refuse(
    lambda seconds: seconds < 10 * 60, "may not specify a duration less than 10 minutes"
)
_PROJECTION = r.struct(
    ("secret", r.struct(("name", r.REQUIRED), _KEYS)),
    ("configMap", r.struct(("name", r.REQUIRED), _KEYS)),
    ("downwardAPI", _downward),
    ("serviceAccountToken", r.struct(("expirationSeconds", _SHORT))),
)


# --- claims

ACCESS_MODE = r.one_of("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def access_modes(modes: list[str], out: Errors) -> None:
    """How a volume may be used. The server gives the paths without an index."""
    for mode in modes:
        ACCESS_MODE(mode, out)


@r.even_absent
def _size(resources: Any, out: Errors) -> None:
    size = ((resources.requests if resources is not None else None) or {}).get("storage")
    if size is None:
        out.required("[storage]")
    elif quantity.parse_quantity(size).nano <= 0:
        out.invalid("[storage]", size, r.NOT_POSITIVE)


CLAIM = r.struct(
    ("accessModes", r.given(why="at least 1 access mode is required")),
    ("selector", LABEL_SELECTOR),
    ("accessModes", access_modes),
    ("resources", _size),
    # An empty class says that none is wanted, not even the default.
    ("storageClassName", r.obeys(names.is_dns1123_subdomain, or_empty=True)),
    ("volumeMode", r.one_of("Block", "Filesystem")),
)
"""What a claim asks for."""


def claim_change(new: Any, old: Any, out: Errors) -> None:
    """A claim, once bound, may only grow."""
    before = old.spec
    fixed = replace(new.spec, resources=before.resources, volumeName=before.volumeName)
    if fixed != before:
        may = "resources.requests and volumeAttributesClassName for bound claims"
        out.forbidden("spec", f"spec is immutable after creation except {may}")
        return
    had, wants = _requested(before), _requested(new.spec)
    if had is not None and wants is not None and quantity.compare(wants, had) < 0:
        path = "spec.resources.requests.storage"
        out.forbidden(path, "field can not be less than status.capacity")


def _requested(spec: Any) -> str | None:
    requests = spec.resources.requests if spec.resources is not None else None
    return (requests or {}).get("storage")


# --- sources

_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
_PULL_POLICY = ("pullPolicy", r.given(r.one_of("Always", "IfNotPresent", "Never")))
# In the order in which the server looks at them; what is particular to a vendor comes last.
_SOURCE = r.union(
    "volume type",
    (name for name in core.Volume.__struct_fields__ if name != "name"),
    emptyDir=r.whatever,
    hostPath=r.struct(("path", r.given(r.NO_BACKSTEPS)), ("type", r.one_of(*_HOST_PATH_TYPES))),
    secret=r.struct(("secretName", r.REQUIRED), _DEFAULT_MODE, _KEYS),
    nfs=r.struct(("server", r.REQUIRED), ("path", r.given()), ("path", r.ABSOLUTE)),
    iscsi=r.needs("targetPortal", "iqn"),
    persistentVolumeClaim=r.needs("claimName"),
    downwardAPI=r.struct(_DEFAULT_MODE, _downward),
    configMap=r.struct(("name", r.REQUIRED), _DEFAULT_MODE, _KEYS),
    projected=r.struct(_DEFAULT_MODE, ("sources", r.each(_PROJECTION))),
    csi=r.struct(("driver", r.given(r.SUBDOMAIN))),
    ephemeral=r.struct(("volumeClaimTemplate", r.given(("spec", CLAIM)))),
    image=r.struct(("reference", r.REQUIRED), _PULL_POLICY),
)
_VOLUME = r.struct(_SOURCE, ("name", r.given(r.LABEL)))


@r.even_absent
def volumes(values: list[Any] | None, out: Errors) -> None:
    """A pod's volumes; the good ones are remembered for the mounts."""
    good: dict[str, Any] = {}
    for index, volume in enumerate(values or ()):
        start = len(out)
        _VOLUME(volume, out)
        if volume.name in good:
            out.duplicate("name", volume.name)
        if len(out) == start:
            good[volume.name] = volume
        out.below(f"[{index}]", start)
    out.volumes = good


# --- mounts

_SUB_PATHS = r.struct(
    ("subPath", r.DESCENDING),
    ("subPathExpr", r.DESCENDING),
    ("mountPropagation", r.one_of("Bidirectional", "HostToContainer", "None")),
)


def mounts(container: Any, out: Errors) -> None:
    """Where a container sees its pod's volumes as directories."""
    seen: set[str] = set()
    for index, mount in enumerate(container.volumeMounts or ()):
        start = len(out)
        name, where = mount.name, mount.mountPath or ""
        at("name", r.REQUIRED, name, out)
        if name not in out.volumes:
            out.unknown("name", name or "")
        at("mountPath", r.REQUIRED, where, out)
        if where in seen:
            out.invalid("mountPath", where, "must be unique")
        seen.add(where)
        if mount.subPath and mount.subPathExpr:
            why = "subPathExpr and subPath are mutually exclusive"
            out.invalid("subPathExpr", mount.subPathExpr, why)
        out.below(f"volumeMounts[{index}]", start)
        # The server gives the paths of these without the mount's index.
        at("volumeMounts", _SUB_PATHS, mount, out)


# --- PersistentVolumes and StorageClasses

_NO_SOURCE = {
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
    "persistentVolumeReclaimPolicy", "storageClassName", "volumeAttributesClassName", "volumeMode",
}  # fmt: skip
_FIELDS = core.PersistentVolumeSpec.__struct_fields__


@r.even_absent
def _capacity(capacity: dict[str, str] | None, out: Errors) -> None:
    size = (capacity or {}).get("storage")
    if not capacity:
        out.required("")
    if set(capacity or ()) != {"storage"}:
        out.unsupported("", sorted(capacity or ()), ("storage",))
    if size is not None and quantity.parse_quantity(size).nano <= 0:
        out.invalid("[storage]", size, r.NOT_POSITIVE)


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
