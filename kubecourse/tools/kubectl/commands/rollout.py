"""`kubectl rollout`: watch a rollout, look back, go back, pause, restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl import flags, output, revisions, rollouts
from kubecourse.tools.kubectl.changing import require_some, send_patch, targets
from kubecourse.tools.kubectl.cli import Action, Command, Flag
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.describe.containers import describe_template, label_selector
from kubecourse.tools.kubectl.describe.description import Lines
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.tabwriter import align
from kubecourse.tools.kubectl.watching import wait_until

Json = dict[str, Any]

START_UP = 0.09
"""Seconds until the recorded client printed its first line: what was just typed is seen by then."""


def _targets(inv: Invocation) -> list[Info]:
    if not inv.args and not inv.flags["filename"]:
        raise KubectlError("required resource not specified")
    return require_some(targets(inv, inv.args))


def _replica_sets(inv: Invocation, info: Info) -> list[Json]:
    """The ReplicaSets that a Deployment's selector matches."""
    if info.object["kind"] != "Deployment":
        raise KubectlError(f"no history viewer has been implemented for {info.object['kind']}")
    selector = label_selector(info.object["spec"].get("selector"))
    return inv.connection.list(BY_KIND["apps/v1", "ReplicaSet"], info.namespace, labels=selector)


# --- status


class _Progress:
    """Prints how far a rollout is whenever that changes, until it is done or has failed."""

    def __init__(self, inv: Invocation, revision: int, once: bool) -> None:
        self._inv = inv
        self._revision = revision
        self._once = once
        self._said = ""
        self.over = False
        self.error: KubectlError | None = None

    def __call__(self, event: Json) -> None:
        """A change of the object."""
        if self.over:
            return
        if event["type"] == "DELETED":
            self.error = KubectlError("object has been deleted")
        else:
            self._look(event["object"])
        self.over = self.over or self.error is not None

    def _look(self, obj: Json) -> None:
        try:
            line, done = rollouts.status(obj, self._revision)
        except KubectlError as error:
            self.error = error
            return
        if line != self._said:
            self._inv.print(line)
        self._said, self.over = line, done or self._once

    def finished(self) -> bool:
        """For waiting."""
        return self.over


def _status(inv: Invocation) -> None:
    timeout = inv.flags["timeout"] or WATCH_LIMIT
    for info in _targets(inv):
        _start(inv, info)
        progress = _Progress(inv, inv.flags["revision"], once=not inv.flags["watch"])
        stream = inv.connection.watch(info.resource, info.namespace, progress, name=info.name)
        inv.connection.wait_for(progress.finished, timeout)
        stream.stop()
        if progress.error is not None:
            raise progress.error
        if not progress.over:
            raise KubectlError(
                "timed out waiting for the condition"
                if inv.flags["timeout"]
                else "not done after an hour of virtual time; the real kubectl would go on watching"
            )


def _start(inv: Invocation, info: Info) -> None:
    """Let the controller notice a change of a moment ago, as it does while a client starts."""

    def noticed(obj: Json | None) -> bool:
        observed = ((obj or {}).get("status") or {}).get("observedGeneration", 0)
        return obj is None or bool(observed >= obj["metadata"].get("generation", 0))

    wait_until(inv.connection, info, noticed, START_UP)


# --- history and undo


def _history(inv: Invocation) -> None:
    if inv.flags["revision"] < 0:
        raise KubectlError(f"revision must be a positive integer: {inv.flags['revision']}")
    for info in _targets(inv):
        owned = revisions.owned_replica_sets(info.object, _replica_sets(inv, info))
        revision = inv.flags["revision"]
        shown = _one_revision(owned, revision) if revision else _all_revisions(owned)
        inv.print(f"{info} {f'with revision #{revision}' if revision else ''}\n{shown}")


def _all_revisions(replica_sets: list[Json]) -> str:
    if not replica_sets:
        return "No rollout history found."
    rows = [
        f"{revisions.revision_of(each)}\t{revisions.change_cause(each) or '<none>'}"
        for each in sorted(replica_sets, key=revisions.revision_of)
    ]
    return align("\n".join(["REVISION\tCHANGE-CAUSE", *rows, ""]))


def _one_revision(replica_sets: list[Json], revision: int) -> str:
    for each in replica_sets:
        if revisions.revision_of(each) == revision:
            return _template(each)
    raise KubectlError("unable to find the specified revision")


def _template(replica_set: Json) -> str:
    template: Json = replica_set["spec"]["template"]
    if cause := revisions.change_cause(replica_set):
        metadata = dict(template.get("metadata") or {})
        annotations = {**(metadata.get("annotations") or {}), revisions.CHANGE_CAUSE: cause}
        template = {**template, "metadata": {**metadata, "annotations": annotations}}
    lines = Lines()
    describe_template(lines, template)
    return str(lines)


def _undo(inv: Invocation) -> None:
    for info in _targets(inv):
        if info.object["kind"] != "Deployment":
            raise KubectlError(f"no rollbacker has been implemented for {info.object['kind']}")
        candidates = _replica_sets(inv, info)
        to_revision = inv.flags["to-revision"]
        target = rollouts.rollback_target(info.object, candidates, to_revision)
        if inv.dry_run == "client":
            output.print_result(inv, info, _template(target))
            continue
        patch = rollouts.rollback_patch(info.object, target)
        if patch is None:
            words = f"skipped rollback (current template already matches revision {to_revision})"
            output.print_result(inv, info, words)
        else:
            send_patch(inv, info, patch, "rolled back", kind="json")


# --- pause, resume, restart


def _patching(make: Callable[[Invocation, Json], Json], done: str) -> Action:
    def run(inv: Invocation) -> None:
        errors: list[Exception] = []
        for info in _targets(inv):
            try:
                patch = make(inv, info.object)
            except KubectlError as error:
                name = f'{info.resource.qualified} "{info.name}"'
                errors.append(KubectlError(f"error: {name} {error}", bare=True))
                continue
            if not patch:
                errors.append(
                    KubectlError(
                        f"failed to create patch for {info.name}: if restart has already been"
                        " triggered within the past second, please wait before attempting to"
                        " trigger another",
                        bare=True,
                    )
                )
                continue
            try:
                send_patch(inv, info, patch, done)
            except ApiError as error:
                errors.append(KubectlError(f"failed to patch: {error.message}", bare=True))
        raise_all(errors)

    return run


def _pause_patch(inv: Invocation, obj: Json) -> Json:
    return rollouts.pause_patch(obj)


def _resume_patch(inv: Invocation, obj: Json) -> Json:
    return rollouts.resume_patch(obj)


def _restart_patch(inv: Invocation, obj: Json) -> Json:
    return rollouts.restart_patch(obj, inv.connection.clock.utc())


_CHANGES = (*flags.FILENAME, *flags.SELECTOR, *flags.OUTPUT, *flags.FIELD_MANAGER)

COMMAND = Command(
    name="rollout",
    use="rollout SUBCOMMAND",
    short="Manage the rollout of a resource",
    group="Deploy Commands",
    children=(
        Command(
            name="history",
            use="rollout history (TYPE NAME | TYPE/NAME) [flags]",
            short="View rollout history",
            flags=(*_CHANGES, Flag("revision", type="int", help="Details of this revision.")),
            run=_history,
        ),
        Command(
            name="pause",
            use="rollout pause RESOURCE",
            short="Mark the provided resource as paused",
            flags=_CHANGES,
            run=_patching(_pause_patch, "paused"),
        ),
        Command(
            name="restart",
            use="rollout restart RESOURCE",
            short="Restart a resource",
            flags=_CHANGES,
            run=_patching(_restart_patch, "restarted"),
        ),
        Command(
            name="resume",
            use="rollout resume RESOURCE",
            short="Resume a paused resource",
            flags=_CHANGES,
            run=_patching(_resume_patch, "resumed"),
        ),
        Command(
            name="status",
            use="rollout status (TYPE NAME | TYPE/NAME) [flags]",
            short="Show the status of the rollout",
            flags=(
                *flags.FILENAME,
                *flags.SELECTOR,
                Flag("watch", "w", type="bool", default=True, help="Watch until it is done."),
                Flag("revision", type="int", help="Fail if another revision is rolled out."),
                Flag("timeout", type="duration", help="How long to watch; 0 is to the end."),
            ),
            run=_status,
        ),
        Command(
            name="undo",
            use="rollout undo (TYPE NAME | TYPE/NAME) [flags]",
            short="Undo a previous rollout",
            flags=(
                *_CHANGES,
                *flags.DRY_RUN,
                Flag("to-revision", type="int", help="The revision to go back to; 0 is the last."),
            ),
            run=_undo,
        ),
    ),
)
