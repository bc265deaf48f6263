"""Volumes of pods and their mounts; claims, PersistentVolumes, StorageClasses.

Sources: `pkg/apis/core/validation/validation.go`, `pkg/apis/storage/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import names, quantity
from kubecourse.control_plane.apiserver.validation import references
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR, NODE_SELECTOR

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


def _one_reference(item: Any, out: Errors) -> None:
    if item.fieldRef is not None and item.resourceFieldRef is not None:
        why = "fieldRef and resourceFieldRef can not be specified simultaneously"
        out.invalid("", "resource", why)
    elif item.fieldRef is None and item.resourceFieldRef is None:
        out.required("", "one of fieldRef and resourceFieldRef is required")


_DOWNWARD_FILE = r.each(
    _PATH,
    ("fieldRef", references.FILE_FIELD),
    ("resourceFieldRef", references.RESOURCE_OF),
    _one_reference,
    ("mode", _MODE),
    indexed=False,
)


def _downward(source: Any, out: Errors) -> None:
    _DOWNWARD_FILE(source.items or (), out)


_DURATION = r.struct(
    r.refuse(lambda time: time < 10 * 60, "may not specify a duration less than 10 minutes"),
    r.refuse(lambda time: time > 1 << 32, "may not specify a duration larger than 2^32 seconds"),
)
_PROJECTIONS = {
    "secret": r.struct(("name", r.REQUIRED), _KEYS),
    "configMap": r.struct(("name", r.REQUIRED), _KEYS),
    "downwardAPI": _downward,
    "serviceAccountToken": r.struct(("expirationSeconds", _DURATION)),
}
_PROJECTION = r.struct(
    *_PROJECTIONS.items(),
    r.forbid(
        lambda source: sum(getattr(source, name) is not None for name in _PROJECTIONS) > 1,
        "may not specify more than 1 volume type per source",
    ),
)


def _projected_paths(volume: Any, out: Errors) -> None:
    """Two files of one volume may not have the same path."""
    paths: set[str] = set()
    for source in volume.sources or ():
        if source.serviceAccountToken is not None:
            r.struct(_PATH)(source.serviceAccountToken, out)
        for part in (source.secret, source.configMap, source.downwardAPI):
            for item in (part.items if part is not None else None) or ():
                if item.path and item.path in paths:
                    shown = getattr(part, "name", item.path)
                    out.invalid("", shown, "conflicting duplicate paths")
                paths.add(item.path)


# --- claims

ACCESS_MODES = r.struct(
    r.each(
        r.one_of("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"),
        indexed=False,
    ),
    r.forbid(
        lambda modes: "ReadWriteOncePod" in modes and len(modes) > 1,
        "may not use ReadWriteOncePod with other access modes",
    ),
)
"""How a volume may be used."""


@r.even_absent
def _size(resources: Any, out: Errors) -> None:
    size = ((resources.requests if resources is not None else None) or {}).get("storage")
    if size is None:
        out.required("[storage]")
    elif quantity.parse_quantity(size).nano <= 0:
        out.invalid("[storage]", size, r.NOT_POSITIVE)


# An empty class says that none is wanted, not even the default.
_CLASS_NAME = r.obeys(names.is_dns1123_subdomain, or_empty=True)
_VOLUME_MODE = r.one_of("Block", "Filesystem")
CLAIM = r.struct(
    ("accessModes", r.given(why="at least 1 access mode is required")),
    ("selector", LABEL_SELECTOR),
    ("accessModes", ACCESS_MODES),
    ("resources", _size),
    ("storageClassName", _CLASS_NAME),
    ("volumeMode", _VOLUME_MODE),
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
# What is particular to a vendor: the fields that it must have.
_VENDORS = {
    "gcePersistentDisk": "pdName",
    "awsElasticBlockStore": "volumeID",
    "glusterfs": "endpoints path",
    "flocker": "",
    "rbd": "monitors image",
    "flexVolume": "driver",
    "cinder": "volumeID",
    "cephfs": "monitors",
    "fc": "",
    "azureFile": "secretName shareName",
    "vsphereVolume": "volumePath",
    "quobyte": "registry volume",
    "azureDisk": "diskName diskURI",
    "photonPersistentDisk": "pdID",
    "portworxVolume": "volumeID",
    "scaleIO": "gateway system volumeName",
    "storageos": "volumeName",
}
_VENDOR_RULES = {name: r.needs(*fields.split()) for name, fields in _VENDORS.items()}
_SHARED = {
    "hostPath": r.struct(("path", r.given(r.NO_BACKSTEPS)), ("type", r.one_of(*_HOST_PATH_TYPES))),
    "nfs": r.struct(("server", r.REQUIRED), ("path", r.given()), ("path", r.ABSOLUTE)),
    "iscsi": r.needs("targetPortal", "iqn"),
}
_DRIVER = r.given(lambda name, out: r.SUBDOMAIN(name.lower(), out))
_SIZE_LIMIT = r.forbid(quantity.is_negative, "SizeLimit field must be a valid resource quantity")
_SOURCE = r.union(
    "volume type",
    emptyDir=r.struct(("sizeLimit", _SIZE_LIMIT)),
    **_SHARED,
    gitRepo=r.struct(("repository", r.REQUIRED), ("directory", r.DESCENDING)),
    secret=r.struct(("secretName", r.REQUIRED), _DEFAULT_MODE, _KEYS),
    persistentVolumeClaim=r.needs("claimName"),
    downwardAPI=r.struct(_DEFAULT_MODE, _downward),
    configMap=r.struct(("name", r.REQUIRED), _DEFAULT_MODE, _KEYS),
    projected=r.struct(_DEFAULT_MODE, ("sources", r.each(_PROJECTION)), _projected_paths),
    csi=r.struct(("driver", _DRIVER), ("nodePublishSecretRef", r.needs("name"))),
    ephemeral=r.struct(("volumeClaimTemplate", r.given(("spec", CLAIM)))),
    image=r.struct(("reference", r.REQUIRED), _PULL_POLICY),
    **_VENDOR_RULES,
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


def _read_only(mount: Any, out: Errors) -> None:
    if mount.recursiveReadOnly in (None, "Disabled"):
        return
    if not mount.readOnly:
        out.forbidden("recursiveReadOnly", "may only be specified when readOnly is true")
    if mount.mountPropagation not in (None, "None"):
        why = "may only be specified when mountPropagation is None or not specified"
        out.forbidden("recursiveReadOnly", why)


_SUB_PATHS = r.struct(
    ("subPath", r.DESCENDING),
    ("subPathExpr", r.DESCENDING),
    ("mountPropagation", r.one_of("Bidirectional", "HostToContainer", "None")),
    ("recursiveReadOnly", r.one_of("Disabled", "Enabled", "IfPossible")),
    _read_only,
)


def mounts(container: Any, out: Errors) -> None:
    """Where a container sees its pod's volumes as directories."""
    seen: set[str] = set()
    context = container.securityContext
    privileged = context is not None and context.privileged
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
        if mount.mountPropagation == "Bidirectional" and not privileged:
            why = "Bidirectional mount propagation is available only to privileged containers"
            out.forbidden("volumeMounts.mountPropagation", why)


def devices(container: Any, out: Errors) -> None:
    """Where a container sees its pod's volumes as raw disks."""
    if not container.volumeDevices:
        return
    mounted = container.volumeMounts or ()
    taken = {
        "name": {mount.name: "volumeMounts" for mount in mounted},
        "devicePath": {mount.mountPath: "volumeMounts" for mount in mounted},
    }
    for index, device in enumerate(container.volumeDevices):
        path, volume = f"volumeDevices[{index}]", out.volumes.get(device.name)
        at(f"{path}.name", r.REQUIRED, device.name, out)
        if volume is None:
            out.unknown(f"{path}.name", device.name or "")
        elif volume.persistentVolumeClaim is None and volume.ephemeral is None:
            only = "PersistentVolumeClaim or Ephemeral for block mode"
            out.invalid(f"{path}.name", device.name, f"can only use volume source type of {only}")
        at(f"{path}.devicePath", r.REQUIRED, device.devicePath, out)
        for field, seen in taken.items():
            value = getattr(device, field)
            if value in seen:
                other = seen[value]
                why = f"must not already exist in {other}" if other else "must be unique"
                out.invalid(f"{path}.{field}", value, why)
            seen.setdefault(value, "")


# --- PersistentVolumes and StorageClasses


@r.even_absent
def _capacity(capacity: dict[str, str] | None, out: Errors) -> None:
    if not capacity:
        out.required("")
    if set(capacity or ()) != {"storage"}:
        out.unsupported("", sorted(capacity or ()), ("storage",))
    for name, size in sorted((capacity or {}).items()):
        if quantity.parse_quantity(size).nano <= 0:
            out.invalid(f"[{name}]", size, r.NOT_POSITIVE)


_AFFINE = r.need(
    lambda spec: (
        spec.local is not None and (spec.nodeAffinity is None or spec.nodeAffinity.required is None)
    ),
    "Local volume requires node affinity",
    "nodeAffinity",
)
_VOLUME_SOURCES = {
    **_SHARED,
    **_VENDOR_RULES,
    "local": r.struct(("path", r.given(r.NO_BACKSTEPS))),
    "csi": r.struct(("driver", _DRIVER), ("volumeHandle", r.REQUIRED)),
}
VOLUME = r.given(
    ("accessModes", r.REQUIRED),
    ("accessModes", ACCESS_MODES),
    ("capacity", _capacity),
    ("persistentVolumeReclaimPolicy", r.one_of("Delete", "Recycle", "Retain")),
    ("nodeAffinity", r.struct(("required", NODE_SELECTOR))),
    r.union("volume type", **_VOLUME_SOURCES),
    _AFFINE,
    ("storageClassName", _CLASS_NAME),
    ("volumeMode", _VOLUME_MODE),
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
