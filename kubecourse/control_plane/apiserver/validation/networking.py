"""Ingresses, NetworkPolicies and EndpointSlices.

Sources: `pkg/apis/networking/validation/validation.go`, `pkg/apis/discovery/validation`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import names
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.containers import PROTOCOL
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import LABEL_SELECTOR

# --- Ingress

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def _wildcard(host: str, out: Errors) -> None:
    r.SUBDOMAIN(host.removeprefix("*."), out)


_NOT_IP = r.refuse(r.parsed_ip, "must be a DNS name, not an IP address")


def _path(item: Any, out: Errors) -> None:
    kind, text = item.pathType, item.path or ""
    if kind is None:
        out.required("pathType", "pathType must be specified")
        return
    if kind not in _PATH_TYPES:
        out.unsupported("pathType", kind, _PATH_TYPES)
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        out.invalid("path", text, "must be an absolute path")
    if kind in ("Exact", "Prefix"):
        for part in ("//", "/./", "/../", "%2f", "%2F"):
            if part in text:
                out.invalid("path", text, f"must not contain '{part}'")
        for end in ("/..", "/."):
            if text.endswith(end):
                out.invalid("path", text, f"cannot end with '{end}'")
    at("backend", _backend, item.backend, out)


def _backend(backend: Any, out: Errors) -> None:
    service = backend.service
    port = service.port if service is not None else None
    if service is None or backend.resource is not None:
        if service is not None:
            out.invalid("", "", "cannot set both resource and service backends")
        elif backend.resource is None:
            out.required("", "resource or service backend is required")
        else:
            at("resource", r.needs("kind", "name"), backend.resource, out)
        return
    at("service.name", _NAME, service.name, out)
    if port is None or not (port.name or port.number):
        out.required("", "port name or number is required")
    elif port.name and port.number:
        out.invalid("", "", "cannot set both port name & port number")
    else:
        at("service.port", _PORT, port, out)


_NAME = r.given(r.LABEL)
_PORT = r.struct(("name", r.PORT_NAME), ("number", r.PORT))
_RULE = r.struct(
    ("host", r.struct(_NOT_IP, _wildcard)),
    ("http", r.struct(("paths", r.given(r.each(_path))))),
)
_INGRESS = r.struct(
    ("defaultBackend", _backend),
    ("rules", r.each(_RULE)),
    ("tls", r.each(("hosts", r.each(_wildcard)))),
    ("ingressClassName", r.SUBDOMAIN),
)


def ingress(obj: Any, out: Errors) -> None:
    """An Ingress."""
    spec = obj.spec
    if spec is None or (not spec.rules and spec.defaultBackend is None):
        out.invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    at("spec", _INGRESS, spec, out)


# --- NetworkPolicy


def _port_range(port: Any, out: Errors) -> None:
    first, last = port.port, port.endPort
    if last is None:
        return
    if first is None:
        out.invalid("endPort", last, "may not be specified when `port` is not specified")
    elif isinstance(first, str):
        out.invalid("endPort", last, "may not be specified when `port` is non-numeric")
    elif last < first:
        out.invalid("endPort", last, "must be greater than or equal to `port`")


def _one_peer(peer: Any, out: Errors) -> None:
    others = peer.podSelector is not None or peer.namespaceSelector is not None
    if peer.ipBlock is None and not others:
        out.required("", "must specify a peer")
    elif peer.ipBlock is not None and others:
        out.forbidden("", "may not specify both ipBlock and another peer")


_PROTOCOL = ("protocol", r.one_of("TCP", "UDP", "SCTP"))
_NUMBER = ("port", r.struct(r.port_or_name))
_PORTS_OF_RULE = ("ports", r.each(_PROTOCOL, _NUMBER, _port_range))
_PEERS = r.each(
    ("podSelector", LABEL_SELECTOR),
    ("namespaceSelector", LABEL_SELECTOR),
    ("ipBlock", r.struct(("cidr", r.given(r.CIDR)))),
    _one_peer,
)
NETWORK_POLICY = r.struct(
    ("podSelector", LABEL_SELECTOR),
    ("ingress", r.each(_PORTS_OF_RULE, ("from_", _PEERS))),
    ("egress", r.each(_PORTS_OF_RULE, ("to", _PEERS))),
    ("policyTypes", r.each(r.one_of("Ingress", "Egress"))),
)


# --- EndpointSlice

_ADDRESS_TYPE = r.given(r.one_of("FQDN", "IPv4", "IPv6"))


def _address(address: str, kind: str | None, out: Errors) -> None:
    if kind not in ("IPv4", "IPv6"):
        r.SUBDOMAIN(address, out)
        return
    parsed = r.parsed_ip(address)
    if parsed is None or f"IPv{parsed.version}" != kind:
        out.invalid("", address, f"must be a valid {kind} address")
    r.ordinary_ip(address, out)


def _endpoint(endpoint: Any, kind: str | None, out: Errors) -> None:
    if not endpoint.addresses:
        out.required("addresses", "must contain at least 1 address")
    for index, address in enumerate(endpoint.addresses or ()):
        start = len(out)
        _address(address, kind, out)
        if len(out) > start:
            out.below(f"addresses[{index}]", start)
    _NAMES(endpoint, out)


_NAMES = r.struct(("nodeName", r.SUBDOMAIN), ("hostname", r.LABEL))
_PORTS = r.each(
    ("name", r.obeys(names.is_dns1123_label, or_empty=True)),
    r.Unique("name", lambda port: port.name or ""),
    PROTOCOL,
    ("appProtocol", r.QUALIFIED_IF_ANY),
)


def _contents(obj: Any, stored: frozenset[int], out: Errors) -> None:
    """Endpoints and ports. `stored` are the ids of endpoints that were found good before."""
    for index, endpoint in enumerate(obj.endpoints or ()):
        if id(endpoint) not in stored:
            start = len(out)
            _endpoint(endpoint, obj.addressType, out)
            if len(out) > start:
                out.below(f"endpoints[{index}]", start)
    at("ports", _PORTS, obj.ports, out)


def endpoint_slice(obj: Any, out: Errors) -> None:
    """An EndpointSlice."""
    at("addressType", _ADDRESS_TYPE, obj.addressType, out)
    _contents(obj, frozenset(), out)


def endpoint_slice_update(new: Any, old: Any, out: Errors) -> None:
    """An EndpointSlice being changed: only what is new in it is looked at."""
    same_kind = new.addressType == old.addressType
    if new.endpoints is not old.endpoints or new.ports is not old.ports:
        _contents(new, frozenset(map(id, old.endpoints or ())) if same_kind else frozenset(), out)
    if not same_kind:
        out.invalid("addressType", new.addressType, r.IMMUTABLE)
