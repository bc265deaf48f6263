"""`kubectl delete`, which waits until what it deletes is gone."""

from __future__ import annotations

from contextlib import nullcontext

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.failure import KubectlError, prefixing, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import dry_run_suffix
from kubecourse.tools.kubectl.resources import Info, from_flags
from kubecourse.tools.kubectl.watching import wait_until_gone

FORCED = (
    "Immediate deletion does not wait for confirmation that the running resource has been"
    " terminated. The resource may continue to run on the cluster indefinitely."
)
CLUSTER_SCOPED = "deleting cluster-scoped resources, not scoped to the provided namespace"
PROPAGATION = {
    "true": "Background", "background": "Background",
    "false": "Orphan", "orphan": "Orphan",
    "foreground": "Foreground",
}  # fmt: skip


@command("delete")
def delete(inv: Invocation) -> None:
    """Delete, say so, and wait."""
    grace = _grace_period(inv)
    propagation = PROPAGATION[inv.flags["cascade"]]
    errors: list[Exception] = []
    infos = from_flags(inv, fetch=False, errors=errors)
    if inv.namespace_given and any(not info.resource.namespaced for info in infos):
        inv.warn(CLUSTER_SCOPED)
    deleted: list[tuple[Info, str]] = []
    for info in infos:
        try:
            deleted.append((info, _delete(inv, info, grace, propagation)))
        except ApiError as error:
            if error.reason != "NotFound" or not _ignores_missing(inv):
                errors.append(error)
    raise_all(errors)
    if not deleted:
        inv.print("No resources found")
    elif inv.flags["wait"] and inv.dry_run == "none":
        _wait(inv, deleted)


def _grace_period(inv: Invocation) -> int:
    """Seconds to give pods, -1 for their own choice."""
    if inv.flags["force"]:
        inv.warn(FORCED)
        return 0
    # 0 alone is 1 for kubectl, so that nobody loses data by accident.
    return 1 if inv.flags["now"] else inv.flags["grace-period"] or 1


def _ignores_missing(inv: Invocation) -> bool:
    several = any(inv.flags[name] for name in ("all", "selector", "field-selector"))
    return inv.flags["ignore-not-found"] or (several and "ignore-not-found" not in inv.changed)


def _delete(inv: Invocation, info: Info, grace: int, propagation: str) -> str:
    """Delete one object and say so; returns its uid."""
    uid = ""
    if inv.dry_run != "client":
        from_file = prefixing(f'error when deleting "{info.source}"')
        with from_file if info.source else nullcontext():
            answer = inv.connection.delete(info, grace, propagation, inv.dry_run)
        uid = (answer.get("details") or answer.get("metadata") or {}).get("uid", "")
    if inv.flags["output"] == "name":
        inv.print(str(info))
    else:
        done = "deleted" if grace else "force deleted"
        inv.print(f"{info.quoted} {done}{dry_run_suffix(inv)}")
    return uid


def _wait(inv: Invocation, deleted: list[tuple[Info, str]]) -> None:
    given, clock = inv.flags["timeout"], inv.connection.clock
    end = clock.now + (given if given > 0 else WATCH_LIMIT)
    for info, uid in deleted:
        if not wait_until_gone(inv.connection, info, uid, end - clock.now):
            if given > 0:
                raise KubectlError(f"timed out waiting for the condition on {info.plural}")
            raise KubectlError(
                f"{info.plural} is still there after an hour of virtual time;"
                " the real kubectl would go on waiting"
            )
