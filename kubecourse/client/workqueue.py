"""A queue of keys to look at, and the loop that looks: the heart of every controller.

Sources: `staging/src/k8s.io/client-go/util/workqueue`, controller-runtime's `pkg/reconcile`.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from kubecourse.api.errors import ApiError
from kubecourse.client.informer import Key, key_of
from kubecourse.clock import Clock, Timer

BASE_DELAY = 0.005
MAX_DELAY = 1000.0
DIARY_LINES = 1000


class Result(NamedTuple):
    """What a reconciliation asks for: look at the key again in so many seconds.

    `background` says that this is upkeep which may go on for ever, and keeps nobody waiting.
    """

    after: float
    background: bool = False


class WorkQueue:
    """Keys waiting to be looked at, each at most once, in order of arrival."""

    def __init__(self, clock: Clock, wake: Any) -> None:
        self._clock = clock
        self._wake = wake
        self._waiting: dict[Any, None] = {}
        self._failures: dict[Any, int] = {}
        self._timers: dict[Any, Timer] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: Any) -> None:
        """Look at a key soon."""
        if not self._waiting:
            self._wake()
        self._waiting[key] = None

    def add_after(self, key: Any, delay: float, background: bool = False) -> None:
        """Look at a key in `delay` seconds, or earlier if that was asked for before."""
        if delay <= 0:
            self.add(key)
            return
        pending = self._timers.get(key)
        if pending is not None and self._clock.pending(pending):
            if pending.when <= self._clock.now + delay:
                if background or not pending.background:
                    return
                delay = pending.when - self._clock.now  # and now somebody waits for it
            self._clock.cancel(pending)
        self._timers[key] = self._clock.call_later(delay, self._due, key, background=background)

    def add_rate_limited(self, key: Any) -> None:
        """Look at a key after a delay that doubles with each failure, from 5 ms to 1,000 s."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(BASE_DELAY * 2**failures, MAX_DELAY), background=failures > 8)

    def forget(self, key: Any) -> None:
        """The key is well: its next failure is its first."""
        self._failures.pop(key, None)

    def pop(self) -> Any:
        """The key that waited longest."""
        key = next(iter(self._waiting))
        del self._waiting[key]
        return key

    def clear(self) -> None:
        """Forget everything."""
        for timer in self._timers.values():
            self._clock.cancel(timer)
        self._waiting.clear()
        self._failures.clear()
        self._timers.clear()

    def _due(self, key: Any) -> None:
        self._timers.pop(key, None)
        self.add(key)


class Controller:
    """A control loop. Subclasses say in `reconcile` what to do about one key.

    `reconcile(key)` looks only at the present state. It returns None when it is content, or a
    Result to be called again. An ApiError makes it be called again with back-off.
    """

    name = "controller"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.queue = WorkQueue(clock, self._wake)
        self.running = False
        self.diary: deque[tuple[float, str, str]] = deque(maxlen=DIARY_LINES)

    def start(self) -> None:
        """Begin to work."""
        self.running = True
        if len(self.queue):
            self._wake()

    def stop(self) -> None:
        """Stop working and forget what was to be done."""
        self.running = False
        self.queue.clear()

    def reconcile(self, key: Any) -> Result | None:
        """Bring one object closer to what is wanted."""
        raise NotImplementedError

    def note(self, key: Key, decision: str) -> None:
        """Write down in the diary what was decided about an object, and why, in a line."""
        self.diary.append((self.clock.now, "/".join(filter(None, key)), decision))

    def enqueue(self, old: Any, new: Any) -> None:
        """A change handler for informers: look at the object that changed."""
        self.queue.add(key_of(new if new is not None else old))

    def _wake(self) -> None:
        if self.running:
            self.clock.call_later(0, self._work)

    def _work(self) -> None:
        if not self.running or not len(self.queue):
            return
        key: Key = self.queue.pop()
        try:
            result = self.reconcile(key)
        except ApiError as error:
            self.failed(key, error)
            self.queue.add_rate_limited(key)
        else:
            self.queue.forget(key)
            if result is not None:
                self.queue.add_after(key, result.after, result.background)
        if len(self.queue):
            self.clock.call_later(0, self._work)

    def failed(self, key: Any, error: ApiError) -> None:
        """Called when a reconciliation was refused something, before it is tried again."""
