"""Services. Source: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.containers import PROTOCOL
from kubecourse.control_plane.apiserver.validation.rules import Errors, at

_FIXED = "may not change once set"


def is_headless(spec: Any) -> bool:
    """Whether clients are to find the pods' own addresses."""
    return bool(spec.clusterIPs == ["None"])


_EXTERNAL_NAME = r.given(r.SUBDOMAIN)


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


def _cluster_ips(spec: Any, out: Errors) -> None:
    ips, families = spec.clusterIPs or [], spec.ipFamilies or []
    if spec.type == "ExternalName":
        return
    if spec.clusterIP and spec.clusterIP not in ips[:1]:
        out.invalid("clusterIPs", ips, "first value must match `clusterIP`")
    if ips and not spec.clusterIP:
        out.invalid("clusterIPs", ips, "must be empty when `clusterIP` is not specified")
    if len(ips) > 2:
        out.invalid("clusterIPs", ips, "may only hold up to 2 values")
    if ips[:1] == ["None"]:
        if len(ips) > 1:
            out.invalid("clusterIPs", ips, "'None' must be the first and only value")
    elif at("clusterIPs", r.each(r.IP), ips, out):
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


_FAMILIES = ("IPv4", "IPv6")


def _affinity(spec: Any, out: Errors) -> None:
    config, path = spec.sessionAffinityConfig, "sessionAffinityConfig"
    # The defaults have seen to it that there is a time.
    if spec.sessionAffinity == "ClientIP" and not 0 < config.clientIP.timeoutSeconds <= 86400:
        seconds = config.clientIP.timeoutSeconds
        why = "must be greater than 0 and less than 86400"
        out.invalid(f"{path}.clientIP.timeoutSeconds", seconds, why)


def _traffic(spec: Any, out: Errors) -> None:
    policy = spec.externalTrafficPolicy
    by_address = spec.type == "ClusterIP" and spec.externalIPs
    if spec.type in ("NodePort", "LoadBalancer") or by_address:
        at("externalTrafficPolicy", _LOCALITY, policy, out)
    elif policy:
        why = "may only be set for externally-accessible services"
        out.invalid("externalTrafficPolicy", policy, why)
    if spec.healthCheckNodePort and (spec.type, policy) != ("LoadBalancer", "Local"):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        out.invalid("healthCheckNodePort", spec.healthCheckNodePort, why)


_ONLY_BALANCED = ("loadBalancerSourceRanges", "allocateLoadBalancerNodePorts", "loadBalancerClass")


def _load_balancer(spec: Any, out: Errors) -> None:
    for field in _ONLY_BALANCED if spec.type != "LoadBalancer" else ():
        if getattr(spec, field) is not None:
            shown = field.replace("loadBalancerS", "LoadBalancerS")
            out.forbidden(shown, "may only be used when `type` is 'LoadBalancer'")
    ranges = [block.strip() for block in spec.loadBalancerSourceRanges or ()]
    at("LoadBalancerSourceRanges", r.each(r.CIDR), ranges, out)
    if spec.type == "LoadBalancer":
        at("loadBalancerClass", r.QUALIFIED_IF_ANY, spec.loadBalancerClass, out)


_LOCALITY = r.one_of("Cluster", "Local")


def _families_served(spec: Any, out: Errors) -> None:
    """This cluster has IPv4 only; the server says so when it looks for addresses."""
    if spec.type == "ExternalName" or (is_headless(spec) and not spec.selector):
        return
    if spec.ipFamilyPolicy == "RequireDualStack":
        why = "this cluster is not configured for dual-stack services"
        out.invalid("ipFamilyPolicy", spec.ipFamilyPolicy, why)
    for index, family in enumerate(spec.ipFamilies or ()):
        if family == "IPv6":
            out.invalid(f"ipFamilies[{index}]", family, "not configured on this cluster")


SERVICE = r.struct(
    _families_served,
    _basics,
    ("ports", _ports),
    ("selector", r.labels),
    ("sessionAffinity", r.given(r.one_of("ClientIP", "None"))),
    _affinity,
    _cluster_ips,
    ("ipFamilies", r.each(r.one_of(*_FAMILIES), r.Unique("", str))),
    ("ipFamilyPolicy", r.one_of("PreferDualStack", "RequireDualStack", "SingleStack")),
    ("externalIPs", r.each(_external_ip)),
    ("type", r.given(r.one_of("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"))),
    _port_numbers,
    _load_balancer,
    _traffic,
    ("internalTrafficPolicy", _LOCALITY),
    ("trafficDistribution", r.one_of("PreferClose", "PreferSameNode", "PreferSameZone")),
)


def service_change(new: Any, old: Any, out: Errors) -> None:
    """What of a Service may not change: its first address and family, its balancer's class."""
    if new.spec.type == old.spec.type == "LoadBalancer":
        kind = new.spec.loadBalancerClass
        if kind != old.spec.loadBalancerClass:
            out.invalid("spec.loadBalancerClass", kind, _FIXED)
    if "ExternalName" in (new.spec.type, old.spec.type):
        return
    ips, before = new.spec.clusterIPs or [], old.spec.clusterIPs or []
    if before and not ips:
        out.invalid("spec.clusterIPs[0]", ips, "primary clusterIP can not be unset")
    elif before and ips[0] != before[0]:
        out.invalid("spec.clusterIPs[0]", ips, _FIXED)
    families, had = new.spec.ipFamilies or [], old.spec.ipFamilies or []
    headless = is_headless(new.spec) or is_headless(old.spec)
    if families and had and families[0] != had[0] and not headless:
        out.invalid("spec.ipFamilies[0]", families, _FIXED)
