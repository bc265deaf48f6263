"""What a pod takes from a node: resources and host ports.

Sources: `staging/src/k8s.io/component-helpers/resource/helpers.go` (PodRequests),
`pkg/scheduler/framework/types.go`, `pkg/scheduler/util/pod_resources.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kubecourse.api import quantity

MISSING_CPU = 100
"""Millicores that scoring, not filtering, counts for a container without a CPU request."""
MISSING_MEMORY = 200 * 1024 * 1024
"""Bytes that scoring counts for a container without a memory request."""

ANY_ADDRESS = "0.0.0.0"  # an address that pods ask for, not one we listen on

Port = tuple[str, str, int]
"""Address, protocol and number of a port on the node itself."""


class Footprint(NamedTuple):
    """Requests of a pod: millicores, bytes and counts of other resources, by name.

    `scored_cpu` and `scored_memory` are what scoring takes them to be where they are missing.
    """

    cpu: int
    memory: int
    ephemeral: int
    others: tuple[tuple[str, int], ...]
    scored_cpu: int
    scored_memory: int
    ports: tuple[Port, ...]

    @property
    def nothing(self) -> bool:
        """Whether it requests no resource at all."""
        return not (self.cpu or self.memory or self.ephemeral or self.others)


Amounts = dict[str, int]


def amount(name: str, text: str) -> int:
    """A quantity in the unit that scheduling counts in: millicores of CPU, else whole units."""
    return quantity.milli(text) if name == "cpu" else quantity.value(text)


def amounts(resources: Mapping[str, str] | None) -> Amounts:
    """A resource list in the units that scheduling counts in."""
    return {name: amount(name, text) for name, text in (resources or {}).items()}


def _is_sidecar(container: Any) -> bool:
    return bool(container.restartPolicy == "Always")


def _add(to: Amounts, what: Amounts) -> None:
    for name, value in what.items():
        to[name] = to.get(name, 0) + value


def _raise(to: Amounts, least: Amounts) -> None:
    for name, value in least.items():
        to[name] = max(to.get(name, 0), value)


def pod_requests(spec: Any, missing: Amounts) -> Amounts:
    """What a pod needs at its hungriest moment, sidecars running and one init step at a time.

    `missing` is assumed of each container that does not say.
    """
    total: Amounts = {}
    sidecars: Amounts = {}
    steps: Amounts = {}
    for container in spec.containers or ():
        _add(total, _container_requests(container, missing))
    for container in spec.initContainers or ():
        step = _container_requests(container, missing)
        if _is_sidecar(container):
            _add(total, step)
            _add(sidecars, step)
            step = dict(sidecars)
        else:
            _add(step, sidecars)
        _raise(steps, step)
    _raise(total, steps)
    if spec.resources is not None:
        total |= {
            name: value
            for name, value in amounts(spec.resources.requests).items()
            if name in ("cpu", "memory") or name.startswith("hugepages-")
        }
    _add(total, amounts(spec.overhead))
    return total


def _container_requests(container: Any, missing: Amounts) -> Amounts:
    requests = container.resources.requests if container.resources is not None else None
    return missing | amounts(requests)


def host_ports(spec: Any) -> tuple[Port, ...]:
    """The ports of its node that a pod wants for itself."""
    sidecars = [c for c in spec.initContainers or () if _is_sidecar(c)]
    return tuple(
        (port.hostIP or ANY_ADDRESS, port.protocol or "TCP", port.hostPort)
        for container in [*sidecars, *(spec.containers or ())]
        for port in container.ports or ()
        if port.hostPort
    )


def footprint(spec: Any) -> Footprint:
    """What a pod of this spec takes from its node."""
    plain = pod_requests(spec, {})
    scored = pod_requests(spec, {"cpu": MISSING_CPU, "memory": MISSING_MEMORY})
    others = sorted(
        (name, value)
        for name, value in plain.items()
        if value and name not in ("cpu", "memory", "ephemeral-storage")
    )
    return Footprint(
        plain.get("cpu", 0),
        plain.get("memory", 0),
        plain.get("ephemeral-storage", 0),
        tuple(others),
        scored.get("cpu", 0),
        scored.get("memory", 0),
        host_ports(spec),
    )


class FootprintMemo:
    """Footprints by the identity of what they follow from.

    Binding gives each pod a spec of its own, but pods of a replica set go on sharing the parts.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._numbers: dict[Footprint, int] = {}
        self._known: dict[int, tuple[Any, Any, Any, Any, Footprint]] = {}

    def number(self, spec: Any) -> int:
        """A number that specs of equal footprint share."""
        return self._numbers.setdefault(self(spec), len(self._numbers))

    def __call__(self, spec: Any) -> Footprint:
        containers = spec.containers
        found = self._known.get(id(containers))
        if (
            found is not None
            and found[0] is containers
            and found[1] is spec.initContainers
            and found[2] is spec.overhead
            and found[3] is spec.resources
        ):
            return found[4]
        result = footprint(spec)
        if len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[id(containers)] = (
            containers, spec.initContainers, spec.overhead, spec.resources, result,
        )  # fmt: skip
        return result
