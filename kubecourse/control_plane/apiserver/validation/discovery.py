"""EndpointSlices. Source: `pkg/apis/discovery/validation/validation.go`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.validation import checks
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.containers import PROTOCOLS

ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
MOST_ENDPOINTS, MOST_ADDRESSES, MOST_PORTS = 1000, 100, 20000


def _too_many(path: str, count: int, most: int) -> errors.FieldError:
    return errors.FieldError(path, "Too many", count, f"must have at most {most} items")


def endpoint_slice(obj: Any, out: Errors) -> None:
    """An EndpointSlice."""
    checks.required_one_of("addressType", obj.addressType, ADDRESS_TYPES, out)
    _contents(obj, out)


def _contents(obj: Any, out: Errors, stored: frozenset[int] = frozenset()) -> None:
    """Endpoints and ports. `stored` are the ids of endpoints that were found good before."""
    endpoints, ports = obj.endpoints or [], obj.ports or []
    if len(endpoints) > MOST_ENDPOINTS:
        out.append(_too_many("endpoints", len(endpoints), MOST_ENDPOINTS))
    else:
        for index, endpoint in enumerate(endpoints):
            if id(endpoint) in stored:
                continue
            _endpoint(f"endpoints[{index}]", endpoint, obj.addressType, out)
    if len(ports) > MOST_PORTS:
        out.append(_too_many("ports", len(ports), MOST_PORTS))
        return
    seen: set[str] = set()
    for index, port in enumerate(ports):
        _port(f"ports[{index}]", port, seen, out)


def _endpoint(path: str, endpoint: Any, kind: str | None, out: Errors) -> None:
    addresses = endpoint.addresses or []
    if not addresses:
        out.append(errors.required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > MOST_ADDRESSES:
        out.append(_too_many(f"{path}.addresses", len(addresses), MOST_ADDRESSES))
    for index, address in enumerate(addresses):
        _address(f"{path}.addresses[{index}]", address, kind, out)
    if endpoint.nodeName is not None:
        checks.dns_subdomain(f"{path}.nodeName", endpoint.nodeName, out)
    if endpoint.hostname is not None:
        checks.dns_label(f"{path}.hostname", endpoint.hostname, out)


def _address(path: str, address: str, kind: str | None, out: Errors) -> None:
    if kind == "FQDN":
        checks.dns_subdomain(path, address, out)
        return
    if kind not in ("IPv4", "IPv6"):
        return
    parsed = checks.parsed_ip(address)
    if parsed is None or f"IPv{parsed.version}" != kind:
        out.append(errors.invalid(path, address, f"must be a valid {kind} address"))
    checks.ordinary_ip(path, address, out)


def _port(path: str, port: Any, seen: set[str], out: Errors) -> None:
    name = port.name or ""
    if name:
        checks.dns_label(f"{path}.name", name, out)
    if name in seen:
        out.append(errors.duplicate(f"{path}.name", name))
    seen.add(name)
    if port.protocol is None:
        out.append(errors.required(f"{path}.protocol"))
    else:
        checks.one_of(f"{path}.protocol", port.protocol, PROTOCOLS, out)
    if port.appProtocol is not None:
        checks.qualified(f"{path}.appProtocol", port.appProtocol, out)


def endpoint_slice_update(new: Any, old: Any, out: Errors) -> None:
    """An EndpointSlice being changed: only what is new in it is looked at."""
    if new.endpoints is not old.endpoints or new.ports is not old.ports:
        same_kind = new.addressType == old.addressType
        _contents(new, out, frozenset(map(id, old.endpoints or ())) if same_kind else frozenset())
    checks.unchanged("addressType", new.addressType, old.addressType, out)
