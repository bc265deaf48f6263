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
from kubecourse.tools.kubectl.describe.formatters import label_selector
from kubecourse.tools.kubectl.describe.layout import Description
from kubecourse.tools.kubectl.failure import KubectlError, each
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import align, print_result
from kubecourse.tools.kubectl.resources import Info, from_flags
from kubecourse.tools.kubectl.watching import wait_until

Json = dict[str, Any]

START_UP = 0.09
"""Seconds until the recorded client printed its first line: what was just typed is seen by then."""


def _targets(inv: Invocation) -> list[Info]:
    infos = from_flags(inv, everything=True)
    if not infos:
        raise KubectlError("No resources found", bare=True)
    return infos


_KEEPERS = {
    "Deployment": "ReplicaSet",
    "DaemonSet": "ControllerRevision",
    "StatefulSet": "ControllerRevision",
}


def _revisions(inv: Invocation, info: Info, missing: str) -> list[rollouts.Revision]:
    """A workload's revisions by number. Raises KubectlError for a kind that keeps none."""
    kind = info.object["kind"]
    if kind not in _KEEPERS:
        raise KubectlError(f'no {missing} has been implemented for "{kind}"')
    keeper = BY_KIND["apps/v1", _KEEPERS[kind]]
    selector = label_selector(info.object["spec"].get("selector"))
    found = inv.connection.list(keeper, info.namespace, labels=selector)
    return rollouts.revisions(info.object, found)


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
    for info in _targets(inv):
        found = _revisions(inv, info, "history viewer")
        shown = _one_revision(found, revision) if revision else _all_revisions(found)
        inv.print(f"{info} {f'with revision #{revision}' if revision else ''}\n{shown}")


def _all_revisions(found: list[rollouts.Revision]) -> str:
    if not found:
        return "No rollout history found."
    rows = [f"{each.number}\t{each.cause or '<none>'}" for each in found]
    return align("\n".join(["REVISION\tCHANGE-CAUSE", *rows, ""]))


def _one_revision(found: list[rollouts.Revision], number: int) -> str:
    for revision in found:
        if revision.number == number:
            return _template(revision)
    raise KubectlError("unable to find the specified revision")


def _template(revision: rollouts.Revision) -> str:
    """Its template as kubectl prints it here, with the tabs that `describe` aligns."""
    template = revision.template
    if revision.cause and revision.keeper["kind"] == "ReplicaSet":
        metadata = dict(template.get("metadata") or {})
        annotations = {**(metadata.get("annotations") or {}), rollouts.CHANGE_CAUSE: revision.cause}
        template = {**template, "metadata": {**metadata, "annotations": annotations}}
    lines = Description()
    lines.write("@template", template)
    return lines.unaligned()


@command("rollout undo")
def undo(inv: Invocation) -> None:
    """Make a revision's template the present one."""
    number = inv.flags["to-revision"]
    for info in _targets(inv):
        found = _revisions(inv, info, "rollbacker")
        target = rollouts.rollback_target(info.object, found, number)
        if inv.dry_run == "client":
            print_result(inv, info, f"will roll back to {_template(target)}")
        elif patch := rollouts.rollback_patch(info.object, target):
            send_patch(inv, info, patch, "rolled back", kind="json")
        else:
            words = f"skipped rollback (current template already matches revision {number})"
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
    ("resume", partial(rollouts.pause_patch, pause=False), "resumed"),
):
    command(f"rollout {_name}")(partial(_change, _patch, _done))
