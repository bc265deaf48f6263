"""Events are forgotten an hour after they were last written.

The real server stores them with a lease (`--event-ttl`, `pkg/registry/core/event/storage`); here
a look once a minute removes those whose hour is over. All other history is kept, so that any past
moment can be asked for.
"""

from __future__ import annotations

from collections import deque

from kubecourse.api.resources import BY_PLURAL
from kubecourse.clock import Clock
from kubecourse.control_plane.etcd import Etcd, Event

EVENTS = BY_PLURAL["", "v1", "events"]
LIFETIME = 3600.0
PERIOD = 60.0


class EventExpiry:
    """Removes old events from etcd."""

    def __init__(self, clock: Clock, etcd: Etcd) -> None:
        self._clock = clock
        self._etcd = etcd
        self._written: deque[tuple[float, str, int]] = deque()
        etcd.watch(EVENTS.prefix, self._note)
        clock.every(PERIOD, self._expire)

    def _note(self, change: Event) -> None:
        if change.new is not None:
            self._written.append((self._clock.now, change.key, change.revision))

    def _expire(self, beats: int) -> None:
        while self._written and self._written[0][0] <= self._clock.now - LIFETIME:
            _, key, revision = self._written.popleft()
            self._etcd.delete(key, expected=revision)
