"""Defaults: what a client left out is written in before anything is stored.

`defaults.txt` says what it is; each block of it becomes one function, from an object to the same
object or, where something was missing, to a new one.
Sources: `defaults.go` below `pkg/apis/{core,apps,batch,discovery,networking,scheduling,storage}/v1`
and `pkg/apis/autoscaling/v2`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from itertools import groupby
from operator import is_
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import codec, custom, models, schema
from kubecourse.api.memo import memo
from kubecourse.api.resources import resource_of
from kubecourse.control_plane.apiserver import blocks
from kubecourse.control_plane.apiserver.defaults import functions

Function = Callable[[Any], Any]


def default(obj: Any) -> Any:
    """The object with its defaults filled in; the same object if there are none to fill."""
    if isinstance(obj, models.CustomObject):
        return custom.default(resource_of(obj), obj)
    function = _of_class(type(obj))  # type: ignore[arg-type]
    return obj if function is None else function(obj)


@cache
def _of_class(cls: Any) -> Function | None:
    if cls.__name__ in _blocks():
        return _block(cls.__name__)
    spec = schema.struct(codec.name_of(cls)).field("spec")
    name = spec.type.name.rpartition(".")[2] if spec is not None else ""
    return _fields([_Row("spec", None, _block(name))]) if name in _blocks() else None


@cache
def _blocks() -> dict[str, tuple[str, list[str]]]:
    """The Go type and the lines of each block."""
    found = {}
    for heading, lines in blocks.read(__package__, "defaults.txt"):
        go, _, name = heading.partition(" as ")
        found[name or go.rpartition(".")[2]] = go, lines
    return found


# --- pods: what follows from a spec is worked out once for all objects that share it


@memo
def _template_spec(spec: Any) -> Any:
    """Defaults of a pod's spec wherever it stands."""
    return functions.one_account(_block("PodSpec")(spec))


@memo
def _pod_spec(spec: Any) -> Any:
    """A pod's own: besides, limits become requests, and ports the host's."""
    return _block("PodSpecOfPod")(_template_spec(spec))


def _volume(volume: Any) -> Any:
    found = functions.empty_directory(volume)
    return found if found is not volume else _block("Volume")(volume)


_SPECIAL: dict[str, Function] = {
    "template_spec": _template_spec,
    "pod_spec": _pod_spec,
    "volume": _volume,
}

# --- lines


class _Row(NamedTuple):
    """A field with a constant, put where it is absent, or with a function, of what is there.

    `empty` is what the function is applied to where there is nothing, or what is as good as
    absent. Without a field, the function is one of the whole object.
    """

    field: str
    constant: Any
    function: Function | None
    empty: Any = None
    condition: str = ""


_LINE = re.compile(r"(?:= (\w+)|(.+?)(?: = (.+?)|: (new )?(\w+))(?: if (.+))?)")


def _rows(go: str, line: str) -> list[_Row]:
    match = _LINE.fullmatch(line)
    assert match is not None, line
    whole, fields, constant, new, name, condition = match.groups()
    if whole:
        return [_Row("", None, getattr(functions, whole))]
    rows = []
    for field in fields.split():
        kind = schema.struct(go).fields[field].type
        if constant is not None:
            empty = None if kind.pointer else {"string": "", "int": 0}.get(kind.form)
            rows.append(_Row(field, _value(constant, kind), None, empty, condition or ""))
            continue
        found = _SPECIAL.get(name) or getattr(functions, name, None)
        function: Function = found or _block(name)
        if kind.form == "list":
            function = _each(function)
        empty = _empty(kind.name) if new else None
        rows.append(_Row(field, None, function, empty, condition or ""))
    return rows


def _value(text: str, kind: schema.Type) -> Any:
    """A constant: JSON, or a text without quotes."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if kind.form == "list" and isinstance(value[0], dict) and kind.element is not None:
        return [codec.decode(item, kind.element.name)[0] for item in value]
    return codec.decode(value, kind.name)[0] if kind.form == "struct" else value


def _empty(go: str) -> Any:
    cls = codec.model(go)[0]
    required = len(cls.__struct_fields__) - len(cls.__struct_defaults__)
    return cls(**{name: [] for name in cls.__struct_fields__[:required]})


@cache
def _block(name: str) -> Function:
    """The function that a block becomes."""
    go, lines = _blocks()[name]
    rows = [row for line in lines for row in _rows(go, line)]
    steps: list[Function] = []
    for (whole, condition), group in groupby(rows, lambda row: (not row.field, row.condition)):
        if whole:
            steps += [row.function for row in group if row.function is not None]
        else:
            steps.append(_when(condition, _fields(list(group))))

    def apply(obj: Any) -> Any:
        for step in steps:
            obj = step(obj)
        return obj

    return steps[0] if len(steps) == 1 else apply


def _when(condition: str, function: Function) -> Function:
    if not condition:
        return function
    holds = eval(f"lambda self: {condition}")
    return lambda obj: function(obj) if holds(obj) else obj


def _fields(rows: list[_Row]) -> Function:
    def apply(obj: Any) -> Any:
        changes = {}
        for field, constant, function, empty, _ in rows:
            value = getattr(obj, field)
            if function is None:
                if value is None or value == empty:
                    changes[field] = constant
            elif value is not None or empty is not None:
                changed = function(empty if value is None else value)
                if changed is not value:
                    changes[field] = changed
        return replace(obj, **changes) if changes else obj

    return apply


def _each(function: Function) -> Function:
    """A function of an item made into one of a list; the same list if every item is as it was."""

    def apply(items: list[Any]) -> list[Any]:
        results = [function(item) for item in items]
        return items if all(map(is_, items, results)) else results

    return apply
