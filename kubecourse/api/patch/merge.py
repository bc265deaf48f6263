"""JSON merge patch (RFC 7386): a partial object, null for what goes, lists replaced whole.

Behaviour follows `evanphx/json-patch` as the API server uses it, and
`staging/src/k8s.io/apimachinery/pkg/util/jsonmergepatch/patch.go`.
"""

from __future__ import annotations

from kubecourse.api.patch.values import Json, PatchError, json_type, same, without_nulls


def merge_patch(doc: Json, patch: Json) -> Json:
    """The document with the patch merged in.

    Raises PatchError (400) if the patch is not an object.
    """
    if not isinstance(patch, dict):
        raise PatchError(
            f"error decoding patch: json: cannot unmarshal {json_type(patch)} "
            "into Go value of type map[string]interface {}",
            400,
        )
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


def create_merge_patch(a: dict[str, Json], b: dict[str, Json]) -> dict[str, Json]:
    """The merge patch that turns a into b; {} when they are the same.

    A null inside b cannot be said in a merge patch: it comes out as an absent field.
    """
    patch: dict[str, Json] = {}
    for key, wanted in b.items():
        if key not in a:
            patch[key] = wanted
        elif isinstance(wanted, dict) and isinstance(a[key], dict):
            if inner := create_merge_patch(a[key], wanted):
                patch[key] = inner
        elif not same(a[key], wanted):
            patch[key] = wanted
    patch.update((key, None) for key in a if key not in b)
    return patch


def three_way_json_merge_patch(
    original: dict[str, Json], modified: dict[str, Json], current: dict[str, Json]
) -> dict[str, Json]:
    """What `kubectl apply` sends for kinds it has no Go type for, such as custom resources.

    original: what was applied last time; modified: what is applied now; current: what is there.
    Fields that left the manifest are deleted; fields that others set are left alone.
    """
    changes = _only(create_merge_patch(current, modified), nulls=False)
    deletions = _only(create_merge_patch(original, modified), nulls=True)
    return _overlay(deletions, changes)


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


def _overlay(base: dict[str, Json], top: dict[str, Json]) -> dict[str, Json]:
    """Two patches as one. Unlike applying, this keeps the nulls."""
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = _overlay(below, value)
        result[key] = value
    return result
