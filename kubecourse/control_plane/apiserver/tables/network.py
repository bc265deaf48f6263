"""Services, endpoint slices, ingresses, network policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.api.labels import format_label_selector
from kubecourse.control_plane.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Column,
    Printer,
    age,
    labels_text,
    listed,
)

MOST_LISTED = 3
"""How many ports or endpoints of a slice are shown."""


def _external(service: Any) -> str:
    spec = service.spec
    fixed = list(spec.externalIPs or ())
    if spec.type == "ExternalName":
        return spec.externalName or ""
    if spec.type != "LoadBalancer":
        return ",".join(fixed) or NONE
    balancer = service.status.loadBalancer if service.status else None
    given = [i.ip or i.hostname or "" for i in (balancer.ingress if balancer else None) or ()]
    return ",".join([*given, *fixed]) or "<pending>"


def _ports(service: Any) -> str:
    shown = []
    for port in service.spec.ports or ():
        number = f"{port.port}:{port.nodePort}" if port.nodePort else str(port.port)
        shown.append(f"{number}/{port.protocol}")
    return ",".join(shown) or NONE


def _service(service: Any, now: datetime) -> list[Any]:
    spec = service.spec
    return [
        service.metadata.name,
        spec.type,
        spec.clusterIP or NONE,
        _external(service),
        _ports(service),
        age(service, now),
        labels_text(spec.selector),
    ]


def _port(port: Any) -> str:
    if port.port is not None:
        return str(port.port)
    return "*" if port.name is None else port.name


def _endpoint_slice(obj: Any, now: datetime) -> list[Any]:
    ports = [_port(port) for port in obj.ports or ()]
    addresses = [
        address for endpoint in obj.endpoints or () for address in endpoint.addresses or ()
    ]
    return [
        obj.metadata.name,
        obj.addressType,
        listed(ports, MOST_LISTED) if ports else UNSET,
        listed(addresses, MOST_LISTED) if addresses else UNSET,
        age(obj, now),
    ]


def _ingress(obj: Any, now: datetime) -> list[Any]:
    spec, status = obj.spec, obj.status
    balancer = status.loadBalancer if status else None
    given = [i.ip or i.hostname or "" for i in (balancer.ingress if balancer else None) or ()]
    hosts = [rule.host for rule in spec.rules or () if rule.host]
    return [
        obj.metadata.name,
        spec.ingressClassName or NONE,
        listed(hosts, MOST_LISTED) if hosts else "*",
        ",".join(given),
        "80, 443" if spec.tls else "80",
        age(obj, now),
    ]


def _network_policy(obj: Any, now: datetime) -> list[Any]:
    return [obj.metadata.name, format_label_selector(obj.spec.podSelector), age(obj, now)]


PRINTERS = {
    "Ingress": Printer(
        (NAME, Column("Class"), Column("Hosts"), Column("Address"), Column("Ports"), AGE), _ingress
    ),
    "NetworkPolicy": Printer((NAME, Column("Pod-Selector"), AGE), _network_policy),
    "Service": Printer(
        (
            NAME,
            Column("Type"),
            Column("Cluster-IP"),
            Column("External-IP"),
            Column("Port(s)"),
            AGE,
            Column("Selector", wide=True),
        ),
        _service,
    ),
    "EndpointSlice": Printer(
        (NAME, Column("AddressType"), Column("Ports"), Column("Endpoints"), AGE), _endpoint_slice
    ),
}
