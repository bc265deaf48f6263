"""`kubectl apply`, `diff`, `create -f`, `replace`: objects as manifests have them.

`apply` writes the manifest into an annotation of the object. Next time that text says what was
applied before, so that what has left the manifest can be removed and what others have added can
be left alone.

Sources: `staging/src/k8s.io/kubectl/pkg/util/apply.go`, `…/pkg/cmd/{apply,diff,replace}`,
`staging/src/k8s.io/client-go/util/csaupgrade/upgrade.go`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from kubecourse.api import schema, yaml
from kubecourse.api.errors import ApiError
from kubecourse.api.jsonpath import go_json
from kubecourse.api.patch import (
    PatchError,
    field_set,
    three_way_json_merge_patch,
    three_way_merge_patch,
)
from kubecourse.api.resources import Resource
from kubecourse.tools.kubectl import output
from kubecourse.tools.kubectl.changing import (
    LAST_APPLIED,
    annotated,
    create,
    manifests,
    recreate,
    store,
)
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import (
    KubectlError,
    SeveralErrors,
    each,
    explain,
    prefixing,
    raise_all,
)
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]

MANAGER = "kubectl-client-side-apply"
MISSING_ANNOTATION = (
    "resource {} is missing the " + LAST_APPLIED + " annotation which is required by kubectl apply."
    " kubectl apply should only be used on resources created declaratively by either kubectl create"
    " --save-config or kubectl apply. The missing annotation will be patched automatically."
)


def last_applied(obj: Json) -> Json:
    """What was applied last time, from the object's annotation; {} where nothing was.

    Raises `PatchError` for an annotation that somebody has spoilt.
    """
    text = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED) or "{}"
    try:
        original = json.loads(text)
    except ValueError:
        original = None
    if not isinstance(original, dict):
        raise PatchError(f"the annotation {LAST_APPLIED} is not a JSON object")
    return original


def apply_patch(resource: Resource, manifest: Json, current: Json) -> Json:
    """The patch that makes `current` what the manifest says; {} for nothing.

    Raises KubectlError.
    """
    wanted = annotated(manifest)
    try:
        if resource.merges:
            return three_way_json_merge_patch(last_applied(current), wanted, current)
        struct = schema.struct(resource.schema)
        return three_way_merge_patch(last_applied(current), wanted, current, struct)
    except PatchError as error:
        raise KubectlError(f"creating patch with: {error}") from None


@command("apply")
def apply(inv: Invocation) -> None:
    """Apply every object of -f; one that is refused does not keep the others back."""
    how = _apply_server_side if inv.flags["server-side"] else _apply
    errors: list[Exception] = []
    each(manifests(inv, errors), partial(_apply_one, inv, how), errors)


def _apply_one(inv: Invocation, how: Callable[[Invocation, Info], None], info: Info) -> None:
    metadata = info.object["metadata"]
    if not metadata.get("name") and metadata.get("generateName"):
        raise KubectlError(f"from {metadata['generateName']}: cannot use generate name with apply")
    if not info.name:
        raise KubectlError("resource name may not be empty")
    how(inv, info)


def _apply(inv: Invocation, info: Info) -> None:
    asking = "error when retrieving current configuration of"
    with prefixing(f'{asking}:\n{_described(info)}\nfrom server for: "{info.source}"'):
        current = inv.connection.find(info)
    done = "configured"
    if current is None:
        with prefixing(f'error when creating "{info.source}"'):
            current, done = create(inv, info, annotated(info.object), _manager(inv)), "created"
    elif inv.dry_run != "client":
        current, done = _patch(inv, info, current)
    output.print_result(inv, replace(info, object=current), done)


def _manager(inv: Invocation) -> str:
    return inv.flags["field-manager"] or MANAGER


def _patch(inv: Invocation, info: Info, current: Json) -> tuple[Json, str]:
    if LAST_APPLIED not in (current["metadata"].get("annotations") or {}):
        inv.warn(MISSING_ANNOTATION.format(info.plural))
    source = f'error when patching "{info.source}"'
    try:
        patch = apply_patch(info.resource, info.object, current)
    except KubectlError as error:
        raise KubectlError(f"{source}: {error}") from None
    if patch:
        options = {"validation": inv.validation, "field_manager": _manager(inv)}
        try:
            current = inv.connection.patch(info, patch, dry_run=inv.dry_run, **options)
        except ApiError as error:
            if not inv.flags["force"] or error.reason not in ("Conflict", "Invalid"):
                with prefixing(f"{_applying(info, patch)} {source}"):
                    raise
            current = recreate(inv, info, annotated(info.object))
    _warn_of_deletion(inv, current)
    return current, "configured" if patch else "unchanged"


def _warn_of_deletion(inv: Invocation, obj: Json) -> None:
    if obj["metadata"].get("deletionTimestamp"):
        name = obj["metadata"]["name"]
        inv.warn(f"Detected changes to resource {name} which is currently being deleted.")


def _applying(info: Info, patch: Json) -> str:
    """Kubectl's words for what it was about to send, and to whom."""
    what = f"error when applying patch:\n{go_json(patch)}\nto:\n{_described(info)}"
    return f'{what}\nfor: "{info.source}":'


def _described(info: Info) -> str:
    resource = info.resource
    version = resource.api_version if resource.group else f"/{resource.version}"
    return (
        f'Resource: "{version}, Resource={resource.plural}", '
        f'GroupVersionKind: "{version}, Kind={resource.kind}"\n'
        f'Name: "{info.name}", Namespace: "{info.namespace or ""}"'
    )


# --- on the server: what client-side apply has managed passes to the manager of server-side apply

SERVER_SIDE_MANAGER = "kubectl"
KEEPER = "kubectl-last-applied"
"""Owns the annotation of client-side apply once server-side apply has taken over."""

REVIEW = """
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"""
LATER = "This is non-fatal and will be retried next time you apply. Error: "
NOT_KEPT = f"failed to migrate {LAST_APPLIED} for Server-Side Apply. {LATER}"
NOT_MOVED = f"server rejected managed fields migration to Server-Side Apply. {LATER}"


def _apply_server_side(inv: Invocation, info: Info) -> None:
    """Send the object to be merged by the server. Raises ApiError, KubectlError."""
    manager = inv.flags["field-manager"] or SERVER_SIDE_MANAGER
    try:
        obj = _send(inv, info, info.object, manager)
    except ApiError as error:
        if error.reason == "Conflict":
            raise KubectlError(error.message + REVIEW) from None
        raise
    try:
        failure = NOT_KEPT
        if manager == SERVER_SIDE_MANAGER:
            obj = _keep_annotation(inv, info, obj)
        failure = NOT_MOVED
        if _migrate(inv, info, obj, manager):
            obj = _send(inv, info, info.object, manager)
    except ApiError as error:
        inv.warn(failure + error.message)
    _warn_of_deletion(inv, obj)
    output.print_result(inv, replace(info, object=obj), "serverside-applied")


def _send(inv: Invocation, info: Info, config: Json, manager: str) -> Json:
    options = {"validation": inv.validation, "field_manager": manager, "dry_run": inv.dry_run}
    force = inv.flags["force-conflicts"]
    return inv.connection.apply(info, config, force=force, **options)


def _owners(obj: Json, operation: str) -> list[Json]:
    """The entries of those who own the annotation of client-side apply."""
    path = ("f:metadata", "f:annotations", f"f:{LAST_APPLIED}")
    return [
        entry
        for entry in obj["metadata"].get("managedFields") or ()
        if entry["operation"] == operation
        and field_set.contains(field_set.load(entry["fieldsV1"]), *path)
    ]


def _keep_annotation(inv: Invocation, info: Info, obj: Json) -> Json:
    """Have somebody else own the annotation, so that it stays."""
    text = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if text is None or _owners(obj, "Apply"):
        return obj
    metadata = {
        key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]
    }
    metadata["annotations"] = {LAST_APPLIED: text}
    config = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
    return _send(inv, info, config, KEEPER)


def _migrate(inv: Invocation, info: Info, obj: Json, manager: str) -> bool:
    """Pass the fields of client-side apply's managers on; whether there were any."""
    names = {entry["manager"] for entry in _owners(obj, "Update")}
    entries: list[Json] = []
    moved = [entry for entry in obj["metadata"].get("managedFields") or () if _of(entry, names)]
    if not moved:
        return False
    target = None
    for entry in obj["metadata"]["managedFields"]:
        if entry["manager"] == manager and entry["operation"] == "Apply":
            target = entry
        elif entry not in moved:
            entries.append(entry)
    target = target or {**moved[0], "manager": manager, "operation": "Apply"}
    fields = field_set.load(target["fieldsV1"])
    for entry in moved:
        fields = field_set.union(fields, field_set.load(entry["fieldsV1"]))
    entries.append({**target, "fieldsV1": field_set.dump(fields)})
    new = {"managedFields": entries, "resourceVersion": obj["metadata"]["resourceVersion"]}
    patch = [{"op": "replace", "path": f"/metadata/{key}", "value": new[key]} for key in new]
    inv.connection.patch(info, patch, "json", dry_run=inv.dry_run)
    return True


def _of(entry: Json, names: set[str]) -> bool:
    return (
        entry["manager"] in names
        and entry["operation"] == "Update"
        and not entry.get("subresource")
    )


# --- create and replace


@command("create")
def create_from_files(inv: Invocation) -> None:
    """Create every object of -f."""

    def create_one(info: Info) -> None:
        with prefixing(f'error when creating "{info.source}"'):
            store(inv, info)

    errors: list[Exception] = []
    each(manifests(inv, errors), create_one, errors)


@command("replace")
def replace_objects(inv: Invocation) -> None:
    """Put each object of -f in the place of the one that is there."""

    def replace_one(info: Info) -> None:
        with prefixing(f'error when replacing "{info.source}"'):
            obj = _replaced(inv, info)
        output.print_result(inv, replace(info, object=obj), "replaced")

    errors: list[Exception] = []
    each(manifests(inv, errors), replace_one, errors)


def _replaced(inv: Invocation, info: Info) -> Json:
    if not info.name:
        raise KubectlError("resource name may not be empty")
    obj = annotated(info.object) if inv.flags["save-config"] else info.object
    if inv.dry_run == "client":
        return obj
    if inv.flags["force"]:
        if inv.connection.find(info) is None:
            return create(inv, info, obj)
        inv.print(f"{info.quoted} deleted")
        return recreate(inv, info, obj, inv.flags["grace-period"])
    inv.connection.get(info)
    options = {"validation": inv.validation, "field_manager": "kubectl-replace"}
    return inv.connection.replace(info, obj, dry_run=inv.dry_run, **options)


# --- diff


@command("diff")
def diff(inv: Invocation) -> int:
    """0: no difference; 1: there are some, printed; more: an error."""
    if inv.args or not inv.flags["filename"]:
        raise KubectlError("must specify one of -f and -k", code=2)
    rng = inv.connection.clock.rng(f"kubectl/diff/{inv.connection.clock.now}")
    places = [f"/tmp/{word}-{rng.randrange(10**9, 10**10)}" for word in ("LIVE", "MERGED")]
    errors: list[Exception] = []
    try:
        infos = manifests(inv, errors)
        raise_all(errors)
        differ = [_diff(inv, info, *places) for info in infos]
    except (ApiError, KubectlError, SeveralErrors) as error:
        inv.complain(explain(error)[0])
        return 2
    return int(any(differ))


def _diff(inv: Invocation, info: Info, live: str, merged: str) -> bool:
    current = inv.connection.find(info)
    if current is None:
        obj = annotated(info.object)
        new = inv.connection.create(info, obj, dry_run="server", validation="Strict")
    elif patch := apply_patch(info.resource, info.object, current):
        new = inv.connection.patch(info, patch, dry_run="server")
    else:
        return False
    before, after = _lines(current), _lines(new)
    if before == after:
        return False
    resource = info.resource
    name = f"{resource.api_version.replace('/', '.')}.{resource.kind}.{info.namespace or ''}"
    live, merged = f"{live}/{name}.{info.name}", f"{merged}/{name}.{info.name}"
    stamp = inv.connection.clock.utc_precise().strftime("%Y-%m-%d %H:%M:%S.%f000 +0000")
    inv.print(f"diff -u -N {live} {merged}")
    for line in difflib.unified_diff(before, after, live, merged, stamp, stamp, lineterm=""):
        inv.print(line)
    return True


def _lines(obj: Json | None) -> list[str]:
    """An object's lines; a Secret's values are masked."""
    if obj is None:
        return []
    obj = output.unmanaged(obj)
    if obj["kind"] == "Secret" and obj.get("data"):
        obj = {**obj, "data": dict.fromkeys(obj["data"], "***")}
    return yaml.dump(obj).splitlines()
