"""Probes: asking a container whether it has started, is ready, is still alive.

Each probe beats with its period from just before the pod's sandbox was made; the first beat that
counts is the first after its initial delay. Whenever the kubelet looks at a pod that is not ready
it also asks the readiness probe at once, which from then on beats from there.
A probe whose answer cannot change, because nothing in the container has, is not asked again until
something does: the answers are the same, and time costs nothing.
Sources: `pkg/kubelet/prober/worker.go` (run, doProbe), `prober_manager.go` (UpdatePodStatus).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from kubecourse.clock import Timer
from kubecourse.node.kubelet.actions import ask
from kubecourse.node.runtime.images import NEVER

if TYPE_CHECKING:
    from kubecourse.node.kubelet.containers import PodContainer

READINESS, LIVENESS, STARTUP = "Readiness", "Liveness", "Startup"
AT_ONCE = 0.05
"""Seconds from the kubelet's look at a pod to the answer of its readiness probe."""
TOO_EARLY = 0.1
"""How often the probe asked at once finds the status of before the container was there.

Two goroutines race; what was asked too early waits for the next beat. Seen once among eight starts
of containers with a readiness probe.
"""
PATIENCE = 60.0
"""Seconds for which `settle` waits for a container that is not ready yet."""


class Prober:
    """One probe of one container's present run."""

    __slots__ = (
        "_asking", "_clock", "_container", "_epoch", "_failures", "_passed", "_run", "_spec",
        "_successes", "_timer", "_too_early", "kind",
    )  # fmt: skip

    def __init__(self, container: PodContainer, kind: str, spec: Any) -> None:
        self.kind = kind
        self._clock = container.worker.kubelet.clock
        self._container = container
        self._run: Any = container.run
        self._spec = spec
        self._timer: Timer | None = None
        self._successes = self._failures = 0
        self._passed = kind == LIVENESS
        self._epoch: float = container.worker.probe_epoch
        self._asking = False
        self._too_early = container.restarts == 0 and container.spec.startupProbe is None
        container.probes.append(self)
        self._at_next_beat()

    def stop(self) -> None:
        """Ask no more."""
        self._clock.cancel(self._timer)
        self._run = None

    def ask_at_once(self) -> None:
        """The kubelet looks at the pod, which is not ready: ask now, and count beats from now."""
        if self._run is None or self._asking:
            return
        self._epoch = self._clock.now
        too_early, self._too_early = self._too_early, False
        delayed = self._epoch < self._run.started_at + (self._spec.initialDelaySeconds or 0)
        if delayed or (too_early and self._container.worker.kubelet.rng.random() < TOO_EARLY):
            self._at_next_beat()
        else:
            self._at(self._epoch + AT_ONCE)

    def _at(self, when: float) -> None:
        self._clock.cancel(self._timer)
        waited_for = not self._passed and self._clock.now < self._run.started_at + PATIENCE
        self._timer = self._clock.call_at(when, self._ask, background=not waited_for)

    def _at_next_beat(self) -> None:
        if self._run is None:
            return
        period = float(self._spec.periodSeconds or 10)
        earliest = self._run.started_at + (self._spec.initialDelaySeconds or 0)
        beats = ceil((max(earliest, self._clock.now + 0.001) - self._epoch) / period - 1e-9)
        self._at(self._epoch + beats * period)

    def _ask(self) -> None:
        if self._run is None or not self._run.running:
            return
        if not self._container.worker.kubelet.running:
            self._at_next_beat()
            return
        ok, output, seconds = ask(self._container, self._spec)
        if not seconds:
            self._answered(ok, output)
            return
        self._asking, late = True, self._passed
        self._timer = self._clock.call_later(seconds, self._answered, ok, output, background=late)

    def _answered(self, ok: bool | None, output: str) -> None:
        run, self._asking = self._run, False
        if run is None or not run.running:
            return
        if ok is None:  # it says nothing about the container
            why = f"{self.kind} probe errored and resulted in unknown state: {output}"
            self._container.warning("Unhealthy", why)
            self._at_next_beat()
            return
        self._successes = self._successes + 1 if ok else 0
        self._failures = 0 if ok else self._failures + 1
        heard = self._container.worker.kubelet.on_probe
        if heard is not None:
            heard(self._container.worker.pod, self.kind, ok)
        if not ok:
            self._container.warning("Unhealthy", f"{self.kind} probe failed: {output}")
        self._at_next_beat()
        self._judge()
        if ok and self._passed and run.steady and self._run is not None and heard is None:
            self._clock.cancel(self._timer)
            run.watch(self._at_next_beat)

    def _judge(self) -> None:
        container, spec = self._container, self._spec
        if self._failures >= (spec.failureThreshold or 3):
            if self.kind != READINESS:
                self._give_up()
            elif self._passed:
                self._passed = container.ready = False
                container.worker.probed(container)
        elif self._successes >= (spec.successThreshold or 1) and not self._passed:
            self._passed = True
            if self.kind == STARTUP:
                stop(container)
                _has_started(container)
            else:
                container.ready = True
            container.worker.probed(container)

    def _give_up(self) -> None:
        self.stop()
        container, grace = self._container, self._spec.terminationGracePeriodSeconds
        why = f"Container {container.spec.name} failed {self.kind.lower()} probe"
        container.worker.condemn(container, why, float(grace) if grace is not None else None)


def begin(container: PodContainer, ready_after: float) -> None:
    """A container has started: begin to probe it. Its image may say when it is ready at best."""
    container.started = container.spec.startupProbe is None
    if not container.started:
        Prober(container, STARTUP, container.spec.startupProbe)
    elif not ready_after:
        _has_started(container)
    elif ready_after != NEVER:
        clock, late = container.worker.kubelet.clock, ready_after > PATIENCE
        clock.call_later(ready_after, _declared_ready, container, container.run, background=late)


def _declared_ready(container: PodContainer, run: Any) -> None:
    if run is container.run and container.running and not container.worker.stopping:
        _has_started(container)
        container.worker.probed(container)


def _has_started(container: PodContainer) -> None:
    """The container counts as started: the other probes may begin."""
    container.started = True
    container.touch()
    spec = container.spec
    if spec.readinessProbe is None:
        container.ready = True
    for kind, probe in ((READINESS, spec.readinessProbe), (LIVENESS, spec.livenessProbe)):
        if probe is not None:
            Prober(container, kind, probe)


def ask_at_once(containers: list[PodContainer]) -> None:
    """The kubelet looks at a pod: ask its containers that have started and are not ready."""
    unready = [c for c in containers if c.probes and c.started and not c.ready]
    for prober in [p for c in unready for p in c.probes if p.kind == READINESS]:
        prober.ask_at_once()


def stop(container: PodContainer, but: str = "") -> None:
    """Probe a container no more; a kind of probe may go on."""
    for prober in container.probes:
        if prober.kind != but:
            prober.stop()
    container.probes = [prober for prober in container.probes if prober.kind == but]
