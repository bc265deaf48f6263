"""What objects use of a ResourceQuota: which quotas count an object, and how much of what.

The API server charges by it when something is created, the quota controller counts anew by it.
Sources: `pkg/quota/v1/evaluator/core/{pods,services,persistent_volume_claims}.go`,
`staging/src/k8s.io/apiserver/pkg/quota/v1/generic/evaluator.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from kubecourse.api.labels import Requirement
from kubecourse.api.memo import memo
from kubecourse.api.pod_resources import Amounts, Field, amounts, pod_resources
from kubecourse.api.qos import qos_class
from kubecourse.api.quantity import ZERO, Quantity, parse_quantity
from kubecourse.api.resources import Resource

ONE = parse_quantity("1")
FINISHED = ("Succeeded", "Failed")
STORAGE_CLASS = ".storageclass.storage.k8s.io/"
STORAGE_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"

_COUNTED_BY_NAME = {
    "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas",
    "secrets", "services",
}  # fmt: skip
"""Resources that can be limited as `pods` too, not only as `count/pods`."""

_PER_NODE = ("cpu", "memory", "ephemeral-storage")
_OF_PODS = {"cpu", "memory", "ephemeral-storage"} | {
    f"{field}.{name}" for field in ("requests", "limits") for name in _PER_NODE
}
_REQUIRED = ("cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory")
"""Where a quota limits these, every container must say how much it wants of them."""


# --- what can be limited


def _limits_pods(name: str) -> bool:
    if name in _OF_PODS or name.startswith(("hugepages-", "requests.hugepages-")):
        return True
    return name.startswith("requests.") and "/" in name


def _limits_services(name: str) -> bool:
    return name in ("services.nodeports", "services.loadbalancers")


def _limits_claims(name: str) -> bool:
    _, of_class, what = name.rpartition(STORAGE_CLASS)
    return what == "requests.storage" or bool(of_class and what == "persistentvolumeclaims")


_LIMITS: dict[str, Callable[[str], bool]] = {
    "PersistentVolumeClaim": _limits_claims,
    "Pod": _limits_pods,
    "Service": _limits_services,
}


def matching(resource: Resource, names: Iterable[str]) -> list[str]:
    """Those of the names in a quota's `hard` that a resource's objects count towards."""
    limits = _LIMITS.get(resource.kind)
    own = _names(resource)
    return sorted(n for n in names if n in own or (limits is not None and limits(n)))


def _names(resource: Resource) -> tuple[str, ...]:
    """The names under which a resource's objects are counted."""
    counted = f"count/{resource.qualified}"
    return (counted, resource.plural) if resource.qualified in _COUNTED_BY_NAME else (counted,)


# --- scopes


def selects(quota: Any, resource: Resource, obj: Any) -> bool:
    """Whether an object is within a quota's scopes. Only pods are in any."""
    spec = quota.spec
    terms = [(scope, "Exists", ()) for scope in spec.scopes or ()]
    if spec.scopeSelector is not None:
        for each in spec.scopeSelector.matchExpressions or ():
            terms.append((each.scopeName, each.operator, tuple(each.values or ())))
    if resource.kind != "Pod":
        return not terms
    return all(_in_scope(obj, *term) for term in terms)


_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def _in_scope(pod: Any, scope: str, operator: str, values: tuple[str, ...]) -> bool:
    spec = pod.spec
    match scope:
        case "BestEffort" | "NotBestEffort":
            return (qos_class(spec) == "BestEffort") is (scope == "BestEffort")
        case "Terminating" | "NotTerminating":
            return (spec.activeDeadlineSeconds is not None) is (scope == "Terminating")
        case "PriorityClass":
            name = spec.priorityClassName
            labels: dict[str, str] = {scope: name} if name else {}
            return Requirement(scope, _OPERATORS[operator], values).matches(labels)
        case "CrossNamespacePodAffinity":
            return _looks_elsewhere(spec)
    return False


def _looks_elsewhere(spec: Any) -> bool:
    """Whether an affinity or anti-affinity term is about pods of other namespaces."""
    affinity = spec.affinity
    for half in (affinity.podAffinity, affinity.podAntiAffinity) if affinity is not None else ():
        if half is not None:
            terms = list(half.requiredDuringSchedulingIgnoredDuringExecution or ())
            weighted = half.preferredDuringSchedulingIgnoredDuringExecution or ()
            terms += [each.podAffinityTerm for each in weighted]
            if any(term.namespaces or term.namespaceSelector is not None for term in terms):
                return True
    return False


# --- how much


def usage(resource: Resource, obj: Any, now: datetime) -> Amounts:
    """What an object uses, by the names that quotas know."""
    measure = None if resource.custom else _MEASURES.get(resource.kind)
    if measure is None:
        return dict.fromkeys(_names(resource), ONE)
    return {f"count/{resource.qualified}": ONE} | measure(obj, now)


def counts(pod: Any, now: datetime) -> bool:
    """Whether a pod is charged for: it has not finished, nor outstayed its grace period."""
    metadata = pod.metadata
    if pod.status is not None and pod.status.phase in FINISHED:
        return False
    if metadata.deletionTimestamp is None or metadata.deletionGracePeriodSeconds is None:
        return True
    grace = timedelta(seconds=metadata.deletionGracePeriodSeconds)
    return bool(now <= metadata.deletionTimestamp + grace)


def _pod(pod: Any, now: datetime) -> Amounts:
    return _of_pod_spec(pod.spec) if counts(pod, now) else {}


@memo
def _of_pod_spec(spec: Any) -> Amounts:
    total = {"pods": ONE}
    fields: tuple[Field, ...] = ("requests", "limits")
    for field in fields:
        total |= _named(field, pod_resources(spec, field))
    return total


def _named(field: Field, found: Amounts) -> Amounts:
    """Requests and limits under the names that quotas have for them: `requests.cpu`, and `cpu`."""
    named: Amounts = {}
    for name, amount in found.items():
        if field == "limits":
            if name in _PER_NODE:
                named[f"limits.{name}"] = amount
            continue
        named[f"requests.{name}"] = amount
        if name in _PER_NODE or name.startswith("hugepages-"):
            named[name] = amount
    return named


def _service(service: Any, now: datetime) -> Amounts:
    spec = service.spec
    ports = list(spec.ports or ())
    balanced = spec.type == "LoadBalancer"
    if balanced and spec.allocateLoadBalancerNodePorts is False:
        ports = [port for port in ports if port.nodePort]
    elif spec.type != "NodePort" and not balanced:
        ports = []
    return {
        "services": ONE,
        "services.nodeports": parse_quantity(str(len(ports))),
        "services.loadbalancers": ONE if balanced else ZERO,
    }


def storage_class_of(claim_or_volume: Any) -> str:
    """The storage class that a claim or a volume names, '' for none."""
    annotations = claim_or_volume.metadata.annotations or {}
    return annotations.get(STORAGE_CLASS_ANNOTATION, claim_or_volume.spec.storageClassName) or ""


def _claim(claim: Any, now: datetime) -> Amounts:
    used = {"persistentvolumeclaims": ONE}
    storage = amounts(claim.spec.resources, "requests").get("storage")
    if storage is not None:
        used["requests.storage"] = storage
    prefix = storage_class_of(claim)
    return used | ({f"{prefix}{STORAGE_CLASS}{n}": a for n, a in used.items()} if prefix else {})


_MEASURES: dict[str, Callable[[Any, datetime], Amounts]] = {
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "Service": _service,
}


def unsaid(spec: Any, names: Iterable[str]) -> str:
    """What containers of a pod must say and do not, where a quota limits `names`; '' if nothing."""
    missing: dict[str, list[str]] = {}
    whole = _said(spec.resources)
    required = [name for name in _REQUIRED if name in set(names) - whole]
    for container in [*(spec.containers or ()), *(spec.initContainers or ())]:
        said = _said(container.resources)
        for name in required:
            if name not in said:
                missing.setdefault(name, []).append(container.name)
    return "; ".join(f"{name} for: {','.join(sorted(who))}" for name, who in missing.items())


def _said(resources: Any) -> set[str]:
    limits = _named("limits", amounts(resources, "limits"))
    return {*_named("requests", amounts(resources, "requests")), *limits}


def shown(found: dict[str, Quantity]) -> dict[str, str]:
    """Amounts as a status has them."""
    return {name: str(found[name]) for name in sorted(found)}
