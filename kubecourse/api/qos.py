"""Quality of service: who is killed first when a node runs out of memory.

Behaviour follows `pkg/apis/core/v1/helper/qos/qos.go` (ComputePodQOS).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from kubecourse.api.quantity import parse_quantity

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]

_COUNTED = ("cpu", "memory")


def qos_class(pod_spec: Any) -> QosClass:
    """The class of a pod: Guaranteed, Burstable or BestEffort.

    pod_spec has `containers` and `initContainers`, each with `resources` that has `requests` and
    `limits` (name → quantity), any of them None. Only CPU and memory count, and only above zero.

    Guaranteed: every container limits both, and requests what it limits. BestEffort: nobody says
    anything. Burstable: the rest. If the pod as a whole has resources (`pod_spec.resources`),
    those alone decide.

    Raises QuantityError for a quantity that cannot be read.
    """
    holders = _resource_holders(pod_spec)
    requests = [_counted(getattr(holder, "requests", None)) for holder in holders]
    limits = [_counted(getattr(holder, "limits", None)) for holder in holders]
    if not any(requests) and not any(limits):
        return "BestEffort"
    everyone_limits_both = all(len(limit) == len(_COUNTED) for limit in limits)
    if everyone_limits_both and _sum(requests) == _sum(limits):
        return "Guaranteed"
    return "Burstable"


def _resource_holders(pod_spec: Any) -> list[Any]:
    """What has a say: the pod as a whole if it has resources, else each of its containers."""
    whole = getattr(pod_spec, "resources", None)
    if whole is not None and (whole.requests or whole.limits):
        return [whole]
    containers = [*(pod_spec.containers or ()), *(pod_spec.initContainers or ())]
    return [container.resources for container in containers]


def _counted(resources: Mapping[str, str] | None) -> dict[str, int]:
    """CPU and memory above zero, in nano-units."""
    if not resources:
        return {}
    amounts = {name: parse_quantity(resources[name]).nano for name in _COUNTED if name in resources}
    return {name: amount for name, amount in amounts.items() if amount > 0}


def _sum(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in amounts:
        for name, amount in each.items():
            total[name] = total.get(name, 0) + amount
    return total
