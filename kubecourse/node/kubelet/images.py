"""Images on a node: whether to pull one, one pull at a time, and when to try again.

Source: `pkg/kubelet/images/{image_manager,puller}.go`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from kubecourse.node.kubelet.backoff import Backoff, go_duration
from kubecourse.node.kubelet.records import ContainerRecord
from kubecourse.node.runtime.references import InvalidReference, parse_reference

if TYPE_CHECKING:
    from kubecourse.node.kubelet.kubelet import Kubelet
    from kubecourse.node.kubelet.worker import PodWorker

Problem = tuple[str, str]
"""Why a container cannot start: reason and message."""


class ImageManager:
    """Brings images to a node.

    A registry answers in 0.3 to 0.8 s and sends 30 to 60 MB a second, each node a little
    differently.
    """

    __slots__ = ("_bandwidth", "_clock", "_kubelet", "_queue", "_rng", "_runtime", "changed")

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._clock = kubelet.clock
        self._runtime = kubelet.runtime
        self._rng = kubelet.rng
        self._bandwidth = self._rng.uniform(30e6, 60e6)
        self._queue: deque[tuple[PodWorker, ContainerRecord, float]] = deque()
        self.changed = False

    def ensure(self, worker: PodWorker, record: ContainerRecord) -> tuple[bool, Problem | None]:
        """See that a container's image is here: whether that is settled, and the problem if any.

        If it is not settled yet, the worker's `pulled(record, problem)` is called later.
        """
        spec = record.spec
        try:
            present = parse_reference(spec.image).full in self._runtime.images
        except InvalidReference as error:
            message = (
                f'Failed to apply default image tag "{spec.image}": '
                f'couldn\'t parse image name "{spec.image}": {error}'
            )
            self._kubelet.recorder.warning(worker.pod, "InspectFailed", message, record.path)
            return True, ("InvalidImageName", message)
        policy = spec.imagePullPolicy or "IfNotPresent"
        if present and policy != "Always":
            self._say_present(worker.pod, record)
            return True, None
        if policy == "Never":
            message = f'Container image "{spec.image}" is not present with pull policy of Never'
            self._kubelet.recorder.warning(worker.pod, "ErrImageNeverPull", message, record.path)
            return True, ("ErrImageNeverPull", message)
        backoff = record.pull_backoff
        if backoff is not None and backoff.waiting(self._clock.now):
            message = f'Back-off pulling image "{spec.image}"'
            self._kubelet.recorder.normal(worker.pod, "BackOff", message, record.path)
            return True, ("ImagePullBackOff", f"{message}: ErrImagePull: {record.pull_error}")
        self._kubelet.recorder.normal(
            worker.pod, "Pulling", f'Pulling image "{spec.image}"', record.path
        )
        self._queue.append((worker, record, self._clock.now))
        if len(self._queue) == 1:
            self._pull()
        return False, None

    def _say_present(self, pod: Any, record: ContainerRecord) -> None:
        message = (
            f'Container image "{record.spec.image}" already present on machine '
            "and can be accessed by the pod"
        )
        self._kubelet.recorder.normal(pod, "Pulled", message, record.path)

    def _pull(self) -> None:
        """Begin with the first in the queue."""
        _, record, _ = self._queue[0]
        image = self._runtime.catalog.find(record.spec.image)
        seconds = self._rng.uniform(0.3, 0.8)
        if image.pullable and parse_reference(record.spec.image).full not in self._runtime.images:
            seconds += image.size / self._bandwidth
        again = record.pull_backoff is not None
        self._clock.call_later(seconds, self._pulled, self._clock.now, background=again)

    def _pulled(self, since: float) -> None:
        worker, record, asked = self._queue.popleft()
        problem = self._result(worker.pod, record, since, asked)
        if self._queue:
            self._pull()
        worker.pulled(record, problem)

    def _result(
        self, pod: Any, record: ContainerRecord, since: float, asked: float
    ) -> Problem | None:
        name = record.spec.image
        full = parse_reference(name).full
        image = self._runtime.catalog.find(name)
        now = self._clock.now
        if image.pullable:
            self._runtime.images[full] = image
            self.changed = True
            message = (
                f'Successfully pulled image "{name}" in {go_duration(now - since)} '
                f"({go_duration(now - asked)} including waiting). Image size: {image.size} bytes."
            )
            self._kubelet.recorder.normal(pod, "Pulled", message, record.path)
            return None
        error = (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": '
            f'failed to resolve reference "{full}": {full}: not found'
        )
        self._kubelet.recorder.warning(
            pod, "Failed", f'Failed to pull image "{name}": {error}', record.path
        )
        record.pull_backoff = record.pull_backoff or Backoff()
        record.pull_backoff.grow(now, now)
        record.pull_error = error
        return "ErrImagePull", error
