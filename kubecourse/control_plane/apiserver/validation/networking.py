"""Ingresses and NetworkPolicies. Source: `pkg/apis/networking/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.validation import checks
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.containers import PROTOCOLS
from kubecourse.control_plane.apiserver.validation.selectors import label_selector

PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")


def ingress(obj: Any, out: Errors) -> None:
    """An Ingress."""
    spec = obj.spec
    rules = spec.rules if spec is not None else None
    backend = spec.defaultBackend if spec is not None else None
    if not rules and backend is None:
        why = "either `defaultBackend` or `rules` must be specified"
        out.append(errors.invalid("spec", None, why))
    if backend is not None:
        _backend("spec.defaultBackend", backend, out)
    for index, rule in enumerate(rules or ()):
        _rule(f"spec.rules[{index}]", rule, out)
    for index, tls in enumerate((spec.tls if spec is not None else None) or ()):
        for number, host in enumerate(tls.hosts or ()):
            checks.dns_subdomain(f"spec.tls[{index}].hosts[{number}]", host.removeprefix("*."), out)
    if spec is not None and spec.ingressClassName is not None:
        checks.dns_subdomain("spec.ingressClassName", spec.ingressClassName, out)


def _rule(path: str, rule: Any, out: Errors) -> None:
    host = rule.host or ""
    if host:
        if checks.parsed_ip(host) is not None:
            out.append(
                errors.invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
            )
        checks.dns_subdomain(f"{path}.host", host.removeprefix("*."), out)
    if rule.http is None:
        return
    if not rule.http.paths:
        out.append(errors.required(f"{path}.http.paths"))
    for index, item in enumerate(rule.http.paths or ()):
        _path(f"{path}.http.paths[{index}]", item, out)


def _path(path: str, item: Any, out: Errors) -> None:
    kind, text = item.pathType, item.path or ""
    if kind is None:
        out.append(errors.required(f"{path}.pathType", "pathType must be specified"))
        return
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            out.append(errors.invalid(f"{path}.path", text, "must be an absolute path"))
        for part in _BAD_SEQUENCES:
            if part in text:
                out.append(errors.invalid(f"{path}.path", text, f"must not contain '{part}'"))
        for end in _BAD_ENDS:
            if text.endswith(end):
                out.append(errors.invalid(f"{path}.path", text, f"cannot end with '{end}'"))
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            out.append(errors.invalid(f"{path}.path", text, "must be an absolute path"))
    else:
        out.append(errors.not_supported(f"{path}.pathType", kind, PATH_TYPES))
    _backend(f"{path}.backend", item.backend, out)


def _backend(path: str, backend: Any, out: Errors) -> None:
    service, resource = backend.service, backend.resource
    if service is not None and resource is not None:
        why = "cannot set both resource and service backends"
        out.append(errors.invalid(path, "", why))
    elif resource is not None:
        for name in ("kind", "name"):
            checks.required(f"{path}.resource.{name}", getattr(resource, name), out)
    elif service is None:
        out.append(errors.required(path, "resource or service backend is required"))
    else:
        _service(path, service, out)


def _service(path: str, service: Any, out: Errors) -> None:
    if checks.required(f"{path}.service.name", service.name, out):
        checks.dns_label(f"{path}.service.name", service.name, out)
    port = service.port
    name, number = (port.name, port.number) if port is not None else (None, None)
    if name and number:
        out.append(errors.invalid(path, "", "cannot set both port name & port number"))
    elif name:
        checks.port_number_or_name(f"{path}.service.port.name", name, out)
    elif number:
        checks.port_number(f"{path}.service.port.number", number, out)
    else:
        out.append(errors.required(path, "port name or number is required"))


def ingress_update(new: Any, old: Any, out: Errors) -> None:
    """An Ingress being changed."""
    if new.spec is not old.spec:
        ingress(new, out)


# --- NetworkPolicy


def network_policy(obj: Any, out: Errors) -> None:
    """A NetworkPolicy."""
    spec = obj.spec
    if spec is None:
        return
    label_selector("spec.podSelector", spec.podSelector, out)
    for side, field in (("ingress", "from_"), ("egress", "to")):
        for index, rule in enumerate(getattr(spec, side) or ()):
            path = f"spec.{side}[{index}]"
            for number, port in enumerate(rule.ports or ()):
                _policy_port(f"{path}.ports[{number}]", port, out)
            for number, peer in enumerate(getattr(rule, field, None) or ()):
                _peer(f"{path}.{field.rstrip('_')}[{number}]", peer, out)
    for index, kind in enumerate(spec.policyTypes or ()):
        checks.one_of(f"spec.policyTypes[{index}]", kind, ("Ingress", "Egress"), out)


def _policy_port(path: str, port: Any, out: Errors) -> None:
    if port.protocol is not None and port.protocol not in PROTOCOLS:
        choices = ("TCP", "UDP", "SCTP")
        out.append(errors.not_supported(f"{path}.protocol", port.protocol, choices))
    if port.port is not None:
        checks.port_number_or_name(f"{path}.port", port.port, out)
    if port.endPort is None:
        return
    at = f"{path}.endPort"
    if port.port is None:
        why = "may not be specified when `port` is not specified"
        out.append(errors.invalid(at, port.endPort, why))
    elif isinstance(port.port, str):
        why = "may not be specified when `port` is non-numeric"
        out.append(errors.invalid(at, port.endPort, why))
    elif port.endPort < port.port:
        out.append(errors.invalid(at, port.endPort, "must be greater than or equal to `port`"))


def _peer(path: str, peer: Any, out: Errors) -> None:
    label_selector(f"{path}.podSelector", peer.podSelector, out)
    label_selector(f"{path}.namespaceSelector", peer.namespaceSelector, out)
    block = peer.ipBlock
    others = [s for s in (peer.podSelector, peer.namespaceSelector) if s is not None]
    if block is not None and checks.required(f"{path}.ipBlock.cidr", block.cidr, out):
        checks.cidr(f"{path}.ipBlock.cidr", block.cidr, out)
    if block is None and not others:
        out.append(errors.required(path, "must specify a peer"))
    elif block is not None and others:
        why = "may not specify both ipBlock and another peer"
        out.append(errors.field_forbidden(path, why))


def network_policy_update(new: Any, old: Any, out: Errors) -> None:
    """A NetworkPolicy being changed."""
    if new.spec is not old.spec:
        network_policy(new, out)
