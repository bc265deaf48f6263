"""How pods are reached: Services and EndpointSlices."""

from __future__ import annotations

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl.describe.description import (
    NONE,
    UNSET,
    Description,
    Json,
    at,
    format_labels,
    shown,
)

MOST_ENDPOINTS = 3
SERVICE_NAME = "kubernetes.io/service-name"


def describe_service(d: Description, service: Json) -> None:
    """A Service: its addresses, its ports, and the pods behind each."""
    spec = service["spec"]
    d.heading(service)
    d.field("Selector", format_labels(spec.get("selector")))
    d.field("Type", spec.get("type", ""))
    d.optional("IP Family Policy", spec.get("ipFamilyPolicy"))
    d.field("IP Families", ",".join(spec.get("ipFamilies") or []) or NONE)
    d.field("IP", spec.get("clusterIP", ""))
    d.field("IPs", ",".join(spec.get("clusterIPs") or []) or NONE)
    d.optional("External IPs", ",".join(spec.get("externalIPs") or []))
    d.optional("Desired LoadBalancer IP", spec.get("loadBalancerIP"))
    d.optional("External Name", spec.get("externalName"))
    ingress = at(service, "status", "loadBalancer", "ingress", default=[])
    d.optional("LoadBalancer Ingress", ", ".join(map(_ingress, ingress)))
    slices = endpoint_slices(d, service)
    for port in spec.get("ports") or []:
        _port(d, port, slices)
    d.field("Session Affinity", spec.get("sessionAffinity", ""))
    d.optional("External Traffic Policy", spec.get("externalTrafficPolicy"))
    d.optional("Internal Traffic Policy", spec.get("internalTrafficPolicy"))
    if spec.get("healthCheckNodePort"):
        d.field("HealthCheck NodePort", spec["healthCheckNodePort"])
    ranges = spec.get("loadBalancerSourceRanges") or []
    d.optional("LoadBalancer Source Ranges", ",".join(ranges))
    d.optional("Traffic Distribution", spec.get("trafficDistribution"))
    d.events(service)


def endpoint_slices(d: Description, service: Json) -> list[Json]:
    """The EndpointSlices of a Service; none if they cannot be read."""
    metadata = service["metadata"]
    labels = f"{SERVICE_NAME}={metadata['name']}"
    try:
        return d.source.list(
            "discovery.k8s.io/v1", "EndpointSlice", metadata.get("namespace"), labels=labels
        )
    except ApiError:
        return []


def _ingress(ingress: Json) -> str:
    if not ingress.get("ip"):
        return str(ingress.get("hostname", ""))
    mode = f" ({ingress['ipMode']})" if "ipMode" in ingress else ""
    return f"{ingress['ip']}{mode}"


def _port(d: Description, port: Json, slices: list[Json]) -> None:
    name, protocol = port.get("name") or UNSET, port.get("protocol", "")
    d.line(f"Port:\t{name}\t{port['port']}/{protocol}")
    d.field("TargetPort", f"{port.get('targetPort', 0)}/{protocol}")
    d.optional("AppProtocol", port.get("appProtocol"))
    if port.get("nodePort"):
        d.line(f"NodePort:\t{name}\t{port['nodePort']}/{protocol}")
    d.field("Endpoints", format_endpoints(slices, port.get("name", "")))


def format_endpoints(slices: list[Json], port_name: str) -> str:
    """The ready addresses behind one port: three of them, and how many more."""
    if not slices:
        return NONE
    ready: list[str] = []
    for each in slices:
        ports = [p.get("port") for p in each.get("ports") or [] if p.get("name", "") == port_name]
        for port in ports if each.get("ports") else [None]:
            for endpoint in each.get("endpoints") or []:
                if at(endpoint, "conditions", "ready", default=True):
                    ready.append(_address(endpoint["addresses"][0], port))
    text = ",".join(ready[:MOST_ENDPOINTS])
    more = len(ready) - MOST_ENDPOINTS
    return f"{text} + {more} more..." if more > 0 else text


def _address(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def describe_endpoint_slice(d: Description, endpoint_slice: Json) -> None:
    """An EndpointSlice: ports and endpoints."""
    d.heading(endpoint_slice)
    d.field("AddressType", endpoint_slice.get("addressType", ""))
    ports = endpoint_slice.get("ports") or []
    if ports:
        d.line("Ports:")
        rows = [
            (p.get("name") or UNSET, p.get("port", UNSET), p.get("protocol", "")) for p in ports
        ]
        d.table(["Name", "Port", "Protocol"], rows)
    else:
        d.line(f"Ports: {UNSET}")
    endpoints = endpoint_slice.get("endpoints") or []
    d.line("Endpoints:" if endpoints else f"Endpoints: {NONE}")
    for endpoint in endpoints:
        d.field("- Addresses", ", ".join(endpoint.get("addresses") or []) or NONE, 1)
        d.line("Conditions:", 2)
        ready = at(endpoint, "conditions", "ready")
        d.field("Ready", UNSET if ready is None else shown(ready), 3)
        d.field("Hostname", endpoint.get("hostname", UNSET), 2)
        if target := endpoint.get("targetRef"):
            d.field("TargetRef", f"{target.get('kind', '')}/{target.get('name', '')}", 2)
        d.field("NodeName", endpoint.get("nodeName", UNSET), 2)
        d.field("Zone", endpoint.get("zone", UNSET), 2)
    d.events(endpoint_slice)
