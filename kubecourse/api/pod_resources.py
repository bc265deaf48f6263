"""What a pod asks for as a whole: of each resource the most that it has at one moment.

Amounts are exact and keep the way in which they were written, as quotas and limit ranges show
them; `placement.pod_requests` gives them in whole units, as the scheduler counts.
Source: `staging/src/k8s.io/component-helpers/resource/helpers.go` (PodRequests, PodLimits).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from kubecourse.api.quantity import ZERO, Quantity, parse_quantity

Amounts = dict[str, Quantity]
Field = Literal["requests", "limits"]


def amounts(holder: Any, field: Field) -> Amounts:
    """What a container's or pod's `resources` ask for; nothing for None."""
    texts: Mapping[str, str] = (getattr(holder, field) if holder is not None else None) or {}
    return {name: parse_quantity(text) for name, text in texts.items()}


def add(to: Amounts, what: Amounts) -> None:
    """Add amounts to others."""
    for name, amount in what.items():
        to[name] = to.get(name, ZERO) + amount


def is_sidecar(container: Any) -> bool:
    """Whether an init container goes on running beside the others."""
    return bool(container.restartPolicy == "Always")


def pod_resources(spec: Any, field: Field, missing: Amounts | None = None) -> Amounts:
    """The requests or the limits of a pod: sidecars running, one init step at a time.

    `missing` is assumed of each container that does not say.
    """
    total: Amounts = {}
    sidecars: Amounts = {}
    steps: Amounts = {}
    for container in spec.containers or ():
        add(total, (missing or {}) | amounts(container.resources, field))
    for container in spec.initContainers or ():
        step = (missing or {}) | amounts(container.resources, field)
        if is_sidecar(container):
            add(total, step)
            add(sidecars, step)
            step = sidecars
        else:
            add(step, sidecars)
        _raise(steps, step)
    _raise(total, steps)
    for name, amount in amounts(spec.resources, field).items():
        if name in ("cpu", "memory") or name.startswith("hugepages-"):
            total[name] = amount
    for name, text in (spec.overhead or {}).items():
        if field == "requests" or name in total:
            add(total, {name: parse_quantity(text)})
    return total


def _raise(to: Amounts, least: Amounts) -> None:
    for name, amount in least.items():
        if name not in to or to[name] < amount:
            to[name] = amount
