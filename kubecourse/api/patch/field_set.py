"""Sets of fields: who owns what of an object, as `metadata.managedFields` writes it.

A set is a tree of dicts: `f:<name>` below an object or a map, `k:<keys as JSON>` and `v:<JSON>`
below a list. A node with `.` in it belongs to the set itself, others only lead to what does.
Nodes are shared and never changed. Source: `sigs.k8s.io/structured-merge-diff/fieldpath`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

FieldSet = dict[str, Any]

SELF = "."
LEAF: FieldSet = {SELF: {}}
_KINDS = "fkvi"


def union(a: FieldSet, b: FieldSet) -> FieldSet:
    """What is in either."""
    if not a or not b:
        return a or b
    both = {key: union(a[key], node) for key, node in b.items() if key in a}
    return {**a, **b, **both}


def difference(a: FieldSet, b: FieldSet) -> FieldSet:
    """What is in `a` and not in `b`; a field goes without what is below it."""
    out = {}
    for key, node in a.items():
        if key not in b:
            out[key] = node
        elif key != SELF and (left := difference(node, b[key])):
            out[key] = left
    return out


def intersection(a: FieldSet, b: FieldSet) -> FieldSet:
    """What is in both."""
    out = {}
    for key, node in a.items():
        if key == SELF and key in b:
            out[key] = node
        elif key in b and (common := intersection(node, b[key])):
            out[key] = common
    return out


def without(a: FieldSet, fields: tuple[tuple[str, ...], ...]) -> FieldSet:
    """The set without some fields, given by their names, and all that is below them."""
    for name, *rest in fields:
        key = f"f:{name}"
        if key not in a:
            continue
        a = dict(a)
        below = a.pop(key)
        if rest and (left := without(below, (tuple(rest),))):
            a[key] = left
    return a


def contains(fields: FieldSet, *path: str) -> bool:
    """Whether a field, given by its path's keys, is in the set."""
    for key in path:
        if key not in fields:
            return False
        fields = fields[key]
    return SELF in fields


def paths(fields: FieldSet, prefix: str = "") -> Iterator[str]:
    """All fields as messages write them, `.spec.containers[name="web"].image`, in their order."""
    ordered = sorted((key for key in fields if key != SELF), key=_order)
    for key in ordered:
        if SELF in fields[key]:
            yield prefix + shown(key)
    for key in ordered:
        yield from paths(fields[key], prefix + shown(key))


def shown(key: str) -> str:
    """One step of a path: `.spec`, `[name="web"]`, `[="a"]`."""
    kind, text = key[0], key[2:]
    if kind == "f":
        return f".{text}"
    if kind == "k":
        keys = ",".join(f"{k}={_json(v)}" for k, v in sorted(json.loads(text).items()))
        return f"[{keys}]"
    return f"[={text}]" if kind == "v" else f"[{text}]"


@lru_cache(4096, typed=True)
def key_of(values: tuple[tuple[str, Any], ...]) -> str:
    """The step to a list's element that has these values of its keys, in the keys' order."""
    return f"k:{_json(dict(values))}"


def value_of(value: Any) -> str:
    """The step to a scalar element of a list."""
    return f"v:{_json(value)}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _order(key: str) -> tuple[int, Any]:
    kind, text = _KINDS.index(key[0]), key[2:]
    if kind == 0:
        return 0, text
    value = json.loads(text)
    parts = sorted(value.items()) if isinstance(value, dict) else [("", value)]
    # Numbers stand before texts.
    return kind, [(name, isinstance(part, str), part) for name, part in parts]


def dump(fields: FieldSet) -> dict[str, Any]:
    """The set as `fieldsV1` has it: in order, and `{}` for a leaf."""
    out: FieldSet = {SELF: {}} if SELF in fields else {}
    for key in sorted((key for key in fields if key != SELF), key=_order):
        out[key] = {} if len(fields[key]) == 1 and SELF in fields[key] else dump(fields[key])
    return out


def load(fields: Any) -> FieldSet:
    """The set that a `fieldsV1` means. Raises ValueError for what is none."""
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    out: FieldSet = {}
    for key, below in fields.items():
        if key == SELF:
            out[SELF] = {}
        elif key[:1] not in _KINDS or key[1:2] != ":":
            raise ValueError(f"unknown path element {key}")
        else:
            _order(key)
            out[key] = load(below) if below else LEAF
    return out
