"""Images on a node: whether to pull one, one pull at a time, and when to try again.

Source: `pkg/kubelet/images/{image_manager,puller}.go`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from kubecourse.api.duration import go_duration
from kubecourse.node.kubelet.backoff import Backoff
from kubecourse.node.runtime.references import InvalidReference, parse_reference

if TYPE_CHECKING:
    from kubecourse.node.kubelet.containers import PodContainer, Problem
    from kubecourse.node.kubelet.kubelet import Kubelet


class ImageManager:
    """Brings images to a node.

    A registry answers in 0.3 to 0.8 s and sends 30 to 60 MB a second, each node a little
    differently.
    """

    __slots__ = ("_bandwidth", "_clock", "_queue", "_rng", "_runtime", "changed")

    def __init__(self, kubelet: Kubelet) -> None:
        self._clock = kubelet.clock
        self._runtime = kubelet.runtime
        self._rng = kubelet.rng
        self._bandwidth = self._rng.uniform(30e6, 60e6)
        self._queue: deque[tuple[PodContainer, float]] = deque()
        self.changed = False

    def ensure(self, container: PodContainer) -> tuple[bool, Problem | None]:
        """See that a container's image is here: whether that is settled, and the problem if any.

        If it is not settled yet, the worker's `pulled(container, problem)` is called later.
        """
        name = container.spec.image
        policy = container.spec.imagePullPolicy or "IfNotPresent"
        try:
            present = parse_reference(name).full in self._runtime.images
        except InvalidReference as error:
            message = f'Failed to apply default image tag "{name}": '
            message += f'couldn\'t parse image name "{name}": {error}'
            container.warning("InspectFailed", message)
            return True, ("InvalidImageName", message)
        if present and policy != "Always":
            here = "already present on machine and can be accessed by the pod"
            container.normal("Pulled", f'Container image "{name}" {here}')
            return True, None
        if policy == "Never":
            message = f'Container image "{name}" is not present with pull policy of Never'
            container.warning("ErrImageNeverPull", message)
            return True, ("ErrImageNeverPull", message)
        backoff = container.pull_backoff
        if backoff is not None and backoff.waiting(self._clock.now):
            message = f'Back-off pulling image "{name}"'
            container.normal("BackOff", message)
            return True, ("ImagePullBackOff", f"{message}: ErrImagePull: {container.pull_error}")
        container.normal("Pulling", f'Pulling image "{name}"')
        self._queue.append((container, self._clock.now))
        if len(self._queue) == 1:
            self._pull()
        return False, None

    def _pull(self) -> None:
        container, _ = self._queue[0]
        name = container.spec.image
        image = self._runtime.catalog.find(name)
        seconds = self._rng.uniform(0.3, 0.8)
        if image.pullable and parse_reference(name).full not in self._runtime.images:
            seconds += image.size / self._bandwidth
        again = container.pull_backoff is not None
        self._clock.call_later(seconds, self._pulled, self._clock.now, background=again)

    def _pulled(self, since: float) -> None:
        container, asked = self._queue.popleft()
        problem = self._result(container, since, asked)
        if self._queue:
            self._pull()
        container.worker.pulled(container, problem)

    def _result(self, container: PodContainer, since: float, asked: float) -> Problem | None:
        name, now = container.spec.image, self._clock.now
        full = parse_reference(name).full
        image = self._runtime.catalog.find(name)
        if image.pullable:
            self._runtime.images[full] = image
            self.changed = True
            container.worker.kubelet.eviction.pulled()
            message = (
                f'Successfully pulled image "{name}" in {go_duration(now - since)} '
                f"({go_duration(now - asked)} including waiting). Image size: {image.size} bytes."
            )
            container.normal("Pulled", message)
            return None
        error = (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}": '
            f'failed to resolve reference "{full}": {full}: not found'
        )
        container.warning("Failed", f'Failed to pull image "{name}": {error}')
        container.pull_backoff = container.pull_backoff or Backoff()
        container.pull_backoff.grow(now, now)
        container.pull_error = error
        return "ErrImagePull", error
