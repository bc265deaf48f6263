"""Pods that wait for a node: those to try now, those to try again soon, those nothing helps yet.

Sources: `pkg/scheduler/backend/queue/{scheduling_queue,backoff_queue}.go`. As there (since
1.33), pods that wait out their back-off are tried early when there is nothing else to do,
except after an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from kubecourse.client.informer import Key

FIRST_BACKOFF = 1.0
MAX_BACKOFF = 10.0
LEFTOVER_AFTER = 300.0
"""Seconds after which a pod that nothing helped is tried again all the same."""


@dataclass(slots=True, eq=False)
class QueuedPod:
    """A pod that waits, and how it fared so far. Times are in virtual seconds."""

    key: Key
    pod: Any
    since: float
    tried: float = 0.0
    attempts: int = 0
    plugins: tuple[str, ...] = ()
    place: str = ""

    @property
    def due(self) -> float:
        """When its back-off after the last attempt ends."""
        doublings = min(max(self.attempts - 1, 0), 60)  # a pod may wait for years
        backoff: float = FIRST_BACKOFF * 2.0**doublings
        return self.tried + min(backoff, MAX_BACKOFF)


ACTIVE, BACKOFF, ERROR = "active", "backoff", "error"
UNSCHEDULABLE, GATED = "unschedulable", "gated"


class SchedulingQueue:
    """Every pod without a node, in one of five places.

    Entries of the heaps are not taken out when their pod moves on; they no longer stand then.
    """

    def __init__(self) -> None:
        self._pods: dict[Key, QueuedPod] = {}
        self._heaps: dict[str, list[tuple[Any, ...]]] = {ACTIVE: [], BACKOFF: [], ERROR: []}
        self._unschedulable: dict[Key, QueuedPod] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._pods)

    @property
    def unschedulable(self) -> list[QueuedPod]:
        return list(self._unschedulable.values())

    # --- coming and going

    def add(self, key: Key, pod: Any, now: float) -> None:
        """A new pod without a node, or a new state of one."""
        queued = self._pods.get(key)
        if queued is None:
            queued = self._pods[key] = QueuedPod(key, pod, now)
        before, queued.pod = queued.pod, pod
        if pod.spec.schedulingGates:
            self._move(queued, GATED)
        elif queued.place in ("", GATED):
            queued.since = now
            self._activate(queued)
        elif queued.place == UNSCHEDULABLE:
            if before.spec is not pod.spec or before.metadata.labels != pod.metadata.labels:
                self.requeue(queued, now)
        elif queued.place == ACTIVE and before.spec.priority != pod.spec.priority:
            self._activate(queued)

    def remove(self, key: Key) -> None:
        queued = self._pods.pop(key, None)
        if queued is not None:
            self._move(queued, "")

    # --- moving

    def _move(self, queued: QueuedPod, place: str, *order: float) -> None:
        """Put a pod elsewhere; `order` is its rank in a heap."""
        self._unschedulable.pop(queued.key, None)
        queued.place = place
        if place in self._heaps:
            self._count += 1
            heappush(self._heaps[place], (*order, self._count, queued))

    def _activate(self, queued: QueuedPod) -> None:
        self._move(queued, ACTIVE, -(queued.pod.spec.priority or 0), queued.since)

    def requeue(self, queued: QueuedPod, now: float) -> None:
        """Try a pod again, when its back-off is over."""
        if queued.due <= now:
            self._activate(queued)
        else:
            self._move(queued, BACKOFF, queued.due)

    def give_up(self, queued: QueuedPod, plugins: tuple[str, ...], now: float) -> None:
        """No node took a pod: it waits until something happens that `plugins` care about."""
        queued.plugins = plugins
        queued.tried = now
        queued.place = UNSCHEDULABLE
        self._pods[queued.key] = self._unschedulable[queued.key] = queued

    def failed(self, queued: QueuedPod, now: float) -> float:
        """An attempt met an error. Returns when it is due again."""
        queued.tried = now
        self._pods[queued.key] = queued
        self._move(queued, ERROR, queued.due)
        return queued.due

    # --- taking

    def pop(self, now: float) -> QueuedPod | None:
        """The next pod to try, or None: the most important, then the one that waited longest."""
        errors = self._heaps[ERROR]
        while errors and errors[0][0] <= now:
            queued = heappop(errors)[-1]
            if queued.place == ERROR:
                self._activate(queued)
        for place in (ACTIVE, BACKOFF):
            while self._heaps[place]:
                found: QueuedPod = heappop(self._heaps[place])[-1]
                if found.place == place and self._pods.get(found.key) is found:
                    del self._pods[found.key]
                    found.place = ""
                    found.attempts += 1
                    return found
        return None
