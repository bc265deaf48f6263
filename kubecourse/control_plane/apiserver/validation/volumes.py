"""Volumes of pods, where containers see them, and claims.

Source: `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import quantity
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, even_absent, named, rule

_NOT_POSITIVE = "must be greater than zero"


@named
@even_absent
def volumes(values: list[Any] | None, out: Errors) -> None:
    """A pod's volumes; the good ones are remembered for the mounts."""
    good: dict[str, Any] = {}
    ask = rule("Volume")
    for index, volume in enumerate(values or ()):
        start = len(out)
        ask(volume, out)
        if volume.name in good:
            out.duplicate("name", volume.name)
        if len(out) == start:
            good[volume.name] = volume
        out.below(f"[{index}]", start)
    out.volumes = good


@named
def downward_files(source: Any, out: Errors) -> None:
    """Files made of the pod's fields. The server gives their paths without any `items`."""
    rule("each at once DownwardAPIVolumeFile")(source.items or (), out)


@named
def projected_paths(volume: Any, out: Errors) -> None:
    """Two files of one volume may not have the same path."""
    paths: set[str] = set()
    for source in volume.sources or ():
        if source.serviceAccountToken is not None:
            rule("FilePath")(source.serviceAccountToken, out)
        for part in (source.secret, source.configMap, source.downwardAPI):
            for item in (part.items if part is not None else None) or ():
                if item.path and item.path in paths:
                    shown = getattr(part, "name", item.path)
                    out.invalid("", shown, "conflicting duplicate paths")
                paths.add(item.path)


# --- mounts


@named
def mounts(container: Any, out: Errors) -> None:
    """Where a container sees its pod's volumes as directories."""
    seen: set[str] = set()
    context = container.securityContext
    privileged = context is not None and context.privileged
    for index, mount in enumerate(container.volumeMounts or ()):
        start = len(out)
        name, where = mount.name or "", mount.mountPath or ""
        if not name:
            out.required("name")
        if name not in out.volumes:
            out.unknown("name", name)
        if not where:
            out.required("mountPath")
        if where in seen:
            out.invalid("mountPath", where, "must be unique")
        seen.add(where)
        if mount.subPath and mount.subPathExpr:
            why = "subPathExpr and subPath are mutually exclusive"
            out.invalid("subPathExpr", mount.subPathExpr, why)
        out.below(f"volumeMounts[{index}]", start)
        # The server gives the paths of these without the mount's index.
        at("volumeMounts", rule("SubPath"), mount, out)
        if mount.mountPropagation == "Bidirectional" and not privileged:
            why = "Bidirectional mount propagation is available only to privileged containers"
            out.forbidden("volumeMounts.mountPropagation", why)


@named
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
        if not device.name:
            out.required(f"{path}.name")
        if volume is None:
            out.unknown(f"{path}.name", device.name or "")
        elif volume.persistentVolumeClaim is None and volume.ephemeral is None:
            only = "PersistentVolumeClaim or Ephemeral for block mode"
            out.invalid(f"{path}.name", device.name, f"can only use volume source type of {only}")
        if not device.devicePath:
            out.required(f"{path}.devicePath")
        for field, seen in taken.items():
            value = getattr(device, field)
            if value in seen:
                other = seen[value]
                why = f"must not already exist in {other}" if other else "must be unique"
                out.invalid(f"{path}.{field}", value, why)
            seen.setdefault(value, "")


# --- claims and PersistentVolumes


@named
def access_modes(modes: list[str], out: Errors) -> None:
    """How a volume may be used."""
    for mode in modes:
        rule("one of ReadOnlyMany ReadWriteMany ReadWriteOnce ReadWriteOncePod")(mode, out)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        out.forbidden("", "may not use ReadWriteOncePod with other access modes")


@named
def data_sources(spec: Any, out: Errors) -> None:
    """What a claim is filled with: said twice, it is said alike."""
    source, ref = spec.dataSource, spec.dataSourceRef
    if source is None or ref is None:
        return
    if ref.namespace:
        why = "may not be specified when dataSourceRef.namespace is specified"
    elif (source.apiGroup, source.kind, source.name) != (ref.apiGroup, ref.kind, ref.name):
        why = "must match dataSourceRef"
    else:
        return
    out.invalid("", "spec.dataSource", why)


def _requested(resources: Any) -> str | None:
    return ((resources.requests if resources is not None else None) or {}).get("storage")


@named
def claimed_size(resources: Any, out: Errors) -> None:
    """How much a claim asks for."""
    size = _requested(resources)
    if size is None:
        out.required("[storage]")
    elif quantity.parse_quantity(size).nano <= 0:
        out.invalid("[storage]", size, _NOT_POSITIVE)


@named
def capacity(values: dict[str, str] | None, out: Errors) -> None:
    """How much a PersistentVolume holds."""
    if not values:
        out.required("")
    if set(values or ()) != {"storage"}:
        out.unsupported("", sorted(values or ()), ("storage",))
    for name, size in sorted((values or {}).items()):
        if quantity.parse_quantity(size).nano <= 0:
            out.invalid(f"[{name}]", size, _NOT_POSITIVE)


@named
def lasting_claim(new: Any, out: Errors) -> None:
    """A claim, once bound, may only grow."""
    spec, before = new.spec, out.old.spec
    if replace(spec, resources=before.resources, volumeName=before.volumeName) != before:
        may = "resources.requests and volumeAttributesClassName for bound claims"
        out.forbidden("spec", f"spec is immutable after creation except {may}")
        return
    had, wants = _requested(before.resources), _requested(spec.resources)
    if had is not None and wants is not None and quantity.compare(wants, had) < 0:
        path = "spec.resources.requests.storage"
        out.forbidden(path, "field can not be less than status.capacity")
