"""Starting one container: back-off, image, environment, create, start, hook.

Source: `pkg/kubelet/kuberuntime/{kuberuntime_manager,kuberuntime_container}.go` (doBackOff,
startContainer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubecourse.api import quantity
from kubecourse.api.memo import memo
from kubecourse.node.kubelet import hooks, probes, references
from kubecourse.node.kubelet.backoff import Backoff, go_duration
from kubecourse.node.kubelet.images import Problem
from kubecourse.node.kubelet.records import INIT, ContainerRecord
from kubecourse.node.kubelet.stopping import ContainerStop

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker

RETRY = 10.0
"""Seconds until what failed is tried again; half as long again at most."""
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


class Starter:
    """Starts the containers of one pod, one after another."""

    __slots__ = ("_worker",)

    def __init__(self, worker: PodWorker) -> None:
        self._worker = worker

    def start(self, record: ContainerRecord) -> bool:
        """Start a container; False if that goes on and calls the worker's `step` at its end."""
        worker = self._worker
        now = worker.kubelet.clock.now
        finished = self._last_finish(record)
        if finished is not None:
            backoff = record.backoff = record.backoff or Backoff()
            if backoff.waiting_since(finished, now):
                self._back_off(record)
                worker.retry(finished + backoff.delay)
                return True
            backoff.grow(finished, now)
        settled, problem = worker.kubelet.images.ensure(worker, record)
        return settled and self.with_image(record, problem)

    def _last_finish(self, record: ContainerRecord) -> float | None:
        """When the container last ended, as far as this sync knew when it began.

        A container that this very sync has stopped counts with the end before that one: the
        real kubelet, too, looks at the statuses it had when it began.
        """
        if record.stopped_in_sync:
            record.stopped_in_sync = False
            return record.previous_end
        return record.finished_at

    def _back_off(self, record: ContainerRecord) -> None:
        worker = self._worker
        assert record.backoff is not None
        name, metadata = record.spec.name, worker.pod.metadata
        pod = f"{metadata.name}_{metadata.namespace}({worker.uid})"
        message = f"Back-off restarting failed container {name} in pod {pod}"
        worker.kubelet.recorder.warning(worker.pod, "BackOff", message, record.path)
        delay = go_duration(record.backoff.delay)
        record.wait(
            "CrashLoopBackOff", f"back-off {delay} restarting failed container={name} pod={pod}"
        )

    def with_image(self, record: ContainerRecord, problem: Problem | None) -> bool:
        """The image is here, or there is a problem; False if starting goes on."""
        worker, kubelet = self._worker, self._worker.kubelet
        problem = problem or references.missing_reference(kubelet.client, worker.pod, record.spec)
        if problem is not None:
            reason, message = problem
            why = reason if reason in _IMAGE_PROBLEMS else message
            kubelet.recorder.warning(worker.pod, "Failed", f"Error: {why}", record.path)
            record.wait(reason, message)
            worker.retry(kubelet.clock.now + RETRY)
            return True
        kubelet.recorder.normal(worker.pod, "Created", "Container created", record.path)
        delay = kubelet.rng.uniform(0.05, 0.11) + throttled(worker.pod.spec)
        worker.later("start", delay, self._started, record)
        return False

    def _started(self, record: ContainerRecord) -> None:
        worker, kubelet = self._worker, self._worker.kubelet
        assert worker.sandbox is not None
        run = kubelet.runtime.start_container(
            worker.sandbox, record.spec, worker.exited, self._patience(record)
        )
        record.began(run)
        worker.changed = True
        if run.exit_message:
            message = f"Error: {run.exit_message}"
            kubelet.recorder.warning(worker.pod, "Failed", message, record.path)
            record.finished(kubelet.clock)
            record.wait("RunContainerError", run.exit_message)
            worker.retry(kubelet.clock.now + RETRY)
            worker.step()
            return
        kubelet.recorder.normal(worker.pod, "Started", "Container started", record.path)
        if record.kind == INIT:
            record.started = True
        else:
            probes.begin(worker, record, run.image.ready_after)
        lifecycle = record.spec.lifecycle
        if lifecycle is not None and lifecycle.postStart is not None:
            seconds, error = hooks.run(worker, record, lifecycle.postStart)
            worker.later("hook", seconds, self._hook_ran, record, error)
        else:
            worker.step()

    def _patience(self, record: ContainerRecord) -> float:
        """For how many seconds of a container's run `settle` waits for it."""
        if record.kind != INIT and self._worker.restart_policy == "Always":
            return 0.0 if record.run is not None else PATIENCE_WITH_SERVERS
        return LONG_RUN

    def _hook_ran(self, record: ContainerRecord, error: str) -> None:
        """The hook that follows a container's start is done; if it failed so has the container."""
        worker = self._worker
        if not error or not record.running:
            worker.step()
            return
        message = "PostStartHook failed"
        worker.kubelet.recorder.warning(worker.pod, "FailedPostStartHook", message, record.path)
        record.hook_error = error
        ContainerStop(
            worker, record, "FailedPostStartHook", worker.grace, self._hook_failed
        ).begin()

    def _hook_failed(self, record: ContainerRecord) -> None:
        record.wait("PostStartHookError", record.hook_error)
        self._worker.look_at(self._worker.kubelet.next_tick(0.5))
        self._worker.step()
