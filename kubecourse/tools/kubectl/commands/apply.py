"""`kubectl apply`, `diff`, `create -f`, `replace`: objects as manifests have them.

`apply` writes the manifest into an annotation of the object. Next time that text says what was
applied before, so that what has left the manifest can be removed and what others have added can
be left alone.

Sources: `staging/src/k8s.io/kubectl/pkg/util/apply.go`, `…/pkg/cmd/{apply,diff,replace}`.
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
from kubecourse.api.patch import PatchError, three_way_merge_patch
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
from kubecourse.tools.kubectl.commands import server_side
from kubecourse.tools.kubectl.failure import (
    KubectlError,
    SeveralErrors,
    each,
    explain,
    prefixed,
    raise_all,
)
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.jsonpath import go_json
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
    """The strategic merge patch that makes `current` what the manifest says; {} for nothing.

    Raises KubectlError.
    """
    wanted, struct = annotated(manifest), schema.struct(resource.schema)
    try:
        return three_way_merge_patch(last_applied(current), wanted, current, struct)
    except PatchError as error:
        raise KubectlError(f"creating patch with: {error}") from None


@command("apply")
def apply(inv: Invocation) -> None:
    """Apply every object of -f; one that is refused does not keep the others back."""
    how = server_side.apply if inv.flags["server-side"] else _apply
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
    current = inv.connection.find(info)
    done = "configured"
    if current is None:
        try:
            current, done = create(inv, info, annotated(info.object), _manager(inv)), "created"
        except ApiError as error:
            raise prefixed(error, f'error when creating "{info.source}"') from None
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
                raise prefixed(error, f"{_applying(info, patch)} {source}") from None
            current = recreate(inv, info, annotated(info.object))
    if current["metadata"].get("deletionTimestamp"):
        inv.warn(f"Detected changes to resource {info.name} which is currently being deleted.")
    return current, "configured" if patch else "unchanged"


def _applying(info: Info, patch: Json) -> str:
    """Kubectl's words for what it was about to send, and to whom."""
    resource = info.resource
    version = resource.api_version if resource.group else f"/{resource.version}"
    return (
        f"error when applying patch:\n{go_json(patch)}\nto:\n"
        f'Resource: "{version}, Resource={resource.plural}", '
        f'GroupVersionKind: "{version}, Kind={resource.kind}"\n'
        f'Name: "{info.name}", Namespace: "{info.namespace or ""}"\nfor: "{info.source}":'
    )


@command("create")
def create_from_files(inv: Invocation) -> None:
    """Create every object of -f."""

    def create_one(info: Info) -> None:
        try:
            store(inv, info)
        except ApiError as error:
            raise prefixed(error, f'error when creating "{info.source}"') from None

    errors: list[Exception] = []
    each(manifests(inv, errors), create_one, errors)


@command("replace")
def replace_objects(inv: Invocation) -> None:
    """Put each object of -f in the place of the one that is there."""

    def replace_one(info: Info) -> None:
        try:
            obj = _replaced(inv, info)
        except ApiError as error:
            raise prefixed(error, f'error when replacing "{info.source}"') from None
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
        inv.err.append(explain(error)[0])
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
