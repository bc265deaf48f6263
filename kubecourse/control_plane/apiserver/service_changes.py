"""A changed Service: what was allocated to it is kept, what its new type has no use for goes.

Source: `pkg/registry/core/service/strategy.go`, `…/service/storage/storage.go`
(patchAllocatedValues, normalizeClusterIPs).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace


def _has_address(spec: Any) -> bool:
    return spec.type != "ExternalName"


def _has_node_ports(spec: Any) -> bool:
    balanced = spec.type == "LoadBalancer" and spec.allocateLoadBalancerNodePorts is not False
    return spec.type == "NodePort" or balanced


def _is_checked(spec: Any) -> bool:
    return spec.type == "LoadBalancer" and spec.externalTrafficPolicy == "Local"


def _is_balanced(spec: Any) -> bool:
    return bool(spec.type == "LoadBalancer")


def _is_outside(spec: Any) -> bool:
    return spec.type in ("NodePort", "LoadBalancer") or bool(spec.externalIPs)


_BY_TYPE: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("clusterIP", _has_address),
    ("clusterIPs", _has_address),
    ("ipFamilies", _has_address),
    ("ipFamilyPolicy", _has_address),
    ("healthCheckNodePort", _is_checked),
    ("allocateLoadBalancerNodePorts", _is_balanced),
    ("loadBalancerClass", _is_balanced),
    ("externalTrafficPolicy", _is_outside),
)
"""Fields that only some Services have, and which."""


def carried_over(spec: Any, old: Any) -> Any:
    """The spec of a Service that replaces another."""
    if spec is old:
        return spec
    return _without_useless(_with_allocated(_in_step(spec, old), old), old)


def _in_step(spec: Any, old: Any) -> Any:
    """`clusterIP` and `clusterIPs` say the same; who changed the one meant the other as well."""
    if spec.clusterIP == old.clusterIP or spec.clusterIPs != old.clusterIPs:
        return spec
    if not spec.clusterIP:
        return replace(spec, clusterIPs=None)
    return replace(spec, clusterIPs=[spec.clusterIP, *(spec.clusterIPs or [])[1:]])


def _with_allocated(spec: Any, old: Any) -> Any:
    """What a client left out it has not given back."""
    changes: dict[str, Any] = {}
    if _has_address(spec) and _has_address(old):
        address = spec.clusterIP or old.clusterIP
        changes["clusterIP"] = address
        if not spec.clusterIPs and address == old.clusterIP:
            changes["clusterIPs"] = old.clusterIPs
    if _has_node_ports(spec) and _has_node_ports(old):
        had = {port.name or "": port.nodePort for port in old.ports or ()}
        used = set(had.values()) & {port.nodePort for port in spec.ports or ()}
        ports = []
        for port in spec.ports or ():
            number = had.get(port.name or "")
            if not port.nodePort and number and number not in used:
                used.add(number)
                port = replace(port, nodePort=number)
            ports.append(port)
        changes["ports"] = ports
    if _is_checked(spec) and _is_checked(old) and not spec.healthCheckNodePort:
        changes["healthCheckNodePort"] = old.healthCheckNodePort
    return replace(spec, **changes)


def _without_useless(spec: Any, old: Any) -> Any:
    """What a client left as it was, though it changed the type, goes with the type."""
    changes: dict[str, Any] = {
        field: None
        for field, applies in _BY_TYPE
        if applies(old) and not applies(spec) and getattr(spec, field) == getattr(old, field)
    }
    if _has_node_ports(old) and not _has_node_ports(spec):
        had = {port.nodePort for port in old.ports or ()}
        changes["ports"] = [
            replace(port, nodePort=None) if port.nodePort in had else port
            for port in spec.ports or ()
        ]
    return replace(spec, **changes) if changes else spec
