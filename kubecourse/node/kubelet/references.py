"""What a pod gives its containers: variables and volumes, some made of ConfigMaps and Secrets.

Sources: `pkg/kubelet/kubelet_pods.go` (makeEnvironmentVariables), `pkg/kubelet/envvars`,
`pkg/volume/{configmap,secret,downwardapi,projected}`, `pkg/kubelet/volumemanager`,
`pkg/fieldpath/fieldpath.go`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from kubecourse.api import models, quantity
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.api.memo import memo
from kubecourse.api.volumes import claim_of
from kubecourse.client import Client
from kubecourse.node.runtime.container import security
from kubecourse.node.runtime.sandbox import expand

core = models.core_v1

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOT_CA = "kube-root-ca.crt"
"""What every service account's volume refers to. Nobody checks certificates: it may be missing."""
BAD_CONFIG = "CreateContainerConfigError"
_NONE: list[Any] = []


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


def _references(where: str, part: Any, fields: tuple[str, str], items: Any) -> Iterator[Reference]:
    """The ConfigMap and the Secret that a part of a spec names, if it does."""
    for cls, field in zip((core.ConfigMap, core.Secret), fields, strict=True):
        source = getattr(part, field, None)
        if source is not None:
            name = getattr(source, "secretName", None) or getattr(source, "name", None) or ""
            listed = items(source) if items else ()
            yield Reference(where, cls, name, bool(source.optional) or name == ROOT_CA, listed)


def contents(client: Client, reference: Reference, namespace: str) -> dict[str, str] | None:
    """What a ConfigMap or Secret holds, as text; None if there is none."""
    try:
        obj: Any = client.get(reference.cls, reference.name, namespace)
    except ApiError:
        return None
    plain: dict[str, str] = {}
    binary = obj.data or {}
    if reference.cls is core.ConfigMap:
        plain, binary = obj.data or {}, obj.binaryData or {}
    return plain | {
        k: base64.b64decode(text or "").decode("utf-8", "replace") for k, text in binary.items()
    }


def _taken(client: Client, reference: Reference, namespace: str) -> dict[str, str]:
    """What is taken from it, by path or name; what is not there is left out."""
    held = contents(client, reference, namespace) or {}
    if not reference.items:
        return held
    return {name: held[key] for key, name in reference.items if key in held}


# --- the downward API


def field(pod: Any, path: str, ip: str = "") -> str:
    """What the downward API says of a pod: `metadata.labels['app']`, `status.podIP`, …."""
    if path in ("status.podIP", "status.podIPs"):
        return ip  # its status may not say so yet
    names, _, key = path.replace("IPs", "IP").partition("['")
    value = pod
    for name in names.split("."):
        value = getattr(value, name, None)
    if key:
        return str((value or {}).get(key.removesuffix("']"), ""))
    if isinstance(value, dict):
        quoted = [(k, v.replace("\\", "\\\\").replace('"', '\\"')) for k, v in value.items()]
        return "\n".join(f'{name}="{text}"' for name, text in sorted(quoted))
    return str(value or "")


def _resource(client: Client, pod: Any, spec: Any, reference: Any) -> str:
    """A container's own request or limit, in units of the divisor, rounded up.

    What has no limit may use all that its node has to give.
    """
    kind, _, name = reference.resource.partition(".")
    every = (*pod.spec.containers, *(pod.spec.initContainers or ()))
    container = next((c for c in every if c.name == reference.containerName), spec)
    amounts = (getattr(container.resources, kind, None) if container.resources else None) or {}
    if kind == "limits" and name not in amounts:
        with ignoring("NotFound"):
            node: Any = client.get(core.Node, pod.spec.nodeName)
            amounts = node.status.allocatable or {}
    amount = quantity.parse_quantity(amounts.get(name, "0")).nano
    divisor = quantity.parse_quantity(reference.divisor or "1").nano or 1_000_000_000
    return str(-(-amount // divisor))


# --- volumes


@memo
def volumes(listed: list[Any]) -> list[Reference]:
    """What a pod's volumes are made of, as far as those are ConfigMaps and Secrets."""
    return [
        reference
        for volume in listed
        for part in _parts(volume)
        for reference in _references(volume.name, part, ("configMap", "secret"), _paths)
    ]


def changing(spec: Any) -> list[Reference]:
    """Those of them whose content the kubelet must keep up to date."""
    return [each for each in volumes(spec.volumes or _NONE) if each.name != ROOT_CA]


def shows_itself(listed: list[Any] | None) -> bool:
    """Whether a pod's volumes show its labels or annotations."""
    shown = [p.downwardAPI for volume in listed or () for p in _parts(volume) if p.downwardAPI]
    paths = [i.fieldRef.fieldPath for each in shown for i in each.items or () if i.fieldRef]
    return any(path.startswith(("metadata.l", "metadata.a")) for path in paths)


def _parts(volume: Any) -> Any:
    return (volume.projected.sources or ()) if volume.projected is not None else (volume,)


def _paths(source: Any) -> tuple[tuple[str, str], ...]:
    return tuple((item.key, item.path) for item in source.items or ())


def missing_volume(client: Client, pod: Any) -> str | None:
    """Why a volume of the pod cannot be set up: the text of the event FailedMount.

    A pod that no scheduler placed may come before its claim is bound (`…/volumemanager/populator`).
    """
    namespace, listed = pod.metadata.namespace, pod.spec.volumes or _NONE
    for reference in volumes(listed):
        if problem := _lacks(client, reference, namespace):
            missing, key = problem
            if key:
                kind = "config" if reference.cls is core.ConfigMap else "secret"
                missing = f"references non-existent {kind} key: {key}"
            return f'MountVolume.SetUp failed for volume "{reference.where}" : {missing}'
    for given in listed:
        claim = claim_of(given, pod)
        try:
            if claim is None or disk_of(client, claim, namespace):
                continue
            why = "PVC is not bound"
        except ApiError as error:
            why = f"failed to fetch PVC from API server: {error}"
        return (
            f"Unable to attach or mount volumes: unmounted volumes=[{given.name}], unattached "
            f"volumes=[], failed to process volumes=[{given.name}]: error processing PVC "
            f"{namespace}/{claim}: {why}"
        )
    return None


def _lacks(client: Client, reference: Reference, namespace: str) -> tuple[str, str] | None:
    """What is wrong with a reference that is not optional: what is missing, and its key if any."""
    held = None if reference.optional else contents(client, reference, namespace)
    if held is None:
        missing = f'{reference.cls.__name__.lower()} "{reference.name}" not found'
        return None if reference.optional else (missing, "")
    key = next((key for key, _ in reference.items if key not in held), None)
    kind = reference.cls.__name__
    return (
        None
        if key is None
        else (f"couldn't find key {key} in {kind} {namespace}/{reference.name}", key)
    )


def disk_of(client: Client, claim: str, namespace: str) -> str:
    """The PersistentVolume that a claim has; empty if it is not bound. Raises NotFound."""
    found: Any = client.get(core.PersistentVolumeClaim, claim, namespace)
    return (found.spec.volumeName or "") if found.status.phase == "Bound" else ""


def volume_files(client: Client, pod: Any, name: str) -> dict[str, str] | None:
    """What a volume made of objects shows: files and their contents; None for another kind."""
    volume = next(volume for volume in pod.spec.volumes if volume.name == name)
    files: dict[str, str] | None = None
    for part in _parts(volume):
        found: dict[str, str] = {}
        given = [*_references(name, part, ("configMap", "secret"), _paths)]
        for reference in given:
            found |= _taken(client, reference, pod.metadata.namespace)
        downward, token = part.downwardAPI, getattr(part, "serviceAccountToken", None)
        for item in downward.items or () if downward is not None else ():
            if item.fieldRef is not None:
                found[item.path] = field(pod, item.fieldRef.fieldPath)
            else:
                found[item.path] = _resource(client, pod, None, item.resourceFieldRef)
        if token is not None:
            account = f"{pod.metadata.namespace}:{pod.spec.serviceAccountName or 'default'}"
            found[token.path] = f"simulated-token.system:serviceaccount:{account}"
        if given or downward is not None or token is not None:
            files = (files or {}) | found
    return files


# --- environment


@memo
def variables(spec: Any) -> list[Reference]:
    """What a container's environment takes from elsewhere: all of `envFrom`, then one of each."""
    found: list[Reference] = []
    for source in spec.envFrom or ():
        found += _references(source.prefix or "", source, ("configMapRef", "secretRef"), None)
    for each in spec.env or ():
        keyed = _references(each.name, each.valueFrom, ("configMapKeyRef", "secretKeyRef"), _key)
        found += (r._replace(items=((key, each.name),)) for r in keyed for key, _ in r.items)
    return found


def _key(source: Any) -> tuple[tuple[str, str], ...]:
    return ((source.key, ""),)


def bad_configuration(client: Client, pod: Any, spec: Any, image: Any) -> tuple[str, str] | None:
    """Why a container cannot be made: reason and message.

    Something that its environment needs is missing, or it would run as root and must not.
    Source of the latter: `pkg/kubelet/kuberuntime/security_context.go` (verifyRunAsNonRoot).
    """
    namespace = pod.metadata.namespace
    for reference in variables(spec) if spec.env or spec.envFrom else ():
        if problem := _lacks(client, reference, namespace):
            return BAD_CONFIG, problem[0]
    context = pod.spec.securityContext
    if not security(spec, context, "runAsNonRoot"):
        return None
    user, why = security(spec, context, "runAsUser"), ""
    if user == 0:
        why = "container's runAsUser breaks non-root policy"
    elif user is None and isinstance(image.user, str):
        why = f"container has runAsNonRoot and image has non-numeric user ({image.user}), "
        why += "cannot verify user is non-root"
    elif user is None and image.user == 0 and image.described:
        why = "container has runAsNonRoot and image will run as root"
    title = f"{pod.metadata.name}_{namespace}({pod.metadata.uid})"
    return (BAD_CONFIG, f'{why} (pod: "{title}", container: {spec.name})') if why else None


def environment(
    client: Client, pod: Any, spec: Any, sandbox: Any, services: list[Any]
) -> dict[str, str]:
    """All variables of a container, in the order in which `env` prints them."""
    given = {"PATH": PATH, "HOSTNAME": sandbox.hostname, "HOME": "/root"}
    given |= dict(_of_services(services))
    taken: dict[str, str] = {}
    for reference in variables(spec):
        held = _taken(client, reference, pod.metadata.namespace)
        if reference.items:
            taken |= held
        else:
            given |= {reference.where + key: value for key, value in held.items()}
    for variable in spec.env or ():
        name, source = variable.name, variable.valueFrom
        if source is None:
            given[name] = expand(variable.value or "", given)
        elif source.fieldRef is not None:
            given[name] = field(pod, source.fieldRef.fieldPath, sandbox.ip)
        elif source.resourceFieldRef is not None:
            given[name] = _resource(client, pod, spec, source.resourceFieldRef)
        elif name in taken:
            given[name] = taken[name]
    return given


def _of_services(services: list[Any]) -> Iterator[tuple[str, str]]:
    """The variables that tell of Services: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR`, …."""
    for service in services:
        ip, ports = service.spec.clusterIP, service.spec.ports
        if ip in (None, "", "None") or not ports:
            continue
        name = _as_variable(service.metadata.name)
        urls = [f"{(port.protocol or 'TCP').lower()}://{ip}:{port.port}" for port in ports]
        yield f"{name}_SERVICE_HOST", ip
        yield f"{name}_SERVICE_PORT", str(ports[0].port)
        for port in filter(attrgetter("name"), ports):
            yield f"{name}_SERVICE_PORT_{_as_variable(port.name)}", str(port.port)
        yield f"{name}_PORT", urls[0]
        for port, url in zip(ports, urls, strict=True):
            protocol = port.protocol or "TCP"
            prefix = f"{name}_PORT_{port.port}_{protocol}"
            yield prefix, url
            yield f"{prefix}_PROTO", protocol.lower()
            yield f"{prefix}_PORT", str(port.port)
            yield f"{prefix}_ADDR", ip


def _as_variable(name: str) -> str:
    return name.upper().replace("-", "_")
