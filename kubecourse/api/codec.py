"""JSON values to Kubernetes objects and back, as strictly and in the words of the real server.

`decode` turns what a client sent into a struct of `models`: unknown fields are collected, a
wrong type is an error worded as Go's decoder words it, absent values become what Go's zero
values become. `encode` writes what the real server would write: empty maps and lists, and zeros
that mean nothing, are left out; zeros that mean something stay.

Sources: `staging/src/k8s.io/apimachinery/pkg/runtime/serializer/json/json.go`,
`sigs.k8s.io/json`.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from kubecourse.api import models, quantity, schema

Path = tuple[Any, ...] | None
"""Where we are in a document, innermost first: `(name or index, rest)`; None at the root."""


class DecodeError(ValueError):
    """A value of the wrong type; the message is the server's."""


class Decoding:
    """One document's decoding: what was unknown in it, and the error that counts."""

    __slots__ = ("_at_once", "error", "unknown")

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self.error: DecodeError | None = None
        self._at_once = False

    def fail(self, message: str, at_once: bool = False) -> Any:
        """Note an error. The first counts; Go stops `at_once` where a type reads itself.

        Returns None, the value of what could not be read.
        """
        if self.error is None or (at_once and not self._at_once):
            self.error = DecodeError(message)
            self._at_once = at_once
        return None


Decoder = Callable[[Any, Path, Decoding], Any]
Encoder = Callable[[Any], Any]


def decode(data: Any, name: str) -> tuple[Any, list[str]]:
    """Build the struct `name` (such as `core/v1.Pod`) from a JSON value.

    Returns the object and the paths of fields that Kubernetes does not know, in order.
    Raises DecodeError for the first value of a wrong type.
    """
    state = Decoding()
    obj = _struct_decoder(name)({} if data is None else data, None, state)
    if state.error:
        raise state.error
    return obj, state.unknown


def encode(obj: msgspec.Struct) -> dict[str, Any]:
    """The JSON value of an object, as a client sees it. The result is the caller's to change."""
    return _encoder_of(type(obj))(obj)


def go_path(path: Path, indexes: bool = True) -> str:
    """`spec.containers[0].name`; without indexes, as Go's type errors print it."""
    parts: list[str] = []
    while path:
        part, path = path
        if isinstance(part, str):
            parts.append(part)
        elif indexes:
            parts.append(f"[{part}]")
    out = ""
    for part in reversed(parts):
        out += part if part.startswith("[") or not out else f".{part}"
    return out


_GO_KINDS = {
    str: "string",
    bool: "bool",
    dict: "object",
    list: "array",
    int: "number",
    float: "number",
}


def _mismatch(owner: str, value: Any, path: Path, go: schema.Type | str, state: Decoding) -> Any:
    found = _GO_KINDS[type(value)]
    where = f"Go struct field {owner}.{go_path(path, indexes=False)}" if path else "Go value"
    at_once = path is None
    return state.fail(f"json: cannot unmarshal {found} into {where} of type {go}", at_once)


# --- decoding -------------------------------------------------------------------------------


def _decoder(kind: schema.Type, owner: str) -> Decoder:
    match kind.form:
        case "string" | "bool" | "float":
            return _scalar_decoder(kind, owner)
        case "int":
            return _int_decoder(kind, owner)
        case "struct":
            return _struct_decoder(kind.name, owner)
        case "list":
            return _list_decoder(kind, owner)
        case "map":
            return _map_decoder(kind, owner)
        case "quantity":
            return _decode_quantity
        case "time" | "microtime":
            return _decode_time
        case "intorstring":
            return _decode_int_or_string
        case "bytes":
            return _bytes_decoder(owner)
    return lambda value, path, state: value


def _scalar_decoder(kind: schema.Type, owner: str) -> Decoder:
    accepted = {"string": (str,), "bool": (bool,), "float": (float, int)}[kind.form]

    def decode_scalar(value: Any, path: Path, state: Decoding) -> Any:
        if type(value) in accepted:
            return value
        return _mismatch(owner, value, path, kind, state)

    return decode_scalar


def _int_decoder(kind: schema.Type, owner: str) -> Decoder:
    bits = 31 if kind.name == "int32" else 63

    def decode_int(value: Any, path: Path, state: Decoding) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and -(1 << bits) <= value < 1 << bits:
            return value
        if type(value) in (int, float):
            found = f"number {_go_number(value)}"
            where = f"{owner}.{go_path(path, indexes=False)}"
            return state.fail(
                f"json: cannot unmarshal {found} into Go struct field {where} of type {kind}"
            )
        return _mismatch(owner, value, path, kind, state)

    return decode_int


def _zero_maker(kind: schema.Type) -> Callable[[], Any]:
    """What Go makes of a null among a list's items or a map's values: the type's zero."""
    if kind.form == "struct":
        return lambda: _empty(kind.name)
    if kind.form == "quantity":
        return lambda: "0"
    return lambda: _ZERO.get(kind.form)


def _list_decoder(kind: schema.Type, owner: str) -> Decoder:
    assert kind.element is not None
    item = _decoder(kind.element, owner)
    zero = _zero_maker(kind.element)

    def decode_list(value: Any, path: Path, state: Decoding) -> Any:
        if type(value) is not list:
            return _mismatch(owner, value, path, kind, state)
        return [
            zero() if element is None else item(element, (i, path), state)
            for i, element in enumerate(value)
        ] or None

    return decode_list


def _map_decoder(kind: schema.Type, owner: str) -> Decoder:
    assert kind.element is not None
    item = _decoder(kind.element, owner)
    zero = _zero_maker(kind.element)

    def decode_map(value: Any, path: Path, state: Decoding) -> Any:
        if type(value) is not dict:
            return _mismatch(owner, value, path, kind, state)
        return {
            # Go names the map, not the key, when a value has the wrong type.
            key: zero() if element is None else item(element, path, state)
            for key, element in value.items()
        } or None

    return decode_map


def _go_number(value: Any) -> str:
    """A JSON value as Go writes it back: whole numbers without a point."""
    if type(value) is float and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return msgspec.json.encode(value).decode()


def _decode_quantity(value: Any, path: Path, state: Decoding) -> str | None:
    # A number is read as it is written; surrounding blanks and quotes do not count.
    text = value if type(value) is str else _go_number(value)
    try:
        return quantity.canonical(text.strip())
    except quantity.QuantityError as error:
        return state.fail(str(error), at_once=True)


_LAYOUT = "2006-01-02T15:04:05Z07:00"
_PARTS = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"),
    ("15", r"\d\d"), (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d(?:[.,]\d+)?"),
    ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)  # fmt: skip
"""Go's layout of a time, piece by piece, and what fits each."""


def _decode_time(value: Any, path: Path, state: Decoding) -> datetime | None:
    if type(value) is not str:
        return _mismatch("Time", value, None, "string", state)
    rest = value
    for piece, pattern in _PARTS:
        match = re.match(pattern, rest)
        if match is None:
            why = f': cannot parse "{rest}" as "{piece}"'
            return state.fail(f'parsing time "{value}" as "{_LAYOUT}"{why}', at_once=True)
        rest = rest[match.end() :]
    if rest:
        return state.fail(f'parsing time "{value}": extra text: "{rest}"', at_once=True)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError as error:
        what = str(error).partition(" ")[0]
        return state.fail(f'parsing time "{value}": {what} out of range', at_once=True)


def _decode_int_or_string(value: Any, path: Path, state: Decoding) -> int | str | None:
    if type(value) is str:
        return value
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and -(1 << 31) <= value < 1 << 31:
        return value
    found = _GO_KINDS[type(value)]
    if found == "number":
        found = f"number {_go_number(value)}"
    return state.fail(f"json: cannot unmarshal {found} into Go value of type int32", at_once=True)


_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _bytes_decoder(owner: str) -> Decoder:
    def decode_bytes(value: Any, path: Path, state: Decoding) -> str | None:
        if type(value) is not str:
            return _mismatch(owner, value, path, "[]uint8", state)
        text = value.replace("\r", "").replace("\n", "")
        try:
            b64decode(text, validate=True)
            return text
        except (binascii.Error, ValueError):
            whole = len(text) // 4 * 4
            wrong = next((i for i, c in enumerate(text) if c not in _BASE64), whole)
            return state.fail(f"illegal base64 data at input byte {wrong}")

    return decode_bytes


DISABLED = {
    ("core/v1.Lifecycle", "stopSignal"),
    ("core/v1.PodSpec", "schedulingGroup"),
    ("core/v1.VolumeProjection", "clusterTrustBundle"),
    ("core/v1.VolumeProjection", "podCertificate"),
}
"""Fields that v1.36 knows but drops, because their feature is off by default."""


def _pruner(kind: schema.Type) -> Decoder:
    """Of a custom resource: takes out what its schema does not know, and nulls; types may differ.

    Source: `staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning`.
    """

    def prune(value: Any, path: Path, state: Decoding) -> Any:
        return _pruned(value, kind, path, state)

    return prune


def _pruned(value: Any, kind: schema.Type, path: Path, state: Decoding) -> Any:
    if kind.form == "struct" and type(value) is dict:
        fields, out = schema.struct(kind.name).fields, {}
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                state.unknown.append(go_path((key, path)))
            elif item is not None:
                out[key] = _pruned(item, field.type, (key, path), state)
        return out
    if kind.element is not None and type(value) is list:
        return [_pruned(item, kind.element, (i, path), state) for i, item in enumerate(value)]
    if kind.form == "map" and kind.element is not None and type(value) is dict:
        return {k: _pruned(item, kind.element, (k, path), state) for k, item in value.items()}
    return value


def _copied(value: Any) -> Any:
    """A JSON value that may be changed."""
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value


def _dropping(convert: Decoder) -> Decoder:
    def drop(value: Any, path: Path, state: Decoding) -> None:
        convert(value, path, state)

    return drop


_TIMES = ("time", "microtime")
_ZERO = {"string": "", "bool": False, "int": 0, "float": 0.0}


@cache
def _struct_decoder(name: str, owner: str = "") -> Decoder:
    """The decoder of one struct. Its field decoders are made on first use, so types may recur."""
    struct = schema.struct(name)
    cls, attributes = model(name)
    values_only = issubclass(cls, models.CustomObject)
    head = ("kind", "apiVersion")
    table: dict[str, tuple[str, Decoder, bool]] = {}
    always: dict[str, Any] = {}

    def prepare() -> None:
        for field in struct.fields.values():
            if field.name not in attributes:
                continue
            if values_only and field.name != "metadata":
                convert = _pruner(field.type)
            else:
                convert = _decoder(field.type, struct.kind)
            drops_zero = not field.keeps_zero and field.type.form in _ZERO
            if (name, field.name) in DISABLED:
                convert, drops_zero = _dropping(convert), True
            table[field.name] = (attributes[field.name], convert, drops_zero)
            if field.omit != "omitzero" and not field.type.pointer and field.type.form == "struct":
                always[attributes[field.name]] = _empty(field.type.name)
            elif not field.omit:
                zero = None if field.type.pointer else _ZERO.get(field.type.form)
                always[attributes[field.name]] = zero
        for attribute in cls.__struct_fields__[
            : len(cls.__struct_fields__) - len(cls.__struct_defaults__)
        ]:
            always.setdefault(attribute, None)

    def decode_struct(value: Any, path: Path, state: Decoding) -> Any:
        if type(value) is not dict:
            return _mismatch(owner, value, path, str(schema.type_of(name)), state)
        if not table:
            prepare()
        values = always.copy()
        for key, element in value.items():
            found = table.get(key)
            if found is None:
                if key not in head or (path is not None and not is_kind(name)):
                    state.unknown.append(go_path((key, path)))
            elif element is not None:
                attribute, convert, drops_zero = found
                converted = convert(element, (key, path), state)
                if converted or not drops_zero:
                    values[attribute] = converted
        return cls(**values)

    return decode_struct


@cache
def _empty(name: str) -> Any:
    """The struct with nothing set, shared by all who need one."""
    return _struct_decoder(name)({}, None, Decoding())


@cache
def model(name: str) -> tuple[type[Any], dict[str, str]]:
    """The class of a Go struct, and its attributes by JSON name."""
    package, _, local = name.rpartition(".")
    cls = getattr(models.modules[package], local)
    return cls, dict(zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True))


# --- encoding -------------------------------------------------------------------------------


def name_of(cls: type[Any]) -> str:
    """The Go struct of a class: `core/v1.Pod`."""
    package = "/".join(cls.__module__.rpartition(".")[2].rsplit("_", 1))
    return f"{package}.{cls.__name__}"


@cache
def is_kind(name: str) -> bool:
    """Whether a Go struct is a kind: its objects say so, also within those of another one."""
    return {"apiVersion", "kind", "metadata"} <= {*model(name)[0].__struct_fields__}


@cache
def _encoder_of(cls: type[Any]) -> Encoder:
    return _kind_encoder(name_of(cls))


def _kind_encoder(name: str) -> Encoder:
    encoder = _struct_encoder(name)
    if not is_kind(name):
        return encoder
    return lambda obj: {"apiVersion": obj.apiVersion, "kind": obj.kind, **encoder(obj)}


def _encoder(kind: schema.Type) -> Encoder | None:
    """The encoder of a type; None where the stored value is the JSON value."""
    match kind.form:
        case "struct":
            return _kind_encoder(kind.name)
        case "list" | "map":
            assert kind.element is not None
            item = _encoder(kind.element)
            if kind.form == "list":
                return list if item is None else lambda value: [item(v) for v in value]
            if item is None:
                return lambda value: dict(sorted(value.items()))  # as Go writes maps
            return lambda value: {k: item(v) for k, v in sorted(value.items())}
        case "time":
            return lambda value: value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case "microtime":
            return lambda value: value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return None


@cache
def _struct_encoder(name: str) -> Encoder:
    struct = schema.struct(name)
    cls, attributes = model(name)
    values_only = issubclass(cls, models.CustomObject)
    rows: list[tuple[str, str, Encoder | None, bool, Any]] = []
    nothing = object()

    def prepare() -> None:
        for field in struct.fields.values():
            if field.name not in attributes:
                continue
            drops_empty = not field.keeps_zero or (
                field.omit and field.type.form in ("list", "map")
            )
            absent: Any = nothing
            if field.omit != "omitzero" and not field.type.pointer and field.type.form == "struct":
                absent, drops_empty = {}, False
            elif not field.omit:
                absent = None if field.type.pointer else _ZERO.get(field.type.form)
            elif field.type.form in _TIMES and not field.type.pointer and field.omit == "omitempty":
                absent = None  # Go leaves out no struct on account of omitempty.
            rows.append(
                (
                    attributes[field.name],
                    field.name,
                    _copied if values_only and field.name != "metadata" else _encoder(field.type),
                    bool(drops_empty),
                    absent,
                )
            )

    def encode_struct(obj: Any) -> dict[str, Any]:
        if not rows:
            prepare()
        out: dict[str, Any] = {}
        for attribute, key, convert, drops_empty, absent in rows:
            value = getattr(obj, attribute)
            if value is None:
                if absent is not nothing:
                    out[key] = {} if absent == {} else absent
            elif drops_empty and (
                value is False or value == 0 or value == "" or value == [] or value == {}
            ):
                continue
            else:
                out[key] = value if convert is None else convert(value)
        return out

    return encode_struct
