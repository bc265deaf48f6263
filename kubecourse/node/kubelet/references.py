"""ConfigMaps and Secrets that a pod refers to: which are missing, and what they hold.

Sources: `pkg/kubelet/kubelet_pods.go` (makeEnvironmentVariables),
`pkg/volume/{configmap,secret}/…`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`.
"""

from __future__ import annotations

import base64
from typing import Any

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.memo import memo
from kubecourse.client import Client

core = models.core_v1

ROOT_CA = "kube-root-ca.crt"
"""What every service account's volume refers to. Nobody checks certificates: it may be missing."""


def find(client: Client, cls: type[Any], name: str, namespace: str) -> Any | None:
    """An object, or None."""
    try:
        return client.get(cls, name, namespace)
    except ApiError:
        return None


def contents(obj: Any) -> dict[str, str]:
    """What a ConfigMap or Secret holds, as text."""
    if isinstance(obj, core.ConfigMap):
        return obj.data or {}
    data = {
        key: base64.b64decode(value).decode("utf-8", "replace")
        for key, value in (obj.data or {}).items()
    }
    return data | (obj.stringData or {})


# --- volumes


@memo
def _sources(spec: Any) -> list[tuple[str, type[Any], Any]]:
    """A pod's volumes made of ConfigMaps and Secrets: (volume, kind, source)."""
    found: list[tuple[str, type[Any], Any]] = []
    for volume in spec.volumes or ():
        if volume.configMap is not None:
            found.append((volume.name, core.ConfigMap, volume.configMap))
        if volume.secret is not None:
            found.append((volume.name, core.Secret, volume.secret))
        if volume.projected is not None:
            for source in volume.projected.sources or ():
                if source.configMap is not None:
                    found.append((volume.name, core.ConfigMap, source.configMap))
                if source.secret is not None:
                    found.append((volume.name, core.Secret, source.secret))
    return found


def _name(source: Any) -> str:
    return getattr(source, "secretName", None) or getattr(source, "name", None) or ""


def missing_volume(client: Client, pod: Any) -> str | None:
    """Why a volume of the pod cannot be set up: the text of the event FailedMount."""
    for volume, cls, source in _sources(pod.spec):
        problem = _missing_source(client, pod.metadata.namespace, cls, source)
        if problem is not None:
            return f'MountVolume.SetUp failed for volume "{volume}" : {problem}'
    return None


def _missing_source(client: Client, namespace: str, cls: type[Any], source: Any) -> str | None:
    name = _name(source)
    optional = bool(source.optional) or name == ROOT_CA
    obj = find(client, cls, name, namespace)
    if obj is None:
        return None if optional else f'{cls.__name__.lower()} "{name}" not found'
    held = contents(obj)
    for item in source.items or ():
        if item.key not in held and not optional:
            kind = "config" if cls is core.ConfigMap else "secret"
            return f"references non-existent {kind} key: {item.key}"
    return None


def volume_files(client: Client, pod: Any, volume: str) -> dict[str, str] | None:
    """What a volume made of ConfigMaps and Secrets shows: file names and contents.

    None for a volume of another kind.
    """
    files: dict[str, str] | None = None
    for name, cls, source in _sources(pod.spec):
        if name == volume:
            obj = find(client, cls, _name(source), pod.metadata.namespace)
            held = contents(obj) if obj is not None else {}
            if source.items:
                held = {item.path: held[item.key] for item in source.items if item.key in held}
            files = (files or {}) | held
    return files


# --- environment


@memo
def _environment_references(spec: Any) -> list[tuple[type[Any], str, str, bool]]:
    """What a container's environment takes from elsewhere: (kind, name, key, optional)."""
    found = []
    for source in spec.envFrom or ():
        for cls, reference in (
            (core.ConfigMap, source.configMapRef),
            (core.Secret, source.secretRef),
        ):
            if reference is not None:
                found.append((cls, reference.name, "", bool(reference.optional)))
    for variable in spec.env or ():
        value = variable.valueFrom
        if value is not None:
            for cls, key in (
                (core.ConfigMap, value.configMapKeyRef),
                (core.Secret, value.secretKeyRef),
            ):
                if key is not None:
                    found.append((cls, key.name, key.key, bool(key.optional)))
    return found


def missing_reference(client: Client, pod: Any, spec: Any) -> tuple[str, str] | None:
    """Why a container's environment cannot be made: reason and message."""
    if not spec.env and not spec.envFrom:
        return None
    namespace = pod.metadata.namespace
    for cls, name, key, optional in _environment_references(spec):
        obj = find(client, cls, name, namespace)
        if optional:
            continue
        if obj is None:
            return "CreateContainerConfigError", f'{cls.__name__.lower()} "{name}" not found'
        if key and key not in contents(obj):
            message = f"couldn't find key {key} in {cls.__name__} {namespace}/{name}"
            return "CreateContainerConfigError", message
    return None
