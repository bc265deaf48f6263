"""One container of a pod, over all its restarts: starting it, stopping it, and its status.

Starting: back-off, image, environment, create, start, hook. Stopping: hook, SIGTERM, grace,
SIGKILL.
Sources: `pkg/kubelet/kuberuntime/{kuberuntime_manager,kuberuntime_container}.go` (doBackOff,
startContainer, killContainer), `pkg/kubelet/kubelet_pods.go` (convertToAPIContainerStatuses).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubecourse.api import models, quantity
from kubecourse.api.duration import go_duration
from kubecourse.api.memo import memo
from kubecourse.clock import Timer
from kubecourse.node.kubelet import probes, references
from kubecourse.node.kubelet.actions import run_hook
from kubecourse.node.kubelet.backoff import Backoff
from kubecourse.node.runtime.container import Container

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker

core = models.core_v1
Problem = tuple[str, str]
"""Why a container cannot start: reason and message."""

INIT, SIDECAR, APP = "init", "sidecar", "app"
NOTHING = core.ContainerState()
RETRY = 10.0
"""Seconds until what failed is tried again; half as long again at most."""
MINIMUM_GRACE = 2.0
"""Seconds that a process has at least between SIGTERM and SIGKILL."""
SETUP_CPU = 0.02
"""Seconds of CPU that it takes to set up a sandbox, and again a container, within its limit."""
LONG_RUN = 600.0
"""Seconds for which `settle` waits for a container that is meant to end."""
PATIENCE_WITH_SERVERS = 30.0
"""Seconds for which it waits for what one that is not meant to end does after its first start."""
_IMAGE_PROBLEMS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")


@memo
def throttled(spec: Any) -> float:
    """Seconds that a tight CPU limit adds to setting up a pod's sandbox or a container.

    The kernel gives 1 ms of every 100 ms at least.
    """
    millicores = 0
    for container in spec.containers:
        limits = container.resources.limits if container.resources is not None else None
        if not limits or "cpu" not in limits:
            return 0.0
        millicores += quantity.milli(limits["cpu"])
    return SETUP_CPU * 1000.0 / max(millicores, 10)


@memo
def _mount_statuses(spec: Any) -> list[Any] | None:
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


class PodContainer:
    """A container: its present run, the ends of the last two, and what it waits for.

    `kind` is init, sidecar (an init container that goes on) or app. `ended` is the end of the
    latest run, `last` of the one before a running one, which was at `previous_end`. `waiting`
    says why it does not start: `(reason, message)`. `condemned` says why it must be stopped, with
    the seconds it is given and whether it is to start again, and `stopped_in_sync` that the
    present sync has done that.
    """

    __slots__ = (
        "_deadline", "_status", "_then", "_timer", "backoff", "condemned", "ended", "kind", "last",
        "path", "previous_end", "probes", "pull_backoff", "pull_error", "ready", "restarts", "run",
        "spec", "started", "stopped_in_sync", "waiting", "worker",
    )  # fmt: skip

    def __init__(self, worker: PodWorker, spec: Any, kind: str) -> None:
        self.worker = worker
        self.spec = spec
        self.kind = kind
        self.path = f"spec.{'containers' if kind == APP else 'initContainers'}{{{spec.name}}}"
        self.run: Container | None = None
        self.ended: Any = None
        self.last: Any = None
        self.previous_end: float | None = None
        self.restarts = 0
        self.waiting: Problem | None = None
        self.ready = self.started = False
        self.condemned: tuple[str, float, bool] | None = None
        self.stopped_in_sync = False
        self.backoff: Backoff | None = None
        self.pull_backoff: Backoff | None = None
        self.pull_error = ""
        self.probes: list[probes.Prober] = []
        self._then: Callable[[PodContainer], Any] | None = None
        self._timer: Timer | None = None
        self._deadline = 0.0
        self._status: Any = None

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.run is not None and self.run.finished_at is None

    @property
    def has_passed(self) -> bool:
        """Whether an init container has done its work, or a sidecar has started."""
        return self.started if self.kind == SIDECAR else self.exit_code == 0

    @property
    def exit_code(self) -> int | None:
        """How its latest run ended; None while it runs or before it ever did."""
        return self.run.exit_code if self.run is not None else None

    @property
    def comes_back(self) -> bool:
        """Whether it is started again when it has failed, by policy, whatever its exit code."""
        policy = self.spec.restartPolicy or self.worker.restart_policy
        return bool(policy != "Never")

    def restarts_after(self, code: int) -> bool:
        """Whether it is started again after ending with an exit code: its own rules come first."""
        for rule in self.spec.restartPolicyRules or ():
            codes = rule.exitCodes
            if codes is not None and (code in (codes.values or ())) == (codes.operator == "In"):
                return True  # rules know no other action
        policy = self.spec.restartPolicy or self.worker.restart_policy
        return bool(policy == "Always" or (policy == "OnFailure" and code != 0))

    @property
    def waits(self) -> bool:
        """Whether it waits for a start; of what will not start again it is told how it ended."""
        if self.run is None or self.waiting is None or self.ended is None:
            return self.run is None
        gone = self.worker.pod.metadata.deletionTimestamp is not None
        return not gone and self.restarts_after(self.exit_code or 0)

    def needs_start(self) -> bool:
        """Whether it should run and does not, or should not run as it does."""
        if self.condemned is not None or self.run is None:
            return True
        if self.running or self.exit_code is None or (self.kind == INIT and self.exit_code == 0):
            return False
        return self.restarts_after(self.exit_code)

    def normal(self, reason: str, message: str, type: str = "Normal") -> None:
        """Tell of something that went as it should, while there is a kubelet to tell it."""
        kubelet = self.worker.kubelet
        if kubelet.running:
            kubelet.recorder.event(self.worker.pod, type, reason, message, self.path)

    def warning(self, reason: str, message: str) -> None:
        """Tell of something that did not."""
        self.normal(reason, message, "Warning")

    # --- starting

    def start(self) -> bool:
        """Start it; False if that goes on and calls the worker's `step` at its end."""
        worker, now = self.worker, self.worker.kubelet.clock.now
        finished = self.run.finished_at if self.run is not None else None
        if self.stopped_in_sync:
            # The real kubelet, too, looks at the statuses it had when this sync began.
            self.stopped_in_sync, finished = False, self.previous_end
        if finished is not None:
            backoff = self.backoff = self.backoff or Backoff()
            if backoff.waiting(now, finished):
                name, pod, delay = self.spec.name, worker.title, go_duration(backoff.delay)
                self.warning("BackOff", f"Back-off restarting failed container {name} in pod {pod}")
                message = f"back-off {delay} restarting failed container={name} pod={pod}"
                self.wait("CrashLoopBackOff", message)
                worker.retry(finished + backoff.delay)
                return True
            backoff.grow(finished, now)
        settled, problem = worker.kubelet.images.ensure(self)
        return settled and self.with_image(problem)

    def with_image(self, problem: Problem | None) -> bool:
        """The image is here, or there is a problem; False if starting goes on."""
        worker, kubelet = self.worker, self.worker.kubelet
        if problem is None:
            image = kubelet.runtime.catalog.find(self.spec.image)
            problem = references.bad_configuration(kubelet.client, worker.pod, self.spec, image)
        if problem is not None:
            reason, message = problem
            self.warning("Failed", f"Error: {reason if reason in _IMAGE_PROBLEMS else message}")
            self.wait(reason, message)
            worker.retry(kubelet.clock.now + RETRY)
            return True
        self.normal("Created", "Container created")
        delay = kubelet.rng.uniform(0.05, 0.11) + throttled(worker.pod.spec)
        worker.later("start", delay, self._created)
        return False

    def _created(self) -> None:
        worker, kubelet, spec = self.worker, self.worker.kubelet, self.spec
        assert worker.sandbox is not None
        patience = LONG_RUN
        if self.kind != INIT and worker.restart_policy == "Always":
            patience = PATIENCE_WITH_SERVERS if self.run is None else 0.0
        run = kubelet.runtime.start_container(worker.sandbox, spec, self.exited, patience)
        if self.run is not None:
            self.restarts += 1
            self.last, self.ended = self.ended, None
            self.previous_end = self.run.finished_at
        self.run = run
        self.waiting = self._status = None
        worker.changed = True
        if run.exit_message:
            self._finished()
            self.warning("Failed", f"Error: {run.exit_message}")
            self.wait("RunContainerError", run.exit_message)
            worker.retry(kubelet.clock.now + RETRY)
            worker.step()
            return
        self.normal("Started", "Container started")
        if self.kind == INIT:
            self.started = True
        else:
            probes.begin(self, run.image.ready_after)
        if spec.lifecycle is not None and spec.lifecycle.postStart is not None:
            seconds, error = run_hook(self, spec.lifecycle.postStart)
            worker.later("hook", seconds, self._hook_ran, error)
        else:
            worker.step()

    def _hook_ran(self, error: str) -> None:
        """The hook that follows its start is done; if that failed so has the container."""
        if not error or not self.running:
            self.worker.step()
            return
        self.warning("FailedPostStartHook", "PostStartHook failed")
        self.wait("PostStartHookError", error)
        self.stop("FailedPostStartHook", self.worker.grace, self.worker.hook_failed)

    def wait(self, reason: str, message: str) -> None:
        """It does not start, and this is why."""
        self.waiting = (reason, message)
        self._status = None

    # --- stopping

    @property
    def stopping(self) -> bool:
        """Whether it is on its way out."""
        return self._then is not None

    def stop(self, why: str, grace: float, then: Callable[[PodContainer], Any]) -> None:
        """Say so, run the hook if there is one, then send SIGTERM; `then` hears of its end.

        If it is on its way out already, it has no more than `grace` seconds from now.
        """
        clock, lifecycle = self.worker.kubelet.clock, self.spec.lifecycle
        if self._then is not None:
            self.hurry(grace)
            return
        self._then = then
        probes.stop(self, but=probes.READINESS if self.worker.stopping else "")
        self.normal("Killing", why)
        self._deadline = clock.now + grace
        if lifecycle is None or lifecycle.preStop is None or grace <= 0:
            self._terminate("")
        else:
            seconds, error = run_hook(self, lifecycle.preStop)
            late = seconds > grace  # it is not heard to the end
            self._timer = clock.call_later(
                min(seconds, grace), self._terminate, "" if late else error
            )

    def _terminate(self, error: str) -> None:
        if error:
            self.warning("FailedPreStopHook", "PreStopHook failed")
        clock = self.worker.kubelet.clock
        assert self.run is not None
        left = max(self._deadline - clock.now, MINIMUM_GRACE)
        self._timer = clock.call_later(left, self.run.kill)
        self.run.terminate()

    def hurry(self, grace: float) -> None:
        """Give it no more than `grace` seconds from now."""
        clock, left = self.worker.kubelet.clock, max(grace, MINIMUM_GRACE)
        if self.run is not None and self._timer and self._timer.when > clock.now + left:
            clock.cancel(self._timer)
            self._timer = clock.call_later(left, self.run.kill)

    def forget(self) -> None:
        """It no longer matters what becomes of it."""
        probes.stop(self)
        self.worker.kubelet.clock.cancel(self._timer)

    def exited(self, run: Container) -> None:
        """The runtime says that it has ended."""
        if run is not self.run:
            return
        self._finished()
        self.forget()
        then, self._then = self._then, None
        if then is None or self.worker.stopping:
            self.worker.container_ended(self)
        else:
            then(self)

    def _finished(self) -> None:
        run, clock = self.run, self.worker.kubelet.clock
        assert run is not None and run.finished_at is not None and run.exit_code is not None
        end = core.ContainerStateTerminated(
            exitCode=run.exit_code,
            reason=run.exit_reason,
            message=run.last_words or None,
            startedAt=clock.moment(run.started_at),
            finishedAt=clock.moment(run.finished_at),
            containerID=run.id,
        )
        self.ended = core.ContainerState(terminated=end)
        self.ready = self.started = False
        self._status = None

    # --- its status

    def touch(self) -> None:
        """Its status is no longer what it was."""
        self._status = None

    def status(self) -> Any:
        """Its ContainerStatus."""
        if self._status is None:
            self._status = self._make_status()
        return self._status

    def _make_status(self) -> Any:
        spec, run, waiting = self.spec, self.run, self.waiting
        if run is None and waiting is None:
            waiting = ("PodInitializing" if self.worker.inits else "ContainerCreating", "")
        last, ready = self.last or NOTHING, self.ready
        if run is None or self.waits:
            assert waiting is not None
            because = core.ContainerStateWaiting(reason=waiting[0], message=waiting[1] or None)
            state, last = core.ContainerState(waiting=because), self.ended or NOTHING
        elif self.ended is None:
            began = self.worker.kubelet.clock.moment(run.started_at)
            state = core.ContainerState(running=core.ContainerStateRunning(startedAt=began))
        else:
            state, ready = self.ended, self.kind == INIT and run.exit_code == 0
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
            volumeMounts=_mount_statuses(spec) if spec.volumeMounts else None,
        )
