"""How pods are reached: Services and EndpointSlices."""

from __future__ import annotations

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl.describe.description import (
    NONE,
    UNSET,
    Description,
    Json,
    at,
)

MOST_ENDPOINTS = 3
SERVICE_NAME = "kubernetes.io/service-name"


def describe_service(d: Description, service: Json) -> None:
    """A Service: its addresses, its ports, and the pods behind each."""
    spec = service["spec"]
    d.heading(service)
    d.fields(
        spec,
        """
        Selector: selector | labels
        Type: type
        IP Family Policy?: ipFamilyPolicy
        IP Families: ipFamilies | joined_or_none
        IP: clusterIP
        IPs: clusterIPs | joined_or_none
        External IPs?: externalIPs | joined
        Desired LoadBalancer IP?: loadBalancerIP
        External Name?: externalName
        """,
    )
    ingress = at(service, "status", "loadBalancer", "ingress", default=[])
    d.optional("LoadBalancer Ingress", ", ".join(map(_ingress, ingress)))
    slices = _endpoint_slices(d, service)
    for port in spec.get("ports") or []:
        _port(d, port, slices)
    d.fields(
        spec,
        """
        Session Affinity: sessionAffinity
        External Traffic Policy?: externalTrafficPolicy
        Internal Traffic Policy?: internalTrafficPolicy
        HealthCheck NodePort?: healthCheckNodePort
        LoadBalancer Source Ranges?: loadBalancerSourceRanges | joined
        Traffic Distribution?: trafficDistribution
        """,
    )
    d.events(service)


def _endpoint_slices(d: Description, service: Json) -> list[Json]:
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
    d.field("Endpoints", _endpoints(slices, port.get("name", "")))


def _endpoints(slices: list[Json], port_name: str) -> str:
    """The ready addresses behind one port: three of them, and how many more."""
    if not slices:
        return NONE
    ready: list[str] = []
    for each in slices:
        ports = [p.get("port") for p in each.get("ports") or [] if p.get("name", "") == port_name]
        for port in ports if each.get("ports") else [None]:
            for endpoint in each.get("endpoints") or []:
                if at(endpoint, "conditions", "ready", default=True):
                    address = endpoint["addresses"][0]
                    host = f"[{address}]" if ":" in address else address
                    ready.append(address if port is None else f"{host}:{port}")
    text = ",".join(ready[:MOST_ENDPOINTS])
    more = len(ready) - MOST_ENDPOINTS
    return f"{text} + {more} more..." if more > 0 else text


def describe_endpoint_slice(d: Description, endpoint_slice: Json) -> None:
    """An EndpointSlice: ports and endpoints."""
    d.heading(endpoint_slice)
    d.field("AddressType", endpoint_slice.get("addressType", ""))
    ports = endpoint_slice.get("ports") or []
    d.line("Ports:" if ports else f"Ports: {UNSET}")
    if ports:
        rows = [
            (p.get("name") or UNSET, p.get("port", UNSET), p.get("protocol", "")) for p in ports
        ]
        d.table(["Name", "Port", "Protocol"], rows)
    endpoints = endpoint_slice.get("endpoints") or []
    d.line("Endpoints:" if endpoints else f"Endpoints: {NONE}")
    for endpoint in endpoints:
        d.field("- Addresses", ", ".join(endpoint.get("addresses") or []) or NONE, 1)
        d.line("Conditions:", 2)
        d.fields(endpoint, "Ready: conditions.ready | unset", 3)
        d.fields(endpoint, "Hostname: hostname | unset", 2)
        if target := endpoint.get("targetRef"):
            d.field("TargetRef", f"{target.get('kind', '')}/{target.get('name', '')}", 2)
        d.fields(endpoint, "NodeName: nodeName | unset\nZone: zone | unset", 2)
    d.events(endpoint_slice)
