"""One pod on one node: bring it up, keep it up, take it down.

Like the kubelet's pod worker it looks again ("syncs") whenever something changed: it writes the
pod's status, then does what is to be done, one step after another. A change that comes while it
is busy makes it look again afterwards. When it cannot go on it comes back later.
Sources: `pkg/kubelet/{kubelet,pod_workers}.go`, `pkg/kubelet/kuberuntime/kuberuntime_manager.go`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kubecourse.clock import Timer
from kubecourse.node.kubelet import environment, probes, references, status
from kubecourse.node.kubelet.images import Problem
from kubecourse.node.kubelet.plan import to_start
from kubecourse.node.kubelet.records import APP, INIT, SIDECAR, ContainerRecord
from kubecourse.node.kubelet.reporting import Reporter
from kubecourse.node.kubelet.starting import RETRY, Starter, throttled
from kubecourse.node.kubelet.stopping import ContainerStop, Stopping
from kubecourse.node.runtime.container import Container
from kubecourse.node.runtime.runtime import NoAddress
from kubecourse.node.runtime.sandbox import Sandbox

if TYPE_CHECKING:
    from kubecourse.node.kubelet.kubelet import Kubelet

RESYNC = 60.0
"""Seconds after which a pod with a problem is looked at again at the latest; jittered."""
STOP_LATENCY = 0.05
"""Seconds from the end of a container that the kubelet stopped until the kubelet goes on."""
MOST_MOUNT_DELAY = 122.0
DEFAULT_GRACE = 30.0


class PodWorker:
    """The kubelet's side of one pod."""

    __slots__ = (
        "_again", "_missed", "_mount_tries", "_reporter", "_retry_at", "_sandbox_seen",
        "_starter", "_timers", "_todo", "apps", "busy", "changed", "inits", "kubelet", "pod",
        "probe_epoch", "reason", "restart_policy", "sandbox", "start_time", "stopping", "uid",
    )  # fmt: skip

    def __init__(self, kubelet: Kubelet, pod: Any) -> None:
        self.kubelet = kubelet
        self.pod = pod
        self.uid: str = pod.metadata.uid
        spec = pod.spec
        self.restart_policy: str = spec.restartPolicy or "Always"
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
        self.changed = False
        self._again = False
        self._starter = Starter(self)
        self._reporter = Reporter(self)
        self._todo: list[ContainerRecord] = []
        self._retry_at: float | None = None
        self._sandbox_seen: float | None = None
        self._mount_tries = 0
        self._missed: list[tuple[Any, tuple[Any, ...]]] = []
        self._timers: dict[str, Timer] = {}

    @property
    def records(self) -> list[ContainerRecord]:
        """All containers, init containers first."""
        return [*self.inits, *self.apps]

    @property
    def grace(self) -> float:
        """Seconds that its containers are given to stop."""
        grace = self.pod.spec.terminationGracePeriodSeconds
        return DEFAULT_GRACE if grace is None else float(grace)

    # --- what is heard of the pod

    def begin(self) -> None:
        """The pod has been admitted: bring it up."""
        self.busy = True
        self.write_status()
        deadline = self.pod.spec.activeDeadlineSeconds
        if deadline is not None:
            end = self.start_time + timedelta(seconds=deadline)
            clock = self.kubelet.clock
            self.later("deadline", clock.seconds(end) - clock.now, self._deadline)
        delay = self.kubelet.rng.uniform(0.36, 0.44)
        self.later("mount", delay + throttled(self.pod.spec), self._mount)

    def update(self, pod: Any) -> None:
        """The API server has a new version of the pod."""
        if pod.spec is not self.pod.spec:
            self._change_images(pod.spec)
        self.pod = pod
        if pod.metadata.deletionTimestamp is not None:
            grace = pod.metadata.deletionGracePeriodSeconds or 0
            if self.stopping is None:
                self.stop(grace)
            else:
                self.stopping.hurry(grace)

    def _change_images(self, spec: Any) -> None:
        """A container's image may be changed while it runs: it starts again with the new one."""
        new = {c.name: c for c in (*(spec.initContainers or ()), *spec.containers)}
        for record in self.records:
            changed = new[record.spec.name]
            if changed.image != record.spec.image:
                record.spec = changed
                record.touch()
                why = f"Container {changed.name} definition changed, will be restarted"
                self.condemn(record, why, self.grace)

    def removed(self) -> None:
        """The pod is gone from the API server: nothing of it may stay."""
        self._cancel_all()
        self._missed.clear()
        for record in self.records:
            probes.stop(record)
        self._todo.clear()
        self.stopping = self.stopping or Stopping(self, 0)
        self.stopping.cancel()
        self.kubelet.runtime.remove_sandbox(self.uid)

    def resume(self) -> None:
        """The kubelet is back: do what it could not, and look at what has happened meanwhile."""
        missed, self._missed = self._missed, []
        for action, args in missed:
            action(*args)
        if self._again and not self.busy:
            self.look_at(self.kubelet.next_tick())

    # --- looking

    def sync(self) -> None:
        """Look at the pod and do what is to be done."""
        if self.stopping is not None:
            return
        if self.busy or not self.kubelet.running:
            self._again = True
        elif self.sandbox is None:
            self.busy = True
            self._mount()
        elif self.write_status() in status.FINAL:
            self._end()
        else:
            self._run()

    def _mount(self) -> None:
        """Set up volumes, then the sandbox with the pod's network."""
        kubelet = self.kubelet
        missing = references.missing_volume(kubelet.client, self.pod)
        if missing is not None:
            self._mount_tries += 1
            kubelet.recorder.warning(self.pod, "FailedMount", missing)
            delay = min(0.5 * 2 ** (self._mount_tries - 1), MOST_MOUNT_DELAY)
            self.later("mount", delay, self._mount, background=self._mount_tries > 3)
            return
        host_ip = kubelet.machine_address if self.pod.spec.hostNetwork else None
        try:
            self.sandbox = kubelet.runtime.run_sandbox(self.pod, self, host_ip)
        except NoAddress as error:
            message = (
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup "
                f"network for sandbox: plugin failed (add): {error}"
            )
            kubelet.recorder.warning(self.pod, "FailedCreatePodSandBox", message)
            self.later("mount", kubelet.jittered(RETRY), self._mount, background=True)
            return
        self.probe_epoch = kubelet.clock.now
        self.write_status()
        self._sandbox_seen = kubelet.next_tick()
        self._run()

    def _run(self) -> None:
        """Start what should run and does not."""
        self.busy = True
        self._again = self.changed = False
        self._retry_at = None
        self._todo = to_start(self.restart_policy, self.inits, self.apps)
        self.step()

    def step(self) -> None:
        """Do the next thing that is to be done; after the last one the sync is over."""
        while self._todo and self.stopping is None:
            record = self._todo[0]
            if record.condemned is not None:
                why, grace = record.condemned
                record.condemned = None
                self.changed = True
                if record.running:
                    ContainerStop(self, record, why, grace, self._stopped).begin()
                    return
            del self._todo[0]
            if not self._starter.start(record):
                return
        self.busy = False
        if self.stopping is not None:
            return
        seen, self._sandbox_seen = self._sandbox_seen, None
        if self.changed or self._again:
            self._again = self.changed = False
            self.sync()
        elif self._retry_at is not None and seen is not None:
            # That there is a sandbox is news by itself, when the kubelet next looks.
            self.look_at(seen)
        elif self._retry_at is not None:
            delay = min(max(self._retry_at - self.kubelet.clock.now, 0.0), RESYNC)
            self.look_at(self.kubelet.next_tick(self.kubelet.jittered(delay)), background=True)

    def _stopped(self, record: ContainerRecord) -> None:
        """A container that had to be stopped has been."""
        record.stopped_in_sync = True
        self.later("step", STOP_LATENCY, self.step)

    def pulled(self, record: ContainerRecord, problem: Problem | None) -> None:
        """The image manager is done with a container's image."""
        self._act(self._go_on, (record, problem))

    def _go_on(self, record: ContainerRecord, problem: Problem | None) -> None:
        if self.stopping is None and self._starter.with_image(record, problem):
            self.step()

    def retry(self, at: float) -> None:
        """Something could not be done: sync again at that time, or soon after."""
        if self._retry_at is None or at < self._retry_at:
            self._retry_at = at

    def look_at(self, when: float, background: bool = False) -> None:
        """Sync at a time, or earlier if that was asked for before."""
        pending = self._timers.get("sync")
        if pending is not None and pending.pending:
            if pending.when <= when:
                return
            self.kubelet.clock.cancel(pending)
        self.later("sync", when - self.kubelet.clock.now, self.sync, background=background)

    # --- hearing of a container

    def exited(self, run: Container) -> None:
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

    def condemn(self, record: ContainerRecord, why: str, grace: float) -> None:
        """Stop a container and start it again: a probe asks for it, or a new image."""
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
        """What a volume shows from the start; None if it starts empty and may be written."""
        return references.volume_files(self.kubelet.client, self.pod, volume)

    # --- coming to an end

    def _deadline(self) -> None:
        """The pod has been active for as long as it may."""
        message = "Pod was active on the node longer than the specified deadline"
        self.fail("DeadlineExceeded", message)

    def fail(self, reason: str, message: str) -> None:
        """End the pod as Failed, for a reason of the kubelet's."""
        if self.stopping is None:
            self.reason = (reason, message)
            self.write_status()
            self._end()

    def _end(self) -> None:
        """The pod is to end by itself: soon its containers are stopped."""
        self.busy = True
        delay = self.kubelet.next_tick() - self.kubelet.clock.now
        self.later("end", max(delay, 0.7), self.stop, self.grace)

    def stop(self, grace: float) -> None:
        """Stop all containers, giving them `grace` seconds."""
        if self.stopping is None:
            self._cancel_all()
            self._todo.clear()
            self.stopping = Stopping(self, grace)
            self.stopping.begin()

    def write_status(self) -> str:
        """Tell the API server how the pod is, if that is news; returns the phase."""
        if self.kubelet.running:
            self._reporter.write()
        else:
            self._again = True
        return self._reporter.phase()

    # --- timers

    def later(
        self, name: str, delay: float, action: Any, *args: Any, background: bool = False
    ) -> None:
        """Do something in `delay` seconds, unless the pod is stopped or removed before."""
        self._timers[name] = self.kubelet.clock.call_later(
            max(delay, 0.0), self._act, action, args, background=background
        )

    def _act(self, action: Any, args: tuple[Any, ...]) -> None:
        """Do something now, or when the kubelet is back."""
        if self.kubelet.running:
            action(*args)
        else:
            self._missed.append((action, args))

    def _cancel_all(self) -> None:
        for timer in self._timers.values():
            self.kubelet.clock.cancel(timer)
        self._timers.clear()
