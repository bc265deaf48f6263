"""One member of etcd, and what its clients ask of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubecourse.clock import Clock, Timer
from kubecourse.control_plane.etcd.raft import Disk, Member, Message
from kubecourse.control_plane.etcd.store import (
    NO_LEADER,
    REFUSED,
    Etcd,
    Event,
    KeyValue,
    Stamp,
    Unavailable,
    Watcher,
)

if TYPE_CHECKING:
    from kubecourse.control_plane.etcd.members import Members


class EtcdMember:
    """One member, and what its clients ask of it: the interface of the store.

    Reads and writes are linearizable. They raise Unavailable while no quorum answers; what is
    called serializable then still shows what this member knows.
    """

    def __init__(self, group: Members, name: str, disk: Disk) -> None:
        self.name = name
        self.raft: Member | None = None
        self.current = False
        """Whether it rests, and shows all that there is."""
        self.applied_revision = 1
        self._group = group
        self._store = group.store
        self._disk = disk
        self._rng = group.clock.rng(f"etcd/{name}")
        self._index = 0
        self._sync: Timer | None = None
        self._relays: list[Relay] = []

    # --- how it is

    @property
    def role(self) -> str:
        """What it is in the group: leader, follower, candidate; or stopped."""
        if self.raft is None:
            return "stopped"
        looking = self.raft.role != "leader" and self.raft.leader is None
        return "candidate" if looking else self.raft.role

    @property
    def term(self) -> int:
        return self._disk.term if self.raft is None else self.raft.term

    @property
    def ready(self) -> bool:
        """Whether it can read and write: it knows a leader that a majority hears."""
        return self._group.can_commit(self)

    # --- reading

    @property
    def revision(self) -> int:
        """The revision that this member has come to, and its watches with it.

        It never goes back: what is applied is on the disk.
        """
        return self._store.revision if self.current else self.applied_revision

    def get(self, key: str) -> KeyValue | None:
        """What is stored under a key."""
        if not self.current:
            self._group.confirm(self)
        return self._store.get(key)

    def range(self, prefix: str) -> list[KeyValue]:
        """Everything below a prefix, in the order of the keys."""
        if not self.current:
            self._group.confirm(self)
        return self._store.range(prefix)

    def count(self, prefix: str) -> int:
        """How many keys lie below a bucket's prefix."""
        if not self.current:
            self._group.confirm(self)
        return self._store.count(prefix)

    def serializable(self, prefix: str) -> dict[str, Any]:
        """The values below a prefix as this member knows them, by key: perhaps of old."""
        self._must_run()
        return self.cached(prefix)

    def cached(self, prefix: str) -> dict[str, Any]:
        """As `Etcd.cached`; it needs no running member."""
        values = self._store.serializable(prefix)
        if self.revision < self._store.revision:
            values |= self._store.before(self.revision, prefix)
        return {key: values[key] for key in sorted(values) if values[key] is not None}

    # --- writing

    def put(self, key: str, value: Any, expected: int | None = None, note: Any = None) -> int:
        """Store a value, as `Etcd.put`."""
        revision: int = self._group.write(self, Etcd.put, key, value, expected, note)
        return revision

    def delete(
        self, key: str, expected: int | None = None, last: Any = None, note: Any = None
    ) -> int:
        """Remove a key, as `Etcd.delete`."""
        revision: int = self._group.write(self, Etcd.delete, key, expected, last, note)
        return revision

    def stamp_with(self, stamp: Stamp) -> None:
        """As `Etcd.stamp_with`, for all members."""
        self._store.stamp_with(stamp)

    def keep_times(self, clock: Clock) -> None:
        """As `Etcd.keep_times`, for all members."""
        self._store.keep_times(clock)

    def compact(self, revision: int) -> None:
        """Forget the history up to a revision."""
        self._group.write(self, Etcd.compact, revision)

    # --- history

    def watch(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with later changes in a bucket, once this member has come to them."""
        self._must_run()
        if self.raft is not None and self.raft.leader is None:
            raise Unavailable(NO_LEADER)
        return Relay(self, self._relays, watcher, self._store, prefix)

    def history(self, prefix: str, after: int) -> list[Event]:
        """Every change below a prefix after a revision that watches have come to."""
        return [e for e in self._store.history(prefix, after) if e.revision <= self.revision]

    def change(self, revision: int) -> Event | None:
        """As `Etcd.change`."""
        return self._store.change(revision)

    def before(self, revision: int, prefix: str) -> dict[str, Any]:
        """As `Etcd.before`."""
        return self._store.before(revision, prefix)

    def time_of(self, revision: int) -> float:
        """As `Etcd.time_of`."""
        return self._store.time_of(revision)

    def _must_run(self) -> None:
        if self.raft is None:
            raise Unavailable(REFUSED)

    # --- being a member

    def begin(self) -> None:
        """Start, with what is on the disk."""
        if self.raft is None:
            self.raft = Member(self.name, self._disk, self._rng)
            self._index = 0
            self.applied_revision = 1
            self._take()

    def end(self, lose_unsynced: bool) -> None:
        """Stop."""
        if self.raft is not None and not lose_unsynced:
            self._disk.write(self.raft)
        self._group.clock.cancel(self._sync)
        self.raft = None

    @property
    def syncing(self) -> bool:
        """Whether it waits for its disk."""
        return self._group.clock.pending(self._sync)

    def flush(self) -> list[Message]:
        """Write; what may be said now. What is committed is applied."""
        raft = self.raft
        if raft is None:
            return []
        self._disk.write(raft)
        messages, raft.outbox = raft.outbox, []
        self._take()
        return messages

    def _take(self) -> None:
        raft = self.raft
        assert raft is not None
        if raft.log.snapshot.index > self._index:
            self.applied_revision = raft.log.snapshot.state or 1
        self._group.apply(self, raft.take_committed())
        self._index = raft.applied
        for relay in self._relays:
            if relay.waiting:
                relay.pass_on()

    def flush_soon(self) -> None:
        """Flush once the disk has written."""
        group = self._group
        if not group.sync_time:
            self._flush_and_send()
        elif not self.syncing:
            self._sync = group.clock.call_later(
                group.sync_time, self._flush_and_send, background=True
            )

    def _flush_and_send(self) -> None:
        self._group.send(self.flush())

    def shorten_log(self) -> None:
        """Put a snapshot in place of a long log."""
        raft = self.raft
        if raft is not None and raft.applied - raft.log.snapshot.index > self._group.snapshot_count:
            raft.compact(self.applied_revision)


class Relay:
    """A watch through one member: it shows a change once the member has come to it."""

    __slots__ = ("_cancel", "_member", "_relays", "_watcher", "waiting")

    def __init__(
        self, member: EtcdMember, relays: list[Relay], watcher: Watcher, store: Etcd, prefix: str
    ) -> None:
        self._member = member
        self._watcher = watcher
        self.waiting = deque(store.history(prefix, member.revision))
        self._relays = relays
        relays.append(self)
        self._cancel = store.watch(prefix, self._hear)

    def __call__(self) -> None:
        """End the watch."""
        self._cancel()
        if self in self._relays:
            self._relays.remove(self)

    def _hear(self, event: Event) -> None:
        if self._member.current and not self.waiting:
            self._watcher(event)
        else:
            self.waiting.append(event)

    def pass_on(self) -> None:
        """Show what the member has come to."""
        while self.waiting and self.waiting[0].revision <= self._member.revision:
            self._watcher(self.waiting.popleft())
