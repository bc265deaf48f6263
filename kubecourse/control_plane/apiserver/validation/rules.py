"""The language of validation: small questions to values, put together along an object's fields.

A rule looks at one value and adds what is wrong with it to `Errors`, by paths that begin at that
value. `struct` and `each` put rules together and lengthen the paths of what they found, so that
a path costs nothing where nothing is wrong. Absent values are asked nothing, but by `given`,
`QUALIFIED` and whatever else is marked `even_absent`.

Sources: `staging/src/k8s.io/apimachinery/pkg/api/validation/generic.go`,
`staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go`, `…/ip.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from kubecourse.api import errors, names
from kubecourse.api.errors import FieldError

INT32_MAX = 2**31 - 1
NOT_POSITIVE = "must be greater than zero"
IMMUTABLE = "field is immutable"


class Errors(list[FieldError]):
    """What is wrong, in the server's order.

    `pod` is the pod's spec that is being looked at and `volumes` its good volumes by name, for
    rules deep inside that must know of them.
    """

    pod: Any = None
    volumes: Mapping[str, Any] = {}

    def required(self, path: str, why: str = "") -> None:
        self.append(errors.required(path, why))

    def invalid(self, path: str, value: Any, why: str) -> None:
        self.append(errors.invalid(path, value, why))

    def forbidden(self, path: str, why: str) -> None:
        self.append(errors.field_forbidden(path, why))

    def unsupported(self, path: str, value: Any, choices: Iterable[str]) -> None:
        self.append(errors.not_supported(path, "" if value is None else value, choices))

    def unknown(self, path: str, value: Any) -> None:
        self.append(errors.field_not_found(path, value))

    def duplicate(self, path: str, value: Any) -> None:
        self.append(errors.duplicate(path, value))

    def below(self, prefix: str, start: int) -> None:
        """Put the errors since the one numbered `start` behind a field's name or an index."""
        prefix = prefix.rstrip("_")  # `from_`: what Python could not call by its own name
        for number in range(start, len(self)):
            error = self[number]
            dot = "" if not error.field or error.field[0] == "[" else "."
            path = f"{prefix}{dot}{error.field}"
            self[number] = FieldError(path, error.type, error.value, error.detail)


Rule = Callable[[Any, Errors], None]
Part = Rule | tuple[str, Rule]
NameRule = Callable[[str], list[str]]
Condition = Callable[[Any], object]
Change = Callable[[Any, Any, Errors], None]
"""A rule for a new object and the one that it is to replace."""

_EVEN_ABSENT: set[Rule] = set()


def even_absent(rule: Rule) -> Rule:
    """Mark a rule that is asked also of values that are not there."""
    _EVEN_ABSENT.add(rule)
    return rule


# --- putting rules together


class Unique:
    """Of each item of a list, in `each`: what it gives may be there only once."""

    def __init__(self, path: str, key: Callable[[Any], Any] | None = None) -> None:
        self.path = path
        self.key = key or self._field

    def _field(self, item: Any) -> Any:
        return getattr(item, self.path) or None

    def rule(self) -> Rule:
        """The rule for one list."""
        seen = set()

        def check(item: Any, out: Errors) -> None:
            value = self.key(item)
            if value in seen:
                out.duplicate(self.path, value)
            elif value is not None:
                seen.add(value)

        return check


_Row = tuple[str, Rule, bool]
_ROWS: dict[Rule, list[_Row]] = {}
"""What every `struct` is made of, so that one inside another becomes part of it."""


def _rows(parts: Iterable[Part]) -> list[_Row]:
    rows: list[_Row] = []
    for part in parts:
        name, rule = part if isinstance(part, tuple) else ("", part)
        rows += (not name and _ROWS.get(rule)) or [(name, rule, rule in _EVEN_ABSENT)]
    return rows


def _ask(rows: list[_Row], obj: Any, out: Errors) -> None:
    for name, rule, even_absent in rows:
        if not name:
            rule(obj, out)
            continue
        value = getattr(obj, name)
        if value is not None or even_absent:
            start = len(out)
            rule(value, out)
            if len(out) > start:
                out.below(name, start)


def struct(*parts: Part) -> Rule:
    """Ask a rule of a field, or one of the whole object, in turn."""
    rows = _rows(parts)

    def check(obj: Any, out: Errors) -> None:
        _ask(rows, obj, out)

    _ROWS[check] = rows
    return check


def each(*parts: Part | Unique, indexed: bool = True) -> Rule:
    """Ask of every item of a list. The parts are as in `struct`.

    Of some lists the server gives the paths without the item's index.
    """
    repeats = any(isinstance(part, Unique) for part in parts)
    all_rows = [] if repeats else _rows(parts)  # type: ignore[arg-type]

    def check(items: Any, out: Errors) -> None:
        rows = all_rows
        if repeats:
            rows = _rows(part.rule() if isinstance(part, Unique) else part for part in parts)
        for index, item in enumerate(items):
            start = len(out)
            _ask(rows, item, out)
            if len(out) > start and indexed:
                out.below(f"[{index}]", start)

    return check


def given(*parts: Part, why: str = "") -> Rule:
    """A value must be there, and not empty; of one that is, the rest is asked."""
    rows = _rows(parts)

    @even_absent
    def check(value: Any, out: Errors) -> None:
        if value:
            _ask(rows, value, out)
        else:
            out.required("", why)

    return check


def union(what: str, **members: Rule) -> Rule:
    """Exactly one of these fields must be set."""

    def check(obj: Any, out: Errors) -> None:
        found = False
        for name, rule in members.items():
            value = getattr(obj, name, None)
            if value is None:
                continue
            if found:
                out.forbidden(name, f"may not specify more than 1 {what}")
                continue
            found = at(name, rule, value, out) or True
        if not found:
            out.required("", f"must specify a {what}")

    return check


def at(path: str, rule: Rule, value: Any, out: Errors) -> bool:
    """Ask a rule of a value that has this path; whether nothing was wrong."""
    if value is None and rule not in _EVEN_ABSENT:
        return True
    start = len(out)
    rule(value, out)
    if len(out) == start:
        return True
    out.below(path, start)
    return False


def refuse(when: Condition, why: str, field: str = "") -> Rule:
    """A value, or a field of it, is invalid when something is so."""

    def check(value: Any, out: Errors) -> None:
        if when(value):
            out.invalid(field, getattr(value, field) if field else value, why)

    return check


def forbid(when: Condition, why: str, field: str = "") -> Rule:
    """A value, or a field of it, may not be set when something is so."""

    def check(value: Any, out: Errors) -> None:
        if when(value):
            out.forbidden(field, why)

    return check


def need(when: Condition, why: str = "", field: str = "") -> Rule:
    """A value, or a field of it, must be there when something is so."""

    def check(value: Any, out: Errors) -> None:
        if when(value):
            out.required(field, why)

    return check


REQUIRED = given()


def needs(*fields: str) -> Rule:
    """An object of which we know only what it must have."""
    return struct(*((field, REQUIRED) for field in fields))


# --- choices and numbers


def one_of(*choices: str) -> Rule:
    """One of a few values, listed in the order given."""

    def check(value: str | None, out: Errors) -> None:
        if value not in choices:
            out.unsupported("", value, choices)

    return check


def between(low: int, high: int) -> Rule:
    """A number between two others, both allowed."""
    why = f"must be between {low} and {high}, inclusive"
    return refuse(lambda value: not low <= value <= high, why)


NOT_NEGATIVE = "must be greater than or equal to 0"
NOT_BELOW_ZERO = refuse(lambda value: value < 0, NOT_NEGATIVE)
POSITIVE = refuse(lambda value: value <= 0, "must be greater than 0")
PORT = between(1, 65535)


def not_negatives(*fields: str) -> Rule:
    """Several numbers in one object, none below zero."""
    return struct(*((field, NOT_BELOW_ZERO) for field in fields))


@even_absent
def port_or_name(value: int | str | None, out: Errors) -> None:
    """The number or the name of a port; none is 0."""
    (PORT_NAME if isinstance(value, str) else PORT)(value or 0, out)


# --- text


def obeys(rule: NameRule, or_empty: bool = False) -> Rule:
    """A text that a rule of `names` has nothing against."""

    def check(value: str | None, out: Errors) -> None:
        for why in rule(value or "") if value or not or_empty else ():
            out.invalid("", value or "", why)

    return check


def matches(pattern: str, why: str) -> Rule:
    """A text that a pattern matches as a whole."""
    fits = re.compile(pattern).fullmatch
    return even_absent(obeys(lambda text: [] if fits(text) else [why]))


LABEL = obeys(names.is_dns1123_label)
SUBDOMAIN = obeys(names.is_dns1123_subdomain)
QUALIFIED_IF_ANY = obeys(names.is_qualified_name)
QUALIFIED = even_absent(obeys(names.is_qualified_name))
CONFIG_KEY = obeys(names.is_config_map_key)
PORT_NAME = obeys(names.is_valid_port_name)
LABEL_VALUE = obeys(names.validate_label_value)


def labels(pairs: dict[str, str], out: Errors) -> None:
    """A map with keys and values fit for labels."""
    for key, value in sorted(pairs.items()):
        QUALIFIED(key, out)
        LABEL_VALUE(value, out)


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


IP = refuse(
    lambda value: parsed_ip(value) is None,
    "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
)


def _is_block(value: str) -> bool:
    try:
        return "/" in value and bool(ip_network(value, strict=False))
    except ValueError:
        return False


CIDR = refuse(
    lambda value: not _is_block(value),
    "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
)


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


# --- paths of files

NO_BACKSTEPS = refuse(lambda path: ".." in path.split("/"), "must not contain '..'")
ABSOLUTE = refuse(lambda path: not path.startswith("/"), "must be an absolute path")
RELATIVE = refuse(lambda path: path.startswith("/"), "must be a relative path")
DESCENDING = struct(RELATIVE, NO_BACKSTEPS)
