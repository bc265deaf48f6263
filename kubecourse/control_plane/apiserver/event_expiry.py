"""Events are forgotten an hour after they were last written.

The real server stores them with a lease (`--event-ttl`, `pkg/registry/core/event/storage`); here
a look once a minute removes those whose hour is over. All other history is kept, so that any past
moment can be asked for.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from kubecourse.api.resources import BY_PLURAL
from kubecourse.clock import Clock
from kubecourse.control_plane.etcd import Etcd, EtcdMember, Event, Unavailable

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.server import APIServer

EVENTS = BY_PLURAL["", "v1", "events"]
LIFETIME = 3600.0
PERIOD = 60.0


class _Written(NamedTuple):
    time: float
    key: str
    revision: int


class EventExpiry:
    """Removes old events from etcd. Of what was `_written` the first few may be `_gone`."""

    APPENDED = ("_written",)

    def __init__(self, clock: Clock, server: APIServer, etcd: Etcd | EtcdMember) -> None:
        self._clock = clock
        self._server = server
        self._written: list[_Written] = []
        self._gone = 0
        etcd.watch(EVENTS.prefix, self._note)
        clock.every(PERIOD, self._expire)

    def _note(self, change: Event) -> None:
        if change.new is not None:
            self._written.append(_Written(self._clock.now, change.key, change.revision))

    def _expire(self, beats: int) -> None:
        for time, key, revision in islice(self._written, self._gone, None):
            if time > self._clock.now - LIFETIME:
                break
            try:
                self._server.etcd.delete(key, expected=revision)
            except Unavailable:
                break  # the next look will do
            self._gone += 1
        if self._gone > len(self._written) // 2:
            self._written, self._gone = self._written[self._gone :], 0
