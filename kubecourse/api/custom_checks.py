"""What the schema of a custom resource forbids, in the server's words. Rules in CEL are not asked.

Source: `staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/validation/validation.go`,
`…/schema/listtype`, `…/registry/customresource/strategy.go`,
`k8s.io/kube-openapi/pkg/validation/{strfmt,validate}`.
"""

from __future__ import annotations

import ipaddress
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from functools import cache
from typing import Any

from kubecourse.api import errors
from kubecourse.api.errors import FieldError

Json = dict[str, Any]

RULES = "x-kubernetes-validations"
_OWN = ("apiVersion", "kind", "metadata")
_NOT_ASKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
_BLOCKING = ("Required value", "Too long", "Too many", "Unsupported value")


def problems(resource: Any, obj: Any) -> list[FieldError]:
    """What is wrong with an object by its schema."""
    node = resource.openapi
    value = {
        key: getattr(obj, key)
        for key in obj.__struct_fields__
        if key not in _OWN and getattr(obj, key) is not None
    }
    needed = [key for key in node.get("required") or () if key not in _OWN]
    found = list(_problems(value, {**node, "type": "object", "required": needed}, ""))
    found += _repeated(value, node, "")
    if any(error.type in _BLOCKING for error in found) and has_rules(node):
        found.append(errors.invalid("<nil>", "null", _NOT_ASKED))
    return found


def has_rules(node: Any) -> bool:
    """Whether anything in a schema is checked by a rule in CEL."""
    if isinstance(node, dict):
        return RULES in node or any(map(has_rules, node.values()))
    return isinstance(node, list) and any(map(has_rules, node))


_JSON_TYPES: dict[type, str] = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number",
    type(None): "null",
}  # fmt: skip


def _problems(value: Any, node: Json, path: str) -> Iterator[FieldError]:
    kind, found = node.get("type"), _JSON_TYPES[type(value)]
    if found == "number" and value.is_integer():
        found = "integer"
    if node.get("x-kubernetes-int-or-string"):
        kind = found if found in ("integer", "string") else "integer"
    if kind and found != kind and not (kind == "number" and found == "integer"):
        if not (value is None and node.get("nullable")):
            why = f'{path} in body must be of type {kind}: "{found}"'
            yield errors.invalid(path, found, why)
        return
    if (choices := node.get("enum")) and value not in choices:
        yield errors.not_supported(path, value, choices)
    yield from _limits(value, node, path)
    yield from _combined(value, node, path)
    if type(value) is dict:
        if node.get("x-kubernetes-embedded-resource"):
            for key in ("apiVersion", "kind"):
                if not value.get(key):
                    yield errors.required(f"{path}.{key}", "must not be empty")
        for key in node.get("required") or ():
            if key not in value:
                yield errors.required(_below(path, key))
        properties, more = node.get("properties") or {}, node.get("additionalProperties")
        for key, item in value.items():
            if key in properties:
                yield from _problems(item, properties[key], _below(path, key))
            elif isinstance(more, dict):
                yield from _problems(item, more, _below(path, key))
    elif type(value) is list and (items := node.get("items")):
        for index, item in enumerate(value):
            yield from _problems(item, items, f"{path}[{index}]")


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _combined(value: Any, node: Json, path: str) -> Iterator[FieldError]:
    """Schemas of which all, one, some or none must fit."""
    place = path or "."

    def fitting(key: str) -> tuple[int, list[FieldError]]:
        """How many do, and what is wrong by the one that comes nearest."""
        tried = [list(_problems(value, other, path)) for other in node.get(key) or ()]
        return tried.count([]), min(tried, key=len, default=[])

    def wrong(why: str) -> FieldError:
        return errors.invalid("<nil>", "", f'"{place}" {why}')

    if "anyOf" in node and not node.get("x-kubernetes-int-or-string"):
        fit, nearest = fitting("anyOf")
        if not fit:
            yield wrong("must validate at least one schema (anyOf)")
            yield from nearest
    if "oneOf" in node:
        fit, nearest = fitting("oneOf")
        if fit != 1:
            how = f"Found {fit} valid alternatives" if fit else "Found none valid"
            yield wrong(f"must validate one and only one schema (oneOf). {how}")
            yield from nearest
    if "allOf" in node:
        fit, nearest = fitting("allOf")
        if fit < len(node["allOf"]):
            yield wrong("must validate all the schemas (allOf)")
            yield from nearest
    if "not" in node and not any(_problems(value, node["not"], path)):
        yield wrong("must not validate the schema (not)")


def _limits(value: Any, node: Json, path: str) -> Iterator[FieldError]:
    """Numbers, lengths, patterns and formats."""

    def out(why: str, shown: Any = value) -> FieldError:
        return errors.invalid(path, shown, f"{path} in body {why}")

    if type(value) in (int, float):
        least, most = node.get("minimum"), node.get("maximum")
        less, more = (
            "" if node.get(f"exclusive{end}") else "or equal to " for end in ("Maximum", "Minimum")
        )
        if most is not None and (value > most or (not less and value == most)):
            yield out(f"should be less than {less}{most}")
        if least is not None and (value < least or (not more and value == least)):
            yield out(f"should be greater than {more}{least}")
        step = node.get("multipleOf")
        if step and value % step:
            yield out(f"should be a multiple of {step}")
    elif type(value) is str:
        if len(value) > node.get("maxLength", len(value)):
            yield errors.too_long(path, node["maxLength"])
        if len(value) < node.get("minLength", 0):
            yield out(f"should be at least {node['minLength']} chars long")
        if (pattern := node.get("pattern")) and not _pattern(pattern).search(value):
            yield out(f"should match '{pattern}'")
        form = node.get("format", "")
        if form in _FORMATS and not _is(form, value):
            yield out(f'must be of type {form}: "{value}"')
    elif type(value) is list:
        if len(value) > node.get("maxItems", len(value)):
            most = node["maxItems"]
            yield FieldError(path, "Too many", len(value), f"must have at most {most} items")
        if len(value) < node.get("minItems", 0):
            yield out(f"should have at least {node['minItems']} items", len(value))
    elif type(value) is dict:
        if len(value) > node.get("maxProperties", len(value)):
            yield out(f"should have at most {node['maxProperties']} properties")
        if len(value) < node.get("minProperties", 0):
            yield out(f"should have at least {node['minProperties']} properties")


def _repeated(value: Any, node: Json, path: str) -> Iterator[FieldError]:
    """Items that a list which is a set, or a map by keys, has twice."""
    if type(value) is dict:
        properties, more = node.get("properties") or {}, node.get("additionalProperties")
        for key, item in value.items():
            below = properties.get(key, more)
            if isinstance(below, dict):
                yield from _repeated(item, below, _below(path, key))
    elif type(value) is list and isinstance(items := node.get("items"), dict):
        kind, keys = node.get("x-kubernetes-list-type"), node.get("x-kubernetes-list-map-keys")
        seen = set()
        for index, item in enumerate(value):
            if kind == "map" and type(item) is dict:
                properties = items.get("properties") or {}
                defaults = {key: properties.get(key, {}).get("default") for key in keys or ()}
                item_key: Any = {key: item.get(key, default) for key, default in defaults.items()}
            else:
                item_key = item
            text = json.dumps(item_key, sort_keys=True)
            if kind in ("map", "set") and text in seen:
                yield errors.duplicate(f"{path}[{index}]", item_key)
            seen.add(text)
            yield from _repeated(item, items, f"{path}[{index}]")


# --- formats: those that Go's schemas name


@cache
def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:  # Go's expressions are not quite Python's
        return re.compile("")


_UNITS = r"(?:ns|us|µs|ms|s|m|h|d|w|nano|micro|milli|sec|min|hr|hour|day|week|year)\w*"
_FORMATS: dict[str, Callable[[str], Any]] = {
    "byte": lambda text: b64decode(text, validate=True),
    "cidr": lambda text: "/" in text and ipaddress.ip_interface(text),
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "duration": re.compile(rf"0|-?(?:\s*\d+(?:\.\d+)?\s*{_UNITS})+").fullmatch,
    "email": re.compile(r"[^@\s]+@[^@\s]+").fullmatch,
    "hostname": re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?").fullmatch,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "mac": re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}").fullmatch,
    "uri": re.compile(r"/\S*|[A-Za-z][-+.A-Za-z0-9]*:\S+").fullmatch,
    "uuid": re.compile(r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}").fullmatch,
}


def _is(form: str, text: str) -> bool:
    """Whether a text is of a format."""
    if form == "date-time" and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", text):
        return False
    with suppress(ValueError):
        return _FORMATS[form](text) not in (None, False)
    return False
