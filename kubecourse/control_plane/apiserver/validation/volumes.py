"""Volumes and their mounts. Source: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import errors, quantity
from kubecourse.control_plane.apiserver.validation import checks, references
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.selectors import label_selector

Check = Callable[[str, Any, Errors], None]

HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_CONFLICT = "conflicting duplicate paths"
_SHORTEST_TOKEN, _LONGEST_TOKEN = 10 * 60, 1 << 32


# --- sources


def _needs(*fields: str) -> Check:
    """A check of a source of which we know only what it must have."""

    def check(path: str, source: Any, out: Errors) -> None:
        for field in fields:
            checks.required(f"{path}.{field}", getattr(source, field, None), out)

    return check


def _empty_dir(path: str, source: Any, out: Errors) -> None:
    if source.sizeLimit and quantity.is_negative(source.sizeLimit):
        why = "SizeLimit field must be a valid resource quantity"
        out.append(errors.field_forbidden(f"{path}.sizeLimit", why))


def _host_path(path: str, source: Any, out: Errors) -> None:
    if not checks.required(f"{path}.path", source.path, out):
        return
    checks.no_backsteps(f"{path}.path", source.path, out)
    if source.type is not None:
        checks.one_of(f"{path}.type", source.type, HOST_PATH_TYPES, out)


def _git_repo(path: str, source: Any, out: Errors) -> None:
    checks.required(f"{path}.repository", source.repository, out)
    checks.descending(f"{path}.directory", source.directory or "", out)


def _nfs(path: str, source: Any, out: Errors) -> None:
    checks.required(f"{path}.server", source.server, out)
    checks.required(f"{path}.path", source.path, out)
    if not (source.path or "").startswith("/"):
        why = "must be an absolute path"
        out.append(errors.invalid(f"{path}.path", source.path or "", why))


def _files(path: str, source: Any, out: Errors) -> None:
    checks.file_mode(f"{path}.defaultMode", source.defaultMode, out)
    for index, item in enumerate(source.items or ()):
        _key_to_path(f"{path}.items[{index}]", item, out)


def _secret(path: str, source: Any, out: Errors) -> None:
    checks.required(f"{path}.secretName", source.secretName, out)
    _files(path, source, out)


def _config_map(path: str, source: Any, out: Errors) -> None:
    checks.required(f"{path}.name", source.name, out)
    _files(path, source, out)


def _key_to_path(path: str, item: Any, out: Errors) -> None:
    checks.required(f"{path}.key", item.key, out)
    checks.required(f"{path}.path", item.path, out)
    checks.file_name(f"{path}.path", item.path, out)
    checks.file_mode(f"{path}.mode", item.mode, out)


def _downward_file(path: str, item: Any, out: Errors) -> None:
    checks.required(f"{path}.path", item.path, out)
    checks.file_name(f"{path}.path", item.path, out)
    if item.fieldRef is not None:
        references.field_ref(f"{path}.fieldRef", item.fieldRef, references.FILE_FIELDS, out)
        if item.resourceFieldRef is not None:
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            out.append(errors.invalid(path, "resource", why))
    elif item.resourceFieldRef is not None:
        references.resource_ref(f"{path}.resourceFieldRef", item.resourceFieldRef, out, True)
    else:
        out.append(errors.required(path, "one of fieldRef and resourceFieldRef is required"))
    checks.file_mode(f"{path}.mode", item.mode, out)


def _downward(path: str, source: Any, out: Errors) -> None:
    checks.file_mode(f"{path}.defaultMode", source.defaultMode, out)
    for item in source.items or ():
        _downward_file(path, item, out)


# --- projected volumes


def _projected(path: str, source: Any, out: Errors) -> None:
    checks.file_mode(f"{path}.defaultMode", source.defaultMode, out)
    paths: set[str] = set()
    for index, projection in enumerate(source.sources or ()):
        at = f"{path}.sources[{index}]"
        present = [name for name in _PROJECTIONS if getattr(projection, name, None) is not None]
        for name in present:
            part = getattr(projection, name)
            _PROJECTIONS[name](path, f"{at}.{name}", part, paths, out)
        if len(present) > 1:
            why = "may not specify more than 1 volume type per source"
            out.append(errors.field_forbidden(at, why))


def _once(path: str, name: str | None, shown: str, paths: set[str], out: Errors) -> None:
    if not name:
        return
    if name in paths:
        out.append(errors.invalid(path, shown, _CONFLICT))
    paths.add(name)


def _project_keys(whole: str, path: str, part: Any, paths: set[str], out: Errors) -> None:
    checks.required(f"{path}.name", part.name, out)
    for index, item in enumerate(part.items or ()):
        _key_to_path(f"{path}.items[{index}]", item, out)
        _once(whole, item.path, part.name or "", paths, out)


def _project_downward(whole: str, path: str, part: Any, paths: set[str], out: Errors) -> None:
    for item in part.items or ():
        _downward_file(path, item, out)
        _once(whole, item.path, item.path or "", paths, out)


def _project_token(whole: str, path: str, part: Any, paths: set[str], out: Errors) -> None:
    seconds = part.expirationSeconds or 0
    if seconds < _SHORTEST_TOKEN:
        why = "may not specify a duration less than 10 minutes"
        out.append(errors.invalid(f"{path}.expirationSeconds", seconds, why))
    if seconds > _LONGEST_TOKEN:
        why = "may not specify a duration larger than 2^32 seconds"
        out.append(errors.invalid(f"{path}.expirationSeconds", seconds, why))
    if checks.required(f"{whole}.path", part.path, out):
        checks.file_name(f"{whole}.path", part.path, out)


def _project_bundle(whole: str, path: str, part: Any, paths: set[str], out: Errors) -> None:
    if part.name is not None and part.signerName is not None:
        why = "only one of name and signerName may be used"
        out.append(errors.invalid(path, part, why))
    elif part.name is None and part.signerName is None:
        out.append(errors.required(path, "either name or signerName must be specified"))
    else:
        label_selector(f"{path}.labelSelector", part.labelSelector, out)
    checks.required(f"{path}.path", part.path, out)
    checks.file_name(f"{path}.path", part.path, out)
    _once(whole, part.path, part.path or "", paths, out)


_PROJECTIONS: dict[str, Callable[[str, str, Any, set[str], Errors], None]] = {
    "secret": _project_keys,
    "configMap": _project_keys,
    "downwardAPI": _project_downward,
    "serviceAccountToken": _project_token,
    "clusterTrustBundle": _project_bundle,
}


# --- claims


def claim_spec(path: str, spec: Any, out: Errors) -> None:
    """What a claim asks for."""
    if not spec.accessModes:
        out.append(errors.required(f"{path}.accessModes", "at least 1 access mode is required"))
    label_selector(f"{path}.selector", spec.selector, out)
    modes = spec.accessModes or []
    for mode in modes:
        if mode not in ACCESS_MODES:
            out.append(errors.not_supported(f"{path}.accessModes", mode, ACCESS_MODES))
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        why = "may not use ReadWriteOncePod with other access modes"
        out.append(errors.field_forbidden(f"{path}.accessModes", why))
    requests = spec.resources.requests if spec.resources is not None else None
    size = (requests or {}).get("storage")
    if size is None:
        out.append(errors.required(f"{path}.resources[storage]"))
    elif quantity.parse_quantity(size).nano <= 0:
        out.append(errors.invalid(f"{path}.resources[storage]", size, checks.NOT_POSITIVE))
    if spec.storageClassName:
        checks.dns_subdomain(f"{path}.storageClassName", spec.storageClassName, out)
    if spec.volumeMode is not None:
        checks.one_of(f"{path}.volumeMode", spec.volumeMode, ("Block", "Filesystem"), out)


def _ephemeral(path: str, source: Any, out: Errors) -> None:
    template = source.volumeClaimTemplate
    if template is None:
        out.append(errors.required(f"{path}.volumeClaimTemplate"))
    else:
        claim_spec(f"{path}.volumeClaimTemplate.spec", template.spec, out)


def _csi(path: str, source: Any, out: Errors) -> None:
    if checks.required(f"{path}.driver", source.driver, out):
        checks.dns_subdomain(f"{path}.driver", source.driver.lower(), out)
    if source.nodePublishSecretRef is not None:
        name = source.nodePublishSecretRef.name
        checks.required(f"{path}.nodePublishSecretRef.name", name, out)


def _image(path: str, source: Any, out: Errors) -> None:
    checks.required(f"{path}.reference", source.reference, out)
    policies = ("Always", "IfNotPresent", "Never")
    checks.required_one_of(f"{path}.pullPolicy", source.pullPolicy, policies, out)


# In the order in which the server looks at them. Disks of particular vendors are asked only
# for what they cannot do without.
_SOURCES: dict[str, Check] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": _needs("pdName"),
    "awsElasticBlockStore": _needs("volumeID"),
    "secret": _secret,
    "nfs": _nfs,
    "iscsi": _needs("targetPortal", "iqn"),
    "glusterfs": _needs("endpoints", "path"),
    "flocker": _needs(),
    "persistentVolumeClaim": _needs("claimName"),
    "rbd": _needs("monitors", "image"),
    "cinder": _needs("volumeID"),
    "cephfs": _needs("monitors"),
    "quobyte": _needs("registry", "volume"),
    "downwardAPI": _downward,
    "fc": _needs(),
    "flexVolume": _needs("driver"),
    "configMap": _config_map,
    "azureFile": _needs("secretName", "shareName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _needs("diskName", "diskURI"),
    "storageos": _needs("volumeName"),
    "projected": _projected,
    "scaleIO": _needs("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
}


def volumes(path: str, values: list[Any] | None, out: Errors) -> dict[str, Any]:
    """A pod's volumes; gives the good ones by name, for the mounts."""
    good: dict[str, Any] = {}
    for index, volume in enumerate(values or ()):
        at = f"{path}[{index}]"
        before = len(out)
        present = [name for name in _SOURCES if getattr(volume, name) is not None]
        found: Errors = []
        first = checks.only_one(at, present, "volume type", found)
        if first is None:
            out.append(errors.required(at, "must specify a volume type"))
        else:
            _SOURCES[first](f"{at}.{first}", getattr(volume, first), out)
            out.extend(found)
        if checks.required(f"{at}.name", volume.name, out):
            checks.dns_label(f"{at}.name", volume.name, out)
        if volume.name in good:
            out.append(errors.duplicate(f"{at}.name", volume.name))
        if len(out) == before:
            good[volume.name] = volume
    return good


# --- mounts


def mounts(path: str, container: Any, known: dict[str, Any], out: Errors) -> None:
    """Where a container sees its pod's volumes, as directories and as devices."""
    devices = {device.name: device.devicePath for device in container.volumeDevices or ()}
    seen: set[str] = set()
    for index, mount in enumerate(container.volumeMounts or ()):
        _mount(f"{path}.volumeMounts", index, mount, container, known, devices, seen, out)
    mounted = {mount.name: mount.mountPath for mount in container.volumeMounts or ()}
    for index, device in enumerate(container.volumeDevices or ()):
        others = (container.volumeDevices or [])[:index]
        _device(f"{path}.volumeDevices[{index}]", device, others, known, mounted, out)


def _mount(
    path: str,
    index: int,
    mount: Any,
    container: Any,
    known: dict[str, Any],
    devices: dict[str, str],
    seen: set[str],
    out: Errors,
) -> None:
    at = f"{path}[{index}]"
    where = mount.mountPath or ""
    checks.required(f"{at}.name", mount.name, out)
    if mount.name not in known:
        out.append(errors.field_not_found(f"{at}.name", mount.name or ""))
    checks.required(f"{at}.mountPath", where, out)
    if where in seen:
        out.append(errors.invalid(f"{at}.mountPath", where, "must be unique"))
    seen.add(where)
    if mount.name in devices:
        out.append(
            errors.invalid(f"{at}.name", mount.name, "must not already exist in volumeDevices")
        )
    if where in devices.values():
        why = "must not already exist as a path in volumeDevices"
        out.append(errors.invalid(f"{at}.mountPath", where, why))
    # The server gives the paths of these four without the mount's index.
    if mount.subPath:
        checks.descending(f"{path}.subPath", mount.subPath, out)
    if mount.subPathExpr:
        if mount.subPath:
            why = "subPathExpr and subPath are mutually exclusive"
            out.append(errors.invalid(f"{at}.subPathExpr", mount.subPathExpr, why))
        checks.descending(f"{path}.subPathExpr", mount.subPathExpr, out)
    if mount.mountPropagation is not None:
        _propagation(f"{path}.mountPropagation", mount.mountPropagation, container, out)
    if mount.recursiveReadOnly is not None:
        _recursive(f"{path}.recursiveReadOnly", mount, out)


def _propagation(path: str, mode: str, container: Any, out: Errors) -> None:
    checks.one_of(path, mode, PROPAGATIONS, out)
    context = container.securityContext
    if mode == "Bidirectional" and not (context is not None and context.privileged):
        why = "Bidirectional mount propagation is available only to privileged containers"
        out.append(errors.field_forbidden(path, why))


def _recursive(path: str, mount: Any, out: Errors) -> None:
    modes = ("Disabled", "Enabled", "IfPossible")
    checks.one_of(path, mount.recursiveReadOnly, modes, out)
    if mount.recursiveReadOnly not in modes[1:]:
        return
    if not mount.readOnly:
        out.append(errors.field_forbidden(path, "may only be specified when readOnly is true"))
    if mount.mountPropagation not in (None, "None"):
        why = "may only be specified when mountPropagation is None or not specified"
        out.append(errors.field_forbidden(path, why))


def _device(
    path: str,
    device: Any,
    others: list[Any],
    known: dict[str, Any],
    mounted: dict[str, str],
    out: Errors,
) -> None:
    name, where = device.name or "", device.devicePath or ""
    checks.required(f"{path}.name", name, out)
    if name and any(other.name == name for other in others):
        out.append(errors.invalid(f"{path}.name", name, "must be unique"))
    volume = known.get(name)
    if volume is None:
        out.append(errors.field_not_found(f"{path}.name", name))
    elif volume.persistentVolumeClaim is None and volume.ephemeral is None:
        why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        out.append(errors.invalid(f"{path}.name", name, why))
    checks.required(f"{path}.devicePath", where, out)
    if any(other.devicePath == where for other in others):
        out.append(errors.invalid(f"{path}.devicePath", where, "must be unique"))
    if ".." in where.split("/"):
        out.append(errors.invalid(f"{path}.devicePath", where, "can not contain backsteps ('..')"))
    if name in mounted:
        out.append(errors.invalid(f"{path}.name", name, "must not already exist in volumeMounts"))
    if where in mounted.values():
        why = "must not already exist as a path in volumeMounts"
        out.append(errors.invalid(f"{path}.devicePath", where, why))
