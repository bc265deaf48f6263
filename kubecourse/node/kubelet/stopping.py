"""Stopping: a container, with its hook, SIGTERM, grace and SIGKILL; a pod, and what comes after.

Sources: `pkg/kubelet/kuberuntime/kuberuntime_container.go` (killContainer),
`pkg/kubelet/kubelet.go` (SyncTerminatingPod, SyncTerminatedPod).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.clock import Timer
from kubecourse.node.kubelet import hooks, probes
from kubecourse.node.kubelet.records import SIDECAR, ContainerRecord

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker

MINIMUM_GRACE = 2.0
"""Seconds that a process has at least between SIGTERM and SIGKILL."""
TIDY = 0.25
"""Seconds from the last container's end until the sandbox is gone."""


class ContainerStop:
    """One container on its way out."""

    __slots__ = ("_deadline", "_grace", "_on_stopped", "_record", "_timer", "_why", "_worker")

    def __init__(
        self,
        worker: PodWorker,
        record: ContainerRecord,
        why: str,
        grace: float,
        on_stopped: Callable[[ContainerRecord], Any],
    ) -> None:
        self._worker = worker
        self._record = record
        self._why = why
        self._grace = grace
        self._on_stopped = on_stopped
        self._timer: Timer | None = None
        self._deadline = 0.0

    def begin(self) -> None:
        """Say so, run the hook if there is one, then send SIGTERM."""
        worker, record = self._worker, self._record
        clock = worker.kubelet.clock
        record.stop = self
        probes.stop(record, but=probes.READINESS if worker.stopping else "")
        worker.kubelet.recorder.normal(worker.pod, "Killing", self._why, record.path)
        self._deadline = clock.now + self._grace
        lifecycle = record.spec.lifecycle
        handler = lifecycle.preStop if lifecycle is not None else None
        if handler is None or self._grace <= 0:
            self._terminate()
            return
        seconds, error = hooks.run(worker, record, handler)
        self._timer = clock.call_later(min(seconds, self._grace), self._hook_ran, error)

    def _hook_ran(self, error: str) -> None:
        worker, record = self._worker, self._record
        if error:
            worker.kubelet.recorder.warning(
                worker.pod, "FailedPreStopHook", "PreStopHook failed", record.path
            )
        self._terminate()

    def _terminate(self) -> None:
        clock = self._worker.kubelet.clock
        left = max(self._deadline - clock.now, MINIMUM_GRACE)
        assert self._record.run is not None
        self._timer = clock.call_later(left, self._kill)
        self._record.run.terminate()

    def _kill(self) -> None:
        if self._record.run is not None:
            self._record.run.kill()

    def hurry(self, grace: float) -> None:
        """Give it no more than `grace` seconds from now."""
        clock = self._worker.kubelet.clock
        if self._timer is not None and self._timer.when > clock.now + max(grace, MINIMUM_GRACE):
            clock.cancel(self._timer)
            self._timer = clock.call_later(max(grace, MINIMUM_GRACE), self._kill)

    def cancel(self) -> None:
        """It no longer matters."""
        self._worker.kubelet.clock.cancel(self._timer)

    def ended(self) -> None:
        """The container has ended."""
        self.cancel()
        self._record.stop = None
        self._on_stopped(self._record)


class Stopping:
    """A whole pod on its way out: its containers, its sandbox, in the end its object.

    `done` when nothing of it can run any more.
    """

    __slots__ = ("_asked", "_grace", "_since", "_worker", "done")

    def __init__(self, worker: PodWorker, grace: float) -> None:
        self._worker = worker
        self._grace = float(grace)
        self._since = worker.kubelet.clock.now
        self._asked = worker.pod.metadata.deletionGracePeriodSeconds
        self.done = False

    def begin(self) -> None:
        """Stop all containers at once, sidecars after the others."""
        if self._worker.reason is not None:
            self._worker.write_status()
        records = [r for r in self._worker.records if r.running]
        first = [r for r in records if r.kind != SIDECAR] or records[-1:]
        for record in first:
            self._stop(record)
        if not records:
            self._worker.later("tidy", TIDY, self._tidy)

    def _stop(self, record: ContainerRecord) -> None:
        left = self._grace - (self._worker.kubelet.clock.now - self._since)
        if record.stop is not None:
            record.stop.hurry(left)
            return
        why = f"Stopping container {record.spec.name}"
        ContainerStop(self._worker, record, why, max(left, 0.0), self.ended).begin()

    def ended(self, record: ContainerRecord) -> None:
        """One has ended; sidecars go one by one, the last declared first."""
        running = [r for r in self._worker.records if r.running]
        if not running:
            if not self.done:
                self._worker.later("tidy", TIDY, self._tidy)
        elif all(r.kind == SIDECAR for r in running):
            self._stop(running[-1])

    def hurry(self, grace: float) -> None:
        """The pod's deletion has been asked for, or asked for again: with this grace period."""
        if self._asked is not None and grace >= self._asked:
            return
        self._asked = int(grace)
        if self.done:
            self._worker.later("delete", 0.0, self._delete)
            return
        self._grace = min(self._grace, self._worker.kubelet.clock.now - self._since + grace)
        for record in self._worker.records:
            if record.stop is not None:
                record.stop.hurry(grace)

    def cancel(self) -> None:
        """It no longer matters how long anything takes."""
        for record in self._worker.records:
            if record.stop is not None:
                record.stop.cancel()

    def _tidy(self) -> None:
        """Everything has ended: take down the sandbox and say how it ended."""
        worker = self._worker
        self.done = True
        for record in worker.records:
            probes.stop(record)
        worker.write_status()
        worker.kubelet.runtime.stop_sandbox(worker.uid)
        worker.kubelet.released(worker)
        if worker.pod.metadata.deletionTimestamp is not None:
            worker.later("delete", worker.kubelet.rng.uniform(0.5, 0.8), self._delete)

    def _delete(self) -> None:
        """Tell the API server that the pod is gone."""
        worker = self._worker
        metadata = worker.pod.metadata
        try:
            worker.kubelet.client.delete(
                models.core_v1.Pod,
                metadata.name,
                metadata.namespace,
                grace_period=0,
                uid=worker.uid,
            )
        except ApiError as error:
            if error.code not in (404, 409):
                worker.later("delete", 1.0, self._delete, background=True)
