"""Volumes, their mounts, and claims. Source: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import models, quantity
from kubecourse.control_plane.apiserver.validation import references
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, Rule, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR

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
    r.need(
        lambda item: item.fieldRef is None and item.resourceFieldRef is None,
        "one of fieldRef and resourceFieldRef is required",
    ),
    ("mode", _MODE),
)


def _downward(source: Any, out: Errors) -> None:
    # The server gives the paths of these files without their index.
    for item in source.items or ():
        _DOWNWARD_FILE(item, out)


_PROJECTIONS: dict[str, Rule] = {
    "secret": r.struct(("name", r.REQUIRED), _KEYS),
    "configMap": r.struct(("name", r.REQUIRED), _KEYS),
    "downwardAPI": _downward,
    "serviceAccountToken": r.refuse(
        lambda token: token.expirationSeconds < 10 * 60,
        "may not specify a duration less than 10 minutes",
        "expirationSeconds",
    ),
    "clusterTrustBundle": r.struct(_PATH),
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
                    out.invalid("", getattr(part, "name", item.path), "conflicting duplicate paths")
                paths.add(item.path)


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


def _class_name(name: str, out: Errors) -> None:
    if name:  # an empty one says that no class is wanted, not even the default
        r.SUBDOMAIN(name, out)


CLAIM = r.struct(
    ("accessModes", r.given(why="at least 1 access mode is required")),
    ("selector", LABEL_SELECTOR),
    ("accessModes", access_modes),
    r.forbid(
        lambda spec: "ReadWriteOncePod" in (spec.accessModes or ()) and len(spec.accessModes) > 1,
        "may not use ReadWriteOncePod with other access modes",
        "accessModes",
    ),
    ("resources", _size),
    ("storageClassName", _class_name),
    ("volumeMode", r.one_of("Block", "Filesystem")),
)
"""What a claim asks for."""

# --- sources

_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
_PULL_POLICY = ("pullPolicy", r.given(r.one_of("Always", "IfNotPresent", "Never")))
_SIZE_LIMIT = r.forbid(quantity.is_negative, "SizeLimit field must be a valid resource quantity")
# In the order in which the server looks at them; what is particular to a vendor comes last.
_SOURCE = r.union(
    "volume type",
    (name for name in core.Volume.__struct_fields__ if name != "name"),
    emptyDir=r.struct(("sizeLimit", _SIZE_LIMIT)),
    hostPath=r.struct(("path", r.given(r.NO_BACKSTEPS)), ("type", r.one_of(*_HOST_PATH_TYPES))),
    secret=r.struct(("secretName", r.REQUIRED), _DEFAULT_MODE, _KEYS),
    nfs=r.struct(("server", r.REQUIRED), ("path", r.given()), ("path", r.ABSOLUTE)),
    iscsi=r.needs("targetPortal", "iqn"),
    persistentVolumeClaim=r.needs("claimName"),
    downwardAPI=r.struct(_DEFAULT_MODE, _downward),
    configMap=r.struct(("name", r.REQUIRED), _DEFAULT_MODE, _KEYS),
    projected=r.struct(_DEFAULT_MODE, ("sources", r.each(_PROJECTION)), _projected_paths),
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
    context, seen = container.securityContext, set()
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
        privileged = context is not None and context.privileged
        if mount.mountPropagation == "Bidirectional" and not privileged:
            why = "Bidirectional mount propagation is available only to privileged containers"
            out.forbidden("volumeMounts.mountPropagation", why)


def devices(container: Any, out: Errors) -> None:
    """Where a container sees its pod's volumes as raw disks."""
    for index, device in enumerate(container.volumeDevices or ()):
        path, name = f"volumeDevices[{index}]", device.name or ""
        volume = out.volumes.get(name)
        if volume is None:
            out.unknown(f"{path}.name", name)
        elif volume.persistentVolumeClaim is None and volume.ephemeral is None:
            only = "PersistentVolumeClaim or Ephemeral for block mode"
            out.invalid(f"{path}.name", name, f"can only use volume source type of {only}")
        at(f"{path}.devicePath", r.REQUIRED, device.devicePath, out)
