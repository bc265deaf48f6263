"""Deletes Jobs some time after they have finished, where they ask for it.

Source: `pkg/controller/ttlafterfinished/ttlafterfinished_controller.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.client import Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.job.look import finished


class TTLAfterFinished(ManagedController):
    """Watches for Jobs that have finished and have a `ttlSecondsAfterFinished`."""

    name = "ttl-after-finished-controller"

    def listen(self) -> None:
        self.objects = self.follow(models.batch_v1.Job, self._changed)

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None and new.spec.ttlSecondsAfterFinished is not None:
            self.enqueue(old, new)

    def sync(self, job: Any) -> Result | None:
        ending, seconds = finished(job), job.spec.ttlSecondsAfterFinished
        if ending is None or seconds is None or job.metadata.deletionTimestamp is not None:
            return None
        left = self.clock.seconds(ending.lastTransitionTime) + seconds - self.clock.now
        if left > 0:
            return Result(left, background=True)
        self.note(key_of(job), "finished long enough ago: delete")
        self.discard(job, propagation="Foreground")
        return None
