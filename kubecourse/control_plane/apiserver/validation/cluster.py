"""Services and the way to them, nodes, configuration, quotas: what `rules.txt` cannot say of them.

Sources: `pkg/apis/core/validation/{validation,events}.go`,
`pkg/apis/networking/validation/validation.go`, `pkg/apis/discovery/validation`.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from math import inf
from typing import Any

from kubecourse.api import errors, quantity
from kubecourse.control_plane.apiserver import json_errors
from kubecourse.control_plane.apiserver.validation import internal, resources, values
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, named, rule

# --- Services

_FAMILIES = ("IPv4", "IPv6")


@named
def headless(spec: Any) -> bool:
    """Whether clients are to find the pods' own addresses."""
    return bool(spec.clusterIPs == ["None"])


@named
def seen_from_outside(spec: Any) -> bool:
    """Whether somebody outside the cluster reaches a Service."""
    by_address = spec.type == "ClusterIP" and spec.externalIPs
    return spec.type in ("NodePort", "LoadBalancer") or bool(by_address)


@named
def external_name(name: str | None, out: Errors) -> None:
    """The name outside the cluster that a Service stands for."""
    name = (name or "").removesuffix(".")
    if name:
        values.SUBDOMAIN(name, out)
    else:
        out.required("")


@named
def service_ports(ports: list[Any], out: Errors) -> None:
    """A Service's ports; of several each has a name."""
    rule("each NamedServicePort" if len(ports) > 1 else "each ServicePort")(ports, out)


@named
def port_numbers(spec: Any, out: Errors) -> None:
    """No number twice for one protocol."""
    ports = spec.ports or ()
    for index, port in enumerate(ports if spec.type == "ClusterIP" else ()):
        if port.nodePort:
            path = f"ports[{index}].nodePort"
            out.forbidden(path, "may not be used when `type` is 'ClusterIP'")
    seen: set[Any] = set()
    for index, port in enumerate(ports):
        if port.nodePort and (port.protocol, port.nodePort) in seen:
            out.duplicate(f"ports[{index}].nodePort", port.nodePort)
        seen.add((port.protocol, port.nodePort))
    seen.clear()
    for index, port in enumerate(ports):
        if (port.protocol, port.port) in seen:
            same = type(port)(port=port.port, protocol=port.protocol)
            out.duplicate(f"ports[{index}]", internal.shown(same))
        seen.add((port.protocol, port.port))


@named
def cluster_ips(spec: Any, out: Errors) -> None:
    """A Service's own addresses."""
    ips = spec.clusterIPs or []
    start = len(out)
    if ips[:1] != ["None"]:
        at("clusterIPs", rule("each ip"), ips, out)
    elif len(ips) > 1:
        out.invalid("clusterIPs", ips, "'None' must be the first and only value")
        at("clusterIPs[1]", values.IP, ips[1], out)
    good = len(out) == start
    if len(ips) > 2:
        out.invalid("clusterIPs", ips, "may only hold up to 2 values")
    if good and not headless(spec):
        _families_fit(ips, spec.ipFamilies or [], out)


def _families_fit(ips: list[str], families: list[str], out: Errors) -> None:
    versions = [f"IPv{address.version}" for text in ips if (address := values.parsed_ip(text))]
    if len(ips) > 1 and set(versions) != set(_FAMILIES):
        out.invalid("clusterIPs", ips, "may specify no more than one IP for each IP family")
    for index, (text, version, family) in enumerate(zip(ips, versions, families, strict=False)):
        if family in _FAMILIES and family != version:
            why = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            out.invalid(f"clusterIPs[{index}]", text, why)


@named
def lasting_addresses(new: Any, out: Errors) -> None:
    """A Service's first address and family may not change."""
    spec, old = new.spec, out.old.spec
    if "ExternalName" in (spec.type, old.type):
        return
    ips, before = spec.clusterIPs or [], old.clusterIPs or []
    if before and not ips:
        out.invalid("spec.clusterIPs[0]", ips, "primary clusterIP can not be unset")
    elif before and ips[0] != before[0]:
        out.invalid("spec.clusterIPs[0]", ips, "may not change once set")
    families, had = spec.ipFamilies or [], old.ipFamilies or []
    if families and had and families[0] != had[0] and not (headless(spec) or headless(old)):
        out.invalid("spec.ipFamilies[0]", families, "may not change once set")


# --- Ingresses

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_ALL_BELOW = re.compile(rf"\*\.{_LABEL}(\.{_LABEL})*")
_NOT_ALL_BELOW = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
    "must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric "
    f"character (e.g. '*.example.com', regex used for validation is '{_ALL_BELOW.pattern}')"
)
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


@named
def wildcard_host(host: str, out: Errors) -> None:
    """A host, or all below one: `*.example.com`."""
    if "*" not in host:
        values.SUBDOMAIN(host, out)
    elif not _ALL_BELOW.fullmatch(host):
        out.invalid("", host, _NOT_ALL_BELOW)


@named
def ingress_path(item: Any, out: Errors) -> None:
    """A path, how it is meant, and what lies behind it."""
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
    at("backend", backend, item.backend, out)


@named
def backend(value: Any, out: Errors) -> None:
    """A Service's port, or another object."""
    service = value.service
    if service is None and value.resource is None:
        out.invalid("", "", "resource or service backend is required")
    elif service is None:
        at("resource", rule("TypedLocalObjectReference"), value.resource, out)
    elif value.resource is not None:
        out.invalid("", "", "cannot set both resource and service backends")
    else:
        at("service", rule("IngressServiceBackend"), service, out)
        port = service.port
        if port is None or not (port.name or port.number):
            out.required("", "port name or number is required")
        elif port.name and port.number:
            out.invalid("", "", "cannot set both port name & port number")
        else:
            at("service.port", rule("ServiceBackendPort"), port, out)


@named
def ingress_class(ingress: Any) -> str | None:
    """The class that an annotation says, as it did before there was a field."""
    return (ingress.metadata.annotations or {}).get("kubernetes.io/ingress.class")


@named
def excepted_blocks(block: Any, out: Errors) -> None:
    """What a policy's block leaves out lies within it."""
    whole = values.parsed_cidr(block.cidr or "")
    for index, text in enumerate((block.except_ if whole is not None else None) or ()):
        path, part = f"except[{index}]", values.parsed_cidr(text)
        at(path, values.CIDR, text, out)
        inside = part is not None and part.version == whole.version and part.subnet_of(whole)
        if part is not None and (not inside or part == whole):
            out.invalid(path, text, "must be a strict subset of `cidr`")


# --- Endpoints and EndpointSlices


@named
def subsets(obj: Any, out: Errors) -> None:
    """What of the addresses behind a Service is new."""
    old = (out.old.subsets if out.old is not None else None) or ()
    lists = ("addresses", "notReadyAddresses")
    known = {id(each) for subset in old for name in lists for each in getattr(subset, name) or ()}
    for index, subset in enumerate(obj.subsets or ()):
        start = len(out)
        if not subset.addresses and not subset.notReadyAddresses:
            out.required("", "must specify `addresses` or `notReadyAddresses`")
        for name in lists:
            for number, each in enumerate(getattr(subset, name) or ()):
                if id(each) not in known:
                    path = f"{name}[{number}]"
                    if at(path, rule("EndpointAddress"), each, out):
                        at(f"{path}.ip", values.ordinary_ip, each.ip, out)
        rule("EndpointSubset")(subset, out)
        if len(out) > start:
            out.below(f"subsets[{index}]", start)


def _address(address: str, kind: str | None, out: Errors) -> None:
    if kind not in _FAMILIES:
        values.SUBDOMAIN(address, out)
        return
    parsed = values.parsed_ip(address)
    if parsed is None or f"IPv{parsed.version}" != kind:
        out.invalid("", address, f"must be a valid {kind} address")
    values.ordinary_ip(address, out)


@named
def endpoints(obj: Any, out: Errors) -> None:
    """What of a slice's endpoints is new in it."""
    old = out.old
    same_kind = old is not None and old.addressType == obj.addressType
    known = set(map(id, old.endpoints or ())) if same_kind else set()
    for index, endpoint in enumerate(obj.endpoints or ()):
        if id(endpoint) in known:
            continue
        start = len(out)
        if not endpoint.addresses:
            out.required("addresses", "must contain at least 1 address")
        for number, address in enumerate(endpoint.addresses or ()):
            before = len(out)
            _address(address, obj.addressType, out)
            if len(out) > before:
                out.below(f"addresses[{number}]", before)
        rule("Endpoint")(endpoint, out)
        if len(out) > start:
            out.below(f"endpoints[{index}]", start)


# --- nodes, ConfigMaps and Secrets, events

_MOST_BYTES = 1024 * 1024


@named
def taints(node: Any, out: Errors) -> None:
    """A node's taints, one of a key and effect; the server gives their path so."""
    seen = set()
    for index, taint in enumerate((node.spec.taints if node.spec is not None else None) or ()):
        path = f"metadata.taints[{index}]"
        at(path, rule("Taint"), taint, out)
        if (taint.key, taint.effect) in seen:
            why = "taints must be unique by key and effect pair"
            shown = internal.shown(taint)
            out.append(errors.FieldError(path, "Duplicate value", shown, why))
        seen.add((taint.key, taint.effect))


def _keys(data: dict[str, str], out: Errors) -> None:
    for key in sorted(data):
        at(f"[{key}]", rule("config_key"), key, out)


def _size(data: dict[str, str]) -> int:
    return sum(len(b64decode(value or "")) for value in data.values())


@named
def config_map(obj: Any, out: Errors) -> None:
    """A ConfigMap."""
    data, binary = obj.data or {}, obj.binaryData or {}
    at("data", _keys, data, out)
    for key in sorted(data.keys() & binary.keys()):
        out.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    at("binaryData", _keys, binary, out)
    if sum(len(value.encode()) for value in data.values()) + _size(binary) > _MOST_BYTES:
        out.append(errors.too_long("[]", _MOST_BYTES))


_MUST_HOLD = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_ACCOUNT = "kubernetes.io/service-account.name"


@named
def secret(obj: Any, out: Errors) -> None:
    """A Secret, whose type says what must be in it."""
    data, kind = obj.data or {}, obj.type or ""
    at("data", _keys, data, out)
    if _size(data) > _MOST_BYTES:
        out.append(errors.too_long("data", _MOST_BYTES))
    needed = _MUST_HOLD.get(kind, ())
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        needed = ("username", "password")
    for key in needed:
        if key not in data or (key == "ssh-privatekey" and not data[key]):
            out.required(f"data[{key}]")
        elif kind.startswith("kubernetes.io/docker"):
            _is_json(key, data, out)
    annotations = obj.metadata.annotations or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT):
        out.required(f"metadata.annotations[{_ACCOUNT}]")


def _is_json(key: str, data: dict[str, str], out: Errors) -> None:
    text = b64decode(data[key] or "").decode("utf-8", "replace").strip()
    try:
        found, why = json.loads(text), ""
    except ValueError as error:
        found, why = None, json_errors.describe(text, error)
    if found is not None and not isinstance(found, dict):
        kinds = {list: "array", str: "string", bool: "bool"}
        kind = kinds.get(type(found), "number")
        why = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    if why:
        out.invalid(f"data[{key}]", "<secret contents redacted>", why)


@named
def event(obj: Any, out: Errors) -> None:
    """An Event, which must lie in the namespace of what it is about."""
    namespace, about = obj.metadata.namespace or "", obj.involvedObject.namespace or ""
    if obj.eventTime is not None:
        fits = bool(about) or namespace in ("default", "kube-system")
    else:
        fits = namespace == about if about else namespace in ("", "default")
    if not fits:
        out.invalid("involvedObject.namespace", about, "does not match event.namespace")


# --- priorities, quotas, limits

_HIGHEST_PRIORITY = 1_000_000_000
_SYSTEM_PRIORITIES = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}


@named
def priority_value(obj: Any, out: Errors) -> None:
    """What a PriorityClass is worth."""
    name, value = obj.metadata.name or "", obj.value or 0
    if name.startswith("system-"):
        if _SYSTEM_PRIORITIES.get(name) != value:
            trouble = f"{name} is not a known system priority class"
            why = "priority class names with 'system-' prefix are reserved for system use only"
            out.forbidden("metadata.name", f"{why}. error: {trouble}")
    elif value > _HIGHEST_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        out.forbidden("value", why)


_SCOPES = {
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass",
    "CrossNamespacePodAffinity", "VolumeAttributesClass",
}  # fmt: skip
_CONFLICTS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})


@named
def scopes(quota: Any) -> list[str] | None:
    """A quota's scopes."""
    return quota.spec.scopes if quota.spec is not None else None


_COUNTED, _COMPUTE = {"pods"}, {"cpu", "memory"}
_COMPUTE |= {f"{side}.{name}" for side in ("requests", "limits") for name in _COMPUTE}
_CLAIMS = {"persistentvolumeclaims", "requests.storage"}
_WITHIN = {"BestEffort": _COUNTED, "VolumeAttributesClass": _CLAIMS}
_BY_BEING = (
    "Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "CrossNamespacePodAffinity",
)  # fmt: skip


def _limits_other(scope: str | None, spec: Any) -> Iterator[str]:
    """What a quota limits that has nothing to do with one of its scopes."""
    known = _WITHIN.get(scope or "", _COUNTED | _COMPUTE)
    for name in sorted(spec.hard or ()):
        if scope in _SCOPES and resources.is_standard_for_quota(name) and name not in known:
            yield name


@named
def quota_scopes(spec: Any, out: Errors) -> None:
    """Scopes that there are, that fit what is limited and do not exclude one another."""
    given = spec.scopes or []
    for scope in given:
        if scope not in _SCOPES:
            out.invalid("scopes", given, "unsupported scope")
        for _ in _limits_other(scope, spec):
            out.invalid("scopes", given, "unsupported scope applied to resource")
    for pair in _CONFLICTS:
        if pair <= set(given):
            out.invalid("scopes", given, "conflicting scopes")


@named
def quota_selector(spec: Any, out: Errors) -> None:
    """The same of scopes that are chosen by expressions."""
    selector, path = spec.scopeSelector, "scopeSelector.matchExpressions"
    rules = (selector.matchExpressions if selector is not None else None) or ()
    for each in rules:
        if each.scopeName not in _SCOPES:
            out.invalid(f"{path}.scopeName", each.scopeName or "", "unsupported scope")
        for _ in _limits_other(each.scopeName, spec):
            out.invalid(path, internal.shown(selector), "unsupported scope applied to resource")
        if each.scopeName in _BY_BEING and each.operator != "Exists":
            *some, last = (f"ResourceQuotaScope{name}" for name in _BY_BEING)
            why = f"must be 'Exists' when scope is any of {', '.join(some)} or {last}"
            out.invalid(f"{path}.operator", each.operator or "", why)
        if each.operator in ("In", "NotIn"):
            if not each.values:
                why = "must be at least one value when `operator` is 'In' or 'NotIn'"
                out.required(f"{path}.values", f"{why} for scope selector")
        elif each.operator not in ("Exists", "DoesNotExist"):
            out.invalid(f"{path}.operator", each.operator or "", "not a valid selector operator")
        elif each.values:
            why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            out.invalid(f"{path}.values", each.values, why)
    for pair in _CONFLICTS:
        if pair <= {each.scopeName for each in rules}:
            out.invalid(path, spec.scopes, "conflicting scopes")


_AMOUNTS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
# What may not be more than what: the field that is blamed, the one shown there, and the names.
_ORDERED = (
    ("min", "max", "min", "min", "min", "max"),
    ("min", "defaultRequest", "defaultRequest", "defaultRequest", "min", "default request"),
    ("defaultRequest", "max", "defaultRequest", "defaultRequest", "default request", "max"),
    (
        "defaultRequest", "default", "defaultRequest", "defaultRequest", "default request",
        "default limit",
    ),
    ("min", "default", "default", "min", "min", "default"),
    ("default", "max", "default", "max", "default", "max"),
)  # fmt: skip


@named
def limits(item: Any, out: Errors) -> None:
    """The amounts of one item of a LimitRange."""
    given = {name: getattr(item, name) or {} for name in _AMOUNTS}
    bound = item.type in ("Container", "Pod")
    name_rule = resources.container_name if bound else resources.standard_name
    for name, amounts in given.items():
        if item.type == "Pod" and name.startswith("default"):
            if amounts:
                out.forbidden(name, "may not be specified when `type` is 'Pod'")
            continue
        for key in sorted(amounts):
            at(f"{name}[{key}]", name_rule, key, out)
    storage = "storage" in given["min"] or "storage" in given["max"]
    if item.type == "PersistentVolumeClaim" and not storage:
        why = "either minimum or maximum storage value is required, but neither was provided"
        out.required("limits", why)
    if item.type == "Pod":
        given |= {"default": {}, "defaultRequest": {}}
    for key in sorted({key for amounts in given.values() for key in amounts}):
        _ordered(key, given, out)


def _ordered(key: str, given: dict[str, dict[str, str]], out: Errors) -> None:
    for less, more, blamed, shown, low_name, high_name in _ORDERED:
        low, high = given[less].get(key), given[more].get(key)
        if low is not None and high is not None and quantity.compare(low, high) > 0:
            why = f"{low_name} value {low} is greater than {high_name} value {high}"
            out.invalid(f"{blamed}[{key}]", given[shown][key], why)
    ratio = given["maxLimitRequestRatio"].get(key)
    if ratio is not None and quantity.compare(ratio, "1") < 0:
        out.invalid(f"maxLimitRequestRatio[{key}]", ratio, f"ratio {ratio} is less than 1")
    low, high = given["min"].get(key), given["max"].get(key)
    if ratio is not None and low is not None and high is not None:
        most = values.nano(high) / values.nano(low) if values.nano(low) else inf
        if values.nano(ratio) / 10**9 > most:
            why = f"ratio {ratio} is greater than max/min = {most:f}"
            out.invalid(f"maxLimitRequestRatio[{key}]", ratio, why)
    own, asked = given["default"].get(key), given["defaultRequest"].get(key)
    shared = own is None or asked is None or resources.may_be_shared(key)
    if not shared and quantity.compare(own or "", asked or ""):
        why = f"default value {own} must equal to defaultRequest value {asked} in {key}"
        out.invalid(f"defaultRequest[{key}]", asked, why)
