"""`kubectl apply --server-side`: the server merges, and knows who manages which field.

What client-side apply has managed until then passes to the manager of server-side apply, so that
what has left the manifest can be removed. Sources:
`staging/src/k8s.io/kubectl/pkg/cmd/apply/apply.go`,
`staging/src/k8s.io/client-go/util/csaupgrade/upgrade.go`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.patch import field_set
from kubecourse.tools.kubectl import output
from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]

MANAGER = "kubectl"
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


def apply(inv: Invocation, info: Info) -> None:
    """Send the object to be merged by the server. Raises ApiError, KubectlError."""
    manager = inv.flags["field-manager"] or MANAGER
    try:
        obj = _send(inv, info, info.object, manager)
    except ApiError as error:
        if error.reason == "Conflict":
            raise KubectlError(error.message + REVIEW) from None
        raise
    try:
        failure = NOT_KEPT
        if manager == MANAGER:
            obj = _keep_annotation(inv, info, obj)
        failure = NOT_MOVED
        if _migrate(inv, info, obj, manager):
            obj = _send(inv, info, info.object, manager)
    except ApiError as error:
        inv.warn(failure + error.message)
    if obj["metadata"].get("deletionTimestamp"):
        inv.warn(f"Detected changes to resource {info.name} which is currently being deleted.")
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
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": obj["metadata"]["resourceVersion"],
        },
    ]
    inv.connection.patch(info, patch, "json", dry_run=inv.dry_run)
    return True


def _of(entry: Json, names: set[str]) -> bool:
    return (
        entry["manager"] in names
        and entry["operation"] == "Update"
        and not entry.get("subresource")
    )
