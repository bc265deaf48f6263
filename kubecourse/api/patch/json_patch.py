"""JSON patch (RFC 6902): a list of operations, each on the place that a JSON pointer names.

Behaviour and messages follow `evanphx/json-patch` version 4, which the API server and kubectl
use. It differs from the RFC: `replace` and `copy` accept a field that is not there, `test` with
null too, negative indexes count from the end; only `replace` and `test` take the whole document.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kubecourse.api.patch.values import Json, PatchError, json_type, same

_MOST_OPERATIONS = 10_000
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_Edit = Callable[[Json, str], Json]


class _Missing(Exception):
    """A container on the way does not exist or has no children."""


def json_patch(doc: Json, ops: Json) -> Json:
    """The document after all operations; if one fails, none has happened.

    ops: a list of objects with `op` (add, remove, replace, move, copy, test), `path`, and
    `value` or `from`.

    Raises PatchError: 400 if ops is not such a list, 413 if it is too long, 422 if an operation
    does not apply.
    """
    _need(ops, list, "[]handlers.jsonPatchOp")
    for op in ops:
        _need(op, dict, "handlers.jsonPatchOp")
    if len(ops) > _MOST_OPERATIONS:
        raise PatchError(
            f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(ops)}",
            413,
        )
    for op in ops:
        kind = op.get("op")
        apply = _OPERATIONS.get(kind) if isinstance(kind, str) else None
        if apply is None:
            raise _failed(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        doc = apply(doc, op)
    return doc


def _need(value: Json, form: type, go: str) -> None:
    if not isinstance(value, form):
        raise PatchError(
            f"error decoding patch: json: cannot unmarshal {json_type(value)} "
            f"into Go value of type {go}",
            400,
        )


def _failed(detail: str) -> PatchError:
    return PatchError(detail, 422)


def _add(doc: Json, op: dict[str, Json]) -> Json:
    path = _text(op, "path", "add operation failed to decode path: missing value")
    try:
        return _edit(doc, path, lambda at, key: _insert(at, key, op.get("value")))
    except _Missing:
        detail = f'add operation does not apply: doc is missing path: "{path}": missing value'
    except PatchError as error:
        detail = f"error in add for path: '{path}': {error}"
    raise _failed(detail)


def _remove(doc: Json, op: dict[str, Json]) -> Json:
    path = _text(op, "path", "remove operation failed to decode path: missing value")
    try:
        return _edit(doc, path, _delete)
    except _Missing:
        detail = f'remove operation does not apply: doc is missing path: "{path}": missing value'
    except PatchError as error:
        detail = f"error in remove for path: '{path}': {error}"
    raise _failed(detail)


def _replace(doc: Json, op: dict[str, Json]) -> Json:
    path = _text(op, "path", "replace operation failed to decode path: " + _NO_PATH)
    if not path:
        # Anything but an object or a list is passed over in silence.
        return op["value"] if isinstance(op.get("value"), dict | list) else doc
    try:
        return _edit(doc, path, lambda at, key: _put(at, key, op.get("value")))
    except _Missing:
        what = "path"
    except PatchError:
        what = "key"
    raise _failed(f"replace operation does not apply: doc is missing {what}: {path}: missing value")


def _move(doc: Json, op: dict[str, Json]) -> Json:
    source = _text(op, "from", "move operation failed to decode from: " + _NO_FROM)
    key = _split(source)[-1] if "/" in source else ""
    try:
        value = _read(doc, source)
        doc = _edit(doc, source, _delete)
    except _Missing:
        raise _failed(
            f"move operation does not apply: doc is missing from path: {source}: missing value"
        ) from None
    except PatchError as error:
        raise _failed(f"error in move for path: '{key}': {error}") from None
    path = _text(op, "path", "move operation failed to decode path: " + _NO_PATH)
    return _land(doc, path, value, "move", f"error in move for path: '{path}'")


def _copy(doc: Json, op: dict[str, Json]) -> Json:
    source = _text(op, "from", "copy operation failed to decode from: " + _NO_FROM)
    try:
        value = _read(doc, source)
    except _Missing:
        raise _failed(
            f"copy operation does not apply: doc is missing from path: {source}: missing value"
        ) from None
    except PatchError as error:
        raise _failed(f"error in copy for from: '{source}': {error}") from None
    path = _text(op, "path", "copy operation failed to decode path: missing value")
    return _land(doc, path, value, "copy", "error while adding value during copy")


def _land(doc: Json, path: str, value: Json, verb: str, failure: str) -> Json:
    """Put a moved or copied value where it belongs."""
    try:
        return _edit(doc, path, lambda at, key: _insert(at, key, value))
    except _Missing:
        detail = (
            f"{verb} operation does not apply: doc is missing destination path: {path}: "
            "missing value"
        )
    except PatchError as error:
        detail = f"{failure}: {error}"
    raise _failed(detail)


def _test(doc: Json, op: dict[str, Json]) -> Json:
    path = _text(op, "path", "test operation failed to decode path: " + _NO_PATH)
    try:
        found = _read(doc, path) if path else doc
    except _Missing:
        raise _failed(
            f"test operation does not apply: is missing path: {path}: missing value"
        ) from None
    except PatchError as error:
        raise _failed(f"error in test for path: '{path}': {error}") from None
    if not same(found, op.get("value")):
        raise _failed(f"testing value {path} failed: test failed")
    return doc


_NO_PATH = "operation missing path field: missing value"
_NO_FROM = "operation, missing from field: missing value"
_OPERATIONS: dict[str, Callable[[Json, dict[str, Json]], Json]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


# --- pointers


def _text(op: dict[str, Json], name: str, otherwise: str) -> str:
    value = op.get(name)
    if not isinstance(value, str):
        raise _failed(otherwise)
    return value


def _split(pointer: str) -> list[str]:
    parts = pointer.split("/")[1:]
    if not parts:
        raise _Missing
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def _edit(doc: Json, pointer: str, change: _Edit) -> Json:
    """A copy of the document in which `change(container, key)` replaced the container."""

    def descend(at: Json, parts: list[str]) -> Json:
        if not isinstance(at, dict | list):
            raise _Missing
        if len(parts) == 1:
            return change(at, parts[0])
        return _put(at, parts[0], descend(_child(at, parts[0]), parts[1:]))

    return descend(doc, _split(pointer))


def _child(at: Json, key: str) -> Json:
    """What is below a key on the way to somewhere else."""
    try:
        child = _get(at, key)
    except PatchError:
        raise _Missing from None
    if not isinstance(child, dict | list):
        raise _Missing
    return child


def _read(doc: Json, pointer: str) -> Json:
    *way, last = _split(pointer)
    for key in way:
        doc = _child(doc, key)
    return _get(doc, last)


# --- one step in a container


def _index(key: str, size: int) -> int:
    if not _INTEGER.fullmatch(key):
        raise _failed(f'strconv.Atoi: parsing "{key}": invalid syntax')
    index = int(key)
    if not -size <= index < size:
        raise _failed(f"Unable to access invalid index: {index}: invalid index referenced")
    return index % size


def _get(at: Json, key: str) -> Json:
    return at.get(key) if isinstance(at, dict) else at[_index(key, len(at))]


def _put(at: Json, key: str, value: Json) -> Json:
    if isinstance(at, dict):
        return {**at, key: value}
    index = _index(key, len(at))
    return [*at[:index], value, *at[index + 1 :]]


def _insert(at: Json, key: str, value: Json) -> Json:
    if isinstance(at, dict):
        return {**at, key: value}
    if key == "-":
        return [*at, value]
    if not _INTEGER.fullmatch(key):
        raise _failed(
            f"value was not a proper array index: '{key}': "
            f'strconv.Atoi: parsing "{key}": invalid syntax'
        )
    index = _index(key, len(at) + 1)
    return [*at[:index], value, *at[index:]]


def _delete(at: Json, key: str) -> Json:
    if isinstance(at, dict):
        if key not in at:
            raise _failed(f"Unable to remove nonexistent key: {key}: missing value")
        return {name: value for name, value in at.items() if name != key}
    index = _index(key, len(at))
    return [*at[:index], *at[index + 1 :]]
