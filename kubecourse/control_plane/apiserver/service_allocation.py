"""Cluster IPs and node ports for Services, given before the rest of a Service is looked at.

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
from kubecourse.control_plane.apiserver.validation.cluster import headless
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, rule
from kubecourse.control_plane.apiserver.validation.values import parsed_ip

SERVICES = BY_PLURAL["", "v1", "services"]
SERVICE_CIDR = ip_network("10.96.0.0/16")
NODE_PORTS = range(30000, 32768)
_FAMILY = "IPv4"
_WITH_PORTS = ("NodePort", "LoadBalancer")
_TAKEN = "provided port is already allocated"
_OUT_OF_RANGE = "provided port is not in the valid range. The range of valid ports is 30000-32767"


def allocate(server: Any, new: Any, old: Any, dry_run: bool = False) -> Any:
    """The Service with its families, cluster IP and node ports: asked for, kept, or new ones.

    A dry run takes nothing: its address and ports are no real ones.
    """
    if old is not None and new.spec is old.spec:
        return new
    others = [s for s in server.list(SERVICES) if old is None or s.metadata.uid != old.metadata.uid]
    rng = Random(f"{server.clock.seed}/{new.metadata.uid}")
    before = old.spec if old is not None else None
    try:
        spec = _with_families(new.spec, before)
        if before is None or before.type == "ExternalName":
            spec = _with_cluster_ip(spec, others, rng, dry_run)
        spec = _with_node_ports(spec, before, _Ports(others, rng, dry_run))
    except _Refused as refused:
        raise errors.invalid_object("Service", "", new.metadata.name, refused.args[0]) from None
    return new if spec is new.spec else replace(new, spec=spec)


class _Refused(Exception):
    """What is wrong with a Service that gets nothing."""


def _refuse(path: str, value: Any, why: str) -> _Refused:
    return _Refused([errors.invalid(path, value, why)])


# --- families


def _with_families(spec: Any, old: Any) -> Any:
    """The cluster speaks IPv4; who lists a headless Service's endpoints may use both families."""
    if spec.type == "ExternalName":
        return spec
    lasting = old.ipFamilyPolicy if old is not None else None
    free = headless(spec) and not spec.selector
    policy = spec.ipFamilyPolicy or lasting or ("RequireDualStack" if free else "SingleStack")
    families, problems = list(spec.ipFamilies or ()), Errors()
    at("spec", rule("ServiceAddresses"), spec, problems)
    if problems:
        raise _Refused(problems)
    if policy == "SingleStack":
        several = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"
        for what, given in (("cluster IPs", spec.clusterIPs), ("IP families", families)):
            if len(given or ()) == 2:
                problems.invalid("spec.ipFamilyPolicy", policy, several.format(what))
    for index, ip in enumerate(() if headless(spec) else spec.clusterIPs or ()):
        if index >= len(families):
            address = parsed_ip(ip)
            family = f"IPv{address.version}" if address is not None else ""
            if family != _FAMILY:
                why = f"{family} is not configured on this cluster"
                problems.invalid(f"spec.clusterIPs[{index}]", spec.clusterIPs, why)
            else:
                families.append(family)
    if problems:
        raise _Refused(problems)
    if not free:
        if policy == "RequireDualStack":
            why = "this cluster is not configured for dual-stack services"
            problems.invalid("spec.ipFamilyPolicy", policy, why)
        for index, family in enumerate(families):
            if family != _FAMILY:
                path = f"spec.ipFamilies[{index}]"
                problems.invalid(path, family, "not configured on this cluster")
        if problems:
            raise _Refused(problems)
    families = families or [_FAMILY]
    if free and len(families) < 2 and policy != "SingleStack":
        families.append("IPv6" if families[0] == _FAMILY else _FAMILY)
    return replace(spec, ipFamilies=families, ipFamilyPolicy=policy)


# --- addresses


def _with_cluster_ip(spec: Any, others: list[Any], rng: Random, dry_run: bool) -> Any:
    if spec.type == "ExternalName" or headless(spec):
        return spec
    taken = {s.spec.clusterIP for s in others}
    base, last = int(SERVICE_CIDR.network_address), SERVICE_CIDR.num_addresses - 1
    if spec.clusterIP:
        ip, why = parsed_ip(spec.clusterIP), ""
        if not 0 < int(ip or 0) - base < last:
            why = "the provided network does not match the current range"
            if dry_run:
                which = f"The range of valid IPs is {SERVICE_CIDR}"
                why = f"the provided IP ({ip}) is not in the valid range. {which}"
        elif spec.clusterIP in taken and not dry_run:
            why = "provided IP is already allocated"
        if why:
            detail = f"failed to allocate IP {spec.clusterIP}: {why}"
            raise _refuse("spec.clusterIPs", spec.clusterIPs, detail)
        return spec
    if dry_run:
        ip = SERVICE_CIDR.network_address
        return replace(spec, clusterIP=str(ip), clusterIPs=[str(ip)])
    while True:
        free = str(IPv4Address(base + rng.randrange(256, last)))
        if free not in taken:
            return replace(spec, clusterIP=free, clusterIPs=[free])


# --- ports


def _is_checked(spec: Any) -> bool:
    return spec.type == "LoadBalancer" and spec.externalTrafficPolicy == "Local"


class _Ports:
    """The ports of the nodes; whoever has a number has it for all protocols."""

    def __init__(self, others: list[Any], rng: Random, dry_run: bool) -> None:
        self._taken = {number for service in others for number in _numbers(service.spec)}
        self._rng, self._dry_run = rng, dry_run
        self._own: list[int] = []

    def keep(self, number: int) -> None:
        """A port that the Service has already."""
        self._taken.add(number)

    def take(self, number: int) -> str:
        """Ask for a port; what speaks against it."""
        if number not in NODE_PORTS and not self._dry_run:
            return _OUT_OF_RANGE
        if number in self._taken or number in self._own:
            return _TAKEN
        self._own.append(number)
        return ""

    def any(self) -> int:
        """A free port."""
        if self._dry_run:
            number = max(self._own, default=NODE_PORTS.stop) + 1
        else:
            free = [p for p in NODE_PORTS if p not in self._taken and p not in self._own]
            number = self._rng.choice(free)
        self._own.append(number)
        return number


def _numbers(spec: Any) -> list[int]:
    ports = [port.nodePort for port in spec.ports or ()]
    return [number for number in (*ports, spec.healthCheckNodePort) if number]


def _with_node_ports(spec: Any, old: Any, free: _Ports) -> Any:
    had = set(_numbers(old)) if old is not None else set()
    for number in sorted(had):
        free.keep(number)
    if spec.type in _WITH_PORTS:
        given = spec.type == "LoadBalancer" and spec.allocateLoadBalancerNodePorts is False
        choose = _for_new_service if old is None else _for_changed_service
        ports = choose(spec, had, free, given)
        if ports != (spec.ports or []):
            spec = replace(spec, ports=ports)
    if not _is_checked(spec) or (old is not None and _is_checked(old)):
        return spec
    if not spec.healthCheckNodePort:
        return replace(spec, healthCheckNodePort=free.any())
    if why := free.take(spec.healthCheckNodePort):
        what = f"requested HealthCheck NodePort {spec.healthCheckNodePort}"
        raise errors.internal(f"failed to allocate {what}: {why}")
    return spec


def _for_new_service(spec: Any, had: set[int], free: _Ports, given_only: bool) -> list[Any]:
    """One port of the Service has one of the nodes for all its protocols, unless it asks."""
    chosen: dict[int, int] = {}
    ports = []
    for index, port in enumerate(spec.ports or ()):
        number = port.nodePort
        if number or not given_only:
            first = chosen.get(port.port)
            asked = (p.nodePort for p in spec.ports if p.port == port.port and p.nodePort)
            number = number if first else next(asked, None)
            if number and number != first:
                if why := free.take(number):
                    raise _refuse(f"spec.ports[{index}].nodePort", number, why)
            elif not number:
                number = first or free.any()
            chosen.setdefault(port.port, number)
        ports.append(port if number == port.nodePort else replace(port, nodePort=number))
    return ports


def _for_changed_service(spec: Any, had: set[int], free: _Ports, given_only: bool) -> list[Any]:
    """A changed Service keeps its ports of the nodes."""
    ports: list[Any] = []
    for index, port in enumerate(spec.ports or ()):
        number = port.nodePort
        if not number and not given_only:
            port = replace(port, nodePort=free.any())
        elif (
            number
            and number not in had
            and all(p.nodePort != number for p in ports)
            and (why := free.take(number))
        ):
            raise _refuse(f"spec.ports[{index}].nodePort", number, why)
        if number and any((p.protocol, p.nodePort) == (port.protocol, number) for p in ports):
            shown = f"{{{port.protocol} {number}}}"
            raise errors.ApiError(500, "", f"duplicate nodePort: {shown}")
        ports.append(port)
    return ports
