"""Bodies in Kubernetes' protobuf, which newer clients send, as the JSON values that they stand for.

Field numbers come from the schema. Go writes zeros that mean nothing: they are dropped where its
JSON would leave them out. Source: `staging/src/k8s.io/apimachinery/pkg/runtime/generated.proto`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from struct import unpack
from typing import Any

from kubecourse.api import schema

MEDIA = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_ZEROS: tuple[Any, ...] = ("", 0, False)


class Malformed(ValueError):
    """The bytes are no such message."""


def decode(data: bytes) -> dict[str, Any]:
    """The object in an envelope, its apiVersion and kind among its fields. Raises Malformed."""
    if not data.startswith(MAGIC):
        raise Malformed("provided data does not appear to be a protobuf message")
    envelope = dict(_fields(data[len(MAGIC) :]))
    named = dict(_fields(_bytes(envelope.get(1, b""))))
    version, kind = _text(named.get(1, b"")), _text(named.get(2, b""))
    group, _, local = version.rpartition("/")
    package = f"{group.removesuffix('.k8s.io').partition('.')[0] or 'core'}/{local}"
    found = next((n for n in (f"{package}.{kind}", f"meta/v1.{kind}") if schema.known(n)), None)
    if found is None:
        raise Malformed(f'no kind "{kind}" is registered for version "{version}"')
    return {"apiVersion": version, "kind": kind, **_struct(found, envelope.get(2, b""))}


# --- the wire


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: number, and an integer or bytes."""
    place, end = 0, len(data)
    while place < end:
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, value - (1 << 64) if value >> 63 else value
            continue
        if wire == _BYTES:
            width, place = _varint(data, place)
        elif wire in _WIDTHS:
            width = _WIDTHS[wire]
        else:
            raise Malformed(f"proto: illegal wireType {wire}")
        if place + width > end or not number:
            raise Malformed("unexpected EOF")
        yield number, data[place : place + width]
        place += width


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data) and shift < 64:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value & (1 << 64) - 1, place
    raise Malformed("unexpected EOF")


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise Malformed("proto: wrong wireType")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int):
        raise Malformed("proto: wrong wireType")
    return value


def _text(value: Any) -> str:
    return _bytes(value).decode("utf-8", "replace")


# --- types


@cache
def _rows(name: str) -> dict[int, tuple[schema.Field, Callable[[Any], Any]]]:
    """A struct's fields by number, each with what reads its value."""
    fields = [schema.Field(row) for row in schema.rows(name)]
    return {field.number: (field, _reader(field.type)) for field in fields if field.number}


def _struct(name: str, data: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    rows = _rows(name)
    for number, raw in _fields(_bytes(data)):
        if number not in rows:
            continue
        field, read = rows[number]
        kind, value = field.type, read(raw)
        if not field.name:
            out |= value  # JSON has an embedded struct's fields among its own
        elif kind.form == "list" and not _wrapped(kind):
            out.setdefault(field.name, []).extend(value if type(value) is list else [value])
        elif kind.form == "map":
            out.setdefault(field.name, {}).update(value)
        elif value is not None and (field.keeps_zero or value not in _ZEROS):
            out[field.name] = value
    return out


def _wrapped(kind: schema.Type) -> bool:
    """Whether a list is a type with a name, which is a message of its own."""
    return not kind.go.startswith("[]")


def _reader(kind: schema.Type) -> Callable[[Any], Any]:
    """What reads a value; of a list one of its items, of a map one of its entries."""
    if kind.form in ("list", "map"):
        assert kind.element is not None
        element = _reader(kind.element)
        if kind.form == "map":
            return lambda raw: _entry(raw, element, kind.element)
        if _wrapped(kind):
            return lambda raw: [element(item) for n, item in _fields(_bytes(raw)) if n == 1]
        return lambda raw: _item(raw, element)
    if kind.form == "struct":
        return lambda raw: _struct(kind.name, raw)
    return _READERS.get(kind.name) or _READERS[kind.form]


def _item(raw: Any, read: Callable[[Any], Any]) -> Any:
    if read is _integer and isinstance(raw, bytes):  # packed
        place, values = 0, []
        while place < len(raw):
            value, place = _varint(raw, place)
            values.append(value)
        return values
    return read(raw)


def _entry(raw: Any, read: Callable[[Any], Any], kind: schema.Type | None) -> dict[str, Any]:
    entry = dict(_fields(_bytes(raw)))
    return {_text(entry.get(1, b"")): read(entry.get(2, b""))}


def _time(raw: Any) -> str | None:
    parts = dict(_fields(_bytes(raw)))
    return _moment(parts).strftime("%Y-%m-%dT%H:%M:%SZ") if parts else None


def _microtime(raw: Any) -> str | None:
    parts = dict(_fields(_bytes(raw)))
    return _moment(parts).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if parts else None


def _moment(parts: dict[int, Any]) -> datetime:
    seconds, nanos = _integer(parts.get(1, 0)), _integer(parts.get(2, 0))
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=abs(nanos) // 1000)
    except (ValueError, OverflowError, OSError):
        raise Malformed(f"no time: {seconds}") from None


def _int_or_string(raw: Any) -> int | str:
    parts = dict(_fields(_bytes(raw)))
    return _text(parts.get(3, b"")) if parts.get(1) else _integer(parts.get(2, 0))


def _raw_json(raw: Any) -> Any:
    inner = _bytes(dict(_fields(_bytes(raw))).get(1, b""))
    try:
        return json.loads(inner) if inner else None
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from None


def _float(raw: Any) -> float:
    if len(_bytes(raw)) != _WIDTHS[_FIXED64]:
        raise Malformed("proto: wrong wireType")
    value: float = unpack("<d", raw)[0]
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "bool": lambda raw: bool(_integer(raw)),
    "int": _integer,
    "float": _float,
    "bytes": lambda raw: b64encode(_bytes(raw)).decode(),
    "time": _time,
    "microtime": _microtime,
    "quantity": lambda raw: _text(dict(_fields(_bytes(raw))).get(1, b"")),
    "intorstring": _int_or_string,
    "any": _raw_json,
    "meta/v1.Verbs": lambda raw: [_text(item) for _, item in _fields(_bytes(raw))],
    "meta/v1.Duration": lambda raw: f"{_integer(dict(_fields(_bytes(raw))).get(1, 0)) / 1e9:g}s",
}
"""By the type's name or, for most, its form."""
