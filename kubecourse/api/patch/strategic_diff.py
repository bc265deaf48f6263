"""Making strategic merge patches: what `kubectl apply`, `edit` and `label` send.

Behaviour follows `staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`
(CreateTwoWayMergePatch, CreateThreeWayMergePatch).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kubecourse.api.patch.elements import DIRECTIVE, ELEMENT_ORDER, element_kind, key_of
from kubecourse.api.patch.strategic import DELETE_FROM, RETAIN_KEYS, merge_object
from kubecourse.api.patch.values import (
    Json,
    element_of,
    field_of,
    go_text,
    go_type,
    merge_key_of,
    same,
    strategy_of,
)
from kubecourse.api.schema import Field, Struct


@dataclass(frozen=True, slots=True)
class _Options:
    """Which half of a difference to write down, and whether to say which fields may stay."""

    changes: bool = True
    deletions: bool = True
    retain_keys: bool = False


def two_way_merge_patch(
    original: dict[str, Json], modified: dict[str, Json], schema: Struct
) -> dict[str, Json]:
    """The strategic merge patch that turns one object into the other; {} if they are the same.

    Like kubectl, it does not notice that a list of strings was merely put in alphabetical order.

    Raises PatchError for lists of mixed types or without their merge keys.
    """
    return _diff(original, modified, schema, _Options())


def three_way_merge_patch(
    original: dict[str, Json],
    modified: dict[str, Json],
    current: dict[str, Json],
    schema: Struct,
) -> dict[str, Json]:
    """What `kubectl apply` sends.

    original: what was applied last time, from the last-applied annotation, or {};
    modified: what is applied now, with its own annotation; current: the object on the server.

    Fields of the manifest are set to what it says; fields that left the manifest since last time
    are deleted; what others added is left alone. Raises PatchError.
    """
    changes = _diff(current, modified, schema, _Options(deletions=False))
    deletions = _diff(original, modified, schema, _Options(changes=False))
    return merge_object(deletions, changes, schema, applying=False)


def _diff(
    original: dict[str, Json], modified: dict[str, Json], schema: Struct | None, options: _Options
) -> dict[str, Json]:
    patch: dict[str, Json] = {}
    inner = replace(options, retain_keys=False)
    for key, wanted in modified.items():
        present: Json = original.get(key)
        if key not in original or go_type(present) != go_type(wanted):
            if options.changes:
                patch[key] = wanted
        elif isinstance(wanted, dict):
            _diff_object(patch, key, present, wanted, field_of(schema, key), inner)
        elif isinstance(wanted, list):
            _diff_list(patch, key, present, wanted, field_of(schema, key), inner)
        elif options.changes and present != wanted:
            patch[key] = wanted
    if options.deletions:
        patch.update((key, None) for key in original if key not in modified)
    if options.retain_keys:
        keep = sorted(key for key, value in modified.items() if value is not None)
        dropped = any(value is not None for key, value in original.items() if key not in modified)
        if keep and (patch or dropped):
            patch[RETAIN_KEYS] = keep
    return patch


def _diff_object(
    patch: dict[str, Json],
    key: str,
    original: dict[str, Json],
    modified: dict[str, Json],
    field: Field | None,
    options: _Options,
) -> None:
    strategy, retain_keys = strategy_of(field)
    if strategy == "replace":
        if options.changes and not same(original, modified):
            patch[key] = modified
        return
    options = replace(options, retain_keys=retain_keys)
    if inner := _diff(original, modified, element_of(field), options):
        patch[key] = inner


def _diff_list(
    patch: dict[str, Json],
    key: str,
    original: list[Json],
    modified: list[Json],
    field: Field | None,
    options: _Options,
) -> None:
    strategy, retain_keys = strategy_of(field)
    if strategy != "merge":
        if options.changes and not same(original, modified):
            patch[key] = modified
        return
    if not original:
        if modified and options.changes:
            patch[key] = modified
        return
    if element_kind(original, modified) == "map[string]interface {}":
        options = replace(options, retain_keys=retain_keys)
        _diff_elements(patch, key, original, modified, field, options)
    else:
        _diff_scalars(patch, key, original, modified, options)


def _diff_elements(
    patch: dict[str, Json],
    key: str,
    original: list[Json],
    modified: list[Json],
    field: Field | None,
    options: _Options,
) -> None:
    """Elements to add or change, in the manifest's order, then those to delete."""
    merge_key = merge_key_of(field)
    keys = [key_of(item, merge_key) for item in original]
    wanted = [key_of(item, merge_key) for item in modified]
    # Two elements may share a key (port 53, TCP and UDP): they pair up in their order.
    before: dict[tuple[str, str], list[Json]] = {}
    for identity, item in zip(keys, original, strict=True):
        before.setdefault(identity, []).append(item)
    entries: list[Json] = []
    for identity, item in zip(wanted, modified, strict=True):
        if not before.get(identity):
            if options.changes:
                entries.append(item)
        elif inner := _diff(before[identity].pop(0), item, element_of(field), options):
            entries.append({**inner, merge_key: item[merge_key]})
    if options.deletions:
        gone = [item[merge_key] for items in before.values() for item in items]
        entries += [{merge_key: name, DIRECTIVE: "delete"} for name in sorted(gone, key=go_text)]
    if entries:
        patch[key] = entries
    if modified and (entries or (options.changes and keys != wanted)):
        patch[f"{ELEMENT_ORDER}/{key}"] = [{merge_key: item[merge_key]} for item in modified]


def _diff_scalars(
    patch: dict[str, Json],
    key: str,
    original: list[Json],
    modified: list[Json],
    options: _Options,
) -> None:
    before, after = sorted(original, key=go_text), sorted(modified, key=go_text)
    added = [item for item in modified if item not in before] if options.changes else []
    gone = [item for item in before if item not in after] if options.deletions else []
    if added:
        patch[key] = added
    if gone:
        patch[f"{DELETE_FROM}/{key}"] = list(dict.fromkeys(gone))
    # kubectl sorts the old list in place before it compares. So an order is sent even if nothing
    # changed, unless it is alphabetical; and a mere sorting of the list goes unnoticed.
    if modified and (gone or (options.changes and not same(before, modified))):
        patch[f"{ELEMENT_ORDER}/{key}"] = modified
