"""Who manages which fields: worked out from the history when somebody asks, stored by no write.

A write only leaves a note of who wrote. etcd keeps every state of every object, so what each
writer changed, and what thus became his, can be told later; most objects are never asked about.
Server-side apply, which must know, notes the owners that it found.
Source: `staging/src/k8s.io/apimachinery/pkg/util/managedfields`,
`staging/src/k8s.io/apiserver/pkg/endpoints/handlers/{create,update,patch}.go`.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import codec, errors, schema
from kubecourse.api.memo import IdentityMemo, memo
from kubecourse.api.patch import owners as ownership
from kubecourse.api.patch.field_set import FieldSet, difference, union, without
from kubecourse.api.patch.owners import Manager, Owners
from kubecourse.api.patch.typed import Atom, atom, compare, fields_of, problems
from kubecourse.api.resources import Resource, resource_of
from kubecourse.control_plane.apiserver.request import Options

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
KUBECTL = "kubectl"
"""The manager whose applies keep the annotation of client-side apply up to date."""


class Write(NamedTuple):
    """The note that a write leaves in etcd.

    `requested` is the object as it was asked for, or its spec, where admission has changed that
    since: what plugins add is nobody's. `owners` are those after the write where they are known
    already, `previous` the revision before a deletion.
    """

    manager: str = ""
    subresource: str = ""
    requested: Any = None
    owners: Owners | None = None
    previous: int = 0


_plain = cache(Write)
"""A writer's plain notes are all one."""


@memo
def _asking(spec: Any) -> dict[str, Write]:
    """The notes of those who have asked for a spec, by manager: one for all pods of a template."""
    return {}


def note(options: Options, requested: Any, stored: Any, subresource: str = "") -> Write | None:
    """The note of a write. One without a manager, of the server itself, has none."""
    manager, owners = options.manager, options.owners
    if not manager or owners is not None:
        return Write(manager, subresource, owners=owners) if owners is not None else None
    if requested is stored:
        return _plain(manager, subresource)
    spec = getattr(requested, "spec", None)
    if requested.metadata is not stored.metadata or spec is None:
        return Write(manager, subresource, requested)
    known = _asking(spec)
    if manager not in known:
        known[manager] = Write(manager, "", spec)
    return known[manager]


_known: IdentityMemo[Owners] = IdentityMemo(lambda obj: {}, size=4096)
"""The owners of objects that somebody has asked about. They follow from the object's history."""


def of(server: Any, obj: Any) -> Owners:
    """The owners of a stored object's fields."""
    changes = []
    owners: Owners = {}
    revision = int(obj.metadata.resourceVersion or 0)
    while (change := server.etcd.change(revision)) is not None:
        found = _known.find(change.old if change.new is None else change.new)
        if found is not None:
            owners = found
            break
        changes.append(change)
        note = change.note or Write()
        if change.old is None or note.owners is not None:
            break
        revision = note.previous or int(change.old.metadata.resourceVersion or 0)
    for change in reversed(changes):
        owners = _after(server, owners, change)
    _known.keep(obj, owners)
    return owners


def _after(server: Any, owners: Owners, change: Any) -> Owners:
    note = change.note
    if note is None or change.new is None:
        return owners
    if note.owners is not None:
        return note.owners
    time = server.clock.moment(server.etcd.time_of(change.revision))
    new = change.new if note.requested is None else note.requested
    if type(new) is not type(change.new):
        new = replace(change.new, spec=new)
    return updated(owners, change.old, new, note.manager, note.subresource, time)


def updated(
    owners: Owners, old: Any, new: Any, manager: str, subresource: str, time: datetime | None
) -> Owners:
    """The owners after an update; `old` is None for a creation.

    An object that nobody manages stays so until it is applied.
    """
    if old is not None and not owners:
        return owners
    resource = resource_of(new)
    who = Manager(manager, "Update", resource.api_version, subresource)
    if subresource == "scale":
        time = None  # Lost on the way through the Scale, as on the real server.
    ignored = unchangeable(resource, subresource)
    gone, changed = (without(fields, ignored) for fields in _differences(resource, old, new))
    return ownership.update(owners, gone, changed, who, time)


def _differences(resource: Resource, old: Any, new: Any) -> tuple[FieldSet, FieldSet]:
    """What `new` lacks of `old` (None: of nothing), and what it sets otherwise."""
    created = old is None
    old = zero(resource) if created else old
    same = {
        name: None
        for name in new.__struct_fields__
        if getattr(new, name) == getattr(old, name, None)
    }
    before, after = old.metadata, new.metadata
    if before and replace(before, resourceVersion=after.resourceVersion) == after:
        same["metadata"] = None
    spec = getattr(new, "spec", None) if created and "spec" not in same else None
    if isinstance(spec, dict):
        spec = None  # a custom resource's
    if spec is not None:
        same["spec"] = None
    before, after = value_of(replace(old, **same)), value_of(replace(new, **same))
    gone, changed = compare(before, after, atom_of(resource))
    return gone, changed if spec is None else {**changed, "f:spec": _set_by(spec)}


@memo
def _set_by(spec: Any) -> FieldSet:
    """What a new object's spec sets. The pods of a template share theirs."""
    name = codec.name_of(type(spec))
    nothing = codec.encode(codec.decode({}, name)[0])
    return compare(nothing, codec.encode(spec), atom(schema.type_of(name)))[1]


def overridden(server: Any, given: list[Any], old: Any, new: Any, manager: str) -> Owners | None:
    """The owners after an update that brings its own; None where those are as they were.

    A single empty entry takes all owners away; entries that cannot be read do not count.
    """
    current = of(server, old)
    try:
        owners = {} if given == [type(given[0])()] else ownership.load(given)
    except ValueError:
        return None
    if owners == current:
        return None
    return updated(owners, old, new, manager, "", server.clock.utc())


# --- objects as JSON values


@cache
def zero(resource: Resource) -> Any:
    """An object in which nothing is set, as Go has it."""
    return codec.decode({}, resource.schema)[0]


@cache
def atom_of(resource: Resource) -> Atom:
    """How objects of a resource are merged."""
    return atom(schema.type_of(resource.schema))


def value_of(obj: Any) -> dict[str, Any]:
    """An object as owners are worked out from it."""
    value = codec.encode(obj)
    del value["apiVersion"], value["kind"]
    return value


def unchangeable(resource: Resource, subresource: str) -> ownership.Ignored:
    """What a request through the object itself, or through its status, cannot change.

    Source: the `GetResetFields` of each resource's strategy.
    """
    if subresource == "status":
        labels = (("metadata", "labels"),) if resource.kind == "Deployment" else ()
        return (("spec",), *labels)
    return (("status",),) if "status" in resource.subresources else ()


def change_hands(server: Any, obj: Any, owners: Owners | None) -> bool:
    """Whether owners that were worked out differ from an object's, times aside."""
    if owners is None:
        return False
    current = of(server, obj)
    return current.keys() != owners.keys() or any(
        current[manager][:2] != entry[:2] for manager, entry in owners.items()
    )


def show(server: Any, obj: Any) -> dict[str, Any]:
    """An object as clients see it, its managed fields included."""
    data = codec.encode(obj)
    if entries := ownership.dump(of(server, obj)) if not obj.metadata.managedFields else None:
        data["metadata"]["managedFields"] = entries
    return data


def with_owners(obj: Any, owners: Owners) -> Any:
    """An object that is not stored, with the managed fields that it would have."""
    entries = ownership.dump(owners)
    decoded = [codec.decode(entry, "meta/v1.ManagedFieldsEntry")[0] for entry in entries]
    return replace(obj, metadata=replace(obj.metadata, managedFields=decoded or None))


# --- server-side apply


def applied(
    server: Any,
    resource: Resource,
    live: Any,
    config: dict[str, Any],
    subresource: str,
    options: Options,
) -> tuple[Any, Owners]:
    """A configuration merged into an object, or (None) into nothing, and who manages it then.

    Raises ApiError where it is not of the resource's kind or type, and for conflicts.
    """
    _check(resource, config)
    manager, name = options.manager, named(config)
    config = {key: value for key, value in config.items() if key not in ("apiVersion", "kind")}
    kind, version = atom_of(resource), resource.api_version
    before = value_of(zero(resource) if live is None else live)
    owners = of(server, live) if live is not None else {}
    now = server.clock.utc()
    if live is not None and not owners:
        owners = updated({}, None, live, ownership.BEFORE_APPLY, subresource, now)
    who = Manager(manager, "Apply", "", subresource)
    ignored = unchangeable(resource, subresource)
    args = (owners, before, config, kind, who, version)
    try:
        value, owners = ownership.apply(*args, options.force, ignored)
    except ownership.Conflict as conflict:
        if manager == KUBECTL:
            conflict = _not_applied_before(conflict, before, version, kind)
        if conflict.fields:
            raise _refusal(conflict) from None
        value, owners = ownership.apply(*args, True, ignored)
    if value != before and who in owners:
        owners[who] = owners[who]._replace(time=now)
    head = {"apiVersion": version, "kind": resource.kind}
    annotations = (value.get("metadata") or {}).get("annotations") or {}
    if manager == KUBECTL and annotations.get(LAST_APPLIED):
        annotations = {**annotations, LAST_APPLIED: _last_applied({**head, **config})}
        value = {**value, "metadata": {**value["metadata"], "annotations": annotations}}
    try:
        return codec.decode({**head, **value}, resource.schema)[0], owners
    except codec.DecodeError as error:
        why = f"unable to convert unstructured object to {name.partition('; ')[2]}: {error}"
        what = f"failed to convert new typed object ({name}) to object"
        raise errors.ApiError(500, "", f"{what}: {why}") from None


def _check(resource: Resource, config: dict[str, Any]) -> None:
    version, kind = config.get("apiVersion") or "", config.get("kind") or ""
    if (version, kind) != (resource.api_version, resource.kind):
        shown = version if "/" in version else f"/{version}"
        raise errors.bad_request(f"invalid object type: {shown}, Kind={kind}")
    metadata = config.get("metadata") or {}
    if not isinstance(metadata, dict):
        metadata = {}
    if metadata.get("managedFields") is not None:
        raise errors.bad_request("metadata.managedFields must be nil")
    plain = {key: value for key, value in config.items() if key not in ("apiVersion", "kind")}
    wrong = list(problems(plain, atom_of(resource)))
    if wrong:
        why = wrong[0] if len(wrong) == 1 else "\n  ".join(["errors:", *wrong])
        raise errors.ApiError(
            500, "", f"failed to create typed patch object ({named(config)}): {why}"
        )


def named(config: dict[str, Any]) -> str:
    """An object as errors of applying name it: `default/web; apps/v1, Kind=Deployment`."""
    metadata, version = config.get("metadata") or {}, config["apiVersion"]
    version = version if "/" in version else f"/{version}"
    where = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return f"{where}; {version}, Kind={config['kind']}"


def _refusal(conflict: ownership.Conflict) -> errors.ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, path in conflict.causes()
    ]
    return errors.ApiError(409, "Conflict", conflict.message(), {"causes": causes})


def _not_applied_before(
    conflict: ownership.Conflict, live: dict[str, Any], version: str, kind: Atom
) -> ownership.Conflict:
    """The conflict without the fields that client-side apply set as they are."""
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = json.loads(text or "")
    except ValueError:
        return conflict
    if not isinstance(last, dict) or last.pop("apiVersion", "") != version:
        return conflict
    last.pop("kind", None)
    if list(problems(last, kind)):
        return conflict
    gone, changed = compare(last, live, kind)
    own: FieldSet = difference(fields_of(last, kind), union(gone, changed))
    left = {manager: difference(fields, own) for manager, fields in conflict.fields.items()}
    return ownership.Conflict({manager: fields for manager, fields in left.items() if fields})


def _last_applied(config: dict[str, Any]) -> str:
    metadata = dict(config.get("metadata") or {})
    if annotations := metadata.get("annotations"):
        annotations = {key: text for key, text in annotations.items() if key != LAST_APPLIED}
        metadata["annotations"] = annotations
    text = json.dumps(
        {**config, "metadata": metadata}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return text + "\n"
