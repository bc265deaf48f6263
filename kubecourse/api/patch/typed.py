"""JSON values read by their Go types: the fields they set, what differs, merging, removing.

What a type says of merging is an `Atom`. Lists whose elements have keys, sets, maps and structs
are taken apart; scalars and whatever is declared atomic stay whole.
Source: `sigs.k8s.io/structured-merge-diff/typed` (v6).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

from kubecourse.api import schema
from kubecourse.api.patch.field_set import LEAF, SELF, FieldSet, key_of, shown, value_of
from kubecourse.api.patch.values import Json, go_text

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""Where there is no value at all; a null is one."""


class Atom:
    """How values of a type are merged; `relation` (granular, atomic) is the field's own."""

    def __init__(self, kind: schema.Type, relation: str, keys: tuple[str, ...]) -> None:
        self.kind = kind
        self.keys = sorted(keys)
        self.struct = schema.struct(kind.name) if kind.form == "struct" else None
        self.form = {"struct": "map", "map": "map", "list": "list"}.get(kind.form, "scalar")
        atomic = self.form == "list" or (self.struct is not None and self.struct.atomic)
        relation = relation or ("atomic" if atomic else "granular")
        self.whole = self.form == "scalar" or relation == "atomic"

    @cached_property
    def element(self) -> Atom:
        """Of a list's elements, or of a map's values."""
        assert self.kind.element is not None
        return atom(self.kind.element)

    def child(self, name: str) -> Atom | None:
        """Of a struct's field or a map's value; None for a field that is not declared."""
        if self.struct is None:
            return self.element
        field = self.struct.field(name)
        return atom(field.type, field.list_type, tuple(field.list_keys)) if field else None

    def declares(self, name: str) -> bool:
        """Whether it is a struct that has such a field."""
        return self.struct is not None and self.struct.field(name) is not None

    def step(self, item: Json) -> str:
        """The step of a path that leads to an element of a list. Raises ValueError."""
        if not self.keys:
            if isinstance(item, dict):
                raise ValueError("associative list without keys has an element that's a map type")
            if isinstance(item, list):
                raise ValueError("not supported: associative list with lists as elements")
            if item is None:
                raise ValueError(
                    "associative list without keys has an element that's an explicit null"
                )
            return value_of(item)
        if not isinstance(item, dict):
            what = "a null element" if item is None else "non-map elements"
            raise ValueError(f"associative list with keys may not have {what}")
        struct = self.element.struct
        values = []
        for key in self.keys:
            value = item.get(key, ABSENT)
            if value is ABSENT:
                value = struct.key_default(key) if struct else None
                if value is None:
                    raise ValueError(
                        f"associative list with keys has an element that omits key field "
                        f'"{key}" (and doesn\'t have default value)'
                    )
            if isinstance(value, dict | list):
                raise ValueError(f'key field "{key}" is not a scalar')
            values.append((key, value))
        return key_of(tuple(values))

    def index(self, items: list[Json] | None) -> dict[str, list[Json]]:
        """A list's elements by their steps; those that have none are passed over."""
        found: dict[str, list[Json]] = {}
        for item in items or ():
            try:
                found.setdefault(self.step(item), []).append(item)
            except ValueError:
                continue
        return found


@cache
def atom(kind: schema.Type, relation: str = "", keys: tuple[str, ...] = ()) -> Atom:
    """The atom of a type."""
    return Atom(kind, relation, keys)


# --- what is set


def problems(value: Json, of: Atom, path: str = "") -> Iterator[str]:
    """Where a value is not of its type, each as `.path: why`."""
    where = f"{path}: " if path else ""
    if value is None or of.kind.form == "any":
        return
    if of.form == "scalar":
        if why := _wrong_scalar(value, of.kind.form):
            yield f"{where}{why}"
    elif not isinstance(value, list if of.form == "list" else dict):
        yield f"{where}expected {of.form}, got &{{{go_text(value)}}}"
    elif isinstance(value, list):
        seen: set[str] = set()
        for number, item in enumerate(value):
            try:
                step = f"i:{number}" if of.whole else of.step(item)
            except ValueError as error:
                yield f"{where}element {number}: {error}"
                return
            if step in seen:
                yield f"{where}duplicate entries for key {shown(step)}"
            seen.add(step)
            yield from problems(item, of.element, path + shown(step))
    else:
        for name, item in value.items():
            child = of.child(name)
            if child is None:
                yield f"{path}.{name}: field not declared in schema"
                return
            yield from problems(item, child, f"{path}.{name}")


_NUMERIC = "expected numeric (int or float), got "
_GO_TYPES = {str: "string", bool: "bool", dict: "map[string]interface {}", list: "[]interface {}"}


def _wrong_scalar(value: Json, form: str) -> str:
    if form in ("int", "float"):
        right = type(value) in (int, float)
        return "" if right else _NUMERIC + _GO_TYPES[type(value)]
    if form == "bool":
        return "" if type(value) is bool else f"expected boolean, got &{{{go_text(value)}}}"
    if form in ("quantity", "intorstring"):
        right = type(value) not in (dict, list)
        return "" if right else f"expected any scalar, got &{{{go_text(value)}}}"
    if type(value) is str:
        return ""
    return f"expected string, got &value.valueUnstructured{{Value:{go_syntax(value)}}}"


def go_syntax(value: Json) -> str:
    """A value as Go's `%#v` prints it."""
    if isinstance(value, dict):
        return f"map[string]interface {{}}{{{_listed(value)}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(go_syntax, value))}}}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return "interface {}(nil)" if value is None else go_text(value)


def _listed(value: dict[str, Json]) -> str:
    return ", ".join(f"{go_syntax(key)}:{go_syntax(value[key])}" for key in sorted(value))


def fields_of(value: Json, of: Atom) -> FieldSet:
    """Every leaf and every element of a list that a value sets."""
    if of.whole:
        return LEAF
    out: FieldSet = {}
    if of.form == "list":
        for step, items in of.index(value).items():
            out[step] = {**fields_of(items[0], of.element), **LEAF}
        return out
    for name, item in (value or {}).items():
        child = of.child(name)
        below = fields_of(item, child) if child else LEAF
        if item is None or item == {} or not of.declares(name):
            below = {**below, **LEAF}
        if below:
            out[f"f:{name}"] = below
    return out


def with_parents(fields: FieldSet, of: Atom | None) -> FieldSet:
    """The set, and with each field in it the structs' fields that lead to it."""
    out: FieldSet = {}
    for key, node in fields.items():
        if key == SELF:
            out[key] = node
            continue
        name = key[2:]
        child = None
        if of is not None and of.form != "scalar":
            child = of.child(name) if key[0] == "f" and of.form == "map" else None
            if of.form == "list":
                child = of.element
        below = with_parents(node, child)
        if key[0] == "f" and of is not None and of.form == "map" and of.declares(name):
            below = {**below, **LEAF}
        out[key] = below
    return out


# --- what differs


def compare(old: Json, new: Json, of: Atom) -> tuple[FieldSet, FieldSet]:
    """What `new` lacks of `old`, and what it sets otherwise or in addition."""
    if old is new and old is not ABSENT:
        return {}, {}
    has_old, has_new = old not in (ABSENT, None, {}, []), new not in (ABSENT, None, {}, [])
    if of.whole or not (has_old or has_new):
        return _compare_leaf(old, new)
    gone: FieldSet = {}
    changed: FieldSet = {}
    for key, before, after, child in _pairs(old, new, of):
        lacks, sets = compare(before, after, child) if child else _compare_leaf(before, after)
        if lacks:
            gone[key] = lacks
        if sets:
            changed[key] = sets
    if old is ABSENT:
        changed[SELF] = {}
    elif new is ABSENT:
        gone[SELF] = {}
    return gone, changed


def _compare_leaf(old: Json, new: Json) -> tuple[FieldSet, FieldSet]:
    if new is ABSENT:
        return LEAF, {}
    return {}, {} if old is not ABSENT and old == new else LEAF


def _pairs(old: Json, new: Json, of: Atom) -> Iterator[tuple[str, Json, Json, Atom | None]]:
    """The parts of two lists or maps, side by side; elements that repeat are one leaf together."""
    if of.form == "map":
        before, after = _items(old), _items(new)
        for name in before | after:
            yield f"f:{name}", before.get(name, ABSENT), after.get(name, ABSENT), of.child(name)
        return
    left, right = of.index(_items(old)), of.index(_items(new))
    for step in left | right:
        was, now = left.get(step, [ABSENT]), right.get(step, [ABSENT])
        if len(was) == len(now) == 1:
            yield step, was[0], now[0], of.element
        else:
            yield step, _unless_absent(was), _unless_absent(now), None


def _items(value: Json) -> Any:
    return {} if value is ABSENT or value is None else value


def _unless_absent(items: list[Json]) -> Json:
    return ABSENT if items[0] is ABSENT else items


# --- merging and removing


def merge(live: Json, applied: Json, of: Atom) -> Json:
    """The live value with the applied one in it; what only the live one sets stays."""
    if applied is ABSENT:
        return live
    has_live, has_applied = live not in (ABSENT, None, {}, []), applied not in (None, {}, [])
    if of.whole or live is ABSENT or not (has_live or has_applied):
        return applied
    if of.form == "map":
        left, right = _items(live), _items(applied)
        out = dict(left)
        for name, item in right.items():
            child = of.child(name)
            out[name] = merge(left.get(name, ABSENT), item, child) if child else item
        return out
    before, after = of.index(_items(live)), of.index(_items(applied))
    merged: list[Json] = []
    for step in _woven(list(before), list(after)):
        items = before.get(step, [ABSENT])
        if step not in after:
            merged += items
        else:
            # Elements that repeat give way to the one applied.
            merged.append(
                merge(items[0] if len(items) == 1 else ABSENT, after[step][0], of.element)
            )
    return merged


def _woven(left: list[str], right: list[str]) -> Iterator[str]:
    """Both orders in one: what both have stands in the order of the right."""
    in_left, in_right = set(left), set(right)
    shared = [step for step in right if step in in_left]
    at_left = at_right = at_shared = 0
    while at_left < len(left) or at_right < len(right):
        wanted = shared[at_shared] if at_shared < len(shared) else None
        if at_left < len(left) and at_right < len(right):
            step = left[at_left]
            if step == right[at_right]:
                yield step
                at_left, at_right, at_shared = at_left + 1, at_right + 1, at_shared + 1
                continue
            if step in in_right and wanted is not None and wanted != step:
                at_left += 1
                continue
        if at_left < len(left) and left[at_left] not in in_right:
            yield left[at_left]
            at_left += 1
        elif at_right < len(right):
            yield right[at_right]
            at_shared += right[at_right] == wanted
            at_right += 1
        else:
            at_left += 1


def remove(value: Json, fields: FieldSet, of: Atom) -> Json:
    """The value without some fields; None where nothing is left of a list or map."""
    if of.form == "scalar" or not value:
        return value
    if of.whole:
        return None
    if of.form == "map":
        out = {}
        for name, item in value.items():
            node, child = fields.get(f"f:{name}", {}), of.child(name)
            if SELF not in node:
                out[name] = remove(item, node, child) if node and child else item
        return out or None
    left = []
    for step, items in of.index(value).items():
        node = fields.get(step, {})
        if SELF not in node:
            left += [remove(item, node, of.element) if node else item for item in items]
    return left or None
