"""`kubectl rollout`: watch a rollout, look back, go back, pause, restart."""

from __future__ import annotations

from functools import partial
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl import rollouts
from kubecourse.tools.kubectl.changing import send_patch
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.describe.description import LAYOUTS, Lines, label_selector
from kubecourse.tools.kubectl.failure import KubectlError, each
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import print_result
from kubecourse.tools.kubectl.resources import Info, from_flags
from kubecourse.tools.kubectl.tabwriter import align
from kubecourse.tools.kubectl.watching import wait_until

Json = dict[str, Any]

START_UP = 0.09
"""Seconds until the recorded client printed its first line: what was just typed is seen by then."""


def _targets(inv: Invocation) -> list[Info]:
    if not inv.args and not inv.flags["filename"]:
        raise KubectlError("required resource not specified")
    infos = from_flags(inv)
    if not infos:
        raise KubectlError("No resources found", bare=True)
    return infos


def _replica_sets(inv: Invocation, info: Info, missing: str) -> list[Json]:
    """The ReplicaSets that a Deployment's selector matches. Raises KubectlError."""
    if info.object["kind"] != "Deployment":
        raise KubectlError(f"no {missing} has been implemented for {info.object['kind']}")
    selector = label_selector(info.object["spec"].get("selector"))
    return inv.connection.list(BY_KIND["apps/v1", "ReplicaSet"], info.namespace, labels=selector)


# --- status


class _Progress:
    """Prints how far a rollout is whenever that changes; true once there is no more to print."""

    def __init__(self, inv: Invocation) -> None:
        self._inv = inv
        self._said = ""

    def __call__(self, obj: Json | None) -> bool:
        if obj is None:
            raise KubectlError("object has been deleted")
        line, done = rollouts.status(obj, self._inv.flags["revision"])
        if line != self._said:
            self._inv.print(line)
        self._said = line
        return done or not self._inv.flags["watch"]


def _noticed(obj: Json | None) -> bool:
    """Whether the controller has seen the last change."""
    observed = ((obj or {}).get("status") or {}).get("observedGeneration", 0)
    return obj is None or bool(observed >= obj["metadata"].get("generation", 0))


@command("rollout status")
def status(inv: Invocation) -> None:
    """Print how far rollouts are until they are done."""
    timeout = inv.flags["timeout"]
    for info in _targets(inv):
        # A change of a moment ago gets noticed while a real client starts.
        wait_until(inv.connection, info, _noticed, START_UP)
        if not wait_until(inv.connection, info, _Progress(inv), timeout or WATCH_LIMIT)[0]:
            raise KubectlError(
                "timed out waiting for the condition"
                if timeout
                else "not done after an hour of virtual time; the real kubectl would go on watching"
            )


# --- history and undo


@command("rollout history")
def history(inv: Invocation) -> None:
    """List revisions, or show the template of one."""
    revision = inv.flags["revision"]
    if revision < 0:
        raise KubectlError(f"revision must be a positive integer: {revision}")
    for info in _targets(inv):
        candidates = _replica_sets(inv, info, "history viewer")
        owned = rollouts.owned_replica_sets(info.object, candidates)
        shown = _one_revision(owned, revision) if revision else _all_revisions(owned)
        inv.print(f"{info} {f'with revision #{revision}' if revision else ''}\n{shown}")


def _all_revisions(replica_sets: list[Json]) -> str:
    if not replica_sets:
        return "No rollout history found."
    rows = [
        f"{rollouts.revision_of(owned)}\t{rollouts.change_cause(owned) or '<none>'}"
        for owned in sorted(replica_sets, key=rollouts.revision_of)
    ]
    return align("\n".join(["REVISION\tCHANGE-CAUSE", *rows, ""]))


def _one_revision(replica_sets: list[Json], revision: int) -> str:
    for replica_set in replica_sets:
        if rollouts.revision_of(replica_set) == revision:
            return _template(replica_set)
    raise KubectlError("unable to find the specified revision")


def _template(replica_set: Json) -> str:
    template: Json = replica_set["spec"]["template"]
    if cause := rollouts.change_cause(replica_set):
        metadata = dict(template.get("metadata") or {})
        annotations = {**(metadata.get("annotations") or {}), rollouts.CHANGE_CAUSE: cause}
        template = {**template, "metadata": {**metadata, "annotations": annotations}}
    lines = Lines()
    lines.write(LAYOUTS["template"], template)
    return str(lines)


@command("rollout undo")
def undo(inv: Invocation) -> None:
    """Make a revision's template the present one."""
    revision = inv.flags["to-revision"]
    for info in _targets(inv):
        replica_sets = _replica_sets(inv, info, "rollbacker")
        target = rollouts.rollback_target(info.object, replica_sets, revision)
        if inv.dry_run == "client":
            print_result(inv, info, _template(target))
        elif patch := rollouts.rollback_patch(info.object, target):
            send_patch(inv, info, patch, "rolled back", kind="json")
        else:
            words = f"skipped rollback (current template already matches revision {revision})"
            print_result(inv, info, words)


# --- pause, resume, restart


def _change(make: Any, done: str, inv: Invocation) -> None:
    """Send each object the patch that is made for it."""

    def change_one(info: Info) -> None:
        try:
            patch = make(info.object, inv.connection.clock.utc())
        except KubectlError as error:
            name = f'{info.resource.qualified} "{info.name}"'
            raise KubectlError(f"error: {name} {error}", bare=True) from None
        if not patch:
            raise KubectlError(
                f"failed to create patch for {info.name}: if restart has already been triggered"
                " within the past second, please wait before attempting to trigger another",
                bare=True,
            )
        try:
            send_patch(inv, info, patch, done)
        except ApiError as error:
            raise KubectlError(f"failed to patch: {error.message}", bare=True) from None

    each(_targets(inv), change_one)


for _name, _patch, _done in (
    ("pause", rollouts.pause_patch, "paused"),
    ("restart", rollouts.restart_patch, "restarted"),
    ("resume", rollouts.resume_patch, "resumed"),
):
    command(f"rollout {_name}")(partial(_change, _patch, _done))
