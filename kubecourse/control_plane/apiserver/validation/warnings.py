"""What the server accepts and yet says something about.

Sources: `pkg/api/pod/warnings.go`, `pkg/api/service/warnings.go`, `pkg/api/node/util.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubecourse.api import quantity
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation.service import is_headless

_OLD_LABELS = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
}

# --- pods


def _spec(spec: Any, prefix: str) -> Iterator[str]:
    for key in sorted(spec.nodeSelector or ()):
        if key in _OLD_LABELS:
            since, label = _OLD_LABELS[key]
            yield f'{prefix}.nodeSelector[{key}]: deprecated since {since}; use "{label}" instead'
    for index, constraint in enumerate(spec.topologySpreadConstraints or ()):
        if constraint.labelSelector is None:
            path = f"{prefix}.topologySpreadConstraints[{index}].labelSelector"
            yield f"{path}: a null labelSelector results in matching no pod"
    containers = [
        (f"{prefix}.{field}[{index}]", container)
        for field in ("initContainers", "containers")
        for index, container in enumerate(getattr(spec, field) or ())
    ]
    for path, container in containers:
        yield from _amounts(path, container)
        yield from _hidden_variables(path, container)
    yield from _ports(containers)


def _amounts(path: str, container: Any) -> Iterator[str]:
    for name in ("memory", "ephemeral-storage"):
        for field in ("limits", "requests"):
            amounts = getattr(container.resources, field) if container.resources else None
            text = (amounts or {}).get(name)
            if text is not None and quantity.milli(text) % 1000:
                why = f'fractional byte value "{text}" is invalid, must be an integer'
                yield f"{path}.resources.{field}[{name}]: {why}"


def _hidden_variables(path: str, container: Any) -> Iterator[str]:
    seen = set()
    for index, variable in enumerate(container.env or ()):
        name, value = variable.name, variable.value or ""
        # A value may be made from the one before it: `$(PATH):/more`.
        builds_on_it = f"$({name})" in value and value != f"$({name})"
        if name in seen and (variable.valueFrom is not None or not builds_on_it):
            why = f'hides previous definition of "{name}", which may be dropped when using apply'
            yield f"{path}.env[{index}]: {why}"
        seen.add(name)


def _ports(containers: list[tuple[str, Any]]) -> Iterator[str]:
    used: dict[tuple[int, str], list[tuple[str, Any]]] = {}
    for path, container in containers:
        for index, port in enumerate(container.ports or ()):
            here = f"{path}.ports[{index}]"
            others = used.setdefault((port.containerPort, port.protocol), [])
            for there, other in others:
                hosts = (port.hostPort or 0, other.hostPort or 0)
                if (port.hostIP, hosts[0]) == (other.hostIP, hosts[1]):
                    yield f"{here}: duplicate port definition with {there}"
                elif 0 in hosts:
                    yield f"{here}: overlapping port definition with {there}"
                elif hosts[0] == hosts[1] and not (port.hostIP and other.hostIP):
                    yield f"{here}: dangerously ambiguous port definition with {there}"
            others.append((here, port))


@memo
def _of_pod(spec: Any) -> list[str]:
    return list(_spec(spec, "spec"))


@memo
def _of_template(spec: Any) -> list[str]:
    return list(_spec(spec, "spec.template.spec"))


# --- services and the rest


def _service(spec: Any) -> Iterator[str]:
    if is_headless(spec) and spec.type == "ClusterIP":
        for field in ("loadBalancerIP", "externalIPs"):
            if getattr(spec, field):
                yield f"spec.{field} is ignored for headless services"
        if spec.sessionAffinity != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    if spec.type == "ExternalName" and spec.externalIPs:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if spec.type != "ExternalName" and spec.externalName:
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'


INERT = frozenset(
    {
        "ClusterRole", "ClusterRoleBinding", "Ingress", "NetworkPolicy", "Role", "RoleBinding",
    }
)  # fmt: skip
"""Kinds that are kept and shown as the real server does, but on which nothing acts here yet."""

_MAKE_PODS = ("DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet")


def warnings(resource: Resource, obj: Any) -> list[str]:
    """What to tell the client about an object that is otherwise right."""
    if resource.kind == "Pod":
        return _of_pod(obj.spec)
    if resource.kind in _MAKE_PODS:
        return _of_template(obj.spec.template.spec)
    if resource.kind == "Service":
        return list(_service(obj.spec))
    if resource.kind in INERT:
        what = resource.plural
        return [f"simulated: {what} are stored, but nothing in this cluster acts on them yet"]
    return []
