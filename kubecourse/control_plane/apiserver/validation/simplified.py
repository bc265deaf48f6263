"""What is accepted, kept and shown as by the real server, and yet nothing in this cluster acts on.

`simplified.txt` is the whole list: whoever sends such a field is told so by a warning, and the
ledger is made from it. A field of which a learner could see no difference is not in it, and
neither are the kinds' own rules: what the real server refuses is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from kubecourse.api import codec, schema
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import blocks


class Row(NamedTuple):
    """A field of a type, or with an empty `field` a whole kind: it is stored, but `sentence`.

    A value in `harmless`, or one of such a `type`, says what happens anyway.
    """

    type: str
    field: str
    sentence: str
    harmless: tuple[Any, ...] = ()

    @property
    def kind(self) -> str:
        """The type without its group: `PodSpec`."""
        return self.type.rpartition(".")[2]


_VALUES = {"true": True, "false": False, "''": "", "0644": 0o644}


def _rows() -> Iterator[Row]:
    for types, lines in blocks.read(__package__, "simplified.txt"):
        for line in lines:
            subject, _, sentence = line.partition(" | ")
            fields, _, values = subject.partition(" unless ")
            harmless = tuple(_VALUES.get(value, value) for value in values.split())
            for name in types.split(", "):
                for field in fields.split():
                    yield Row(name, field.removeprefix("."), sentence, harmless)


ROWS = tuple(_rows())
_FIELDS = {(row.type, row.field): row for row in ROWS}

# --- finding them in an object

_Finder = Callable[[Any, str], Iterator[str]]
_Part = tuple[str, str, Row | None, _Finder | None, bool]


@cache
def reaches(name: str) -> bool:
    """Whether there is such a field in a struct or in what it is made of."""
    return any(True for _ in _parts(name))


@cache
def _parts(name: str) -> tuple[_Part, ...]:
    """Of a struct, what must be looked at: attribute, JSON name, row or finder, is it a list."""
    _, attributes = codec.model(name)
    parts: list[_Part] = []
    for field in schema.struct(name).fields.values():
        if field.name in attributes and field.name not in ("metadata", "status"):
            row = _FIELDS.get((name, field.name))
            inner = field.type.merge_schema
            deeper = row is None and inner is not None and reaches(inner.name)
            finder = _finder(inner.name) if deeper and inner is not None else None
            if row is not None or finder is not None:
                listed = field.type.form == "list"
                parts.append((attributes[field.name], field.name, row, finder, listed))
    return tuple(parts)


def _says_something(value: Any, row: Row) -> bool:
    if getattr(value, "type", value) in row.harmless:
        return False
    fields = getattr(value, "__struct_fields__", None)
    return fields is None or any(getattr(value, name) is not None for name in fields)


@cache
def _finder(name: str) -> _Finder:
    def find(obj: Any, path: str) -> Iterator[str]:
        for attribute, json_name, row, finder, listed in _parts(name):
            value = getattr(obj, attribute)
            if value is None:
                continue
            here = f"{path}.{json_name}" if path else json_name
            if row is not None:
                if _says_something(value, row):
                    yield f"simulated: {here} is stored, but {row.sentence}"
            elif finder is not None and listed:
                for index, item in enumerate(value):
                    yield from finder(item, f"{here}[{index}]")
            elif finder is not None:
                yield from finder(value, here)

    return find


def of_kind(resource: Resource) -> Iterator[str]:
    """What to say of every object of a kind."""
    row = _FIELDS.get((resource.schema, ""))
    if row is not None:
        yield f"simulated: {resource.plural} are stored, but {row.sentence}"


def in_struct(name: str, obj: Any, path: str = "") -> Iterator[str]:
    """What to say of the fields of an object of the Go type `name` that lies at `path`."""
    return _finder(name)(obj, path)


def ledger() -> list[tuple[str, str, str]]:
    """Kind (or type within kinds), field ('' for all of it), and what it does not do."""
    return [(row.kind, row.field, row.sentence) for row in ROWS]
