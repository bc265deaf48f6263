"""Strategic merge patch: a merge patch that knows which lists are really sets.

A container is found by its `name`, a port by its `containerPort`; the schema says which. Keys that
start with `$` are directives:

- `$patch: delete` or `replace` in an object: empty it, or take the patch as it is; in an element of
  a list: remove the element with that key, or replace the whole list.
- `$setElementOrder/<list>`: the order of the elements that the sender knows of.
- `$deleteFromPrimitiveList/<list>`: strings to take out of a list of strings.
- `$retainKeys`: the only fields that may stay.

Behaviour follows `staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`, its oddities
included: what is new to the object is taken with its directives dropped, but an element new to
an existing list is taken as it stands. (Where one patch adds and deletes the same string, Go's
answer is a matter of chance; here the later in the patch wins.)
"""

from __future__ import annotations

from kubecourse.api.patch.elements import (
    DIRECTIVE,
    ELEMENT_ORDER,
    arrange,
    check_order,
    element_kind,
    is_directive,
    key_of,
    need_list,
    without_directives,
)
from kubecourse.api.patch.values import (
    Json,
    PatchError,
    element_of,
    field_of,
    go_string,
    go_text,
    go_type,
    identity,
    json_type,
    merge_key_of,
    same,
    strategy_of,
    without_nulls,
)
from kubecourse.api.schema import Field, Struct

RETAIN_KEYS = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList"

_BAD_DELETE_FROM = "invalid patch format of primitive list"
_BAD_RETAIN_KEYS = "invalid patch format of retainKeys"
_BAD_ELEMENT_ORDER = "invalid patch format of setElementOrder list"


def strategic_merge_patch(doc: dict[str, Json], patch: Json, schema: Struct) -> dict[str, Json]:
    """The document with the patch merged in, lists by their merge keys.

    Raises PatchError: 400 for a patch or a directive of the wrong form, 500 with Go's text for
    an element without its merge key and the like, as the API server does.
    """
    if not isinstance(patch, dict):
        raise PatchError(
            f"json: cannot unmarshal {json_type(patch)} "
            "into Go value of type map[string]interface {}",
            400,
        )
    return merge_object(doc, patch, schema, applying=True)


def merge_object(
    original: dict[str, Json], patch: dict[str, Json], schema: Struct | None, applying: bool
) -> dict[str, Json]:
    """Merge a patch into an object or, when not applying, into another patch.

    Merging two patches, as kubectl does, keeps directives and nulls for the server to see.
    """
    if DIRECTIVE in patch:
        return _whole(patch)
    result, rest = dict(original), dict(patch)
    _retain_keys(result, rest, applying)
    _ordered_lists(result, rest, schema, applying)
    for key, value in rest.items():
        deleting = key.startswith(DELETE_FROM)
        if deleting:
            if not applying:
                result[key] = value
                continue
            key = _list_name(key, DELETE_FROM, _BAD_DELETE_FROM)
        if value is None:
            result.pop(key, None)
            if not applying:
                result[key] = None
        elif key in result and go_type(result[key]) == go_type(value):
            field = field_of(schema, key)
            result[key] = _merge_value(result[key], value, field, applying, deleting)
        elif not deleting:
            _take(result, key, value, applying)
    return result


def _whole(patch: dict[str, Json]) -> dict[str, Json]:
    """An object whose patch carries a directive for all of it."""
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == "delete":
        return {}
    raise PatchError(f"unknown patch type: {go_string(directive)} in map: {go_text(patch)}")


def _take(result: dict[str, Json], key: str, value: Json, applying: bool) -> None:
    """Set a field that was not there, or was of another type."""
    if not applying:
        result[key] = value
    elif is_directive(value):
        result.pop(key, None)
    else:
        result[key] = without_directives(without_nulls(value))


def _merge_value(
    original: Json, patch: Json, field: Field | None, applying: bool, deleting: bool
) -> Json:
    """Merge two values of the same type."""
    strategy, _ = strategy_of(field)
    if isinstance(patch, dict) and strategy != "replace":
        return merge_object(original, patch, element_of(field), applying)
    if isinstance(patch, list) and strategy == "merge":
        if deleting and element_kind(original, patch) != "map[string]interface {}":
            gone = {identity(item) for item in patch}
            return [item for item in original if identity(item) not in gone]
        return _merge_list(original, patch, field, applying)
    return patch


# --- lists


def _merge_list(
    original: list[Json], patch: list[Json], field: Field | None, applying: bool
) -> list[Json]:
    key, kind = merge_key_of(field), element_kind(original, patch)
    if kind == "map[string]interface {}":
        if not key:
            raise PatchError("cannot merge lists without merge key for type struct")
        original, patch = _list_directives(original, patch, key)
        merged = _merge_elements(original, patch, key, element_of(field), applying)
    else:
        key = ""
        merged = list({identity(item): item for item in [*original, *patch]}.values())
    return arrange(merged, patch, original, key)


def _list_directives(
    original: list[Json], patch: list[Json], key: str
) -> tuple[list[Json], list[Json]]:
    """Obey the elements that are directives; return what is left of the list and of the patch."""
    plain, replace, gone = [], False, set()
    for item in patch:
        directive = item.get(DIRECTIVE)
        if DIRECTIVE not in item:
            plain.append(item)
        elif directive == "delete":
            gone.add(key_of(item, key))
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise PatchError("merging lists cannot yet be specified in the patch")
        else:
            raise PatchError(f"unknown patch type: {go_string(directive)} in map: {go_text(item)}")
    if replace:
        return plain, []
    if gone:
        original = [item for item in original if key not in item or key_of(item, key) not in gone]
    return original, plain


def _merge_elements(
    original: list[Json], patch: list[Json], key: str, schema: Struct | None, applying: bool
) -> list[Json]:
    merged = list(original)
    places: dict[tuple[str, str], int] = {}
    for place, item in enumerate(original):
        if key in item:
            places.setdefault(key_of(item, key), place)
    for item in patch:
        place = places.setdefault(key_of(item, key), len(merged))
        if place < len(merged):
            merged[place] = merge_object(merged[place], item, schema, applying)
        else:
            merged.append(item)
    return merged


# --- directives beside the fields they are about


def _list_name(key: str, prefix: str, otherwise: str) -> str:
    """The list that `$directive/list` is about."""
    directive, slash, name = key.partition("/")
    if directive != prefix or not slash:
        raise PatchError(otherwise, 400)
    return name


def _retain_keys(result: dict[str, Json], rest: dict[str, Json], applying: bool) -> None:
    """Obey `$retainKeys`, taking it out of the rest of the patch."""
    if RETAIN_KEYS not in rest:
        return
    keep = rest.pop(RETAIN_KEYS)
    if not applying:
        result.setdefault(RETAIN_KEYS, keep)
        return
    if not isinstance(keep, list):
        raise PatchError(_BAD_RETAIN_KEYS, 400)
    for key, value in rest.items():
        parallel = key.startswith((DELETE_FROM, ELEMENT_ORDER))
        if value is not None and not parallel and key not in keep:
            raise PatchError(_BAD_RETAIN_KEYS, 400)
    for key in [key for key in result if key not in keep]:
        del result[key]


def _ordered_lists(
    result: dict[str, Json], rest: dict[str, Json], schema: Struct | None, applying: bool
) -> None:
    """Merge the lists that come with a `$setElementOrder`, taking both out of the patch."""
    for directive in [key for key in rest if key.startswith(ELEMENT_ORDER)]:
        order = rest.pop(directive)
        if not applying and not same(result.setdefault(directive, order), order):
            raise PatchError(_BAD_ELEMENT_ORDER, 400)
        need_list(order)
        name = _list_name(directive, ELEMENT_ORDER, _BAD_ELEMENT_ORDER)
        for holder in (result, rest):
            if name in holder:
                need_list(holder[name])
        field = field_of(schema, name)
        if field is None and schema is not None:
            raise PatchError(
                f'unable to find api field in struct {schema.kind} for the json field "{name}"'
            )
        key = merge_key_of(field)
        check_order(rest.get(name, []), order, key)
        if name in result and name in rest:
            merged = _merge_value(result[name], rest[name], field, applying, deleting=False)
        elif name in rest:
            merged = without_directives(rest[name])
        elif name in result:
            merged = result[name]
        else:
            continue
        result[name] = arrange(merged, order, result.get(name, []), key)
        rest.pop(name, None)
