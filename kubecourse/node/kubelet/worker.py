"""One pod on one node: bring it up, keep it up, take it down.

Like the kubelet's pod worker it looks again ("syncs") whenever something changed: it writes the
pod's status, then does what is to be done, one step after another. A change that comes while it
is busy makes it look again afterwards. When it cannot go on it comes back later.
Sources: `pkg/kubelet/{kubelet,pod_workers}.go` (SyncPod, SyncTerminatingPod, SyncTerminatedPod),
`pkg/kubelet/kuberuntime/{kuberuntime_manager,kuberuntime_container}.go` (computePodActions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubecourse.api import conditions, demand, models
from kubecourse.api.errors import ApiError
from kubecourse.clock import Timer
from kubecourse.node.kubelet import probes, references, status
from kubecourse.node.kubelet.containers import APP, INIT, RETRY, SIDECAR, PodContainer, throttled
from kubecourse.node.kubelet.given import Given
from kubecourse.node.runtime.runtime import NoAddress
from kubecourse.node.runtime.sandbox import Sandbox

if TYPE_CHECKING:
    from kubecourse.node.kubelet.containers import Problem
    from kubecourse.node.kubelet.kubelet import Kubelet

RESYNC = 60.0
"""Seconds after which a pod with a problem is looked at again at the latest; jittered."""
RECONCILE = 10.0
"""Seconds until a status that somebody else has changed is put right (`syncPeriod` of `status`)."""
STOP_LATENCY = 0.05
"""Seconds from the end of a container that the kubelet stopped until the kubelet goes on."""
TIDY = 0.25
"""Seconds from the last container's end until the sandbox is gone."""
SANDBOX = 0.12
"""Seconds of the start that it takes to make the sandbox; probes have begun to beat before."""
MOST_MOUNT_DELAY = 122.0
DEFAULT_GRACE = 30.0
NO_SANDBOX = (
    "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for "
    "sandbox: plugin failed (add): "
)


class PodWorker:
    """The kubelet's side of one pod.

    `busy` while a sync goes on, `changed` if that started or stopped a container. `stopping` once
    all containers are to end, `over` when nothing of the pod can run any more. `reason` is why the
    kubelet itself ended it: `(reason, message)`, `disruption` if that was for want of resources.
    """

    __slots__ = (
        "_again", "_asked", "_grace", "_missed", "_mount_tries", "_retry_at",
        "_sandbox_seen", "_stopped_at", "_timers", "_todo", "apps", "busy", "changed",
        "conditions", "containers", "disruption", "given", "inits", "kubelet", "over", "pod",
        "probe_epoch", "reason", "restart_policy", "sandbox", "start_time", "stopping", "uid",
    )  # fmt: skip

    def __init__(self, kubelet: Kubelet, pod: Any) -> None:
        self.kubelet = kubelet
        self.pod = pod
        self.uid: str = pod.metadata.uid
        spec = pod.spec
        self.restart_policy: str = spec.restartPolicy or "Always"
        self.inits = [
            PodContainer(self, c, SIDECAR if c.restartPolicy == "Always" else INIT)
            for c in spec.initContainers or ()
        ]
        self.apps = [PodContainer(self, c, APP) for c in spec.containers]
        self.containers = [*self.inits, *self.apps]
        self.given = Given(self)
        self.disruption = False
        self.sandbox: Sandbox | None = None
        self.start_time = kubelet.clock.utc()
        self.probe_epoch = 0.0
        self.reason: Problem | None = None
        self.busy = self.changed = self.stopping = self.over = self._again = False
        self.conditions: dict[str, tuple[Any, Any]] = {}
        self._todo: list[PodContainer] = []
        self._retry_at: float | None = None
        self._sandbox_seen: float | None = None
        self._mount_tries = 0
        self._missed: list[tuple[Any, tuple[Any, ...]]] = []
        self._timers: dict[str, Timer] = {}
        self._grace = self._stopped_at = 0.0
        self._asked: float | None = None

    @property
    def title(self) -> str:
        """The pod as messages name it."""
        return f"{self.pod.metadata.name}_{self.pod.metadata.namespace}({self.uid})"

    @property
    def grace(self) -> float:
        """Seconds that its containers are given to stop."""
        grace = self.pod.spec.terminationGracePeriodSeconds
        return DEFAULT_GRACE if grace is None else float(grace)

    # --- what is heard of the pod

    def begin(self) -> None:
        """The pod has been admitted: bring it up."""
        self.busy = True
        self.check_demands()
        self.write_status()
        if (seconds := self.pod.spec.activeDeadlineSeconds) is not None:
            clock = self.kubelet.clock
            end = clock.seconds(self.start_time) + seconds
            self.later("deadline", end - clock.now, self._deadline)
        delay = self.kubelet.rng.uniform(0.36, 0.44)
        self.later("mount", delay + throttled(self.pod.spec), self._mount)

    def check_demands(self) -> None:
        """Tell of what the pod's annotations say and nobody can read."""
        for key, problem in demand.problems(self.pod.metadata.annotations):
            self.kubelet.recorder.warning(self.pod, "InvalidDemand", f"{key}: {problem}")

    def update(self, pod: Any) -> None:
        """The API server has a new version of the pod."""
        if pod.spec is not self.pod.spec:
            self._change_images(pod.spec)
        old, self.pod = self.pod.metadata, pod
        new = pod.metadata
        renamed = (old.labels, old.annotations) != (new.labels, new.annotations)
        if renamed:
            self.kubelet.runtime.redeclare(self.uid, new.annotations)
            self.check_demands()
        if renamed and references.shows_itself(pod.spec.volumes):
            self.given.expect_refresh()
        if "Ready" in self.conditions and not self.over:
            ready = conditions.get(pod.status.conditions, "Ready")
            if ready is not None and ready.status != self.conditions["Ready"][1].status:
                self.later("reconcile", RECONCILE, self.write_status, background=True)
        if new.deletionTimestamp is not None:
            if old.deletionTimestamp is None:
                for container in self.containers:
                    container.touch()
            (self._hurry if self.stopping else self.stop)(new.deletionGracePeriodSeconds or 0)

    def _change_images(self, spec: Any) -> None:
        """A container's image may be changed while it runs: it starts again with the new one."""
        new = (*(spec.initContainers or ()), *spec.containers)
        for container, changed in zip(self.containers, new, strict=True):
            if changed.image != container.spec.image:
                container.spec = changed
                container.touch()
                why = f"Container {changed.name} definition changed, will be restarted"
                self._replace(container, why)

    def removed(self) -> None:
        """The pod is gone from the API server: nothing of it may stay."""
        self._cancel_all()
        self._missed.clear()
        for container in self.containers:
            if container.running and not container.stopping:
                container.normal("Killing", f"Stopping container {container.spec.name}")
            container.forget()
        self.stopping = self.over = True
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
        if self.stopping:
            return
        if self.busy or not self.kubelet.running:
            self._again = True
        elif self.sandbox is None:
            self.busy = True
            self._mount()
        elif self.write_status() in status.FINAL:
            self._end()
        elif self._has_served():
            self.busy = True
            self._dismiss()
        else:
            probes.ask_at_once(self.containers)
            self._run()

    def _mount(self) -> None:
        """Set up volumes, then the sandbox with the pod's network."""
        kubelet, tries = self.kubelet, self._mount_tries
        missing = references.missing_volume(kubelet.client, self.pod)
        if missing is not None:
            self._mount_tries += 1
            kubelet.recorder.warning(self.pod, "FailedMount", missing)
            delay = min(0.5 * 2**tries, MOST_MOUNT_DELAY)
            self.later("mount", delay, self._mount, background=tries >= 3)
            return
        host_ip = kubelet.machine.address if self.pod.spec.hostNetwork else None
        try:
            self.sandbox = kubelet.runtime.run_sandbox(self.pod, self.given, host_ip)
        except NoAddress as error:
            kubelet.recorder.warning(self.pod, "FailedCreatePodSandBox", f"{NO_SANDBOX}{error}")
            self.later("mount", kubelet.jittered(RETRY), self._mount, background=True)
            return
        self.given.mount()
        self.probe_epoch = kubelet.clock.now - SANDBOX
        self.write_status()
        self._sandbox_seen = kubelet.next_tick()
        self._run()

    def _run(self) -> None:
        """Start what should run and does not."""
        self.busy = True
        self._again = self.changed = False
        self._retry_at = None
        self._todo = [c for c in self._due() if c.needs_start()]
        self.step()

    def _due(self) -> list[PodContainer]:
        """The containers whose turn has come.

        Init containers come one at a time, each when the one before has done its work; a sidecar
        has when it has started. Then come the others, all of them.
        """
        for index, init in enumerate(self.inits):
            if not init.has_passed:
                ahead = self.inits[: index + 1]
                return [c for c in ahead if c.kind == SIDECAR or c is init]
        return [c for c in self.containers if c.kind != INIT]

    def step(self) -> None:
        """Do the next thing that is to be done; after the last one the sync is over."""
        while self._todo and not self.stopping:
            container = self._todo[0]
            if container.condemned is not None:
                why, grace, again = container.condemned
                container.condemned = None
                self.changed = True
                if not again:
                    del self._todo[0]
                if container.running:
                    container.stop(why, grace, self._stopped if again else self._ended)
                    return
                if not again:
                    continue
            del self._todo[0]
            if not container.start():
                return
        self.busy = False
        if self.stopping:
            return
        kubelet, seen, self._sandbox_seen = self.kubelet, self._sandbox_seen, None
        if self.changed or self._again:
            self._again = self.changed = False
            self.sync()
        elif self._retry_at is not None and seen is not None:
            # That there is a sandbox is news by itself, when the kubelet next looks.
            self.look_at(seen)
        elif self._retry_at is not None:
            delay = min(max(self._retry_at - kubelet.clock.now, 0.0), RESYNC)
            self.look_at(kubelet.next_tick(kubelet.jittered(delay)), background=True)

    def retry(self, at: float) -> None:
        """Something could not be done: sync again at that time, or soon after."""
        if self._retry_at is None or at < self._retry_at:
            self._retry_at = at

    def look_at(self, when: float, background: bool = False) -> None:
        """Sync at a time, or earlier if that was asked for before."""
        clock, pending = self.kubelet.clock, self._timers.get("sync")
        if pending is not None and clock.pending(pending):
            if pending.when <= when:
                return
            clock.cancel(pending)
        self.later("sync", when - self.kubelet.clock.now, self.sync, background=background)

    # --- hearing of a container

    def pulled(self, container: PodContainer, problem: Problem | None) -> None:
        """The image manager is done with a container's image."""
        self._act(self._go_on, (container, problem))

    def _go_on(self, container: PodContainer, problem: Problem | None) -> None:
        if not self.stopping and container.with_image(problem):
            self.step()

    def _stopped(self, container: PodContainer) -> None:
        container.stopped_in_sync = True
        self.later("step", STOP_LATENCY, self.step)

    def _ended(self, container: PodContainer) -> None:
        self.later("step", STOP_LATENCY, self.step)

    def hook_failed(self, container: PodContainer) -> None:
        """A container whose hook after the start failed has been stopped."""
        self.look_at(self.kubelet.next_tick(0.5))
        self.step()

    def container_ended(self, container: PodContainer) -> None:
        """A container has ended by itself; the kubelet sees it when it next looks."""
        if self.stopping:
            self._one_less()
        else:
            self.look_at(self.kubelet.next_tick(), background=container.restarts > 0)

    def condemn(self, container: PodContainer, why: str, grace: float | None = None) -> None:
        """Stop a container that fails its probe, and start it again if its policy says so.

        If nothing of the pod is left to run, it is the pod that is stopped.
        """
        again, others = container.comes_back, [c for c in self.containers if c is not container]
        if not again and not any(c.running or c.needs_start() for c in others):
            why, grace = f"Stopping container {container.spec.name}", None
        self._replace(container, f"{why}, will be restarted" if again else why, grace, again)

    def _replace(
        self, container: PodContainer, why: str, grace: float | None = None, again: bool = True
    ) -> None:
        if container.condemned is None and container.running:
            container.condemned = (why, self.grace if grace is None else grace, again)
            self.sync()

    def probed(self, container: PodContainer) -> None:
        """A probe has changed whether a container is ready or has started."""
        container.touch()
        if container.kind == SIDECAR and not self.stopping and not self.busy:
            self.sync()
        else:
            self.write_status()
            probes.ask_at_once(self.containers)

    # --- coming to an end

    def _deadline(self) -> None:
        """The pod has been active for as long as it may."""
        message = "Pod was active on the node longer than the specified deadline"
        self.reason = ("DeadlineExceeded", message)
        self.write_status()
        self._end()

    def _end(self) -> None:
        """The pod is to end by itself: soon its containers are stopped."""
        self.busy = True
        delay = self.kubelet.next_tick() - self.kubelet.clock.now
        self.later("end", max(delay, 0.7), self.stop, self.grace)

    def _has_served(self) -> bool:
        """Whether only sidecars are left, with nobody to serve any more."""
        return all(app.run is not None and not app.running for app in self.apps) and not any(
            app.needs_start() for app in self.apps
        )

    def _dismiss(self, container: PodContainer | None = None) -> None:
        """Stop the sidecars, the last declared first; `container` is the one that has ended."""
        running = [c for c in self.containers if c.running]
        if running:
            why = f"Stopping container {running[-1].spec.name}"
            running[-1].stop(why, self.grace, self._dismiss)
        else:
            self.busy = False
            self.look_at(self.kubelet.next_tick())

    def evict(self, message: str, grace: float, disruption: bool) -> None:
        """The kubelet ends the pod for what it uses."""
        self.reason, self.disruption = ("Evicted", message), disruption
        self.stop(grace)

    def stop(self, grace: float) -> None:
        """Stop all containers, giving them `grace` seconds; sidecars after the others."""
        self._cancel_all()
        self.stopping = True
        self._grace, self._stopped_at = float(grace), self.kubelet.clock.now
        self._asked = self.pod.metadata.deletionGracePeriodSeconds
        if self.reason is not None:
            self.write_status()
        running = [c for c in self.containers if c.running]
        for container in [c for c in running if c.kind != SIDECAR] or running[-1:]:
            self._stop(container)
        if not running:
            self.later("tidy", TIDY, self._tidy)

    def _stop(self, container: PodContainer) -> None:
        left = self._grace - (self.kubelet.clock.now - self._stopped_at)
        why = f"Stopping container {container.spec.name}"
        container.stop(why, max(left, 0.0), self.container_ended)

    def _one_less(self) -> None:
        """One has ended; sidecars go one by one, the last declared first."""
        running = [c for c in self.containers if c.running]
        if not running and not self.over:
            self.later("tidy", TIDY, self._tidy)
        elif running and all(c.kind == SIDECAR for c in running):
            self._stop(running[-1])

    def _hurry(self, grace: float) -> None:
        """The pod's deletion has been asked for, or asked for again: with this grace period."""
        if self._asked is not None and grace >= self._asked:
            return
        self._asked = grace
        if self.over:
            self.later("delete", 0.0, self._delete)
            return
        self._grace = min(self._grace, self.kubelet.clock.now - self._stopped_at + grace)
        for container in self.containers:
            if container.stopping:
                container.hurry(grace)

    def _tidy(self) -> None:
        """Everything has ended: take down the sandbox and say how it ended."""
        kubelet = self.kubelet
        self.over = True
        for container in self.containers:
            container.forget()
        self.write_status()
        kubelet.runtime.stop_sandbox(self.uid)
        kubelet.admitted.remove(self.pod)
        if self.pod.metadata.deletionTimestamp is not None:
            self.later("delete", kubelet.rng.uniform(0.5, 0.8), self._delete)

    def _delete(self) -> None:
        """Tell the API server that the pod is gone."""
        meta, delete = self.pod.metadata, self.kubelet.client.delete
        try:
            delete(models.core_v1.Pod, meta.name, meta.namespace, grace_period=0, uid=self.uid)
        except ApiError as error:
            if error.code not in (404, 409):
                self.later("delete", 1.0, self._delete, background=True)

    def write_status(self) -> str:
        """Tell the API server how the pod is, if that is news; returns the phase."""
        if self.kubelet.running:
            status.write(self)
        else:
            self._again = True
        return status.phase(self)

    # --- timers

    def expects(self, name: str) -> bool:
        """Whether a timer of that name is running."""
        return self.kubelet.clock.pending(self._timers.get(name))

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
        self._todo.clear()
        for timer in self._timers.values():
            self.kubelet.clock.cancel(timer)
        self._timers.clear()
