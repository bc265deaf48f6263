"""Pods: what their STATUS says, and how often they were restarted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubecourse.api import conditions

UNREACHABLE = "NodeLost"


class _Restarts:
    """How many, and when the last was."""

    def __init__(self) -> None:
        self.count = 0
        self.last: datetime | None = None

    def add(self, status: Any) -> None:
        self.count += status.restartCount or 0
        ended = status.lastState.terminated if status.lastState is not None else None
        if ended is not None and ended.finishedAt is not None:
            self.last = max(self.last or ended.finishedAt, ended.finishedAt)


def _state(status: Any, name: str) -> Any:
    return getattr(status.state, name) if status.state is not None else None


def _ended(terminated: Any) -> str:
    """Why a container ended."""
    if terminated.reason:
        return terminated.reason
    if terminated.signal:
        return f"Signal:{terminated.signal}"
    return f"ExitCode:{terminated.exitCode or 0}"


class PodView:
    """What kubectl makes of a pod's container statuses."""

    def __init__(self, pod: Any) -> None:
        self.metadata = pod.metadata
        self.spec = pod.spec
        self.status = pod.status
        self.ready = 0
        self.sidecars = {
            c.name for c in pod.spec.initContainers or () if c.restartPolicy == "Always"
        }
        self.total = len(pod.spec.containers or ()) + len(self.sidecars)
        self.restarts = _Restarts()
        self.reason = self._whole_pod()
        initializing = self._init_containers()
        if not initializing or self._condition("Initialized"):
            self._containers()
        self._deletion()

    def _whole_pod(self) -> str:
        scheduled = conditions.get(self.status.conditions, "PodScheduled")
        if scheduled is not None and scheduled.reason == "SchedulingGated":
            return "SchedulingGated"
        return self.status.reason or self.status.phase or ""

    def _condition(self, name: str) -> bool:
        found = conditions.get(self.status.conditions, name)
        return found is not None and found.status == "True"

    def _init_containers(self) -> bool:
        """Whether one of them is not done, which then is the pod's reason."""
        sidecar_restarts = _Restarts()
        for index, status in enumerate(self.status.initContainerStatuses or ()):
            self.restarts.add(status)
            sidecar = status.name in self.sidecars
            if sidecar:
                sidecar_restarts.add(status)
            terminated, waiting = _state(status, "terminated"), _state(status, "waiting")
            if terminated is not None and not terminated.exitCode:
                continue
            if sidecar and status.started:
                self.ready += bool(status.ready)
                continue
            if terminated is not None:
                self.reason = f"Init:{_ended(terminated)}"
            elif waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
                self.reason = f"Init:{waiting.reason}"
            else:
                self.reason = f"Init:{index}/{len(self.spec.initContainers or ())}"
            if self._condition("Initialized"):
                self.restarts = sidecar_restarts
            return True
        self.restarts = sidecar_restarts
        return False

    def _containers(self) -> None:
        running = False
        for status in reversed(self.status.containerStatuses or ()):
            self.restarts.add(status)
            waiting, terminated = _state(status, "waiting"), _state(status, "terminated")
            if waiting is not None and waiting.reason:
                self.reason = waiting.reason
            elif terminated is not None:
                self.reason = _ended(terminated)
            elif status.ready and _state(status, "running") is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed" and running:
            self.reason = "Running" if self._condition("Ready") else "NotReady"

    def _deletion(self) -> None:
        if self.metadata.deletionTimestamp is None:
            return
        if self.status.reason == UNREACHABLE:
            self.reason = "Unknown"
        elif self.status.phase not in ("Succeeded", "Failed"):
            self.reason = "Terminating"
