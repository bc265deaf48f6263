"""What the kubelet knows of one container of a pod, over all its restarts.

Source of the status: `pkg/kubelet/kubelet_pods.go` (convertToAPIContainerStatuses).
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api.memo import memo
from kubecourse.clock import Clock
from kubecourse.node.kubelet.backoff import Backoff
from kubecourse.node.runtime.container import Container

core = models.core_v1

INIT, SIDECAR, APP = "init", "sidecar", "app"
NOTHING = core.ContainerState()


@memo
def mount_statuses(spec: Any) -> list[Any] | None:
    """A container's `volumeMounts` as its status repeats them."""
    return [
        core.VolumeMountStatus(
            mountPath=mount.mountPath,
            name=mount.name,
            readOnly=mount.readOnly or None,
            recursiveReadOnly="Disabled" if mount.readOnly else None,
        )
        for mount in spec.volumeMounts or ()
    ] or None


class ContainerRecord:
    """A container: its present run, the ends of the last two, and what it waits for.

    `kind` is init, sidecar (an init container that goes on) or app. `ended` is the end of the
    latest run, `last` of the one before a running one. `waiting` says why it does not start:
    `(reason, message)`. `condemned` says why it must be stopped, with the seconds it is given;
    `stop` is that going on, and `stopped_in_sync` that the present sync has done it.
    `previous_end` is when the run before the present one ended.
    """

    __slots__ = (
        "_status", "backoff", "condemned", "ended", "hook_error", "kind", "last", "path",
        "previous_end", "probes", "pull_backoff", "pull_error", "ready", "restarts", "run", "spec",
        "started", "stop", "stopped_in_sync", "waiting",
    )  # fmt: skip

    def __init__(self, spec: Any, kind: str) -> None:
        self.spec = spec
        self.kind = kind
        field = "containers" if kind == APP else "initContainers"
        self.path = f"spec.{field}{{{spec.name}}}"
        self.run: Container | None = None
        self.ended: Any = None
        self.last: Any = None
        self.restarts = 0
        self.waiting: tuple[str, str] | None = None
        self.ready = False
        self.started = False
        self.condemned: tuple[str, float] | None = None
        self.hook_error = ""
        self.stop: Any = None
        self.stopped_in_sync = False
        self.previous_end: float | None = None
        self.backoff: Backoff | None = None
        self.pull_backoff: Backoff | None = None
        self.pull_error = ""
        self.probes: list[Any] = []
        self._status: Any = None

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.run is not None and self.run.finished_at is None

    @property
    def finished_at(self) -> float | None:
        """When its latest run ended; None while it runs or before it ever did."""
        return self.run.finished_at if self.run is not None else None

    @property
    def exit_code(self) -> int | None:
        """How its latest run ended; None while it runs or before it ever did."""
        return self.run.exit_code if self.run is not None else None

    def touch(self) -> None:
        """Its status is no longer what it was."""
        self._status = None

    def wait(self, reason: str, message: str) -> None:
        """It does not start, and this is why."""
        self.waiting = (reason, message)
        self._status = None

    def began(self, run: Container) -> None:
        """A new run has started."""
        if self.run is not None:
            self.restarts += 1
            self.last = self.ended
            self.ended = None
            self.previous_end = self.run.finished_at
        self.run = run
        self.waiting = None
        self._status = None

    def finished(self, clock: Clock) -> None:
        """The present run has ended."""
        run = self.run
        assert run is not None and run.finished_at is not None and run.exit_code is not None
        self.ended = core.ContainerState(
            terminated=core.ContainerStateTerminated(
                exitCode=run.exit_code,
                reason=run.exit_reason,
                message=run.last_words or None,
                startedAt=clock.moment(run.started_at),
                finishedAt=clock.moment(run.finished_at),
                containerID=run.id,
            )
        )
        self.ready = self.started = False
        self._status = None

    def status(self, clock: Clock, default_reason: str) -> Any:
        """Its ContainerStatus."""
        if self._status is None:
            self._status = self._make_status(clock, default_reason)
        return self._status

    def _make_status(self, clock: Clock, default_reason: str) -> Any:
        spec, run = self.spec, self.run
        state, last, ready = self._states(clock, default_reason)
        resources = spec.resources
        asks = resources is not None and (resources.requests or resources.limits)
        return core.ContainerStatus(
            name=spec.name,
            image=spec.image if run is None else run.image_name,
            imageID="" if run is None else run.image_id,
            containerID=None if run is None else run.id,
            ready=ready,
            started=self.started,
            restartCount=self.restarts,
            state=state,
            lastState=last,
            allocatedResources=resources.requests if asks else None,
            resources=resources if asks and run is not None else None,
            volumeMounts=mount_statuses(spec) if spec.volumeMounts else None,
        )

    def _states(self, clock: Clock, default_reason: str) -> tuple[Any, Any, bool]:
        run = self.run
        if run is None or self.ended is None:
            if run is None:
                reason, message = self.waiting or (default_reason, None)
                waiting = core.ContainerStateWaiting(reason=reason, message=message)
                return core.ContainerState(waiting=waiting), NOTHING, False
            running = core.ContainerStateRunning(startedAt=clock.moment(run.started_at))
            return core.ContainerState(running=running), self.last or NOTHING, self.ready
        if self.waiting is None:
            done = self.kind == INIT and run.exit_code == 0
            return self.ended, self.last or NOTHING, done
        reason, message = self.waiting
        waiting = core.ContainerStateWaiting(reason=reason, message=message)
        return core.ContainerState(waiting=waiting), self.ended, False
