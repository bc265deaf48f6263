"""What the server accepts and yet says something about.

Sources: `pkg/api/pod/warnings.go`, `pkg/api/service/warnings.go`, `pkg/api/node/util.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kubecourse.api import quantity
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation.service import is_headless


def _use(since: str, label: str) -> str:
    return f'deprecated since {since}; use "{label}" instead'


def _dead(since: str, field: str) -> str:
    return f'non-functional in {since}+; use the "{field}" field instead'


_OLD_LABELS = {
    "beta.kubernetes.io/arch": _use("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": _use("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": _use("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": _use("v1.17", "topology.kubernetes.io/zone"),
    "beta.kubernetes.io/instance-type": _use("v1.17", "node.kubernetes.io/instance-type"),
}
_OLD_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": _dead("v1.16", "priorityClassName"),
    "security.alpha.kubernetes.io/sysctls": _dead("v1.11", "sysctls"),
    "security.alpha.kubernetes.io/unsafe-sysctls": _dead("v1.11", "sysctls"),
}
_OLD_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_REQUIRED = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
_PREFERRED = "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


# --- pods


def _spec_warnings(spec: Any, prefix: str) -> tuple[str, ...]:
    return (
        *_node_labels(spec, prefix),
        *_volumes(spec, prefix),
        *_repeated(spec, prefix),
        *_amounts(prefix, "overhead", spec.overhead),
        *(text for path, c in _each_container(spec, prefix) for text in _container(path, c)),
        *_ports(spec, prefix),
        *_grace(spec, prefix),
    )


def _each_container(spec: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in _CONTAINERS:
        for index, container in enumerate(getattr(spec, name) or ()):
            yield f"{prefix}.{name}[{index}]", container


def _node_labels(spec: Any, prefix: str) -> Iterator[str]:
    for key in sorted(spec.nodeSelector or ()):
        if key in _OLD_LABELS:
            yield f"{prefix}.nodeSelector[{key}]: {_OLD_LABELS[key]}"
    affinity = spec.affinity.nodeAffinity if spec.affinity is not None else None
    if affinity is not None:
        required = affinity.requiredDuringSchedulingIgnoredDuringExecution
        for index, term in enumerate((required.nodeSelectorTerms if required else None) or ()):
            yield from _term(f"{prefix}.{_REQUIRED}[{index}]", term)
        preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution
        for index, weighted in enumerate(preferred or ()):
            yield from _term(f"{prefix}.{_PREFERRED}[{index}].preference", weighted.preference)
    for index, constraint in enumerate(spec.topologySpreadConstraints or ()):
        path = f"{prefix}.topologySpreadConstraints[{index}]"
        key = constraint.topologyKey
        if key in _OLD_LABELS:
            yield f"{path}.topologyKey: {key} is {_OLD_LABELS[key]}"
        if constraint.labelSelector is None:
            yield f"{path}.labelSelector: a null labelSelector results in matching no pod"


def _term(path: str, term: Any) -> Iterator[str]:
    for index, rule in enumerate(term.matchExpressions or ()):
        if rule.key in _OLD_LABELS:
            yield f"{path}.matchExpressions[{index}].key: {rule.key} is {_OLD_LABELS[rule.key]}"


def _volumes(spec: Any, prefix: str) -> Iterator[str]:
    for index, volume in enumerate(spec.volumes or ()):
        for name, text in _OLD_VOLUMES.items():
            if getattr(volume, name) is not None:
                shown = "storageOS" if name == "storageos" else name
                yield f"{prefix}.volumes[{index}].{shown}: {text}"


def _repeated(spec: Any, prefix: str) -> Iterator[str]:
    for field, key in (("hostAliases", "ip"), ("imagePullSecrets", "name")):
        seen = set()
        for index, item in enumerate(getattr(spec, field) or ()):
            value = getattr(item, key) or ""
            if value in seen:
                yield f'{prefix}.{field}[{index}].{key}: duplicate {key} "{value}"'
            seen.add(value)
    for index, secret in enumerate(spec.imagePullSecrets or ()):
        if not secret.name:
            yield f'{prefix}.imagePullSecrets[{index}].name: invalid empty name ""'


def _amounts(path: str, field: str, amounts: dict[str, str] | None) -> Iterator[str]:
    for name in ("memory", "ephemeral-storage"):
        text = (amounts or {}).get(name)
        if text is not None and quantity.milli(text) % 1000:
            why = f'fractional byte value "{text}" is invalid, must be an integer'
            yield f"{path}.{field}[{name}]: {why}"


def _container(path: str, container: Any) -> Iterator[str]:
    resources = container.resources
    if resources is not None and (resources.limits or resources.requests):
        for name in ("memory", "ephemeral-storage"):
            for field in ("limits", "requests"):
                text = (getattr(resources, field) or {}).get(name)
                if text is not None:
                    yield from _amounts(f"{path}.resources", field, {name: text})
    seen = set()
    for index, variable in enumerate(container.env or ()):
        if variable.name in seen:
            own = f"$({variable.name})"
            value = variable.value or ""
            if variable.valueFrom is not None or value == own or own not in value:
                yield (
                    f'{path}.env[{index}]: hides previous definition of "{variable.name}", '
                    "which may be dropped when using apply"
                )
        seen.add(variable.name)


def _ports(spec: Any, prefix: str) -> Iterator[str]:
    used: dict[tuple[int, str], list[tuple[str, Any]]] = {}
    for path, container in _each_container(spec, prefix):
        for index, port in enumerate(container.ports or ()):
            here = f"{path}.ports[{index}]"
            if port.hostIP and not port.hostPort:
                shown = (
                    f"{{Name:{port.name or ''} HostPort:0 ContainerPort:{port.containerPort} "
                    f"Protocol:{port.protocol} HostIP:{port.hostIP}}}"
                )
                yield f"{here}: hostIP set without hostPort: {shown}"
            others = used.setdefault((port.containerPort, port.protocol), [])
            for there, other in others:
                yield from _overlap(here, port, there, other)
            others.append((here, port))


def _overlap(here: str, port: Any, there: str, other: Any) -> Iterator[str]:
    same_ip = (port.hostIP or "") == (other.hostIP or "")
    ports = (port.hostPort or 0, other.hostPort or 0)
    if same_ip and ports[0] == ports[1]:
        yield f"{here}: duplicate port definition with {there}"
    elif 0 in ports:
        yield f"{here}: overlapping port definition with {there}"
    elif ports[0] == ports[1] and not (port.hostIP and other.hostIP):
        yield f"{here}: dangerously ambiguous port definition with {there}"


def _grace(spec: Any, prefix: str) -> Iterator[str]:
    grace = spec.terminationGracePeriodSeconds
    if grace is not None and grace < 0:
        why = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{prefix}.terminationGracePeriodSeconds: {why}"


@memo
def _of_pod(spec: Any) -> tuple[str, ...]:
    return _spec_warnings(spec, "spec")


@memo
def _of_template(spec: Any) -> tuple[str, ...]:
    return _spec_warnings(spec, "spec.template.spec")


def _annotations(prefix: str, metadata: Any) -> Iterator[str]:
    for key in sorted((metadata.annotations if metadata is not None else None) or ()):
        if key in _OLD_ANNOTATIONS:
            yield f"{prefix}.annotations[{key}]: {_OLD_ANNOTATIONS[key]}"


def _pod(obj: Any) -> list[str]:
    found = _of_pod(obj.spec)
    if obj.metadata.annotations:
        return [*found, *_annotations("metadata", obj.metadata)]
    return list(found)


def _template(obj: Any) -> list[str]:
    template = obj.spec.template
    return [
        *_of_template(template.spec),
        *_annotations("spec.template.metadata", template.metadata),
    ]


# --- services and the rest


def _service(obj: Any) -> list[str]:
    spec = obj.spec
    found = []
    if is_headless(spec) and spec.type == "ClusterIP":
        for field in ("loadBalancerIP", "externalIPs"):
            if getattr(spec, field):
                found.append(f"spec.{field} is ignored for headless services")
        if spec.sessionAffinity != "None":
            found.append("spec.SessionAffinity is ignored for headless services")
    if spec.type == "ExternalName" and spec.externalIPs:
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if spec.type != "ExternalName" and spec.externalName:
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    return found


INERT = frozenset(
    {
        "ClusterRole", "ClusterRoleBinding", "Ingress", "NetworkPolicy", "Role", "RoleBinding",
    }
)  # fmt: skip
"""Kinds that are kept and shown as the real server does, but on which nothing acts here yet."""


def _inert(resource: Resource) -> str:
    return f"simulated: {resource.plural} are stored, but nothing in this cluster acts on them yet"


_KINDS: dict[str, Callable[[Any], list[str]]] = {
    "DaemonSet": _template,
    "Deployment": _template,
    "Job": _template,
    "Pod": _pod,
    "ReplicaSet": _template,
    "Service": _service,
    "StatefulSet": _template,
}


def warnings(resource: Resource, obj: Any) -> list[str]:
    """What to tell the client about an object that is otherwise right."""
    find = _KINDS.get(resource.kind)
    found = find(obj) if find is not None else []
    return [*found, _inert(resource)] if resource.kind in INERT else found
