"""JSON values read by their Go types: the fields they set, what differs, merging, removing.

What a type says of merging is an `Atom`. Lists whose elements have keys, sets, maps and structs
are taken apart; scalars and whatever is declared atomic stay whole.
Source: `sigs.k8s.io/structured-merge-diff/typed` (v6).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

from kubecourse.api import codec, schema
from kubecourse.api.patch.field_set import LEAF, SELF, FieldSet, key_of, shown, value_of
from kubecourse.api.patch.values import Json, go_text

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""Where there is no value at all; a null is one."""
_HEAD = schema.type_of("string")


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
        self._children: dict[str, Atom | None] = {}

    @cached_property
    def element(self) -> Atom:
        """Of a list's elements, or of a map's values."""
        assert self.kind.element is not None
        return atom(self.kind.element)

    def child(self, step: str) -> Atom | None:
        """Of what a step leads to; None for a field that is not declared."""
        if self.struct is None:
            fits = (self.form == "map") is (step[0] == "f") and self.form != "scalar"
            return self.element if fits else None
        if step not in self._children and step[0] == "f":
            field = self.struct.field(step[2:])
            keys = tuple(field.list_keys) if field else ()
            self._children[step] = atom(field.type, field.list_type, keys) if field else None
            if self._names(step):
                self._children[step] = atom(_HEAD)
        return self._children.get(step)

    def declares(self, step: str) -> bool:
        """Whether it is a struct that has such a field."""
        return self.struct is not None and self.child(step) is not None

    def _names(self, step: str) -> bool:
        """Whether a step leads to what says of which kind an object within another is."""
        named = self.struct is not None and step in ("f:apiVersion", "f:kind")
        return named and codec.is_kind(self.struct.name)  # type: ignore[union-attr]

    def parts(self, value: Json) -> dict[str, list[Json]]:
        """What a value is made of, by the steps that lead there; elements may repeat."""
        if value is ABSENT or not value:
            return {}
        if self.form == "map":
            return {f"f:{name}": [item] for name, item in value.items()}
        found: dict[str, list[Json]] = {}
        for item in value:
            try:
                found.setdefault(self.step(item), []).append(item)
            except ValueError:  # it has none
                continue
        return found

    def whole_of(self, parts: dict[str, list[Json]]) -> Json:
        """The value that is made of some parts."""
        if self.form == "map":
            return {step[2:]: items[0] for step, items in parts.items()}
        return [item for items in parts.values() for item in items]

    def step(self, item: Json) -> str:
        """The step that leads to an element of a list. Raises ValueError."""
        if not self.keys:
            trouble = {
                dict: "associative list without keys has an element that's a map type",
                list: "not supported: associative list with lists as elements",
                type(None): "associative list without keys has an element that's an explicit null",
            }.get(type(item))
            if trouble:
                raise ValueError(trouble)
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
            child = of.child(f"f:{name}")
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
    for step, (item, *_) in of.parts(value).items():
        child = of.child(step)
        below = fields_of(item, child) if child else LEAF
        if of.form == "list" or item is None or item == {} or not of.declares(step):
            below = {**below, **LEAF}
        if below:
            out[step] = below
    return out


def with_parents(fields: FieldSet, of: Atom | None) -> FieldSet:
    """The set, and with each field in it the structs' fields that lead to it."""
    out: FieldSet = {}
    for step, node in fields.items():
        if step != SELF:
            node = with_parents(node, of.child(step) if of is not None else None)
            if step[0] == "f" and of is not None and of.form == "map" and of.declares(step):
                node = {**node, **LEAF}
        out[step] = node
    return out


# --- what differs


def compare(old: Json, new: Json, of: Atom | None) -> tuple[FieldSet, FieldSet]:
    """What `new` lacks of `old`, and what it sets otherwise or in addition."""
    if old is new and old is not ABSENT:
        return {}, {}
    if of is None or of.whole or not (_holds(old) or _holds(new)):
        if new is ABSENT:
            return LEAF, {}
        return {}, {} if old is not ABSENT and old == new else LEAF
    gone: FieldSet = {}
    changed: FieldSet = {}
    left, right = of.parts(old), of.parts(new)
    for step in left | right:
        was, now, child = left.get(step, [ABSENT]), right.get(step, [ABSENT]), of.child(step)
        if len(was) == len(now) == 1:
            lacks, sets = compare(was[0], now[0], child)
        else:  # elements that repeat are one leaf together
            lacks, sets = compare(_unless_absent(was), _unless_absent(now), None)
        if lacks:
            gone[step] = lacks
        if sets:
            changed[step] = sets
    if old is ABSENT:
        changed[SELF] = {}
    elif new is ABSENT:
        gone[SELF] = {}
    return gone, changed


def _unless_absent(items: list[Json]) -> Json:
    return ABSENT if items[0] is ABSENT else items


def _holds(value: Json) -> bool:
    return value is not ABSENT and value not in (None, {}, [])


# --- merging and removing


def merge(live: Json, applied: Json, of: Atom | None) -> Json:
    """The live value with the applied one in it; what only the live one sets stays."""
    if applied is ABSENT:
        return live
    if of is None or of.whole or live is ABSENT or not (_holds(live) or _holds(applied)):
        return applied
    before, after = of.parts(live), of.parts(applied)
    order = before | after if of.form == "map" else _woven(list(before), list(after))
    merged: dict[str, list[Json]] = {}
    for step in order:
        items = before.get(step, [ABSENT])
        if step in after:
            # Elements that repeat give way to the one applied.
            alone = items[0] if len(items) == 1 else ABSENT
            items = [merge(alone, after[step][0], of.child(step))]
        merged[step] = items
    return of.whole_of(merged)


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


def remove(value: Json, fields: FieldSet, of: Atom | None) -> Json:
    """The value without some fields; None where nothing is left of a list or map."""
    if of is None or of.form == "scalar" or not value or not fields:
        return value
    if of.whole:
        return None
    left = {}
    for step, items in of.parts(value).items():
        node = fields.get(step, {})
        if SELF not in node:
            left[step] = [remove(item, node, of.child(step)) for item in items]
    return of.whole_of(left) or None
