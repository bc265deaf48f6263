"""Who manages which fields of an object, and what a write or a server-side apply does to that.

Objects are JSON values without `apiVersion`, `kind` and `metadata.managedFields`.
Sources: `sigs.k8s.io/structured-merge-diff/merge` (v6),
`staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from kubecourse.api.patch import field_set
from kubecourse.api.patch.field_set import SELF, FieldSet, difference, intersection, union
from kubecourse.api.patch.typed import Atom, compare, fields_of, merge, remove, with_parents
from kubecourse.api.patch.values import Json

MOST_UPDATERS = 10
"""When more than these have updated an object, the oldest are counted together."""
ANCIENT, BEFORE_APPLY = "ancient-changes", "before-first-apply"

_SYSTEM = {
    f"f:{name}": field_set.LEAF
    for name in (
        "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
        "managedFields", "resourceVersion",
    )
}  # fmt: skip
_UNMANAGED: FieldSet = {"f:metadata": {SELF: {}, **_SYSTEM}}
Ignored = tuple[tuple[str, ...], ...]
"""Fields, by their names, that a request cannot change."""


class Manager(NamedTuple):
    """Who writes, and how: `operation` Apply or Update, `version` the apiVersion of an Update."""

    name: str
    operation: str
    version: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        """As conflicts name it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.version}" if self.operation == "Update" else text


class Managed(NamedTuple):
    """The fields that a manager has, in which version, since when."""

    fields: FieldSet
    version: str
    time: datetime | None


Owners = dict[Manager, Managed]


class Conflict(Exception):
    """An apply would change what others manage: `fields` by manager, in order."""

    def __init__(self, fields: dict[Manager, FieldSet]) -> None:
        super().__init__("Apply failed")
        self.fields = {manager: fields[manager] for manager in sorted(fields)}

    def causes(self) -> list[tuple[Manager, str]]:
        """Each field in conflict, as a path, with its manager."""
        pairs = self.fields.items()
        return [(manager, path) for manager, fields in pairs for path in field_set.paths(fields)]

    def message(self) -> str:
        """The server's words."""
        causes = self.causes()
        if len(causes) == 1:
            return f"Apply failed with 1 conflict: conflict with {causes[0][0]}: {causes[0][1]}"
        lines = []
        for manager, fields in self.fields.items():
            lines.append(f"conflicts with {manager}:")
            lines += [f"- {path}" for path in field_set.paths(fields)]
        return f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)


def update(
    owners: Owners, gone: FieldSet, changed: FieldSet, manager: Manager, time: datetime | None
) -> Owners:
    """The owners after `manager` has changed some fields, which are its own now."""
    left = _taken(_served(owners, manager.version), union(gone, changed))
    taken = difference(changed, _UNMANAGED)
    if taken:
        before = left.get(manager)
        fields = union(before.fields, taken) if before else taken
        left[manager] = Managed(fields, manager.version, time)
    return _capped(left)


def apply(
    owners: Owners,
    live: Json,
    config: Json,
    of: Atom,
    manager: Manager,
    version: str,
    force: bool,
    ignored: Ignored = (),
) -> tuple[Json, Owners]:
    """The live object with the applied configuration in it, and its owners then.

    What the manager applied before and leaves out now goes, unless others manage it too. The
    manager keeps the time that it had. Raises Conflict where others manage what would change,
    unless `force`.
    """
    owners = _served(owners, version)
    last = owners.get(manager)
    fields = field_set.without(fields_of(config, of), ignored)
    owners[manager] = Managed(fields, version, last.time if last else None)
    new = merge(live, config, of)
    if last is not None:
        new = _pruned(new, [entry.fields for entry in owners.values()], last.fields, of)
    gone, changed = (field_set.without(parts, ignored) for parts in compare(live, new, of))
    others = {other: entry for other, entry in owners.items() if other != manager}
    conflicts = {
        other: common
        for other, entry in others.items()
        if (common := intersection(entry.fields, changed))
    }
    if conflicts and not force:
        raise Conflict(conflicts)
    left = _taken(others, union(gone, changed))
    if own := difference(fields, _UNMANAGED):
        left[manager] = owners[manager]._replace(fields=own)
    return new, left


def _served(owners: Owners, version: str) -> Owners:
    """Without those whose fields are written in a version that is no longer served."""
    return {manager: entry for manager, entry in owners.items() if entry.version == version}


def _taken(owners: Owners, fields: FieldSet) -> Owners:
    left = {}
    for manager, entry in owners.items():
        if kept := difference(entry.fields, fields):
            left[manager] = entry._replace(fields=kept)
    return left


def _pruned(merged: Json, managed: Iterable[FieldSet], last: FieldSet, of: Atom) -> Json:
    """The merged object without what was applied last time and nobody manages now."""
    pruned = remove(merged, with_parents(last, of), of)
    everything = with_parents(fields_of(merged, of), of)
    kept = with_parents(fields_of(pruned, of), of)
    for fields in managed:
        kept = union(kept, with_parents(fields, of))
    pruned = remove(merged, difference(everything, kept), of)
    left = with_parents(fields_of(pruned, of), of)
    dropped = intersection(difference(everything, left), with_parents(last, of))
    return remove(merged, dropped, of)


def _seconds(entry: Managed) -> float:
    return entry.time.timestamp() if entry.time else 0.0


def _capped(owners: Owners) -> Owners:
    """Count the oldest updaters together while there are too many."""
    updaters = [manager for manager in owners if manager.operation == "Update"]
    updaters.sort(key=lambda manager: (_seconds(owners[manager]), manager))
    surplus = len(updaters) - MOST_UPDATERS
    if surplus > 0:
        old = [owners.pop(manager) for manager in updaters[: surplus + 1]]
        fields: FieldSet = {}
        for entry in old:
            fields = union(fields, entry.fields)
        bucket = Manager(ANCIENT, "Update", old[0].version)
        owners[bucket] = old[-1]._replace(fields=fields)
    return owners


# --- as objects have them


def dump(owners: Owners) -> list[dict[str, Any]]:
    """`metadata.managedFields`, sorted as the server sorts it."""
    entries = []
    for manager, (fields, version, time) in sorted(
        owners.items(), key=lambda item: (item[0].operation, _seconds(item[1]), item[0])
    ):
        entry: dict[str, Any] = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": version,
        }
        if time is not None:
            entry["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": field_set.dump(fields)}
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    return entries


def load(entries: list[Any]) -> Owners:
    """The owners that ManagedFieldsEntry structs mean. Raises ValueError for wrong ones."""
    owners: Owners = {}
    for entry in entries:
        if entry.operation not in ("Apply", "Update"):
            raise ValueError("operation must be `Apply` or `Update`")
        if not entry.apiVersion or entry.fieldsType != "FieldsV1":
            raise ValueError("apiVersion and fieldsType must be set")
        version = entry.apiVersion if entry.operation == "Update" else ""
        manager = Manager(entry.manager or "", entry.operation, version, entry.subresource or "")
        fields = field_set.load(entry.fieldsV1 or {})
        owners[manager] = Managed(fields, entry.apiVersion, entry.time)
    return owners
