"""Cluster IPs and node ports for Services.

Sources: `pkg/registry/core/service/storage/alloc.go`,
`pkg/registry/core/service/{ipallocator,portallocator}`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from random import Random
from typing import Any

from msgspec.structs import replace

from kubecourse.api import errors
from kubecourse.api.resources import BY_PLURAL

SERVICES = BY_PLURAL["", "v1", "services"]
SERVICE_CIDR = ip_network("10.96.0.0/16")
NODE_PORTS = range(30000, 32768)
_WITH_PORTS = ("NodePort", "LoadBalancer")
_OUT_OF_RANGE = "provided port is not in the valid range. The range of valid ports is 30000-32767"


def allocate(server: Any, new: Any, old: Any) -> Any:
    """The Service with its cluster IP and node ports: asked for, kept, or new ones."""
    others = [s for s in server.list(SERVICES) if old is None or s.metadata.uid != old.metadata.uid]
    problems: list[errors.FieldError] = []
    rng = Random(f"{server.clock.seed}/{new.metadata.uid}")
    spec = _with_families(_with_cluster_ip(new.spec, others, rng, problems))
    if spec.type in _WITH_PORTS:
        spec = _with_node_ports(spec, others, rng, problems)
    if problems:
        raise errors.invalid_object("Service", "", new.metadata.name, problems)
    return new if spec is new.spec else replace(new, spec=spec)


def _with_families(spec: Any) -> Any:
    """The cluster speaks IPv4; who lists a headless Service's endpoints may use both families."""
    if spec.type == "ExternalName":
        return spec
    free = spec.clusterIP == "None" and not spec.selector
    families = spec.ipFamilies or (["IPv4", "IPv6"] if free else ["IPv4"])
    policy = spec.ipFamilyPolicy or ("RequireDualStack" if len(families) > 1 else "SingleStack")
    return replace(spec, ipFamilies=families, ipFamilyPolicy=policy)


def _with_cluster_ip(
    spec: Any, others: list[Any], rng: Random, problems: list[errors.FieldError]
) -> Any:
    if spec.type == "ExternalName" or spec.clusterIP == "None":
        return spec
    taken = {s.spec.clusterIP for s in others}
    if spec.clusterIP:
        why = ""
        if spec.clusterIP in taken:
            why = "provided IP is already allocated"
        elif IPv4Address(spec.clusterIP) not in SERVICE_CIDR:
            why = f"the provided IP ({spec.clusterIP}) is not in the valid range"
        if why:
            ips = [spec.clusterIP]
            detail = f"failed to allocate IP {spec.clusterIP}: {why}"
            problems.append(errors.invalid("spec.clusterIPs", ips, detail))
        return spec if spec.clusterIPs else replace(spec, clusterIPs=[spec.clusterIP])
    base = int(SERVICE_CIDR.network_address)
    while True:
        ip = str(IPv4Address(base + rng.randrange(256, SERVICE_CIDR.num_addresses - 1)))
        if ip not in taken:
            return replace(spec, clusterIP=ip, clusterIPs=[ip])


def _with_node_ports(
    spec: Any, others: list[Any], rng: Random, problems: list[errors.FieldError]
) -> Any:
    if spec.type == "LoadBalancer" and spec.allocateLoadBalancerNodePorts is False:
        return spec
    taken = {
        (port.nodePort, port.protocol or "TCP")
        for service in others
        for port in service.spec.ports or ()
        if port.nodePort
    }
    ports = []
    for index, port in enumerate(spec.ports or ()):
        protocol = port.protocol or "TCP"
        if port.nodePort:
            path = f"spec.ports[{index}].nodePort"
            if port.nodePort not in NODE_PORTS:
                problems.append(errors.invalid(path, port.nodePort, _OUT_OF_RANGE))
            elif (port.nodePort, protocol) in taken:
                problems.append(
                    errors.invalid(path, port.nodePort, "provided port is already allocated")
                )
        else:
            free = [p for p in NODE_PORTS if (p, protocol) not in taken]
            port = replace(port, nodePort=rng.choice(free))
        taken.add((port.nodePort, protocol))
        ports.append(port)
    return spec if ports == (spec.ports or []) else replace(spec, ports=ports)
