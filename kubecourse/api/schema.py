"""What Kubernetes' Go types say of each field: its type, what zero means, how patches merge it.

The table `schema.json` is generated from the Go sources by `tools/generate_schema.py`. Types are
named by group and version, `core/v1.PodSpec`, and are read only when somebody asks for them.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec

SCALARS = {
    "string": "string",
    "bool": "bool",
    "int": "int",
    "int32": "int",
    "int64": "int",
    "uint16": "int",
    "float64": "float",
}
"""Go's basic types by what they are in JSON."""

SPECIAL = {
    "meta/v1.Time": "time",
    "meta/v1.MicroTime": "microtime",
    "meta/v1.Duration": "string",
    "meta/v1.FieldsV1": "any",
    "meta/v1.Verbs": "any",
    "runtime.RawExtension": "any",
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "intorstring",
    "any": "any",
}
"""Go types whose JSON form is their own."""


def _file(name: str) -> bytes:
    return (files(__package__) / name).read_bytes()


@cache
def _tables() -> dict[str, Any]:
    tables = msgspec.json.decode(_file("schema.json"))
    tables["types"] |= custom()["types"]
    return tables


@cache
def custom() -> dict[str, Any]:
    """The structs of kinds that add-ons bring, and the API group and version of each package."""
    return msgspec.json.decode(_file("custom.json"))


def define(types: dict[str, list[list[Any]]], said: dict[str, dict[str, str]]) -> None:
    """Add structs and what is said of them. The same name must always be the same struct."""
    _tables()["types"].update(types)
    _descriptions().update(said)


@cache
def _descriptions() -> dict[str, dict[str, str]]:
    return msgspec.json.decode(gzip.decompress(_file("descriptions.json.gz")))


def fingerprint() -> bytes:
    """A digest of all that is known here."""
    return sha256(_file("schema.json") + _file("descriptions.json.gz")).digest()


class Type:
    """A Go type: `*int32`, `[]core/v1.Container`, `map[string]string`, `core/v1.PodSpec`.

    `form` is one of string, bool, int, float, time, microtime, quantity, intorstring, bytes, any,
    list, map, struct; `pointer` says that absent and zero are different things; `element` is the
    type of a list's items or a map's values.
    """

    __slots__ = ("element", "form", "go", "name", "pointer")

    def __init__(self, go: str) -> None:
        self.pointer = go.startswith("*")
        self.go = go.lstrip("*")
        self.name = self.go
        self.element: Type | None = None
        self.form = self._form()

    def _form(self) -> str:
        if self.name == "[]byte":
            return "bytes"
        if self.name.startswith("[]"):
            self.element = type_of(self.name[2:])
            return "list"
        if match := re.match(r"map\[[^]]+\](.+)", self.name):
            self.element = type_of(match[1])
            return "map"
        if self.name in SCALARS:
            return SCALARS[self.name]
        if self.name in SPECIAL:
            return SPECIAL[self.name]
        if (underlying := _tables()["named"].get(self.name)) is not None:
            named = type_of(underlying)
            self.name, self.element = named.name, named.element
            return named.form
        return "struct"

    def __str__(self) -> str:
        """As Go's error messages print it: `[]v1.Container`."""
        return re.sub(r"[a-z]+/", "", self.go)

    @property
    def merge_schema(self) -> Struct | None:
        """The struct that values of this type, or its elements, are made of."""
        if self.form == "struct":
            return struct(self.name)
        return self.element.merge_schema if self.element else None


@cache
def type_of(go: str) -> Type:
    """The type of a Go expression; the same object for the same expression."""
    return Type(go)


class Field:
    """One field: `name` as in JSON, its `type`, and what the Go tags say of it.

    `omit` is '' (always written), 'omitempty' or 'omitzero'. `merge_key` and `strategy` steer a
    strategic merge patch, `list_type` and `list_keys` server-side apply; `number` is the
    protobuf field number. `list_type` is a list's (map, set, atomic), a map's or a struct's
    (granular, atomic); '' leaves it to the type.
    """

    __slots__ = (
        "list_keys",
        "list_type",
        "merge_key",
        "name",
        "number",
        "omit",
        "strategy",
        "type",
    )

    def __init__(self, row: list[Any]) -> None:
        name, go, omit, merge_key, strategy, number, list_type, list_keys = (
            row + ["", "", "", "", "", 0, "", []][len(row) :]
        )
        self.name: str = name
        self.type = type_of(go)
        self.omit: str = omit
        self.merge_key: str | None = merge_key or None
        self.strategy: str = strategy
        self.number: int = number
        self.list_type: str = list_type
        self.list_keys: list[str] = list_keys

    @property
    def element(self) -> Struct | None:
        """The schema of the struct, list element or map value, for merging."""
        return self.type.merge_schema

    @property
    def keeps_zero(self) -> bool:
        """Whether an explicit zero value is stored and shown, and not the same as absent."""
        return self.type.pointer or not self.omit


class Struct:
    """A Go struct: its fields, embedded structs' fields among them as JSON shows them."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def fields(self) -> dict[str, Field]:
        return {field.name: field for field in self._flatten()}

    def _flatten(self) -> Iterator[Field]:
        for row in _tables()["types"][self.name]:
            if row[0]:
                yield Field(row)
            else:
                yield from struct(row[1].lstrip("*")).fields.values()

    def field(self, name: str) -> Field | None:
        """The field of that JSON name, or None."""
        return self.fields.get(name)

    @property
    def atomic(self) -> bool:
        """Whether server-side apply takes it as a whole."""
        return self.name in _tables()["atomic"]

    def key_default(self, name: str) -> str | None:
        """What a key of a list's element is where the element does not say."""
        return _tables()["key_defaults"].get(f"{self.name}.{name}")

    @property
    def kind(self) -> str:
        """The name without its package: `PodSpec`."""
        return self.name.rpartition(".")[2]

    def describe(self, field: str = "") -> str:
        """The documentation of a field, or of the struct itself; '' where there is none."""
        own = _descriptions().get(self.name, {})
        if field in own:
            return own[field]
        embedded = (row[1].lstrip("*") for row in _tables()["types"][self.name] if not row[0])
        return next((text for name in embedded if (text := struct(name).describe(field))), "")


def known(name: str) -> bool:
    """Whether there is a struct of that name."""
    return name in _tables()["types"]


def rows(name: str) -> list[list[Any]]:
    """A struct's fields as the table has them, embedded structs as fields without a name."""
    return list(_tables()["types"][name])


def enum(kind: Type) -> dict[str, str]:
    """The values that a type of string may have, with their documentation; {} for any."""
    return _descriptions().get(kind.go, {}) if kind.form == "string" else {}


@cache
def struct(name: str) -> Struct:
    """The struct of that name, such as `apps/v1.DeploymentSpec`.

    Raises KeyError on first use of its fields if no served kind refers to such a struct.
    """
    return Struct(name)
