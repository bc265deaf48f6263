"""What the server accepts and yet says something about.

Sources: `pkg/api/pod/warnings.go`, `pkg/api/service/warnings.go`, `pkg/api/node/util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kubecourse.api import custom, custom_checks, demand, names, quantity
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation import simplified
from kubecourse.control_plane.apiserver.validation.cluster import headless, ingress_class


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
    "seccomp.security.alpha.kubernetes.io/pod": _dead("v1.27", "seccompProfile"),
    "container.seccomp.security.alpha.kubernetes.io/": _dead("v1.27", "seccompProfile"),
    "container.apparmor.security.beta.kubernetes.io/": (
        'deprecated since v1.30; use the "appArmorProfile" field instead'
    ),
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

# --- pods


def _spec(spec: Any, prefix: str) -> Iterator[str]:
    for key in sorted(spec.nodeSelector or ()):
        if key in _OLD_LABELS:
            yield f"{prefix}.nodeSelector[{key}]: {_OLD_LABELS[key]}"
    if spec.affinity is not None and spec.affinity.nodeAffinity is not None:
        yield from _affinity(spec.affinity.nodeAffinity, prefix)
    for index, constraint in enumerate(spec.topologySpreadConstraints or ()):
        path, key = f"{prefix}.topologySpreadConstraints[{index}]", constraint.topologyKey
        if key in _OLD_LABELS:
            yield f"{path}.topologyKey: {key} is {_OLD_LABELS[key]}"
        if constraint.labelSelector is None:
            yield f"{path}.labelSelector: a null labelSelector results in matching no pod"
    for index, volume in enumerate(spec.volumes or ()):
        for name, text in _OLD_VOLUMES.items():
            if getattr(volume, name) is not None:
                shown = "storageOS" if name == "storageos" else name
                yield f"{prefix}.volumes[{index}].{shown}: {text}"
    yield from _overlapping(spec.volumes or ())
    yield from _repeated(spec, prefix)
    yield from _amounts(prefix, "overhead", spec.overhead)
    containers = [
        (f"{prefix}.{field}[{index}]", container)
        for field in ("initContainers", "containers")
        for index, container in enumerate(getattr(spec, field) or ())
    ]
    for path, container in containers:
        for name in ("memory", "ephemeral-storage") if container.resources else ():
            for field in ("limits", "requests"):
                amounts = getattr(container.resources, field) or {}
                if name in amounts:
                    yield from _amounts(f"{path}.resources", field, {name: amounts[name]})
        yield from _hidden_variables(path, container)
    yield from _ports(containers)
    if (spec.terminationGracePeriodSeconds or 0) < 0:
        why = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{prefix}.terminationGracePeriodSeconds: {why}"
    yield from _of_nobody(spec.affinity, f"{prefix}.affinity")


_REQUIRED_PODS = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED_PODS = "preferredDuringSchedulingIgnoredDuringExecution"


def _of_nobody(affinity: Any, prefix: str) -> Iterator[str]:
    """Terms about other pods that name none."""
    why = "labelSelector: a null labelSelector results in matching no pod"
    for side in ("podAffinity", "podAntiAffinity") if affinity is not None else ():
        terms = getattr(affinity, side)
        for index, term in enumerate(getattr(terms, _REQUIRED_PODS, None) or ()):
            if term.labelSelector is None:
                yield f"{prefix}.{side}.{_REQUIRED_PODS}[{index}].{why}"
        for index, weighted in enumerate(getattr(terms, _PREFERRED_PODS, None) or ()):
            if weighted.podAffinityTerm.labelSelector is None:
                yield f"{prefix}.{side}.{_PREFERRED_PODS}[{index}].podAffinityTerm.{why}"


_FILES = (
    ("configMap", 'ConfigMap "{0.name}"'),
    ("secret", 'Secret "{0.secretName}"'),
    ("downwardAPI", "DownwardAPI"),
)


def _overlapping(volumes: Iterable[Any]) -> Iterator[str]:
    """Files of one volume in each other's way."""
    for volume in volumes:
        for field, what in _FILES:
            source = getattr(volume, field)
            if source is not None and source.items:
                paths = [item.path or "" for item in source.items]
                yield from _in_the_way(paths, volume.name, what.format(source))
        taken: set[str] = set()
        for source in (volume.projected.sources if volume.projected is not None else None) or ():
            what, paths = _projected(source)
            if not what:
                yield f'volume "{volume.name}" (Projected) has no sources provided'
            for group in (paths, sorted([*set(paths), *taken]) if paths else []):
                yield from _in_the_way(group, volume.name, f"Projected {what}")
            taken.update(paths)


def _projected(source: Any) -> tuple[str, list[str]]:
    """What a part of a volume is called, and the files it puts there."""
    if source.serviceAccountToken is not None:
        return "ServiceAccountToken", [source.serviceAccountToken.path or ""]
    for field, what in _FILES:
        part = getattr(source, field)
        if part is not None:
            named = what.replace("secretName", "name").format(part)
            return named, [item.path or "" for item in part.items or ()]
    return "", []


def _in_the_way(paths: list[str], volume: str, what: str) -> Iterator[str]:
    seen: dict[str, None] = {}
    for path in (path.rstrip("/") for path in paths):
        for other in seen if path else ():
            if f"{other}/".startswith(path) or f"{path}/".startswith(other):
                yield f'volume "{volume}" ({what}): overlapping paths: "{path}" with "{other}"'
                break
        seen[path] = None


def _affinity(affinity: Any, prefix: str) -> Iterator[str]:
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution
    terms = [
        (f"{prefix}.{_REQUIRED}[{index}]", term)
        for index, term in enumerate((required.nodeSelectorTerms if required else None) or ())
    ] + [
        (f"{prefix}.{_PREFERRED}[{index}].preference", weighted.preference)
        for index, weighted in enumerate(
            affinity.preferredDuringSchedulingIgnoredDuringExecution or ()
        )
    ]
    for path, term in terms:
        for index, rule in enumerate(term.matchExpressions or ()):
            if rule.key in _OLD_LABELS:
                yield f"{path}.matchExpressions[{index}].key: {rule.key} is {_OLD_LABELS[rule.key]}"


def _repeated(spec: Any, prefix: str) -> Iterator[str]:
    for field, key in (("hostAliases", "ip"), ("imagePullSecrets", "name")):
        seen = set()
        for index, item in enumerate(getattr(spec, field) or ()):
            value, path = getattr(item, key) or "", f"{prefix}.{field}[{index}].{key}"
            if value in seen:
                yield f'{path}: duplicate {key} "{value}"'
            elif not value and key == "name":
                yield f'{path}: invalid empty name ""'
            seen.add(value)


def _amounts(path: str, field: str, amounts: dict[str, str] | None) -> Iterator[str]:
    for name in ("memory", "ephemeral-storage"):
        text = (amounts or {}).get(name)
        if text is not None and quantity.milli(text) % 1000:
            why = f'fractional byte value "{text}" is invalid, must be an integer'
            yield f"{path}.{field}[{name}]: {why}"


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
            if port.hostIP and not port.hostPort:
                shown = (
                    f"{{Name:{port.name or ''} HostPort:0 ContainerPort:{port.containerPort} "
                    f"Protocol:{port.protocol} HostIP:{port.hostIP}}}"
                )
                yield f"{here}: hostIP set without hostPort: {shown}"
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
    return [*_spec(spec, "spec"), *simplified.in_struct("core/v1.PodSpec", spec, "spec")]


@memo
def _of_template(spec: Any) -> list[str]:
    return list(_spec(spec, "spec.template.spec"))


def _annotations(prefix: str, metadata: Any) -> Iterator[str]:
    for key in sorted((metadata.annotations if metadata is not None else None) or ()):
        # One for each container begins alike.
        for start, text in _OLD_ANNOTATIONS.items():
            if key == start or (start.endswith("/") and key.startswith(start)):
                yield f"{prefix}.annotations[{key}]: {text}"
    for key, text in demand.problems(metadata.annotations if metadata is not None else None):
        yield f"{prefix}.annotations[{key}]: {text}"


# --- services and the rest


_TOPOLOGY = "service.kubernetes.io/topology-"


def _service(metadata: Any, spec: Any) -> Iterator[str]:
    if f"{_TOPOLOGY}aware-hints" in (metadata.annotations or ()):
        better = f"{_TOPOLOGY}mode"
        yield f"annotation {_TOPOLOGY}aware-hints is deprecated, please use {better} instead"
    useless = headless(spec) and spec.type == "ClusterIP"
    if useless:
        for field in ("loadBalancerIP", "externalIPs"):
            if getattr(spec, field):
                yield f"spec.{field} is ignored for headless services"
        if spec.sessionAffinity != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    if spec.externalIPs and not useless and spec.type != "ExternalName":
        yield "spec.externalIPs is deprecated"
    if spec.type == "ExternalName" and spec.externalIPs:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if spec.type != "ExternalName" and spec.externalName:
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.trafficDistribution == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def _claim(spec: Any, prefix: str) -> Iterator[str]:
    """Amounts of storage that are no whole bytes."""
    for field in ("limits", "requests") if spec is not None and spec.resources is not None else ():
        text = (getattr(spec.resources, field) or {}).get("storage")
        if text is not None and quantity.milli(text) % 1000:
            why = f'fractional byte value "{text}" is invalid, must be an integer'
            yield f"{prefix}.resources.{field}[storage]: {why}"


_RECYCLED = (
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
    "recommended approach is to use dynamic provisioning."
)
_SURPRISING = (
    "metadata.name: this is used in {}, which can result in surprising behavior; a DNS label is "
    "recommended: [{}]"
)
_HOSTNAMES = {
    "Pod": "the Pod's hostname",
    **dict.fromkeys(
        ("CronJob", "Deployment", "Job", "ReplicaSet", "ReplicationController"),
        "Pod names and hostnames",
    ),
}


def of_new(resource: Resource, obj: Any) -> Iterator[str]:
    """What to tell of an object only when it is made."""
    kind = "" if resource.custom else resource.kind
    problems = names.is_dns1123_label(obj.metadata.name) if kind in _HOSTNAMES else ()
    if problems:
        yield _SURPRISING.format(_HOSTNAMES[kind], " ".join(problems))
    if kind == "Ingress" and ingress_class(obj) is not None:
        key = "kubernetes.io/ingress.class"
        yield f"annotation \"{key}\" is deprecated, please use 'spec.ingressClassName' instead"


def warnings(resource: Resource, obj: Any) -> list[str]:
    """What to tell the client about an object that is otherwise right."""
    return [*_of(resource, obj), *simplified.of_kind(resource)]


def _of(resource: Any, obj: Any) -> Iterator[str]:
    if resource.custom:
        return
    if resource.kind == "Pod":
        yield from _of_pod(obj.spec)
        yield from _annotations("metadata", obj.metadata)
        return
    template = getattr(getattr(obj, "spec", None), "template", None)
    if template is not None:
        yield from _of_template(template.spec)
        yield from _annotations("spec.template.metadata", template.metadata)
    if resource.kind == "Service":
        yield from _service(obj.metadata, obj.spec)
    if resource.kind == "PersistentVolumeClaim":
        yield from _claim(obj.spec, "spec")
    if resource.kind == "PersistentVolume" and obj.spec.persistentVolumeReclaimPolicy == "Recycle":
        yield _RECYCLED
    if resource is custom.DEFINITIONS and any(map(_has_rules, obj.spec.versions or ())):
        yield f"simulated: {custom_checks.RULES} are stored, but no rule in CEL is asked"
    yield from simplified.in_struct(resource.schema, obj)


def _has_rules(version: Any) -> bool:
    return custom_checks.has_rules(custom.openapi_of(version))
