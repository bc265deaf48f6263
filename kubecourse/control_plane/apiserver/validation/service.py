"""Services. Source: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.validation import checks, internal
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.containers import PROTOCOLS

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
FAMILIES = ("IPv4", "IPv6")
FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
LONGEST_AFFINITY = 86400
_LB_ONLY = "may only be used when `type` is 'LoadBalancer'"
_FIXED = "may not change once set"


def is_headless(spec: Any) -> bool:
    """Whether clients are to find the pods' own addresses."""
    return bool(spec.clusterIPs == ["None"])


def service(obj: Any, out: Errors) -> None:
    """A Service."""
    spec = obj.spec
    headless = is_headless(spec)
    if not spec.ports and not headless and spec.type != "ExternalName":
        out.append(errors.required("spec.ports"))
    if headless and spec.type in ("LoadBalancer", "NodePort"):
        why = f"may not be set to 'None' for {spec.type} services"
        out.append(errors.invalid("spec.clusterIPs[0]", "None", why))
    if spec.type == "ExternalName":
        _external_name(spec, out)
    _ports(spec.ports or [], out)
    if spec.selector is not None:
        checks.labels("spec.selector", spec.selector, out)
    _affinity(spec, out)
    if spec.type != "ExternalName":
        _cluster_ips(spec, out)
    for index, address in enumerate(spec.externalIPs or ()):
        at = f"spec.externalIPs[{index}]"
        if checks.ip(at, address, out):
            checks.ordinary_ip(at, address, out)
    checks.required_one_of("spec.type", spec.type, TYPES, out)
    _port_numbers(spec, out)
    _load_balancer(spec, out)
    _traffic(spec, out)


def _external_name(spec: Any, out: Errors) -> None:
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if getattr(spec, field):
            why = "may not be set for ExternalName services"
            out.append(errors.field_forbidden(f"spec.{field}", why))
    name = (spec.externalName or "").removesuffix(".")
    if checks.required("spec.externalName", name, out):
        checks.dns_subdomain("spec.externalName", name, out)


def _ports(ports: list[Any], out: Errors) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at = f"spec.ports[{index}]"
        if port.name:
            checks.dns_label(f"{at}.name", port.name, out)
            checks.distinct(f"{at}.name", port.name, seen, out)
        elif len(ports) > 1:
            out.append(errors.required(f"{at}.name"))
        checks.port_number(f"{at}.port", port.port or 0, out)
        checks.required_one_of(f"{at}.protocol", port.protocol, PROTOCOLS, out)
        checks.port_number_or_name(f"{at}.targetPort", port.targetPort, out)
        if port.appProtocol is not None:
            checks.qualified(f"{at}.appProtocol", port.appProtocol, out)


def _affinity(spec: Any, out: Errors) -> None:
    path, kind, config = "spec.sessionAffinity", spec.sessionAffinity, spec.sessionAffinityConfig
    checks.required_one_of(path, kind, ("ClientIP", "None"), out)
    path = "spec.sessionAffinityConfig"
    if kind == "ClientIP":
        why = "when session affinity type is ClientIP"
        client = config.clientIP if config is not None else None
        seconds = client.timeoutSeconds if client is not None else None
        if config is None:
            out.append(errors.required(path, why))
        elif client is None:
            out.append(errors.required(f"{path}.clientIP", why))
        elif seconds is None:
            out.append(errors.required(f"{path}.clientIP.timeoutSeconds", why))
        elif not 0 < seconds <= LONGEST_AFFINITY:
            why = f"must be greater than 0 and less than {LONGEST_AFFINITY}"
            out.append(errors.invalid(f"{path}.clientIP.timeoutSeconds", seconds, why))
    elif kind == "None" and config is not None:
        out.append(errors.field_forbidden(path, "must not be set when session affinity is None"))


def _cluster_ips(spec: Any, out: Errors) -> None:
    path, ips = "spec.clusterIPs", spec.clusterIPs or []
    if spec.clusterIP:
        if not ips:
            out.append(errors.required(path))
        elif ips[0] != spec.clusterIP:
            out.append(errors.invalid(path, ips, "first value must match `clusterIP`"))
    elif ips:
        out.append(errors.invalid(path, ips, "must be empty when `clusterIP` is not specified"))
    families = spec.ipFamilies or []
    seen: set[str] = set()
    for index, family in enumerate(families):
        at = f"spec.ipFamilies[{index}]"
        checks.one_of(at, family, FAMILIES, out)
        checks.distinct(at, family, seen, out)
    if spec.ipFamilyPolicy is not None:
        checks.one_of("spec.ipFamilyPolicy", spec.ipFamilyPolicy, FAMILY_POLICIES, out)
    before = len(out)
    for index, address in enumerate(ips):
        if index == 0 and address == "None":
            if len(ips) > 1:
                out.append(errors.invalid(path, ips, "'None' must be the first and only value"))
            continue
        checks.ip(f"{path}[{index}]", address, out)
    bad = len(out) > before
    if len(ips) > 2:
        out.append(errors.invalid(path, ips, "may only hold up to 2 values"))
    if not bad and not is_headless(spec):
        _families_fit(path, ips, families, out)


def _families_fit(path: str, ips: list[str], families: list[str], out: Errors) -> None:
    versions = [address.version for ip in ips if (address := checks.parsed_ip(ip)) is not None]
    if len(ips) > 1 and set(versions) != {4, 6}:
        why = "may specify no more than one IP for each IP family"
        out.append(errors.invalid(path, ips, why))
    for index, (ip, version, family) in enumerate(zip(ips, versions, families, strict=False)):
        if family in FAMILIES and family != f"IPv{version}":
            why = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            out.append(errors.invalid(f"{path}[{index}]", ip, why))


def _port_numbers(spec: Any, out: Errors) -> None:
    ports = spec.ports or []
    if spec.type == "ClusterIP":
        for index, port in enumerate(ports):
            if port.nodePort:
                why = "may not be used when `type` is 'ClusterIP'"
                out.append(errors.field_forbidden(f"spec.ports[{index}].nodePort", why))
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port.protocol, port.nodePort or 0)
        if key in seen:
            out.append(errors.duplicate(f"spec.ports[{index}].nodePort", port.nodePort))
        if port.nodePort:
            seen.add(key)
    seen = set()
    for index, port in enumerate(ports):
        key = (port.protocol, port.port)
        if key in seen:
            shown = internal.shown(type(port)(port=port.port, protocol=port.protocol))
            out.append(errors.duplicate(f"spec.ports[{index}]", shown))
        seen.add(key)


def _load_balancer(spec: Any, out: Errors) -> None:
    balanced = spec.type == "LoadBalancer"
    if spec.loadBalancerSourceRanges:
        path = "spec.LoadBalancerSourceRanges"
        if not balanced:
            out.append(errors.field_forbidden(path, _LB_ONLY))
        for index, block in enumerate(spec.loadBalancerSourceRanges):
            checks.cidr(f"{path}[{index}]", block.strip(), out)
    if spec.allocateLoadBalancerNodePorts is not None and not balanced:
        out.append(errors.field_forbidden("spec.allocateLoadBalancerNodePorts", _LB_ONLY))
    if balanced and spec.allocateLoadBalancerNodePorts is None:
        out.append(errors.required("allocateLoadBalancerNodePorts"))
    if spec.loadBalancerClass is not None:
        if balanced:
            checks.qualified("spec.loadBalancerClass", spec.loadBalancerClass, out)
        else:
            out.append(errors.field_forbidden("spec.loadBalancerClass", _LB_ONLY))


def _traffic(spec: Any, out: Errors) -> None:
    path, policy = "spec.externalTrafficPolicy", spec.externalTrafficPolicy
    outside = spec.type in ("NodePort", "LoadBalancer") or (
        spec.type == "ClusterIP" and spec.externalIPs
    )
    if outside:
        checks.required_one_of(path, policy, ("Cluster", "Local"), out)
    elif policy:
        why = "may only be set for externally-accessible services"
        out.append(errors.invalid(path, policy, why))
    if spec.healthCheckNodePort and not (spec.type == "LoadBalancer" and policy == "Local"):
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        out.append(errors.invalid("spec.healthCheckNodePort", spec.healthCheckNodePort, why))
    inside = spec.internalTrafficPolicy
    if inside is None and spec.type in ("NodePort", "LoadBalancer", "ClusterIP"):
        out.append(errors.required("spec.internalTrafficPolicy"))
    if inside is not None:
        checks.one_of("spec.internalTrafficPolicy", inside, ("Cluster", "Local"), out)
    if spec.trafficDistribution is not None:
        checks.one_of("spec.trafficDistribution", spec.trafficDistribution, DISTRIBUTIONS, out)


def service_update(new: Any, old: Any, out: Errors) -> None:
    """A Service being changed: not its first address."""
    ours, theirs = new.spec, old.spec
    if "ExternalName" not in (ours.type, theirs.type):
        _same_addresses(ours, theirs, out)
        _same_families(ours, theirs, out)
    both = ours.type == theirs.type == "LoadBalancer"
    if both and ours.loadBalancerClass != theirs.loadBalancerClass:
        out.append(errors.invalid("spec.loadBalancerClass", ours.loadBalancerClass, _FIXED))
    service(new, out)


def _same_addresses(new: Any, old: Any, out: Errors) -> None:
    if is_headless(new) and is_headless(old):
        return
    ips, before = new.clusterIPs or [], old.clusterIPs or []
    if len(ips) == len(before):
        for index, (ip, had) in enumerate(zip(ips, before, strict=True)):
            if ip != had:
                out.append(errors.invalid(f"spec.clusterIPs[{index}]", ips, _FIXED))
        return
    if before and not ips:
        why = "primary clusterIP can not be unset"
        out.append(errors.invalid("spec.clusterIPs[0]", ips, why))
    if ips and before and ips[0] != before[0]:
        out.append(errors.invalid("spec.clusterIPs[0]", ips, _FIXED))
    if len(ips) == 1 and len(before) > 1 and new.ipFamilyPolicy != "SingleStack":
        why = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        out.append(errors.invalid("spec.ipFamilyPolicy", new.ipFamilyPolicy, why))


def _same_families(new: Any, old: Any, out: Errors) -> None:
    if is_headless(new) or is_headless(old):
        return
    families, before = new.ipFamilies or [], old.ipFamilies or []
    if families and before and families[0] != before[0]:
        out.append(errors.invalid("spec.ipFamilies[0]", families, _FIXED))


def service_status_update(new: Any, old: Any, out: Errors) -> None:
    """What a load balancer reports of itself."""
    balancer = new.status.loadBalancer if new.status is not None else None
    points = (balancer.ingress if balancer is not None else None) or []
    path = "status.loadBalancer.ingress"
    if points and new.spec.type != "LoadBalancer":
        why = "may only be used when `spec.type` is 'LoadBalancer'"
        out.append(errors.field_forbidden(path, why))
        return
    for index, point in enumerate(points):
        if point.ip:
            checks.ip(f"{path}[{index}].ip", point.ip, out)
        if point.hostname:
            checks.dns_subdomain(f"{path}[{index}].hostname", point.hostname, out)
