"""What a pod takes from a node: resources and host ports.

Sources: `pkg/scheduler/framework/types.go`, `pkg/scheduler/util/pod_resources.go`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubecourse.api.memo import memo
from kubecourse.api.placement import pod_requests
from kubecourse.api.pod_resources import is_sidecar
from kubecourse.api.quantity import parse_quantity

ASSUMED = {"cpu": parse_quantity("100m"), "memory": parse_quantity("200Mi")}
"""What scoring, not filtering, takes a container to request that does not say."""

ANY_ADDRESS = "0.0.0.0"  # an address that pods ask for, not one we listen on

Port = tuple[str, str, int]
"""Address, protocol and number of a port on the node itself."""


class Footprint(NamedTuple):
    """Requests of a pod: millicores, bytes, and the amounts of other resources by name.

    `scored_cpu` and `scored_memory` are what scoring takes them to be.
    """

    cpu: int
    memory: int
    others: tuple[tuple[str, int], ...]
    scored_cpu: int
    scored_memory: int
    ports: tuple[Port, ...]


@memo
def footprint(spec: Any) -> Footprint:
    """What a pod of this spec takes from its node."""
    plain = pod_requests(spec)
    scored = pod_requests(spec, ASSUMED)
    cpu, memory = plain.pop("cpu", 0), plain.pop("memory", 0)
    others = sorted(plain.items(), key=_in_order)
    return Footprint(
        cpu,
        memory,
        tuple((name, value) for name, value in others if value),
        scored.get("cpu", 0),
        scored.get("memory", 0),
        host_ports(spec),
    )


def _in_order(other: tuple[str, int]) -> tuple[bool, str]:
    return other[0] != "ephemeral-storage", other[0]


def host_ports(spec: Any) -> tuple[Port, ...]:
    """The ports of its node that a pod wants for itself."""
    sidecars = [c for c in spec.initContainers or () if is_sidecar(c)]
    return tuple(
        (port.hostIP or ANY_ADDRESS, port.protocol or "TCP", port.hostPort)
        for container in [*sidecars, *(spec.containers or ())]
        for port in container.ports or ()
        if port.hostPort
    )
