"""What a slice says of a Service and its pods.

Source: `staging/src/k8s.io/endpointslice/utils.go`, `util/controller_utils.go`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from kubecourse.api import models
from kubecourse.client.informer import SERVICE_NAME
from kubecourse.control_plane.controller_manager.pods import FINISHED, is_ready
from kubecourse.control_plane.controller_manager.service_pods import (
    HEADLESS,
    Port,
    is_headless,
    is_named,
    ports_of,
)

discovery = models.discovery_v1

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
ZONE = "topology.kubernetes.io/zone"
RESERVED = {SERVICE_NAME, MANAGED_BY, HEADLESS}

Group = tuple[str, tuple[Port, ...]]
"""Address family and ports: what all endpoints of a slice have in common."""

Place = dict[Group, Any]
"""Where a pod belongs: its endpoint for each family that it has an address of."""

_CONDITIONS = {
    state: discovery.EndpointConditions(ready=state[0], serving=state[1], terminating=state[2])
    for state in product((True, False), repeat=3)
}


def place_of(service: Any, pod: Any, zone: str | None) -> Place:
    """A pod's endpoints; none where it has no address or has finished."""
    status, metadata = pod.status, pod.metadata
    if not status.podIPs or status.phase in FINISHED:
        return {}
    serving = is_ready(pod)
    terminating = metadata.deletionTimestamp is not None
    ready = bool(service.spec.publishNotReadyAddresses) or (serving and not terminating)
    ports = ports_of(service, pod)
    endpoints: Place = {}
    for family in families_of(service):
        addresses = [each.ip for each in status.podIPs if (":" in each.ip) == (family == "IPv6")]
        if addresses:
            endpoints[family, ports] = discovery.Endpoint(
                addresses=addresses,
                conditions=_CONDITIONS[ready, serving, terminating],
                hostname=pod.spec.hostname if is_named(service, pod) else None,
                nodeName=pod.spec.nodeName or None,
                zone=zone or None,
                targetRef=models.core_v1.ObjectReference(
                    kind="Pod", namespace=metadata.namespace, name=metadata.name, uid=metadata.uid
                ),
            )
    return endpoints


def families_of(service: Any) -> list[str]:
    """The address families that a service wants slices for."""
    return list(service.spec.ipFamilies or ["IPv4"])


def ports_in(ports: tuple[Port, ...]) -> list[Any] | None:
    """Ports as a slice lists them."""
    return [
        discovery.EndpointPort(
            name=port.name, protocol=port.protocol, port=port.port, appProtocol=port.app_protocol
        )
        for port in ports
    ] or None


def group_of(obj: Any) -> Group:
    """What the endpoints of an existing slice have in common."""
    ports = (
        Port(port.name or "", port.protocol or "TCP", port.port or 0, port.appProtocol)
        for port in obj.ports or ()
    )
    return obj.addressType, tuple(ports)


def labels_for(service: Any) -> dict[str, str]:
    """A slice's labels: the service's, whose slice it is, and who keeps it."""
    given = service.metadata.labels or {}
    labels = {key: value for key, value in given.items() if key not in RESERVED}
    if is_headless(service):
        labels[HEADLESS] = ""
    labels[SERVICE_NAME] = service.metadata.name
    labels[MANAGED_BY] = MANAGER
    return labels
