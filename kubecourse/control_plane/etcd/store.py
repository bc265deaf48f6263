"""A key-value store with one revision counter and a history that can be watched.

The state of one member, or of all: who writes does not know how many there are (`members`).
Values are immutable objects and are shared, never copied. See etcd's `server/storage/mvcc` for the
real one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kubecourse.api.errors import ApiError
from kubecourse.clock import Clock
from kubecourse.copy_on_write import Values


class KeyValue(NamedTuple):
    """A value and the revisions at which it was created and last modified."""

    value: Any
    create_revision: int
    mod_revision: int


class Event(NamedTuple):
    """One change: `new` is None where the key was deleted, `old` where it was created.

    `note` is the writer's own, for whoever reads the history.
    """

    revision: int
    key: str
    old: Any
    new: Any
    note: Any = None


TIMED_OUT = "etcdserver: request timed out"
NO_LEADER = "etcdserver: no leader"
REFUSED = (
    'rpc error: code = Unavailable desc = connection error: desc = "transport: '
    'Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"'
)


class Unavailable(ApiError):
    """etcd does not answer. A write that failed so may still happen later.

    An API server passes it on as a Status without a reason.
    """

    def __init__(self, message: str) -> None:
        super().__init__(500, "", message)


class Compacted(Exception):
    """The history asked for is gone. `oldest` is the first revision that is still there."""

    def __init__(self, oldest: int) -> None:
        super().__init__("etcdserver: mvcc: required revision has been compacted")
        self.oldest = oldest


Watcher = Callable[[Event], None]
Stamp = Callable[[Any, int], Any]
"""Writes its revision into a value: it is known only when the value is stored."""


class Etcd:
    """Keys are paths, `/registry/<resource>/…`. All keys of one resource are a bucket.

    Alone it is a member as `EtcdMember` is: the leader of one.
    """

    role, term, ready = "leader", 1, True
    APPENDED = ("_first_revisions", "_history", "_times")

    def __init__(self) -> None:
        self.revision = 1
        self._buckets: dict[str, Values[KeyValue]] = {}
        self._history: list[Event] = []
        self._compacted = 0
        self._watchers: dict[str, list[Watcher]] = {}
        self._stamp: Stamp | None = None
        self._clock: Clock | None = None
        self._times: list[float] = [-1.0]
        self._first_revisions = [0]

    def stamp_with(self, stamp: Stamp) -> None:
        """Have every value that is stored, and the last state of what is deleted, stamped."""
        self._stamp = stamp

    def keep_times(self, clock: Clock) -> None:
        """Note from now on when something is written."""
        self._clock = clock

    # --- reading

    def get(self, key: str) -> KeyValue | None:
        """What is stored under a key."""
        return self._bucket(key).get(key)

    def range(self, prefix: str) -> list[KeyValue]:
        """Everything below a prefix, in the order of the keys."""
        bucket = self._bucket(prefix)
        return [bucket[key] for key in sorted(bucket) if key.startswith(prefix)]

    def serializable(self, prefix: str) -> dict[str, Any]:
        """The values below a prefix, by key, in their order: as old as they may be elsewhere."""
        bucket = self._bucket(prefix)
        return {key: bucket[key].value for key in sorted(bucket) if key.startswith(prefix)}

    def cached(self, prefix: str) -> dict[str, Any]:
        """The values below a prefix that watches have come to."""
        return self.serializable(prefix)

    def count(self, prefix: str) -> int:
        """How many keys lie below a bucket's prefix, `/registry/pods/`."""
        return len(self._buckets.get(prefix, ()))

    # --- writing

    def put(self, key: str, value: Any, expected: int | None = None, note: Any = None) -> int:
        """Store a value; returns its revision, or 0 if the key is not at revision `expected`.

        `expected` 0 means that the key must not exist, None that it does not matter.
        """
        bucket = self._bucket(key)
        old = bucket.get(key)
        if expected is not None and expected != (old.mod_revision if old else 0):
            return 0
        self.revision += 1
        revision = self.revision
        if self._stamp is not None:
            value = self._stamp(value, revision)
        bucket.enter()
        bucket[key] = KeyValue(value, old.create_revision if old else revision, revision)
        self._record(Event(revision, key, old.value if old else None, value, note))
        return revision

    def delete(
        self, key: str, expected: int | None = None, last: Any = None, note: Any = None
    ) -> int:
        """Remove a key; returns the revision, or 0 if it is not there or not at `expected`.

        `last` is what watchers are shown as the value's last state, by default the stored one.
        """
        bucket = self._bucket(key)
        old = bucket.get(key)
        if old is None or (expected is not None and expected != old.mod_revision):
            return 0
        bucket.enter()
        del bucket[key]
        self.revision += 1
        last = old.value if last is None else last
        if self._stamp is not None:
            last = self._stamp(last, self.revision)
        self._record(Event(self.revision, key, last, None, note))
        return self.revision

    # --- history

    def watch(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with every later change in a bucket. Returns what ends it."""
        watchers = self._watchers.setdefault(prefix, [])
        watchers.append(watcher)
        return _Cancel(watchers, watcher)

    def history(self, prefix: str, after: int) -> list[Event]:
        """Every change below a prefix after a revision. Raises Compacted if some is forgotten."""
        if after < self._compacted:
            raise Compacted(self._compacted)
        first = len(self._history)
        while first and self._history[first - 1].revision > after:
            first -= 1
        return [event for event in self._history[first:] if event.key.startswith(prefix)]

    def spans(self, prefix: str, end: float) -> Iterator[tuple[float, float, Any]]:
        """All that each key below a prefix has held: from when until when, and what.

        What is still there ends at `end`.
        """
        known: dict[str, tuple[float, Any]] = {}
        for event in self.history(prefix, 0):
            time = self.time_of(event.revision)
            if event.key in known:
                since, value = known.pop(event.key)
                yield since, time, value
            if event.new is not None:
                known[event.key] = (time, event.new)
        for since, value in known.values():
            yield since, end, value

    def before(self, revision: int, prefix: str) -> dict[str, Any]:
        """What each key that has changed after a revision held at it; None: nothing.

        Raises Compacted if that is forgotten.
        """
        if revision < self._compacted:
            raise Compacted(self._compacted)
        stored: dict[str, Any] = {}
        before: dict[str, Any] = {}
        for event in self.history(prefix, self._compacted):
            if event.revision <= revision:
                stored[event.key] = event.new
            elif event.key not in before:
                # A removal shows its value's last state: better what was stored before.
                before[event.key] = stored.get(event.key, event.old)
        return before

    def change(self, revision: int) -> Event | None:
        """What happened at a revision; None where that is forgotten, or has yet to come."""
        place = revision - self._history[0].revision if self._history else -1
        return self._history[place] if 0 <= place < len(self._history) else None

    def revision_at(self, time: float) -> int:
        """The revision that was the latest at a virtual second."""
        place = bisect_right(self._times, time)
        later = self._first_revisions[place : place + 1]
        return later[0] - 1 if later else self.revision

    def time_of(self, revision: int) -> float:
        """The virtual second at which a revision was written."""
        return max(self._times[bisect_right(self._first_revisions, revision) - 1], 0.0)

    def compact(self, revision: int) -> None:
        """Forget the history up to and including a revision."""
        if revision > self._compacted:
            self._compacted = min(revision, self.revision)
            self._history = [e for e in self._history if e.revision > self._compacted]

    def _bucket(self, key: str) -> Values[KeyValue]:
        prefix = key[: key.index("/", 10) + 1]
        try:
            return self._buckets[prefix]
        except KeyError:
            return self._buckets.setdefault(prefix, Values())

    def _record(self, event: Event) -> None:
        self._history.append(event)
        clock, key = self._clock, event.key
        if clock is not None and clock.now != self._times[-1]:
            self._times.append(clock.now)
            self._first_revisions.append(event.revision)
        for watcher in self._watchers.get(key[: key.index("/", 10) + 1], ()):
            watcher(event)


class Stopped:
    """A store whose program does not run: one can only look at what lies on its disk."""

    role, term, ready = "stopped", 1, False

    def __init__(self, store: Etcd) -> None:
        self.store = store
        self.change, self.history, self.before = store.change, store.history, store.before
        self.time_of, self.cached = store.time_of, store.cached
        self.get = self.range = self.count = self.serializable = self._refuse
        self.put = self.delete = self.compact = self._refuse

    @property
    def revision(self) -> int:
        return self.store.revision

    def _refuse(self, *args: Any, **options: Any) -> Any:
        raise Unavailable(REFUSED)


class _Cancel:
    """Ends a watch; an object, not a closure, so that a cluster can be copied."""

    __slots__ = ("_watcher", "_watchers")

    def __init__(self, watchers: list[Watcher], watcher: Watcher) -> None:
        self._watchers = watchers
        self._watcher = watcher

    def __call__(self) -> None:
        if self._watcher in self._watchers:
            self._watchers.remove(self._watcher)
