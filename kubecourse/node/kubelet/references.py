"""ConfigMaps and Secrets that a pod refers to: which are missing, and what they hold.

Sources: `pkg/kubelet/kubelet_pods.go` (makeEnvironmentVariables),
`pkg/volume/{configmap,secret}/…`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from kubecourse.api import models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.api.memo import memo
from kubecourse.api.volumes import claim_of, claims_of
from kubecourse.client import Client

core = models.core_v1

ROOT_CA = "kube-root-ca.crt"
"""What every service account's volume refers to. Nobody checks certificates: it may be missing."""


class Reference(NamedTuple):
    """A ConfigMap or Secret that a volume or container takes something from.

    `where` is the volume's name, or the prefix or name of the variables; `items` are (key, path)
    of a volume, or the one key of a variable; empty for all that is there.
    """

    where: str
    cls: type[Any]
    name: str
    optional: bool
    items: tuple[tuple[str, str], ...] = ()


def contents(client: Client, reference: Reference, namespace: str) -> dict[str, str] | None:
    """What a ConfigMap or Secret holds, as text; None if there is none."""
    try:
        obj: Any = client.get(reference.cls, reference.name, namespace)
    except ApiError:
        return None
    data = obj.data or {}
    if reference.cls is core.ConfigMap:
        return data
    return {key: base64.b64decode(text).decode("utf-8", "replace") for key, text in data.items()}


# --- volumes


@memo
def volumes(spec: Any) -> list[Reference]:
    """What a pod's volumes are made of, as far as those are ConfigMaps and Secrets."""
    found = []
    for volume in spec.volumes or ():
        parts = (volume.projected.sources or ()) if volume.projected is not None else (volume,)
        for part in parts:
            for cls, source in ((core.ConfigMap, part.configMap), (core.Secret, part.secret)):
                if source is not None:
                    name = getattr(source, "secretName", None) or getattr(source, "name", None)
                    items = tuple((item.key, item.path) for item in source.items or ())
                    optional = bool(source.optional) or name == ROOT_CA
                    found.append(Reference(volume.name, cls, name or "", optional, items))
    return found


def missing_volume(client: Client, pod: Any) -> str | None:
    """Why a volume of the pod cannot be set up: the text of the event FailedMount."""
    unbound = missing_claim(client, pod) if pod.spec.volumes else None
    if unbound is not None:
        return unbound
    for reference in volumes(pod.spec):
        volume, cls, name, optional, items = reference
        held = contents(client, reference, pod.metadata.namespace)
        problem = ""
        if held is None:
            problem = f'{cls.__name__.lower()} "{name}" not found'
        else:
            kind = "config" if cls is core.ConfigMap else "secret"
            for key, _ in items:
                if key not in held:
                    problem = problem or f"references non-existent {kind} key: {key}"
        if problem and not optional:
            return f'MountVolume.SetUp failed for volume "{volume}" : {problem}'
    return None


def missing_claim(client: Client, pod: Any) -> str | None:
    """Why a claim of a pod cannot be used: a pod that no scheduler placed may come without.

    Source: `pkg/kubelet/volumemanager/{volume_manager.go,populator}` (getPVCExtractPV).
    """
    for namespace, name in claims_of(pod):
        claim: Any = None
        with ignoring("NotFound"):
            claim = client.get(core.PersistentVolumeClaim, name, namespace)
        if claim is None:
            why = f'failed to fetch PVC from API server: persistentvolumeclaim "{name}" not found'
        elif claim.status.phase != "Bound" or not claim.spec.volumeName:
            why = "PVC is not bound"
        else:
            continue
        volume = next(each.name for each in pod.spec.volumes if claim_of(each, pod) == name)
        return (
            f"Unable to attach or mount volumes: unmounted volumes=[{volume}], unattached "
            f"volumes=[], failed to process volumes=[{volume}]: error processing PVC "
            f"{namespace}/{name}: {why}"
        )
    return None


def volume_files(client: Client, pod: Any, volume: str) -> dict[str, str] | None:
    """What a volume made of ConfigMaps and Secrets shows: file names and contents.

    None for a volume of another kind.
    """
    files: dict[str, str] | None = None
    for reference in volumes(pod.spec):
        if reference.where == volume:
            held = contents(client, reference, pod.metadata.namespace) or {}
            if reference.items:
                held = {path: held[key] for key, path in reference.items if key in held}
            files = (files or {}) | held
    return files


# --- environment


@memo
def variables(spec: Any) -> list[Reference]:
    """What a container's environment takes from elsewhere: all of `envFrom`, then one of each."""
    found = []
    for source in spec.envFrom or ():
        prefix = source.prefix or ""
        for cls, of in ((core.ConfigMap, source.configMapRef), (core.Secret, source.secretRef)):
            if of is not None:
                found.append(Reference(prefix, cls, of.name, bool(of.optional)))
    for variable in spec.env or ():
        value = variable.valueFrom
        for cls, field in ((core.ConfigMap, "configMapKeyRef"), (core.Secret, "secretKeyRef")):
            of = getattr(value, field, None)
            if of is not None:
                items = ((of.key, variable.name),)
                found.append(Reference(variable.name, cls, of.name, bool(of.optional), items))
    return found


def missing_reference(client: Client, pod: Any, spec: Any) -> tuple[str, str] | None:
    """Why a container's environment cannot be made: reason and message."""
    if not spec.env and not spec.envFrom:
        return None
    namespace = pod.metadata.namespace
    for reference in variables(spec):
        _, cls, name, optional, items = reference
        held = None if optional else contents(client, reference, namespace)
        if held is None and not optional:
            return "CreateContainerConfigError", f'{cls.__name__.lower()} "{name}" not found'
        for key, _ in items:
            if held is not None and key not in held:
                message = f"couldn't find key {key} in {cls.__name__} {namespace}/{name}"
                return "CreateContainerConfigError", message
    return None
