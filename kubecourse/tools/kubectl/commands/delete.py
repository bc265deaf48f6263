"""`kubectl delete`, which waits until what it deletes is gone."""

from __future__ import annotations

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl import flags, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.failure import KubectlError, prefixed, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.watching import wait_until_gone

FORCED = (
    "Immediate deletion does not wait for confirmation that the running resource has been"
    " terminated. The resource may continue to run on the cluster indefinitely."
)
CLUSTER_SCOPED = "deleting cluster-scoped resources, not scoped to the provided namespace"
PROPAGATION = {"background": "Background", "orphan": "Orphan", "foreground": "Foreground"}


def run(inv: Invocation) -> None:
    """Delete, say so, and wait."""
    grace = _grace_period(inv)
    propagation = _propagation(inv)
    errors: list[Exception] = []
    infos = resources.from_flags(inv, fetch=False, errors=errors)
    if inv.namespace_given and any(not info.resource.namespaced for info in infos):
        inv.warn(CLUSTER_SCOPED)
    deleted: list[tuple[Info, str]] = []
    for info in infos:
        try:
            uid = _delete(inv, info, grace, propagation)
        except ApiError as error:
            if error.reason != "NotFound" or not _ignores_missing(inv):
                errors.append(error)
            continue
        deleted.append((info, uid))
    raise_all(errors)
    if not deleted:
        inv.print("No resources found")
    elif inv.flags["wait"] and inv.dry_run == "none":
        _wait(inv, deleted)


def _grace_period(inv: Invocation) -> int | None:
    """Seconds to give pods, None for their own choice. Raises KubectlError."""
    grace, force = inv.flags["grace-period"], inv.flags["force"]
    if inv.flags["output"] not in ("", "name"):
        raise KubectlError(
            f"unexpected -o output mode: {inv.flags['output']}. We only support '-o name'"
        )
    if inv.flags["all"] and inv.flags["selector"]:
        raise KubectlError("cannot set --all and --selector at the same time")
    if inv.flags["now"]:
        if grace != -1:
            raise KubectlError("--now and --grace-period cannot be specified together")
        grace = 1
    if grace == 0 and not force:
        grace = 1  # as kubectl does, so that nobody loses data by accident
    if force and grace < 0:
        grace = 0
    if force and grace > 0:
        raise KubectlError("--force and --grace-period greater than 0 cannot be specified together")
    if force:
        inv.warn(FORCED)
    return grace if grace >= 0 else None


def _propagation(inv: Invocation) -> str:
    word = {"true": "background", "false": "orphan"}.get(inv.flags["cascade"], inv.flags["cascade"])
    if word not in PROPAGATION:
        raise KubectlError(
            f'invalid cascade value ({word}). Must be "background", "foreground", or "orphan"'
        )
    return PROPAGATION[word]


def _ignores_missing(inv: Invocation) -> bool:
    several = inv.flags["all"] or inv.flags["selector"] or inv.flags["field-selector"]
    return inv.flags["ignore-not-found"] or (
        bool(several) and "ignore-not-found" not in inv.changed
    )


def _delete(inv: Invocation, info: Info, grace: int | None, propagation: str) -> str:
    """Delete one object and say so; returns its uid."""
    uid = ""
    if inv.dry_run != "client":
        try:
            answer = inv.connection.delete(
                info.resource,
                info.namespace,
                info.name,
                grace_period=grace,
                propagation=propagation,
                dry_run=inv.dry_run == "server",
            )
        except ApiError as error:
            if info.source:
                raise prefixed(error, f'error when deleting "{info.source}"') from None
            raise
        uid = (answer.get("details") or answer.get("metadata") or {}).get("uid", "")
    _say(inv, info, forced=grace == 0)
    return uid


def _say(inv: Invocation, info: Info, forced: bool) -> None:
    if inv.flags["output"] == "name":
        inv.print(str(info))
        return
    done = "force deleted" if forced else "deleted"
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(inv.dry_run, "")
    inv.print(f"{info.quoted} {done}{suffix}")


def _wait(inv: Invocation, deleted: list[tuple[Info, str]]) -> None:
    given = inv.flags["timeout"]
    end = inv.connection.now + (given if given > 0 else WATCH_LIMIT)
    for info, uid in deleted:
        if not wait_until_gone(inv.connection, info, uid, end - inv.connection.now):
            name = f"{info.resource.plural}/{info.name}"
            if given > 0:
                raise KubectlError(f"timed out waiting for the condition on {name}")
            raise KubectlError(
                f"{name} is still there after an hour of virtual time;"
                " the real kubectl would go on waiting"
            )


COMMAND = Command(
    name="delete",
    use="delete ([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
    short="Delete resources by file names, stdin, resources and names, or by resources and label"
    " selector",
    group="Basic Commands (Intermediate)",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.FIELD_SELECTOR,
        *flags.ALL_NAMESPACES,
        *flags.DRY_RUN,
        Flag("output", "o", help='Output mode: "name" for short output.'),
        Flag("all", type="bool", help="All objects of the types, in the namespace."),
        Flag(
            "cascade",
            default="background",
            bare="background",
            help="background, orphan, foreground.",
        ),
        Flag("force", type="bool", help="Do not wait for the node to confirm."),
        Flag("grace-period", type="int", default=-1, help="Seconds to give the pods; -1: theirs."),
        Flag("ignore-not-found", type="bool", help="What is not there counts as deleted."),
        Flag("now", type="bool", help="The same as --grace-period=1."),
        Flag("timeout", type="duration", help="How long to wait; 0 is for as long as it takes."),
        Flag("wait", type="bool", default=True, help="Wait until all is gone."),
    ),
    run=run,
)
