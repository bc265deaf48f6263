"""The small questions that validation asks of values, each with the server's answer.

A checker adds what it finds to a list of errors. A path is the text that errors show.
Sources: `staging/src/k8s.io/apimachinery/pkg/api/validation/generic.go`,
`staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go`, `…/ip.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from kubecourse.api import errors, names
from kubecourse.api.errors import FieldError

Errors = list[FieldError]
NameRule = Callable[[str], list[str]]

NOT_NEGATIVE = "must be greater than or equal to 0"
NOT_POSITIVE = "must be greater than zero"
IMMUTABLE = "field is immutable"
INT32_MAX = 2**31 - 1

_ENV_NAME = re.compile(r"[ -<>-~]*")
_HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")
_HEADER_SHAPE = (
    "a valid HTTP header must consist of alphanumeric characters or '-' "
    "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
)
_SEARCH_NAME = re.compile(r"[a-z0-9_]([-_a-z0-9]*[a-z0-9])?(\.[a-z0-9_]([-_a-z0-9]*[a-z0-9])?)*")
_PADDED = re.compile(r"(^|\.)0[0-9]")


# --- presence, numbers, choices


def required(path: str, value: Any, out: Errors, why: str = "") -> bool:
    """Whether there is a value; an empty one is none."""
    if value is None or value == "":
        out.append(errors.required(path, why))
        return False
    return True


def non_negative(path: str, value: int | None, out: Errors) -> None:
    """A number may not be below zero."""
    if value is not None and value < 0:
        out.append(errors.invalid(path, value, NOT_NEGATIVE))


def in_range(path: str, value: int | None, low: int, high: int, out: Errors) -> None:
    """A number must lie between two others, both allowed."""
    if value is not None and not low <= value <= high:
        why = f"must be between {low} and {high}, inclusive"
        out.append(errors.invalid(path, value, why))


def one_of(path: str, value: Any, choices: Sequence[str], out: Errors) -> None:
    """A value must be one of a few. Lists them in the order given."""
    if value not in choices:
        out.append(errors.not_supported(path, "" if value is None else value, choices))


def required_one_of(path: str, value: Any, choices: Sequence[str], out: Errors) -> None:
    """A value must be there, and one of a few."""
    if required(path, value, out):
        one_of(path, value, choices, out)


def only_one(path: str, present: Iterable[str], what: str, out: Errors) -> str | None:
    """Of several fields only the first may be set; gives that one."""
    first = None
    for name in present:
        if first is None:
            first = name
        else:
            out.append(
                errors.field_forbidden(f"{path}.{name}", f"may not specify more than 1 {what}")
            )
    return first


def unchanged(path: str, new: Any, old: Any, out: Errors) -> None:
    """A field may not change."""
    if new != old:
        out.append(errors.invalid(path, new, IMMUTABLE))


# --- text


def obeys(path: str, value: str, rule: NameRule, out: Errors) -> bool:
    """Whether a text obeys a rule of `names`; each objection is an error."""
    objections = rule(value)
    for why in objections:
        out.append(errors.invalid(path, value, why))
    return not objections


def dns_label(path: str, value: str, out: Errors) -> None:
    """A text must be a lower-case label."""
    obeys(path, value, names.is_dns1123_label, out)


def dns_subdomain(path: str, value: str, out: Errors) -> None:
    """A text must be labels joined by dots."""
    obeys(path, value, names.is_dns1123_subdomain, out)


def qualified(path: str, value: str | None, out: Errors) -> None:
    """A text must be a qualified name, such as a label's key."""
    obeys(path, value or "", names.is_qualified_name, out)


def label_value(path: str, value: str | None, out: Errors, within: str = "") -> None:
    """A text must be a label's value; all objections together in one error."""
    objections = names.validate_label_value(value or "")
    if objections:
        out.append(errors.invalid(path, value, ";".join(objections)))


def labels(path: str, pairs: dict[str, str] | None, out: Errors) -> None:
    """A map must have keys and values fit for labels."""
    for key, value in sorted((pairs or {}).items()):
        obeys(path, key, names.validate_label_key, out)
        obeys(path, value, names.validate_label_value, out)


def env_name(value: str) -> list[str]:
    """Objections to the name of an environment variable."""
    if not value:
        return ["environment variable name must be non-empty"]
    if _ENV_NAME.fullmatch(value):
        return []
    return [
        "a valid environment variable name must consist only of printable ASCII characters "
        "other than '='"
    ]


def header_name(value: str) -> list[str]:
    """Objections to the name of an HTTP header."""
    return [] if _HEADER_NAME.fullmatch(value) else [_HEADER_SHAPE]


def search_domain(value: str) -> list[str]:
    """Objections to a DNS search domain, in which underscores are allowed."""
    if _SEARCH_NAME.fullmatch(value):
        return []
    return [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
        "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
        f"regex used for validation is '{_SEARCH_NAME.pattern}')"
    ]


# --- ports and addresses


def port_number(path: str, value: int, out: Errors) -> None:
    """A number must be a port's."""
    obeys(path, value, names.is_valid_port_number, out)  # type: ignore[arg-type]


def port_number_or_name(path: str, value: int | str | None, out: Errors) -> None:
    """A value must be the number or the name of a port."""
    if isinstance(value, str):
        obeys(path, value, names.is_valid_port_name, out)
    else:
        port_number(path, value or 0, out)


@lru_cache(maxsize=1 << 16)
def parsed_ip(value: str) -> IPv4Address | IPv6Address | None:
    """The address, or None. Zeros before a number are ignored, as the server still does."""
    try:
        return ip_address(
            _PADDED.sub(lambda m: m[0].replace("0", "", 1), value) if "." in value else value
        )
    except ValueError:
        return None


def ip(path: str, value: str | None, out: Errors) -> bool:
    """Whether a text is an IP address."""
    if parsed_ip(value or "") is not None:
        return True
    why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    out.append(errors.invalid(path, value or "", why))
    return False


def cidr(path: str, value: str, out: Errors) -> None:
    """A text must be a block of addresses."""
    try:
        ip_network(value, strict=False)
        if "/" in value:
            return
    except ValueError:
        pass
    why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    out.append(errors.invalid(path, value, why))


_SPECIAL_IPS = (
    ("is_loopback", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
    ("is_link_local", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
)


def ordinary_ip(path: str, value: str, out: Errors) -> None:
    """An address must be one that a pod or a load balancer may have."""
    address = parsed_ip(value)
    if address is None:
        out.append(errors.invalid(path, value, "must be a valid IP address"))
        return
    if address.is_unspecified:
        out.append(errors.invalid(path, value, f"may not be unspecified ({value})"))
    for test, why in _SPECIAL_IPS:
        if getattr(address, test):
            out.append(errors.invalid(path, value, why))
    if address.is_multicast and (value.startswith("224.0.0.") or value.lower().startswith("ff02:")):
        why = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        out.append(errors.invalid(path, value, why))


# --- paths of files


def no_backsteps(path: str, value: str, out: Errors) -> None:
    """A file's path may not climb."""
    if ".." in value.split("/"):
        out.append(errors.invalid(path, value, "must not contain '..'"))


def descending(path: str, value: str, out: Errors) -> None:
    """A file's path must be relative and may not climb."""
    if value.startswith("/"):
        out.append(errors.invalid(path, value, "must be a relative path"))
    no_backsteps(path, value, out)


def file_name(path: str, value: str | None, out: Errors) -> None:
    """A file's path in a volume: relative, not climbing, not one of those the kubelet uses."""
    value = value or ""
    descending(path, value, out)
    if value.startswith("..") and not value.startswith("../"):
        out.append(errors.invalid(path, value, "must not start with '..'"))


def file_mode(path: str, value: int | None, out: Errors) -> None:
    """The permission bits of a file."""
    if value is not None and not 0 <= value <= 0o777:
        why = "must be a number between 0 and 0777 (octal), both inclusive"
        out.append(errors.invalid(path, value, why))


# --- lists without repetition


def distinct(path: str, value: str, seen: set[str], out: Errors) -> None:
    """A value may occur once; `seen` remembers."""
    if value in seen:
        out.append(errors.duplicate(path, value))
    elif value:
        seen.add(value)
