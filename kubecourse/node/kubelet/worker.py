"""One pod on one node: bring it up, keep it up, take it down.

Like the kubelet's pod worker it looks again ("syncs") whenever something changed: it writes the
pod's status, then does what is to be done, one step after another. A change that comes while it
is busy makes it look again afterwards. When it cannot go on it comes back later.
Sources: `pkg/kubelet/{kubelet,pod_workers}.go`, `pkg/kubelet/kuberuntime/kuberuntime_manager.go`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kubecourse.api import models, quantity
from kubecourse.api.errors import ApiError
from kubecourse.api.memo import memo
from kubecourse.clock import Timer
from kubecourse.node.kubelet import environment, hooks, probes, references, status
from kubecourse.node.kubelet.backoff import Backoff, go_duration
from kubecourse.node.kubelet.images import Problem
from kubecourse.node.kubelet.records import APP, INIT, SIDECAR, ContainerRecord
from kubecourse.node.kubelet.stopping import ContainerStop, Stopping
from kubecourse.node.runtime.container import Container
from kubecourse.node.runtime.runtime import NoAddress
from kubecourse.node.runtime.sandbox import Sandbox

if TYPE_CHECKING:
    from kubecourse.node.kubelet.kubelet import Kubelet

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta

RETRY = 10.0
"""Seconds until a failed sync is tried again, and half as much again at most."""
RESYNC = 60.0
STOP_LATENCY = 0.05
"""Seconds from the end of a container that the kubelet stopped until the kubelet goes on."""
SETUP_CPU = 0.02
"""Seconds of CPU that it takes to set up a sandbox, and again a container, within its limit."""
LONG_RUN = 600.0
"""Seconds for which `settle` waits for a container that is meant to end."""
PATIENCE_WITH_SERVERS = 30.0
"""Seconds for which it waits for what one that is not meant to end does after its first start."""
MOST_MOUNT_DELAY = 122.0


class PodWorker:
    """The kubelet's side of one pod."""

    __slots__ = (
        "_again", "_changed", "_conditions", "_meta", "_mount_tries", "_retry_at", "_timers", "_todo",
        "apps", "busy", "inits", "kubelet", "pod", "probe_epoch", "reason", "sandbox", "start_time",
        "stopping", "uid", "written",
    )  # fmt: skip

    def __init__(self, kubelet: Kubelet, pod: Any) -> None:
        self.kubelet = kubelet
        self.pod = pod
        self.uid: str = pod.metadata.uid
        spec = pod.spec
        self.inits = [
            ContainerRecord(c, SIDECAR if c.restartPolicy == "Always" else INIT)
            for c in spec.initContainers or ()
        ]
        self.apps = [ContainerRecord(c, APP) for c in spec.containers]
        self.sandbox: Sandbox | None = None
        self.start_time = kubelet.clock.utc()
        self.probe_epoch = 0.0
        self.stopping: Stopping | None = None
        self.reason: Problem | None = None
        self.busy = False
        self.written: Any = None
        self._conditions = status.Conditions()
        self._meta = ObjectMeta(
            name=pod.metadata.name, namespace=pod.metadata.namespace, uid=self.uid
        )
        self._todo: list[ContainerRecord] = []
        self._again = False
        self._changed = False
        self._retry_at: float | None = None
        self._mount_tries = 0
        self._timers: dict[str, Timer] = {}

    @property
    def records(self) -> list[ContainerRecord]:
        """All containers, init containers first."""
        return [*self.inits, *self.apps]

    # --- what is heard of the pod

    def begin(self) -> None:
        """The pod has been admitted: bring it up."""
        self.busy = True
        self.write_status()
        deadline = self.pod.spec.activeDeadlineSeconds
        if deadline is not None:
            self.later("deadline", self._seconds_to(deadline), self._deadline)
        delay = self.kubelet.rng.uniform(0.36, 0.44)
        self.later("mount", delay + throttled(self.pod.spec), self._mount)

    def update(self, pod: Any) -> None:
        """The API server has a new version of the pod."""
        self.pod = pod
        if pod.metadata.deletionTimestamp is not None:
            if self.stopping is None:
                self.stop(pod.metadata.deletionGracePeriodSeconds or 0)
            else:
                self.stopping.hurry(pod.metadata.deletionGracePeriodSeconds or 0)

    def removed(self) -> None:
        """The pod is gone from the API server: nothing of it may stay."""
        self._cancel_all()
        for record in self.records:
            probes.stop(record)
        self._todo.clear()
        if self.stopping is not None:
            self.stopping.cancel()
        self.stopping = self.stopping or Stopping(self, 0)
        self.kubelet.runtime.remove_sandbox(self.uid)

    def resume(self) -> None:
        """The kubelet is back: look at what has happened meanwhile."""
        if self._again and not self.busy:
            self._again = False
            self.look_at(self.kubelet.next_tick())

    # --- looking

    def sync(self) -> None:
        """Look at the pod and do what is to be done."""
        if self.stopping is not None:
            return
        if self.busy or not self.kubelet.running:
            self._again = True
            return
        if self.sandbox is None:
            self.busy = True
            self._mount()
            return
        phase = self.write_status()
        if phase in status.FINAL:
            delay = self.kubelet.next_tick() - self.kubelet.clock.now
            self.busy = True
            self.later("end", max(delay, 0.7), self.stop, None)
            return
        self._run()

    def _mount(self) -> None:
        """Set up volumes, then the sandbox with the pod's network."""
        missing = references.missing_volume(self.kubelet.client, self.pod)
        if missing is not None:
            self._mount_tries += 1
            self.kubelet.recorder.warning(self.pod, "FailedMount", missing)
            delay = min(0.5 * 2 ** (self._mount_tries - 1), MOST_MOUNT_DELAY)
            self.later("mount", delay, self._mount, background=self._mount_tries > 3)
            return
        host_ip = self.kubelet.machine.address if self.pod.spec.hostNetwork else None
        try:
            self.sandbox = self.kubelet.runtime.run_sandbox(self.pod, self, host_ip)
        except NoAddress as error:
            message = (
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup "
                f"network for sandbox: plugin failed (add): {error}"
            )
            self.kubelet.recorder.warning(self.pod, "FailedCreatePodSandBox", message)
            self.later("mount", self.kubelet.jittered(RETRY), self._mount, background=True)
            return
        self.probe_epoch = self.kubelet.clock.now
        self.write_status()
        self._run(sandbox_is_new=True)

    def _run(self, sandbox_is_new: bool = False) -> None:
        """Start what should run and does not."""
        self.busy = True
        self._again = self._changed = False
        self._retry_at = None
        self._todo = self._plan()
        if sandbox_is_new and not self._todo:
            self._changed = True
        self._step()
        if sandbox_is_new and not self.busy and not self._changed:
            self.look_at(self.kubelet.next_tick())

    def _plan(self) -> list[ContainerRecord]:
        """The containers to start, or to stop and start, in order."""
        plan = [
            record for record in self.inits if record.kind == SIDECAR and self._needs_start(record)
        ]
        for record in self.inits:
            if record.kind == SIDECAR:
                if not record.started:
                    return plan[: plan.index(record) + 1] if record in plan else plan
            elif record.exit_code != 0:
                started = [r for r in plan if r.run is not None or self._before(r, record)]
                return [*started, record] if self._needs_start(record) else started
        return plan + [record for record in self.apps if self._needs_start(record)]

    def _before(self, a: ContainerRecord, b: ContainerRecord) -> bool:
        return self.inits.index(a) < self.inits.index(b)

    def _needs_start(self, record: ContainerRecord) -> bool:
        if record.condemned is not None or record.run is None:
            return True
        if record.running:
            return False
        policy = self.pod.spec.restartPolicy
        if record.kind == SIDECAR:
            return True
        if record.kind == INIT:
            return record.exit_code != 0 and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and record.exit_code != 0)

    def _step(self) -> None:
        """Do the next thing of the plan; the last one ends the sync."""
        while self._todo and self.stopping is None:
            record = self._todo[0]
            if record.condemned is not None:
                why, grace = record.condemned
                record.condemned = None
                self._changed = True
                if record.running:
                    ContainerStop(self, record, why, grace, self._stopped).begin()
                    return
            del self._todo[0]
            if not self._start(record):
                return
        self._end_of_sync()

    def _end_of_sync(self) -> None:
        self.busy = False
        if self.stopping is not None:
            return
        if self._changed or self._again:
            self._again = self._changed = False
            self.sync()
        elif self._retry_at is not None:
            delay = min(max(self._retry_at - self.kubelet.clock.now, 0.0), RESYNC)
            self.look_at(self.kubelet.next_tick(self.kubelet.jittered(delay)), background=True)

    def look_at(self, when: float, background: bool = False) -> None:
        """Sync at a time, or earlier if that was asked for before."""
        pending = self._timers.get("sync")
        if pending is not None and pending.pending:
            if pending.when <= when:
                return
            self.kubelet.clock.cancel(pending)
        self.later("sync", when - self.kubelet.clock.now, self.sync, background=background)

    # --- starting a container

    def _start(self, record: ContainerRecord) -> bool:
        """Start a container; False if that goes on and `_step` is called when it is done."""
        kubelet = self.kubelet
        now = kubelet.clock.now
        finished = self._last_finish(record)
        if finished is not None:
            backoff = record.backoff = record.backoff or Backoff()
            if backoff.waiting_since(finished, now):
                self._back_off(record, finished + backoff.delay)
                return True
            backoff.grow(finished, now)
        settled, problem = kubelet.images.ensure(self, record)
        if not settled:
            return False
        return self._with_image(record, problem)

    def _last_finish(self, record: ContainerRecord) -> float | None:
        """When the container last ended, as far as this sync knew when it began.

        A container that this very sync has stopped counts with the end before that one: the
        real kubelet, too, looks at the statuses it had when it began.
        """
        if record.stopped_in_sync:
            record.stopped_in_sync = False
            return record.previous_end
        return record.finished_at

    def _back_off(self, record: ContainerRecord, until: float) -> None:
        assert record.backoff is not None
        name = record.spec.name
        pod = f"{self.pod.metadata.name}_{self.pod.metadata.namespace}({self.uid})"
        self.kubelet.recorder.warning(
            self.pod,
            "BackOff",
            f"Back-off restarting failed container {name} in pod {pod}",
            record.path,
        )
        delay = go_duration(record.backoff.delay)
        record.wait(
            "CrashLoopBackOff", f"back-off {delay} restarting failed container={name} pod={pod}"
        )
        self._retry(until)

    def _retry(self, at: float) -> None:
        if self._retry_at is None or at < self._retry_at:
            self._retry_at = at

    def pulled(self, record: ContainerRecord, problem: Problem | None) -> None:
        """The image manager is done with a container's image."""
        if self.stopping is None and self._with_image(record, problem):
            self._step()

    def _with_image(self, record: ContainerRecord, problem: Problem | None) -> bool:
        """The image is here, or a problem; False if starting goes on."""
        problem = problem or references.missing_reference(
            self.kubelet.client, self.pod, record.spec
        )
        if problem is not None:
            reason, message = problem
            why = reason if reason in _IMAGE_PROBLEMS else message
            self.kubelet.recorder.warning(self.pod, "Failed", f"Error: {why}", record.path)
            record.wait(reason, message)
            self._retry(self.kubelet.clock.now + RETRY)
            return True
        self.kubelet.recorder.normal(self.pod, "Created", "Container created", record.path)
        delay = self.kubelet.rng.uniform(0.05, 0.11)
        self.later("start", delay + throttled(self.pod.spec), self._started, record)
        return False

    def _started(self, record: ContainerRecord) -> None:
        if self.stopping is not None:
            return
        kubelet = self.kubelet
        assert self.sandbox is not None
        runtime = kubelet.runtime
        image = runtime.catalog.find(record.spec.image)
        run = runtime.start_container(
            self.sandbox, record.spec, self._exited, self._patience(record)
        )
        record.began(run)
        self._changed = True
        if run.exit_message:
            self._start_failed(record)
            return
        kubelet.recorder.normal(self.pod, "Started", "Container started", record.path)
        if record.kind != INIT:
            probes.begin(self, record, image.ready_after)
        else:
            record.started = True
        lifecycle = record.spec.lifecycle
        if lifecycle is not None and lifecycle.postStart is not None:
            seconds, error = hooks.run(self, record, lifecycle.postStart)
            self.later("hook", seconds, self._hook_ran, record, error)
            return
        self._step()

    def _start_failed(self, record: ContainerRecord) -> None:
        """The container's program is not there."""
        assert record.run is not None
        message = record.run.exit_message
        self.kubelet.recorder.warning(self.pod, "Failed", f"Error: {message}", record.path)
        record.finished(self.kubelet.clock, message)
        self._step()

    def _hook_ran(self, record: ContainerRecord, error: str) -> None:
        """The hook that follows a container's start is done; if it failed so has the container."""
        if self.stopping is not None:
            return
        if not error or not record.running:
            self._step()
            return
        message = "PostStartHook failed"
        self.kubelet.recorder.warning(self.pod, "FailedPostStartHook", message, record.path)
        record.hook_error = error
        grace = float(self.pod.spec.terminationGracePeriodSeconds or 0)
        ContainerStop(self, record, "FailedPostStartHook", grace, self._hook_failed).begin()

    def _hook_failed(self, record: ContainerRecord) -> None:
        record.wait("PostStartHookError", record.hook_error)
        self.look_at(self.kubelet.next_tick(0.5))
        self._step()

    def _patience(self, record: ContainerRecord) -> float:
        """For how many seconds of a container's run `settle` waits for it."""
        if record.kind != INIT and self.pod.spec.restartPolicy == "Always":
            return 0.0 if record.run is not None else PATIENCE_WITH_SERVERS
        return LONG_RUN

    # --- hearing of a container

    def _exited(self, run: Container) -> None:
        """The runtime says that a container has ended; the kubelet sees it when it next looks."""
        record = next((r for r in self.records if r.run is run), None)
        if record is None:
            return
        probes.stop(record)
        record.finished(self.kubelet.clock)
        if record.stop is not None:
            record.stop.ended()
        elif self.stopping is not None:
            self.stopping.ended(record)
        else:
            self.look_at(self.kubelet.next_tick(), background=record.restarts > 0)

    def _stopped(self, record: ContainerRecord) -> None:
        """A container that had to be stopped has been."""
        record.stopped_in_sync = True
        self.later("step", STOP_LATENCY, self._step)

    def condemn(self, record: ContainerRecord, why: str, grace: float) -> None:
        """Stop a container and start it again: a probe asks for it."""
        if record.condemned is None and record.running:
            record.condemned = (why, grace)
            self.sync()

    def probed(self, record: ContainerRecord) -> None:
        """A probe has changed whether a container is ready or has started."""
        record.touch()
        if self.stopping is None and record.kind == SIDECAR and not self.busy:
            self.sync()
        else:
            self.write_status()

    # --- what containers are given

    def environment(self, spec: Any) -> dict[str, str]:
        """A container's variables."""
        return environment.make(self.kubelet.client, self.pod, spec, self.sandbox)

    def volume_files(self, volume: str) -> dict[str, str] | None:
        """What a volume shows from the start."""
        return references.volume_files(self.kubelet.client, self.pod, volume)

    # --- coming to an end

    def _seconds_to(self, deadline: int) -> float:
        end = self.start_time + timedelta(seconds=deadline)
        return self.kubelet.clock.seconds(end) - self.kubelet.clock.now

    def _deadline(self) -> None:
        """The pod has been active for as long as it may."""
        if self.stopping is None:
            message = "Pod was active on the node longer than the specified deadline"
            self.fail("DeadlineExceeded", message)

    def fail(self, reason: str, message: str) -> None:
        """End the pod as Failed, for a reason of the kubelet's."""
        self.reason = (reason, message)
        self.write_status()
        delay = self.kubelet.next_tick() - self.kubelet.clock.now
        self.busy = True
        self.later("end", max(delay, 0.7), self.stop, None)

    def stop(self, grace: int | None) -> None:
        """Stop all containers, giving them `grace` seconds (None: what the pod says)."""
        if self.stopping is not None:
            return
        if grace is None:
            grace = self.pod.spec.terminationGracePeriodSeconds
            grace = 30 if grace is None else grace
        self._cancel_all()
        self._todo.clear()
        self.stopping = Stopping(self, grace)
        self.stopping.begin()

    # --- telling the API server

    def phase(self) -> str:
        """The phase that the containers make."""
        if self.reason is not None:
            return "Failed"
        over = self.stopping is not None and self.stopping.done
        policy = "Never" if over else self.pod.spec.restartPolicy or "Always"
        phase = status.phase(policy, self.inits, self.apps)
        return "Failed" if over and phase not in status.FINAL else phase

    def write_status(self) -> str:
        """Tell the API server how the pod is, if that is news; returns the phase."""
        kubelet = self.kubelet
        phase = self.phase()
        if not kubelet.running:
            self._again = True
            return phase
        if self.reason is not None:
            # As `pkg/kubelet/active_deadline.go` does, each time that a status is made.
            kubelet.recorder.normal(self.pod, *self.reason)
        metadata = self.pod.metadata
        try:
            current = kubelet.client.get(core.Pod, metadata.name, metadata.namespace)
            if current.metadata.uid == self.uid:
                new = self._status(current, phase)
                if new != current.status:
                    kubelet.client.update_status(core.Pod(metadata=self._meta, status=new))
        except ApiError as error:
            if error.code != 404:
                self.later("status", 1.0, self.write_status, background=True)
        return phase

    def _status(self, current: Any, phase: str) -> Any:
        kubelet, clock = self.kubelet, self.kubelet.clock
        network = self.sandbox is not None and not (self.stopping and self.stopping.done)
        conditions = self._conditions.make(
            clock.utc(), current, phase, network, self.inits, self.apps
        )
        shown = phase
        reason, message = self.reason or (None, None)
        over = self.stopping is not None and self.stopping.done
        if phase in status.FINAL and not over:
            # Not over until nothing can run any more.
            shown, reason, message = current.status.phase, None, None
        if current.status.phase in status.FINAL:
            shown = current.status.phase
        waiting = "PodInitializing" if self.inits else "ContainerCreating"
        ip = self.sandbox.ip if self.sandbox is not None else None
        return replace(
            current.status,
            phase=shown,
            reason=reason,
            message=message,
            observedGeneration=current.metadata.generation,
            conditions=conditions,
            hostIP=kubelet.machine_address,
            hostIPs=kubelet.host_ips,
            podIP=ip,
            podIPs=[core.PodIP(ip=ip)] if ip else None,
            startTime=self.start_time,
            initContainerStatuses=[r.status(clock, waiting) for r in self.inits] or None,
            containerStatuses=[r.status(clock, waiting) for r in self.apps],
            nominatedNodeName=None,
        )

    # --- timers

    def later(
        self, name: str, delay: float, action: Any, *args: Any, background: bool = False
    ) -> None:
        """Do something in `delay` seconds, unless the pod is stopped or removed before."""
        self._timers[name] = self.kubelet.clock.call_later(
            max(delay, 0.0), action, *args, background=background
        )

    def _cancel_all(self) -> None:
        for timer in self._timers.values():
            self.kubelet.clock.cancel(timer)
        self._timers.clear()


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


_IMAGE_PROBLEMS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
