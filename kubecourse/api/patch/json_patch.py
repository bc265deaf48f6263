"""Patches that know JSON alone: lists of operations (RFC 6902), partial objects (RFC 7386).

Behaviour and messages follow `evanphx/json-patch` version 4, which the API server and kubectl
use. Operations differ from the RFC: `replace` and `copy` accept a field that is not there, `test`
with null too, negative indexes count from the end; only `replace` and `test` take the whole
document.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from kubecourse.api.patch.values import Json, PatchError, json_type, same, without_nulls

_MOST_OPERATIONS = 10_000
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


class _Missing(Exception):
    """A container on the way does not exist or has no children."""


def merge_patch(doc: Json, patch: Json) -> Json:
    """The document with a partial one merged in: null for what goes, lists replaced whole.

    Raises PatchError (400) if the patch is not an object.
    """
    _need(patch, dict, "map[string]interface {}")
    return _merge(doc, patch)


def _merge(doc: Json, patch: Json) -> Json:
    if not isinstance(patch, dict) or not isinstance(doc, dict):
        return without_nulls(patch)
    result = dict(doc)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


def three_way_json_merge_patch(
    original: dict[str, Json], modified: dict[str, Json], current: dict[str, Json]
) -> Json:
    """What `kubectl apply` sends for kinds it has no Go type for, such as custom resources.

    original: what was applied last time; modified: what is applied now; current: what is there.
    Fields that left the manifest are deleted; fields that others set are left alone.
    Source: `staging/src/k8s.io/apimachinery/pkg/util/jsonmergepatch/patch.go`.
    """
    changes = _only(_difference(current, modified), nulls=False)
    deletions = _only(_difference(original, modified), nulls=True)
    return _overlay(deletions, changes)


def _difference(a: dict[str, Json], b: dict[str, Json]) -> dict[str, Json]:
    """The merge patch that turns a into b."""
    patch: dict[str, Json] = {}
    for key, wanted in b.items():
        if key in a and isinstance(wanted, dict) and isinstance(a[key], dict):
            if inner := _difference(a[key], wanted):
                patch[key] = inner
        elif key not in a or not same(a[key], wanted):
            patch[key] = wanted
    return patch | {key: None for key in a if key not in b}


def _only(patch: dict[str, Json], nulls: bool) -> dict[str, Json]:
    """The deletions of a patch (nulls), or everything else in it."""
    kept: dict[str, Json] = {}
    for key, value in patch.items():
        if isinstance(value, dict) and value:
            if inner := _only(value, nulls):
                kept[key] = inner
        elif (value is None) == nulls:
            kept[key] = value
    return kept


def _overlay(base: Json, top: Json) -> Json:
    """Two patches as one. Unlike applying, this keeps the nulls."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    return base | {key: _overlay(base.get(key), value) for key, value in top.items()}


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


# --- operations


class _Words(NamedTuple):
    """What is said of a pointer that is not there, or leads nowhere, or whose end is wrong."""

    absent: str
    missing: str
    wrong: str


_NO_PATH = "operation missing path field: missing value"
_WORDS = {
    "add": _Words("missing value", 'doc is missing path: "{}"', "error in add for path: '{}': {}"),
    "remove": _Words(
        "missing value", 'doc is missing path: "{}"', "error in remove for path: '{}': {}"
    ),
    "replace": _Words(
        _NO_PATH,
        "doc is missing path: {}",
        "replace operation does not apply: doc is missing key: {}: missing value",
    ),
    "test": _Words(_NO_PATH, "is missing path: {}", "error in test for path: '{}': {}"),
    "move": _Words(
        _NO_PATH, "doc is missing destination path: {}", "error in move for path: '{}': {}"
    ),
    "copy": _Words(
        "missing value",
        "doc is missing destination path: {}",
        "error while adding value during copy: {1}",
    ),
    "move from": _Words(
        "operation, missing from field: missing value",
        "doc is missing from path: {}",
        "error in move for path: '{}': {}",
    ),
    "copy from": _Words(
        "operation, missing from field: missing value",
        "doc is missing from path: {}",
        "error in copy for from: '{}': {}",
    ),
}


def _at(op: dict[str, Json], field: str, act: Callable[[str], Json]) -> Json:
    """Do something with the pointer in a field of an operation; what fails is put into words."""
    verb = op["op"]
    words, pointer = _WORDS[verb if field == "path" else f"{verb} from"], op.get(field)
    if not isinstance(pointer, str):
        raise _failed(f"{verb} operation failed to decode {field}: {words.absent}")
    try:
        return act(pointer)
    except _Missing:
        missing = words.missing.format(pointer)
        detail = f"{verb} operation does not apply: {missing}: missing value"
    except PatchError as error:
        if (verb, field) == ("move", "from"):
            pointer = _split(pointer)[-1] if "/" in pointer else ""
        detail = words.wrong.format(pointer, error)
    raise _failed(detail)


def _put_in(doc: Json, op: dict[str, Json], value: Json) -> Json:
    return _at(op, "path", lambda path: _edit(doc, path, lambda at, key: _insert(at, key, value)))


def _add(doc: Json, op: dict[str, Json]) -> Json:
    return _put_in(doc, op, op.get("value"))


def _remove(doc: Json, op: dict[str, Json]) -> Json:
    return _at(op, "path", lambda path: _edit(doc, path, _delete))


def _replace(doc: Json, op: dict[str, Json]) -> Json:
    value = op.get("value")
    if op.get("path") == "":
        # Anything but an object or a list is passed over in silence.
        return value if isinstance(value, dict | list) else doc
    return _at(op, "path", lambda path: _edit(doc, path, lambda at, key: _put(at, key, value)))


def _move(doc: Json, op: dict[str, Json]) -> Json:
    value = _at(op, "from", lambda path: _read(doc, path))
    return _put_in(_at(op, "from", lambda path: _edit(doc, path, _delete)), op, value)


def _copy(doc: Json, op: dict[str, Json]) -> Json:
    return _put_in(doc, op, _at(op, "from", lambda path: _read(doc, path)))


def _test(doc: Json, op: dict[str, Json]) -> Json:
    found = _at(op, "path", lambda path: _read(doc, path) if path else doc)
    if not same(found, op.get("value")):
        raise _failed(f"testing value {op['path']} failed: test failed")
    return doc


_OPERATIONS: dict[str, Callable[[Json, dict[str, Json]], Json]] = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy,
    "test": _test,
}  # fmt: skip


# --- pointers


def _split(pointer: str) -> list[str]:
    parts = pointer.split("/")[1:]
    if not parts:
        raise _Missing
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def _edit(doc: Json, pointer: str, change: Callable[[Json, str], Json]) -> Json:
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
    try:
        index = _index(key, len(at) + 1)
    except PatchError as error:
        improper = f"value was not a proper array index: '{key}': "
        raise error if _INTEGER.fullmatch(key) else _failed(f"{improper}{error}") from None
    return [*at[:index], value, *at[index:]]


def _delete(at: Json, key: str) -> Json:
    if isinstance(at, dict):
        if key not in at:
            raise _failed(f"Unable to remove nonexistent key: {key}: missing value")
        return {name: value for name, value in at.items() if name != key}
    index = _index(key, len(at))
    return [*at[:index], *at[index + 1 :]]
