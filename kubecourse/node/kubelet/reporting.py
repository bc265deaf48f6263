"""Telling the API server how a pod is.

Source: `pkg/kubelet/status/status_manager.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.node.kubelet import status

if TYPE_CHECKING:
    from kubecourse.node.kubelet.worker import PodWorker

core = models.core_v1


class Reporter:
    """Writes one pod's status."""

    __slots__ = ("_conditions", "_meta", "_worker")

    def __init__(self, worker: PodWorker) -> None:
        metadata = worker.pod.metadata
        self._worker = worker
        self._conditions = status.Conditions()
        self._meta = models.meta_v1.ObjectMeta(
            name=metadata.name, namespace=metadata.namespace, uid=worker.uid
        )

    def phase(self) -> str:
        """The phase that the containers make."""
        worker = self._worker
        if worker.reason is not None:
            return "Failed"
        over = worker.stopping is not None and worker.stopping.done
        policy = "Never" if over else worker.restart_policy
        phase = status.phase(policy, worker.inits, worker.apps)
        return "Failed" if over and phase not in status.FINAL else phase

    def write(self) -> None:
        """Write the status, if it is not what is there; conditions of others stay as they are."""
        worker, client = self._worker, self._worker.kubelet.client
        meta = self._meta
        if worker.reason is not None:
            # As `pkg/kubelet/active_deadline.go` does, each time that a status is made.
            worker.kubelet.recorder.normal(worker.pod, *worker.reason)
        try:
            current: Any = client.get(core.Pod, meta.name or "", meta.namespace)
            if current.metadata.uid != worker.uid:
                return
            new = self._status(current)
            if new != current.status:
                client.update_status(core.Pod(metadata=meta, status=new))
        except ApiError as error:
            if error.code != 404:
                worker.later("status", 1.0, worker.write_status, background=True)

    def _status(self, current: Any) -> Any:
        worker, kubelet, clock = self._worker, self._worker.kubelet, self._worker.kubelet.clock
        over = worker.stopping is not None and worker.stopping.done
        sandbox = worker.sandbox
        phase = self.phase()
        conditions = self._conditions.make(
            clock.utc(), current, phase, sandbox is not None and not over, worker.inits, worker.apps
        )
        reason, message = worker.reason or (None, None)
        if phase in status.FINAL and not over:
            # It is not over until nothing can run any more.
            phase, reason, message = current.status.phase, None, None
        if current.status.phase in status.FINAL:
            phase = current.status.phase
        waiting = "PodInitializing" if worker.inits else "ContainerCreating"
        return replace(
            current.status,
            phase=phase,
            reason=reason,
            message=message,
            observedGeneration=current.metadata.generation,
            conditions=conditions,
            hostIP=kubelet.machine_address,
            hostIPs=kubelet.host_ips,
            podIP=sandbox.ip if sandbox is not None else None,
            podIPs=[core.PodIP(ip=sandbox.ip)] if sandbox is not None else None,
            startTime=worker.start_time,
            initContainerStatuses=[r.status(clock, waiting) for r in worker.inits] or None,
            containerStatuses=[r.status(clock, waiting) for r in worker.apps],
            nominatedNodeName=None,
        )
