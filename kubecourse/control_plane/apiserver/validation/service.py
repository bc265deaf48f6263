"""Services. Source: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.containers import PROTOCOL
from kubecourse.control_plane.apiserver.validation.rules import Errors, at

_FAMILIES = ("IPv4", "IPv6")
_LONGEST_AFFINITY = 86400
_LB_ONLY = "may only be used when `type` is 'LoadBalancer'"
_FIXED = "may not change once set"


_EXTERNAL_NAME = r.given(r.SUBDOMAIN)


def is_headless(spec: Any) -> bool:
    """Whether clients are to find the pods' own addresses."""
    return bool(spec.clusterIPs == ["None"])


def _basics(spec: Any, out: Errors) -> None:
    headless = is_headless(spec)
    if not spec.ports and not headless and spec.type != "ExternalName":
        out.required("ports")
    if headless and spec.type in ("LoadBalancer", "NodePort"):
        out.invalid("clusterIPs[0]", "None", f"may not be set to 'None' for {spec.type} services")
    if spec.type == "ExternalName":
        for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if getattr(spec, field):
                out.forbidden(field, "may not be set for ExternalName services")
        at("externalName", _EXTERNAL_NAME, (spec.externalName or "").removesuffix("."), out)


# --- ports


_PORTS = r.each(
    ("name", r.LABEL),
    r.Unique("name"),
    ("port", r.PORT),
    PROTOCOL,
    ("targetPort", r.port_or_name),
    ("appProtocol", r.QUALIFIED_IF_ANY),
)


def _ports(ports: list[Any], out: Errors) -> None:
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.name:
            out.required(f"[{index}].name")
    _PORTS(ports, out)


def _port_numbers(spec: Any, out: Errors) -> None:
    seen: set[Any] = set()
    for index, port in enumerate(spec.ports or ()):
        path, node_port = f"ports[{index}].nodePort", port.nodePort
        if spec.type == "ClusterIP" and node_port:
            out.forbidden(path, "may not be used when `type` is 'ClusterIP'")
        if node_port and (port.protocol, "node", node_port) in seen:
            out.duplicate(path, node_port)
        if (port.protocol, port.port) in seen:
            same = type(port)(port=port.port, protocol=port.protocol)
            out.duplicate(f"ports[{index}]", internal.shown(same))
        seen |= {(port.protocol, port.port), (port.protocol, "node", node_port)}


# --- addresses


_FAMILY_FIELDS = r.struct(
    ("ipFamilies", r.each(r.one_of(*_FAMILIES), r.Unique("", str))),
    ("ipFamilyPolicy", r.one_of("PreferDualStack", "RequireDualStack", "SingleStack")),
)


def _cluster_ips(spec: Any, out: Errors) -> None:
    if spec.type == "ExternalName":
        return
    ips, families = spec.clusterIPs or [], spec.ipFamilies or []
    if not spec.clusterIP:
        if ips:
            out.invalid("clusterIPs", ips, "must be empty when `clusterIP` is not specified")
    elif not ips:
        out.required("clusterIPs")
    elif ips[0] != spec.clusterIP:
        out.invalid("clusterIPs", ips, "first value must match `clusterIP`")
    _FAMILY_FIELDS(spec, out)
    if ips[:1] == ["None"]:
        if len(ips) > 1:
            out.invalid("clusterIPs", ips, "'None' must be the first and only value")
        return
    good = at("clusterIPs", r.each(r.IP), ips, out)
    if len(ips) > 2:
        out.invalid("clusterIPs", ips, "may only hold up to 2 values")
    if good:
        _families_fit(ips, families, out)


def _families_fit(ips: list[str], families: list[str], out: Errors) -> None:
    versions = [f"IPv{address.version}" for text in ips if (address := r.parsed_ip(text))]
    if len(ips) > 1 and set(versions) != set(_FAMILIES):
        out.invalid("clusterIPs", ips, "may specify no more than one IP for each IP family")
    for index, (text, version, family) in enumerate(zip(ips, versions, families, strict=False)):
        if family in _FAMILIES and family != version:
            why = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            out.invalid(f"clusterIPs[{index}]", text, why)


def _external_ip(address: str, out: Errors) -> None:
    if at("", r.IP, address, out):
        r.ordinary_ip(address, out)


# --- who is served how


def _affinity(spec: Any, out: Errors) -> None:
    config, path = spec.sessionAffinityConfig, "sessionAffinityConfig"
    if spec.sessionAffinity == "ClientIP":
        # The defaults have seen to it that there is a time.
        seconds = config.clientIP.timeoutSeconds
        if not 0 < seconds <= _LONGEST_AFFINITY:
            why = f"must be greater than 0 and less than {_LONGEST_AFFINITY}"
            out.invalid(f"{path}.clientIP.timeoutSeconds", seconds, why)
    elif spec.sessionAffinity == "None" and config is not None:
        out.forbidden(path, "must not be set when session affinity is None")


def _load_balancer(spec: Any, out: Errors) -> None:
    balanced = spec.type == "LoadBalancer"
    ranges = spec.loadBalancerSourceRanges
    if ranges and not balanced:
        out.forbidden("LoadBalancerSourceRanges", _LB_ONLY)
    at("LoadBalancerSourceRanges", r.each(r.CIDR), [block.strip() for block in ranges or ()], out)
    if spec.allocateLoadBalancerNodePorts is not None and not balanced:
        out.forbidden("allocateLoadBalancerNodePorts", _LB_ONLY)
    if spec.loadBalancerClass is not None and not balanced:
        out.forbidden("loadBalancerClass", _LB_ONLY)
    elif spec.loadBalancerClass is not None:
        at("loadBalancerClass", r.QUALIFIED, spec.loadBalancerClass, out)


def _traffic(spec: Any, out: Errors) -> None:
    policy, number = spec.externalTrafficPolicy, spec.healthCheckNodePort
    by_address = spec.type == "ClusterIP" and spec.externalIPs
    if spec.type in ("NodePort", "LoadBalancer") or by_address:
        at("externalTrafficPolicy", r.given(_LOCALITY), policy, out)
    elif policy:
        why = "may only be set for externally-accessible services"
        out.invalid("externalTrafficPolicy", policy, why)
    if number and not (spec.type == "LoadBalancer" and policy == "Local"):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        out.invalid("healthCheckNodePort", number, why)


_LOCALITY = r.one_of("Cluster", "Local")
SERVICE = r.struct(
    _basics,
    ("ports", _ports),
    ("selector", r.labels),
    ("sessionAffinity", r.given(r.one_of("ClientIP", "None"))),
    _affinity,
    _cluster_ips,
    ("externalIPs", r.each(_external_ip)),
    ("type", r.given(r.one_of("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"))),
    _port_numbers,
    _load_balancer,
    _traffic,
    ("internalTrafficPolicy", _LOCALITY),
    ("trafficDistribution", r.one_of("PreferClose", "PreferSameNode", "PreferSameZone")),
)


# --- changes


def service_change(new: Any, old: Any, out: Errors) -> None:
    """What of a Service may not change: its first address and family, its balancer's class."""
    ours, theirs = new.spec, old.spec
    if "ExternalName" not in (ours.type, theirs.type):
        _same_addresses(ours, theirs, out)
    both = ours.type == theirs.type == "LoadBalancer"
    if both and ours.loadBalancerClass != theirs.loadBalancerClass:
        out.invalid("spec.loadBalancerClass", ours.loadBalancerClass, _FIXED)


def _same_addresses(new: Any, old: Any, out: Errors) -> None:
    ips, before = new.clusterIPs or [], old.clusterIPs or []
    if len(ips) == len(before):
        for index, (address, had) in enumerate(zip(ips, before, strict=True)):
            if address != had:
                out.invalid(f"spec.clusterIPs[{index}]", ips, _FIXED)
    elif before and not ips:
        out.invalid("spec.clusterIPs[0]", ips, "primary clusterIP can not be unset")
    elif before and ips[0] != before[0]:
        out.invalid("spec.clusterIPs[0]", ips, _FIXED)
    if len(ips) == 1 and len(before) > 1 and new.ipFamilyPolicy != "SingleStack":
        why = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        out.invalid("spec.ipFamilyPolicy", new.ipFamilyPolicy, why)
    if not is_headless(new) and not is_headless(old):
        families, had_families = new.ipFamilies or [], old.ipFamilies or []
        if families and had_families and families[0] != had_families[0]:
            out.invalid("spec.ipFamilies[0]", families, _FIXED)


_POINTS = r.each(("ip", r.IP), ("hostname", r.SUBDOMAIN))


def service_status(new: Any, old: Any, out: Errors) -> None:
    """What a load balancer reports of itself."""
    balancer = new.status.loadBalancer if new.status is not None else None
    points = balancer.ingress if balancer is not None else None
    if points and new.spec.type != "LoadBalancer":
        why = "may only be used when `spec.type` is 'LoadBalancer'"
        out.forbidden("status.loadBalancer.ingress", why)
    else:
        at("status.loadBalancer.ingress", _POINTS, points, out)
