"""Pods that wait for a node: those to try now, those to try again soon, those nothing helps yet.

Sources: `pkg/scheduler/backend/queue/{scheduling_queue,backoff_queue}.go`. As there (since
1.33), pods that wait out their back-off are tried early when there is nothing else to do,
except after an error.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from kubecourse.client.informer import Key

FIRST_BACKOFF = 1.0
MAX_BACKOFF = 10.0
LEFTOVER_AFTER = 300.0
"""Seconds after which a pod that nothing helped is tried again all the same."""


class QueuedPod:
    """A pod that waits, and how it fared so far. Times are in virtual seconds."""

    __slots__ = ("attempts", "failures", "key", "place", "plugins", "pod", "since", "tried")

    def __init__(self, key: Key, pod: Any, since: float) -> None:
        self.key = key
        self.pod = pod
        self.since = since
        self.tried = since
        self.attempts = 0
        self.failures = 0
        self.plugins: tuple[str, ...] = ()
        self.place = ""

    @property
    def backoff(self) -> float:
        """Seconds to wait after the last attempt."""
        return float(min(FIRST_BACKOFF * 2.0 ** (max(self.attempts, 1) - 1), MAX_BACKOFF))

    @property
    def due(self) -> float:
        """When its back-off ends."""
        return self.tried + self.backoff


ACTIVE, BACKOFF, ERROR, UNSCHEDULABLE, GATED = (
    "active",
    "backoff",
    "error",
    "unschedulable",
    "gated",
)


class SchedulingQueue:
    """Every pod without a node, in one of five places."""

    def __init__(self) -> None:
        self._pods: dict[Key, QueuedPod] = {}
        self._active: list[tuple[int, float, int, QueuedPod]] = []
        self._waiting: list[tuple[float, int, QueuedPod]] = []
        self._failed: list[tuple[float, int, QueuedPod]] = []
        self._unschedulable: dict[Key, QueuedPod] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, key: Key) -> bool:
        return key in self._pods

    def get(self, key: Key) -> QueuedPod | None:
        """A waiting pod."""
        return self._pods.get(key)

    @property
    def unschedulable(self) -> list[QueuedPod]:
        """The pods that wait for something to happen."""
        return list(self._unschedulable.values())

    def clear(self) -> None:
        """Forget everything."""
        self._pods.clear()
        self._active.clear()
        self._waiting.clear()
        self._failed.clear()
        self._unschedulable.clear()

    # --- coming and going

    def add(self, key: Key, pod: Any, now: float) -> None:
        """A new pod without a node, or a new state of one."""
        queued = self._pods.get(key)
        if queued is None:
            queued = self._pods[key] = QueuedPod(key, pod, now)
        changed = (
            queued.pod.spec is not pod.spec or queued.pod.metadata.labels != pod.metadata.labels
        )
        priority = queued.pod.spec.priority
        queued.pod = pod
        if pod.spec.schedulingGates:
            self._leave(queued)
            queued.place = GATED
        elif queued.place in ("", GATED):
            queued.since = now
            self._activate(queued)
        elif queued.place == UNSCHEDULABLE and changed:
            self.requeue(queued, now)
        elif queued.place == ACTIVE and priority != pod.spec.priority:
            self._activate(queued)

    def remove(self, key: Key) -> None:
        """A pod that waits no longer."""
        queued = self._pods.pop(key, None)
        if queued is not None:
            self._leave(queued)
            queued.place = ""

    def _leave(self, queued: QueuedPod) -> None:
        self._unschedulable.pop(queued.key, None)

    # --- moving

    def _activate(self, queued: QueuedPod) -> None:
        self._leave(queued)
        queued.place = ACTIVE
        self._count += 1
        heappush(
            self._active, (-(queued.pod.spec.priority or 0), queued.since, self._count, queued)
        )

    def requeue(self, queued: QueuedPod, now: float) -> None:
        """Try a pod again, when its back-off is over."""
        if queued.due <= now:
            self._activate(queued)
            return
        self._leave(queued)
        queued.place = BACKOFF
        self._count += 1
        heappush(self._waiting, (queued.due, self._count, queued))

    def give_up(self, queued: QueuedPod, plugins: tuple[str, ...], now: float) -> None:
        """No node took a pod: it waits until something happens that `plugins` care about."""
        queued.plugins = plugins
        queued.tried = now
        queued.place = UNSCHEDULABLE
        self._pods[queued.key] = queued
        self._unschedulable[queued.key] = queued

    def failed(self, queued: QueuedPod, now: float) -> float:
        """An attempt met an error. Returns when it is due again."""
        queued.tried = now
        queued.place = ERROR
        self._pods[queued.key] = queued
        self._count += 1
        heappush(self._failed, (queued.due, self._count, queued))
        return queued.due

    # --- taking

    def pop(self, now: float) -> QueuedPod | None:
        """The next pod to try, or None: the most important, then the one that waited longest."""
        while self._failed and self._failed[0][0] <= now:
            _, _, queued = heappop(self._failed)
            if queued.place == ERROR:
                self._activate(queued)
        while self._active:
            _, _, _, queued = heappop(self._active)
            if self._take(queued, ACTIVE):
                return queued
        while self._waiting:
            _, _, queued = heappop(self._waiting)
            if self._take(queued, BACKOFF):
                return queued
        return None

    def _take(self, queued: QueuedPod, place: str) -> bool:
        """Whether an entry still stands; then its pod is being tried and waits no longer."""
        if queued.place != place or self._pods.get(queued.key) is not queued:
            return False
        del self._pods[queued.key]
        queued.place = ""
        queued.attempts += 1
        return True
