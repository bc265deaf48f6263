"""etcd on several machines: members that agree by Raft on what is written.

What a store holds follows from its log alone, and committed logs agree. So all members share one
`Etcd`, the state after the newest entry that any of them has applied, and each knows up to which
revision it has come itself: a member that lags shows the history up to there.

A client's call takes no virtual time. While it lasts, messages pass at once, over the links that
work; a call that would have to wait for anything else fails as a real one does in the end.
Elections, catching up and repair take their time. While nobody would change anything by going on,
members are at rest: no messages, no timers; writes are certain to be committed, so that they are
applied first and sent in bundles later, before anything else happens.

Source: `server/etcdserver/{server,v3_server}.go` of etcd.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from msgspec import Struct

from kubecourse.clock import Clock, Timer
from kubecourse.control_plane.etcd.member import EtcdMember
from kubecourse.control_plane.etcd.raft import (
    Disk,
    Entry,
    Member,
    MembershipChange,
    Message,
    NotLeader,
    quorum,
)
from kubecourse.control_plane.etcd.store import REFUSED, TIMED_OUT, Etcd, Unavailable
from kubecourse.control_plane.etcd.wire import Wire

TICK = 0.1
SNAPSHOT_COUNT = 10_000
"""Entries after which a member puts a snapshot in their place (`--snapshot-count`)."""
BUNDLE = 64
"""Writes that may wait to be sent while members are at rest."""


class Write(Struct):
    """An entry of the log: a method of the store, and its arguments.

    What it does follows from the log before it, and is noted here when it is first applied: the
    index it has, its `result`, and the store's revision after it.
    """

    method: Callable[..., Any]
    args: tuple[Any, ...]
    index: int = 0
    result: Any = None
    revision: int = 0


class Members:
    """All members and the store they share. `members["control-plane-1"]` is one of them."""

    snapshot_count = SNAPSHOT_COUNT

    def __init__(self, clock: Clock, names: Collection[str]) -> None:
        self.clock = clock
        self.store = Etcd()
        self.wire = Wire(clock)
        self.sync_time = 0.0
        """Seconds until what a member writes is on its disk; before that it does not answer."""
        self.applied = 1
        self._members: dict[str, EtcdMember] = {}
        self._removed: dict[str, int] = {}
        self._flying = 0
        self._leader: EtcdMember | None = None
        self._unsent = 0
        self._ticking: Timer | None = None
        for name in names:
            self._add(name, Disk(names))
        for member in self:
            member.begin()
        first = self[next(iter(names))]
        assert first.raft is not None
        first.raft.campaign(sure=True)
        self._exchange()
        self._rest()

    def __getitem__(self, name: str) -> EtcdMember:
        return self._members[name]

    def __iter__(self) -> Iterator[EtcdMember]:
        return iter(self._members.values())

    def _add(self, name: str, disk: Disk) -> EtcdMember:
        member = self._members[name] = EtcdMember(self, name, disk)
        return member

    @property
    def leader(self) -> str | None:
        """The leader of the newest term, as far as anybody can tell."""
        leading = [m for m in self if m.raft is not None and m.raft.role == "leader"]
        return max(leading, key=_term_of).name if leading else None

    # --- what happens to members

    def crash(self, name: str, lose_unsynced: bool = False) -> None:
        """Stop a member. A machine that loses power loses what was not yet on the disk too."""
        self._disturb()
        self[name].end(lose_unsynced)

    def restart(self, name: str) -> None:
        """Start a stopped member again, with what is on its disk."""
        self._disturb()
        self[name].begin()

    def partition(self, *sides: Collection[str]) -> None:
        """Cut groups of members off from each other, and from all others."""
        self._disturb()
        self.wire.split(sides)

    def heal(self) -> None:
        """Join what was cut off."""
        self.partition()

    def degrade(
        self,
        *,
        latency: float = 0.001,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplication: float = 0.0,
        sync_time: float = 0.0,
    ) -> None:
        """Make the network and the disks worse, or good again: see `Wire` and `sync_time`."""
        self._disturb()
        wire = self.wire
        wire.latency, wire.jitter, wire.loss, wire.duplication = latency, jitter, loss, duplication
        self.sync_time = sync_time

    def add_member(self, name: str, through: str) -> EtcdMember:
        """A new member joins; it gets what there is from the leader. Raises Unavailable."""
        self._disturb()
        self._commit(self[through], MembershipChange(add=name))
        member = self._add(name, Disk())
        member.begin()
        return member

    def remove_member(self, name: str, through: str) -> None:
        """A member leaves for good and stops. Raises Unavailable."""
        self._disturb()
        self._commit(self[through], MembershipChange(remove=name))
        self[name].end(lose_unsynced=False)
        del self._members[name]

    # --- what members ask for

    def write(self, member: EtcdMember, method: Callable[..., Any], *args: Any) -> Any:
        """Change the store; what `method` of it returns. Raises Unavailable."""
        write = Write(method, args)
        leader = self._leader
        if leader is not None and leader.raft is not None and member.current:
            self._apply(leader.raft.propose(write, send=False))
            self._unsent += 1
            if self._unsent >= BUNDLE:
                self.catch_up()
        else:
            self._commit(member, write)
        return write.result

    def confirm(self, member: EtcdMember) -> None:
        """Make sure that a member shows all that was ever acknowledged. Raises Unavailable."""
        leader = self._leader_of(member)
        try:
            read = leader.read_index()
        except NotLeader:
            raise Unavailable(TIMED_OUT) from None
        self._exchange()
        index = leader.confirmed.pop(read, None)
        if index is None or member.raft is None or member.raft.applied < index:
            raise Unavailable(TIMED_OUT)

    def _commit(self, member: EtcdMember, data: Any) -> None:
        self.catch_up()
        leader = self._leader_of(member)
        try:
            entry = leader.propose(data)
        except NotLeader:
            raise Unavailable(TIMED_OUT) from None
        self._exchange()
        if leader.applied < entry.index or leader.log.term(entry.index) != entry.term:
            raise Unavailable(TIMED_OUT)

    def _leader_of(self, member: EtcdMember) -> Member:
        """Where a member sends what only the leader can answer."""
        if member.raft is None:
            raise Unavailable(REFUSED)
        leader = self._members.get(member.raft.leader or "")
        if (
            leader is None
            or leader.raft is None
            or not self.wire.connected(member.name, leader.name)
        ):
            raise Unavailable(TIMED_OUT)
        return leader.raft

    def apply(self, member: EtcdMember, entries: list[Entry]) -> None:
        """A member has learned that these entries are committed."""
        for entry in entries:
            if entry.index > self.applied:
                self._apply(entry)
            if isinstance(entry.data, Write):
                assert entry.data.index == entry.index, "members disagree about what is committed"
                member.applied_revision = entry.data.revision

    def _apply(self, entry: Entry) -> None:
        assert entry.index == self.applied + 1
        self.applied = entry.index
        write = entry.data
        if isinstance(write, Write):
            write.index = entry.index
            write.result = write.method(self.store, *write.args)
            write.revision = self.store.revision
        elif isinstance(write, MembershipChange):
            self._removed.pop(write.add or "", None)
            if write.remove is not None:
                self._removed[write.remove] = entry.index

    def can_commit(self, member: EtcdMember) -> bool:
        """Whether, as things stand, a member's clients can read and write."""
        if member.current or member.raft is None:
            return member.current
        leader = self._members.get(member.raft.leader or "")
        raft = leader.raft if leader is not None else None
        if leader is None or raft is None or not raft.can_read:
            return False
        reach, members = {other.name for other in self._reach(leader)}, raft.members
        return member.name in reach and len(reach.intersection(members)) >= quorum(len(members))

    # --- messages and time

    def _running(self) -> list[EtcdMember]:
        return [member for member in self if member.raft is not None]

    def _reach(self, member: EtcdMember) -> list[EtcdMember]:
        """The running members that a member can talk to, itself among them."""
        return [m for m in self._running() if self.wire.connected(member.name, m.name)]

    def catch_up(self) -> None:
        """Send what has waited while the members were at rest."""
        if self._unsent and self._leader is not None and self._leader.raft is not None:
            self._unsent = 0
            self._leader.raft.replicate()
            self._exchange()
            for member in self._running():
                member.shorten_log()
            assert self._leader.raft.applied == self.applied

    def _exchange(self) -> None:
        """Let all that is to be said be said and answered, while time stands still."""
        spoken = True
        while spoken:
            spoken = False
            for member in self._running():
                for message in member.flush():
                    spoken = True
                    for _ in range(self.wire.copies()):
                        self._deliver(message)

    def send(self, messages: list[Message]) -> None:
        """Put messages on their way."""
        for message in messages:
            for delay in self.wire.delays():
                self._flying += 1
                self.clock.call_later(delay, self._arrive, message, background=True)

    def _arrive(self, message: Message) -> None:
        self._flying -= 1
        self._deliver(message)
        receiver = self._members.get(message.to)
        if receiver is not None:
            receiver.flush_soon()

    def _deliver(self, message: Message) -> None:
        receiver = self._members.get(message.to)
        connected = self.wire.connected(message.sender, message.to)
        if not connected or receiver is None or receiver.raft is None:
            return
        if self._removed.get(message.sender, self.applied + 1) > receiver.raft.applied:
            receiver.raft.step(message)
        elif message.sender in self._members:  # it is told that it is no member any more, and stops
            self[message.sender].end(lose_unsynced=False)

    def _disturb(self) -> None:
        """Something is about to happen: everybody says what is unsaid, and watches the time."""
        self.catch_up()
        self._leader = None
        for member in self:
            member.current = False
        if not self.clock.pending(self._ticking):
            self._ticking = self.clock.call_later(TICK, self._tick, background=True)

    def _tick(self) -> None:
        if self._rest():
            return
        for member in self._running():
            assert member.raft is not None
            member.raft.tick()
            member.flush_soon()
            member.shorten_log()
        self._ticking = self.clock.call_later(TICK, self._tick, background=True)

    def _rest(self) -> bool:
        """Whether nothing would change if everybody went on; then nobody needs to."""
        running = self._running()
        if self._flying or not self.wire.perfect or not all(map(self._at_rest, running)):
            return False
        for member in running:
            assert member.raft is not None
            member.current = bool(member.raft.leader) and member.name in member.raft.members
            if member.raft.role == "leader":
                self._leader = member
        return True

    def _at_rest(self, member: EtcdMember) -> bool:
        raft = member.raft
        assert raft is not None
        if raft.outbox or member.syncing:
            return False
        if raft.name not in raft.members:
            return True  # not yet, or no longer, one who may do anything
        reach = {other.name: other for other in self._reach(member)}
        heard = [name for name in raft.members if name in reach]
        electable = len(heard) >= quorum(len(raft.members))
        if raft.leader is None:
            return raft.role != "candidate" and not electable
        leader = reach[raft.leader].raft if raft.leader in reach else None
        if leader is None or (leader.role, leader.term) != ("leader", raft.term):
            return False
        whole = leader.log.last == raft.log.last == raft.applied
        return electable and whole and (leader is not raft or all(map(raft.has_all, heard)))


def _term_of(member: EtcdMember) -> int:
    return member.raft.term if member.raft is not None else 0
