"""Deletes Jobs some time after they have finished, where they ask for it.

Source: `pkg/controller/ttlafterfinished/ttlafterfinished_controller.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api.errors import ignoring
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.job.look import finished

Job = models.batch_v1.Job


class TTLAfterFinishedController(ManagedController):
    """Watches for Jobs that have finished and have a `ttlSecondsAfterFinished`."""

    name = "ttl-after-finished-controller"

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._jobs = informers.informer(Job)
        self.subscribe(self._jobs, self._changed)

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None and new.spec.ttlSecondsAfterFinished is not None:
            self.enqueue(old, new)

    def reconcile(self, key: Any) -> Result | None:
        job = self._jobs.get(*key)
        if job is None or job.metadata.deletionTimestamp is not None:
            return None
        ending = finished(job)
        if ending is None or job.spec.ttlSecondsAfterFinished is None:
            return None
        since = self.clock.seconds(ending.lastTransitionTime)
        left = since + job.spec.ttlSecondsAfterFinished - self.clock.now
        if left > 0:
            return Result(left, background=True)
        self.note(key, "finished long enough ago: delete")
        with ignoring("NotFound"):
            self.client.delete(Job, key[1], key[0], propagation="Foreground", uid=job.metadata.uid)
        return None
