"""What all patches share: JSON values as Go sees them, errors, what a schema says of merging."""

from __future__ import annotations

from typing import Any

from kubecourse.api.schema import Field, Struct

Json = Any
"""dict, list, str, int, float, bool or None."""

REJECTED = "the server rejected our request due to an error in our request"


class PatchError(ValueError):
    """A patch that cannot be read or does not apply.

    `str()` says exactly what is wrong. `code` and `reason` are those of the Status that the API
    server answers with, and `message` its message: for a 422 the server keeps the detail to
    itself. Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`.
    """

    def __init__(self, detail: str, code: int = 500) -> None:
        super().__init__(detail)
        self.code = code

    @property
    def reason(self) -> str:
        return {400: "BadRequest", 422: "Invalid", 413: "RequestEntityTooLarge"}.get(self.code, "")

    @property
    def message(self) -> str:
        return REJECTED if self.code == 422 else str(self)


def field_of(schema: Struct | None, name: str) -> Field | None:
    """The schema of a field, or None where there is none."""
    return schema.field(name) if schema is not None else None


def element_of(field: Field | None) -> Struct | None:
    """The schema of what is in a field, or of the elements of the list in it."""
    return field.element if field is not None else None


def merge_key_of(field: Field | None) -> str:
    """The field that tells list elements apart; '' if there is none."""
    return (field.merge_key if field is not None else None) or ""


def strategy_of(field: Field | None) -> tuple[str, bool]:
    """The strategy proper ('', 'merge' or 'replace'), and whether retainKeys goes with it."""
    parts = field.strategy.split(",") if field is not None and field.strategy else []
    others = [part for part in parts if part != "retainKeys"]
    return (others[0] if others else ""), "retainKeys" in parts


def go_type(value: Json) -> str:
    """The Go type that a JSON value has on the server, as its messages name it."""
    if value is None:
        return "<nil>"
    names = {dict: "map[string]interface {}", list: "[]interface {}", str: "string", bool: "bool"}
    return names.get(type(value), "float64" if isinstance(value, float) else "int64")


def json_type(value: Json) -> str:
    """The kind of a JSON value, as Go's decoder names it."""
    names = {dict: "object", list: "array", str: "string", bool: "bool"}
    return names.get(type(value), "number")


def go_text(value: Json) -> str:
    """A value as Go's `%v` prints it: `map[image:b name:web]`, `[a b]`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def go_string(value: Json) -> str:
    """A value as Go's `%s` prints it, which is the wrong verb for a null, and Go says so."""
    return "%!s(<nil>)" if value is None else go_text(value)


def same(a: Json, b: Json) -> bool:
    """Deep equality of JSON values, in which True is not 1 and 1 is not 1.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def identity(value: Json) -> tuple[str, str]:
    """A scalar as a key to look it up by, keeping True, 1 and "1" apart."""
    return type(value).__name__, str(value)


def without_nulls(value: Json) -> Json:
    """The value without the null fields of its objects, at any depth; nulls in lists stay."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
