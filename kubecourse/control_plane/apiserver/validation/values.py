"""What single values may be, by the names that `rules.txt` calls them.

Sources: `staging/src/k8s.io/apimachinery/pkg/api/validation/generic.go`,
`staging/src/k8s.io/apimachinery/pkg/util/validation/{validation,ip}.go`,
`pkg/apis/core/validation/validation.go`, `pkg/apis/core/pods/helpers.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kubecourse.api import cron, errors, names, quantity
from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation.rules import (
    NAMES,
    Errors,
    Rule,
    at,
    between,
    even_absent,
    named,
    refuse,
)

INT32_MAX = 2**31 - 1
NameRule = Callable[[str], list[str]]

# --- what conditions may ask

NAMES["shown"] = internal.shown
NAMES["negative"] = quantity.is_negative
NAMES["NOTHING"] = errors.NO_VALUE


@named
def nano(text: str) -> int:
    """An amount, exactly."""
    return quantity.parse_quantity(text).nano


@named
def filled(obj: Any, fields: str = "") -> int:
    """How many of an object's fields, or of these, are set."""
    chosen = fields.split() or obj.__struct_fields__
    return sum(getattr(obj, name) is not None for name in chosen)


@named
def differs(new: Any, old: Any, field: str) -> bool:
    """Whether a change touches a field."""
    return bool(getattr(new, field) != getattr(old, field))


@named
def has_lost(new: Any, old: Any, field: str) -> bool:
    """Whether a change touches a field that had a value."""
    return None not in (new, old) and bool(getattr(old, field)) and differs(new, old, field)


# --- names


def obeys(rule: NameRule, or_empty: bool = False) -> Rule:
    """A text that a rule of `names` has nothing against."""

    def check(value: str | None, out: Errors) -> None:
        for why in rule(value or "") if value or not or_empty else ():
            out.invalid("", value or "", why)

    return check


def _matches(pattern: str, why: str) -> Rule:
    """A text that a pattern matches as a whole."""
    fits = re.compile(pattern).fullmatch
    return obeys(lambda text: [] if fits(text) else [why])


QUALIFIED = even_absent(obeys(names.is_qualified_name))
LABEL_VALUE = obeys(names.validate_label_value)
SUBDOMAIN = obeys(names.is_dns1123_subdomain)
# In a domain to search in, underscores are allowed.
_DOMAIN = r"[a-z0-9_]([-_a-z0-9]*[a-z0-9])?"
_DOMAINS = rf"{_DOMAIN}(\.{_DOMAIN})*"
_SYSCTL = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
NAMES |= {
    "label": obeys(names.is_dns1123_label),
    "label_or_empty": obeys(names.is_dns1123_label, or_empty=True),
    "label_value": LABEL_VALUE,
    "subdomain": SUBDOMAIN,
    "subdomain_or_empty": obeys(names.is_dns1123_subdomain, or_empty=True),
    "lower_subdomain": obeys(lambda name: names.is_dns1123_subdomain(name.lower())),
    "qualified": QUALIFIED,
    "qualified_if_any": obeys(names.is_qualified_name),
    "lower_qualified": obeys(lambda name: names.is_qualified_name(name.lower())),
    "path_segment": obeys(names.is_path_segment),
    "config_key": obeys(names.is_config_map_key),
    "port_name": obeys(names.is_valid_port_name),
    "env_name": _matches(
        r"[ -<>-~]+",
        "a valid environment variable name must consist only of printable ASCII characters "
        "other than '='",
    ),
    "header_name": even_absent(
        _matches(
            "[-A-Za-z0-9]+",
            "a valid HTTP header must consist of alphanumeric characters or '-' "
            "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
        )
    ),
    "search_domain": _matches(
        rf"\.|{_DOMAINS}\.?",
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
        "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
        f"regex used for validation is '{_DOMAINS}')",
    ),
    "sysctl_name": _matches(
        rf"(?=.{{,253}}$){_SYSCTL}",
        f"must have at most 253 characters and match regex {_SYSCTL}",
    ),
}


@named
def good_port_name(port: Any) -> str | None:
    """A port's name, if it has one that may be."""
    return port.name if port.name and not names.is_valid_port_name(port.name) else None


@named
def labels(pairs: dict[str, str], out: Errors) -> None:
    """A map with keys and values fit for labels."""
    for key, value in sorted(pairs.items()):
        QUALIFIED(key, out)
        LABEL_VALUE(value, out)


_MOST_ANNOTATION_BYTES = 256 * 1024


@named
def annotation_map(values: dict[str, str], out: Errors) -> None:
    """Annotations: keys as those of labels but for case, and not too much in all."""
    for key in sorted(values):
        for why in names.is_qualified_name(key.lower()):
            out.invalid("", key, why)
    size = sum(len(key.encode()) + len((value or "").encode()) for key, value in values.items())
    if size > _MOST_ANNOTATION_BYTES:
        out.append(errors.too_long("", _MOST_ANNOTATION_BYTES))


_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


@named
def domain_path(value: str, out: Errors) -> None:
    """A name in somebody's domain: `example.com/thing`."""
    host, _, path = value.partition("/")
    if not host or not path:
        out.invalid("", value, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    SUBDOMAIN(host, out)
    if not re.fullmatch(_HTTP_PATH, path):
        out.invalid("", path, f"Invalid path (regex used for validation is '{_HTTP_PATH}')")


# --- numbers

_PORT = between(1, 65535)
_PERCENT = obeys(names.is_valid_percent)


@named
@even_absent
def port_or_name(value: int | str | None, out: Errors) -> None:
    """The number or the name of a port; none is 0."""
    (NAMES["port_name"] if isinstance(value, str) else _PORT)(value or 0, out)


@named
def port_or_name_if_any(value: int | str, out: Errors) -> None:
    """The same where there may be none."""
    port_or_name(value, out)


@named
def percent_or_count(value: int | str, out: Errors) -> None:
    """A number that is not negative, or a percentage."""
    (_PERCENT if isinstance(value, str) else NAMES[">= 0"])(value, out)


@named
def amount(value: int | str | None) -> int:
    """The number in a count or percentage; 0 where it is neither."""
    if isinstance(value, str):
        return 0 if names.is_valid_percent(value) else int(value[:-1])
    return value or 0


NAMES["at_most_all"] = refuse(
    lambda value: isinstance(value, str) and amount(value) > 100, "must not be greater than 100%"
)

# --- addresses

_PADDED = re.compile(r"(^|\.)0[0-9]")


@lru_cache(maxsize=1 << 16)
def parsed_ip(value: str) -> IPv4Address | IPv6Address | None:
    """The address, or None. Zeros before a number are ignored, as the server still does."""
    try:
        return ip_address(
            _PADDED.sub(lambda m: m[0].replace("0", "", 1), value) if "." in value else value
        )
    except ValueError:
        return None


@lru_cache(maxsize=1 << 10)
def parsed_cidr(value: str) -> Any:
    """The block, or None; what is said beyond its length is ignored, and zeros as well."""
    address, slash, length = value.partition("/")
    ip = parsed_ip(address)
    try:
        return ip_network(f"{ip}/{int(length)}", strict=False) if ip and slash else None
    except ValueError:
        return None


def _strictly(value: str, out: Errors) -> None:
    """An address that everybody reads alike."""
    ip = parsed_ip(value)
    if ip is None:
        why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        out.invalid("", value, why)
    elif _PADDED.search(value) and "." in value:
        out.invalid("", value, "must not have leading 0s")
    elif ip.version == 6 and ip.ipv4_mapped is not None:
        out.invalid("", value, "must not be an IPv4-mapped IPv6 address")


def _cidr(value: str, out: Errors) -> None:
    """A block that everybody reads alike."""
    block = parsed_cidr(value)
    address, _, length = value.partition("/")
    why = ""
    if block is None:
        why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    elif ("." in address and _PADDED.search(address)) or length != str(int(length)):
        why = "must not have leading 0s in IP or prefix length"
    elif block.version == 6 and block.network_address.ipv4_mapped is not None:
        why = "must not have an IPv4-mapped IPv6 address"
    elif block.network_address != parsed_ip(address):
        why = "must not have bits set beyond the prefix length"
    if why:
        out.invalid("", value, why)


IP, CIDR = _strictly, _cidr
NAMES |= {
    "ip": IP,
    "not_ip": refuse(parsed_ip, "must be a DNS name, not an IP address"),
    "cidr": CIDR,
    "trimmed_cidr": lambda value, out: CIDR(value.strip(), out),
}
_LINK_LOCAL = "may not be in the link-local {}range ({}, {})"


def ordinary_ip(value: str, out: Errors) -> None:
    """An address that a pod or a load balancer may have."""
    address = parsed_ip(value)
    if address is None:
        out.invalid("", value, "must be a valid IP address")
        return
    if address.is_unspecified:
        out.invalid("", value, f"may not be unspecified ({value})")
    if address.is_loopback:
        out.invalid("", value, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        out.invalid("", value, _LINK_LOCAL.format("", "169.254.0.0/16", "fe80::/10"))
    if address.is_multicast and value.lower().startswith(("224.0.0.", "ff02:")):
        out.invalid("", value, _LINK_LOCAL.format("multicast ", "224.0.0.0/24", "ff02::/10"))


@named
def external_ip(address: str, out: Errors) -> None:
    """An address of a Service that somebody else routes to it."""
    if at("", IP, address, out):
        ordinary_ip(address, out)


# --- files

_NO_BACKSTEPS = refuse(lambda path: ".." in path.split("/"), "must not contain '..'")
_RELATIVE = refuse(lambda path: path.startswith("/"), "must be a relative path")
NAMES |= {
    "no_backsteps": _NO_BACKSTEPS,
    "absolute": refuse(lambda path: not path.startswith("/"), "must be an absolute path"),
    "not_hidden": refuse(
        lambda path: path.startswith("..") and not path.startswith("../"),
        "must not start with '..'",
    ),
    "file_mode": refuse(
        lambda mode: not 0 <= mode <= 0o777,
        "must be a number between 0 and 0777 (octal), both inclusive",
    ),
}


@named
def descending(path: str, out: Errors) -> None:
    """A path that leads further down."""
    _RELATIVE(path, out)
    _NO_BACKSTEPS(path, out)


# --- times


def _exists(zone: str) -> bool:
    try:
        return bool(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


@lru_cache
def _is_time_zone(name: str) -> bool:
    # A machine without any list knows no zone at all: then nothing can be said.
    return _exists(name) or (find_spec("tzdata") is None and not _exists("Europe/Berlin"))


@named
def time_zone(zone: str, out: Errors) -> None:
    """A time zone that the machine knows."""
    if zone.lower() == "local":
        where = "https://www.iana.org/time-zones"
        why = f"timeZone must be an explicit time zone as defined in {where}"
        out.invalid("", zone, why)
    elif not zone or not _is_time_zone(zone):
        why = f"unknown time zone {zone}" if zone else "timeZone must be nil or non-empty string"
        out.invalid("", zone, why)


@named
def old_zone(old: Any) -> bool:
    """Whether a CronJob says its time zone in its schedule, as one did before there was a field."""
    return old is not None and "TZ" in (old.spec.schedule or "")


@named
def cron_schedule(text: str, out: Errors) -> None:
    """When a CronJob makes Jobs."""
    try:
        cron.parse(text.partition(" ")[2] if text.startswith(("TZ=", "CRON_TZ=")) else text)
    except cron.CronError as error:
        out.invalid("", text, str(error))


# --- references to the container and its pod

_ENV_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_MAPS = ("metadata.annotations", "metadata.labels")
_FILE_FIELDS = (*_MAPS, "metadata.name", "metadata.namespace", "metadata.uid")
_KNOWN_FIELDS = {
    *_ENV_FIELDS, *_FILE_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase",
    "spec.hostname",
}  # fmt: skip
_WITH_KEY = re.compile(r"(.+)\['(.*)'\]")


def _field_ref(*allowed: str) -> Rule:
    """A reference to a field of the pod itself."""

    def check(ref: Any, out: Errors) -> None:
        path = ref.fieldPath or ""
        if path and ref.apiVersion not in (None, "", "v1"):
            why = f"error converting fieldPath: unsupported pod version: {ref.apiVersion}"
            out.invalid("fieldPath", path, why)
            return
        match = _WITH_KEY.fullmatch(path)
        field = match[1] if match else path
        if not path:
            out.required("fieldPath")
        elif field not in _KNOWN_FIELDS or (match and field not in _MAPS):
            trouble = "does not support subscript" if field in _KNOWN_FIELDS else "not supported"
            why = f"error converting fieldPath: field label {trouble}: {path}"
            out.invalid("fieldPath", path, why)
        elif match:
            QUALIFIED(match[2].lower() if field == "metadata.annotations" else match[2], out)
        elif field not in allowed:
            out.unsupported("fieldPath", field, allowed)

    return check


NAMES |= {"env_field": _field_ref(*_ENV_FIELDS), "file_field": _field_ref(*_FILE_FIELDS)}

_BYTES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_DIVISORS = {
    "cpu": (("1m", "1"), "1m and 1", "cpu"),
    "memory": (_BYTES, ", ".join(_BYTES), "memory"),
    "ephemeral-storage": (_BYTES, ", ".join(_BYTES), "local ephemeral storage"),
}


@named
def divisor(ref: Any, out: Errors) -> None:
    """The unit in which a container is told of its resources."""
    side, _, store = (ref.resource or "").partition(".")
    unknown = side not in ("limits", "requests") or store not in _DIVISORS
    if unknown or not ref.divisor or quantity.is_zero(ref.divisor):
        return
    allowed, text, what = _DIVISORS[store]
    if quantity.canonical(ref.divisor) not in allowed:
        why = f"only divisor's values {text} are supported with the {what} resource"
        out.invalid("divisor", ref.resource, why)
