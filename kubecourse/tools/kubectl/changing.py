"""What commands that change objects share: sending a change, and saying so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from kubecourse.api import schema
from kubecourse.api.errors import ApiError
from kubecourse.api.jsonpath import go_json
from kubecourse.api.labels import SelectorError, parse_selector
from kubecourse.api.patch import PatchError, json_patch, merge_patch, strategic_merge_patch
from kubecourse.tools.kubectl import output
from kubecourse.tools.kubectl.connection import PATCHES
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import from_files
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.watching import wait_until_gone

Json = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
RECREATE_WAIT = 300.0
"""Virtual seconds that a deleted object may take to go before it is created again."""


def annotated(manifest: Json) -> Json:
    """A manifest with itself, compact, in its last-applied annotation."""
    metadata = manifest.get("metadata") or {}
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    plain = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    annotations = {**annotations, LAST_APPLIED: go_json(plain) + "\n"}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def manifests(inv: Invocation, errors: list[Exception]) -> list[Info]:
    """The objects of -f whose own labels -l selects; `errors` gets what else is there.

    Raises KubectlError where there is nothing.
    """
    verb = inv.path.removeprefix("kubectl ")
    infos = from_files(inv, errors)
    if labels := inv.flags.get("selector"):
        try:
            selector = parse_selector(labels)
        except SelectorError as error:
            raise KubectlError(str(error)) from None
        infos = [i for i in infos if selector.matches(i.object["metadata"].get("labels"))]
    if not infos and not errors:
        raise KubectlError(f"no objects passed to {verb}")
    return infos


def create(inv: Invocation, info: Info, obj: Json, manager: str = "") -> Json:
    """Send a new object, unless it is only to be printed; returns it as it is then."""
    if inv.dry_run == "client":
        return obj
    return inv.connection.create(
        info, obj, dry_run=inv.dry_run, validation=inv.validation, field_manager=manager
    )


UNNAMED = {"cordon", "drain", "scale", "uncordon"}
"""Commands that manage fields as `kubectl`."""


def manager_of(inv: Invocation) -> str:
    """Who is said to manage what a command writes: `kubectl-label`."""
    verb = inv.path.split()[1]
    return "" if verb in UNNAMED else f"kubectl-{verb}"


def store(inv: Invocation, info: Info, done: str = "created") -> None:
    """Create an object and say so."""
    obj = annotated(info.object) if inv.flags.get("save-config") else info.object
    obj = create(inv, info, obj, inv.flags.get("field-manager") or manager_of(inv))
    name = obj["metadata"].get("name") or obj["metadata"].get("generateName", "")
    output.print_result(inv, replace(info, name=name, object=obj), done)


def recreate(inv: Invocation, info: Info, obj: Json, grace: int = -1) -> Json:
    """Delete an object, wait until it is gone, and create it anew.

    Raises ApiError, KubectlError.
    """
    inv.connection.delete(info, grace)
    if not wait_until_gone(inv.connection, info, "", inv.flags.get("timeout") or RECREATE_WAIT):
        raise KubectlError("timed out waiting for the condition")
    return inv.connection.create(info, obj, validation=inv.validation)


def send_patch(
    inv: Invocation,
    info: Info,
    patch: Any,
    done: str,
    *,
    kind: str = "",
    subresource: str = "",
    manager: str = "",
) -> None:
    """Send a patch, or with --dry-run=client only print what it makes."""
    options = {"dry_run": inv.dry_run, "field_manager": inv.flags.get("field-manager") or manager}
    options["field_manager"] = options["field_manager"] or manager_of(inv)
    result = info.object
    if inv.dry_run != "client":
        with _unsupported(info):
            result = inv.connection.patch(info, patch, kind, subresource, **options)
    elif not subresource:
        result = _patched(info, patch, kind)
    if done == "patched" and result == info.object and inv.dry_run != "client":
        done = "patched (no change)"
    shown = info.object if subresource == "scale" and done != "patched" else result
    output.print_result(inv, info, done, shown)


@contextmanager
def _unsupported(info: Info) -> Iterator[None]:
    """Say of which kind it is that it cannot be patched so."""
    try:
        yield
    except ApiError as error:
        if error.code != 415:
            raise
        what = f"{info.resource.api_version}, Kind={info.resource.kind}: {error.message}"
        raise KubectlError(f"{PATCHES['strategic']} is not supported by {what}") from None


def _patched(info: Info, patch: Any, kind: str) -> Json:
    try:
        if kind == "json":
            return json_patch(info.object, patch)
        if kind == "merge" or (not kind and info.resource.merges):
            return merge_patch(info.object, patch)
        return strategic_merge_patch(info.object, patch, schema.struct(info.resource.schema))
    except PatchError as error:
        raise KubectlError(str(error)) from None
