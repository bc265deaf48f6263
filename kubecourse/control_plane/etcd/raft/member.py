"""One member: follower, candidate or leader of a term.

Everything that a member must not forget is in `term`, `vote` and `log`. What it does to them is
safe only once it is on the disk. So whoever runs a member first lets the `Disk` write it, then
sends what is in `outbox` and applies what `take_committed` gives.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, NamedTuple

from kubecourse.control_plane.etcd.raft.log import Entry, Log, Snapshot
from kubecourse.control_plane.etcd.raft.messages import REPLIES, Kind, Message

HEARTBEAT_TICKS = 1
"""A leader speaks up once a tick: 100 ms in etcd."""
ELECTION_TICKS = 10
"""A follower that has heard no leader for 10 to 19 ticks asks for votes."""

FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = "follower", "pre-candidate", "candidate", "leader"


class NotLeader(Exception):
    """Only the leader takes proposals. `leader` is who that may be, or None."""

    def __init__(self, leader: str | None) -> None:
        super().__init__("etcdserver: not leader" if leader else "etcdserver: no leader")
        self.leader = leader


class MembershipChange(NamedTuple):
    """The data of an entry that adds or removes one voting member."""

    add: str | None = None
    remove: str | None = None


class Progress:
    """What a leader knows about one member's log."""

    __slots__ = ("active", "match", "next", "snapshot")

    def __init__(self, following: int) -> None:
        self.match = 0
        self.next = following
        self.active = True
        self.snapshot = 0


def quorum(members: int) -> int:
    """How many of so many members are a majority."""
    return members // 2 + 1


class Disk:
    """What a member finds when it starts again: all that it had when it was last written.

    A new cluster's disks name its members. The disk of a member that joins later names none: it
    learns of the others, and of all that happened, from the leader's snapshot.
    """

    def __init__(self, members: Iterable[str] = ()) -> None:
        names = tuple(sorted(members))
        self.term = self.commit = 0
        self.vote: str | None = None
        self.snapshot = Snapshot(1 if names else 0, 0, names, None)
        self.entries: list[Entry] = []

    def write(self, member: Member) -> None:
        """Write what has changed since the last time."""
        log = member.log
        self.term, self.vote, self.commit = member.term, member.vote, member.commit
        if self.snapshot is not log.snapshot:
            self.snapshot, self.entries = log.snapshot, list(log.entries)
        else:
            first = log.unsaved - log.snapshot.index - 1
            self.entries[first:] = log.entries[first:]
        log.unsaved = log.last + 1


class Member:
    """A member named `name`, with what it finds on its disk.

    `rng` only spreads the election timeouts. A member that has been removed, or not yet been
    added, does not ask for votes.
    """

    append_limit = 64
    """Entries in one message."""

    def __init__(self, name: str, disk: Disk, rng: random.Random) -> None:
        self.name = name
        self.term = disk.term
        self.vote = disk.vote
        self.log = Log(disk.snapshot, disk.entries)
        self.members = disk.snapshot.members
        self.applied = disk.snapshot.index
        # Who votes depends on which membership changes are known to be committed, so that must
        # not be forgotten: a member that has a change in its log but does not count by it can
        # win an election that it should lose.
        self.commit = max(disk.commit, self.applied)
        self.outbox: list[Message] = []
        self._rng = rng
        self._progress: dict[str, Progress] = {}
        self._change_at = 0
        self._reads: dict[int, tuple[int, set[str]]] = {}
        self._read = 0
        self.confirmed: dict[int, int] = {}
        """Reads that are safe now: their number, and the index that must be applied first."""
        self._follow(self.term, None)

    # --- roles

    def _follow(self, term: int, leader: str | None) -> None:
        if term > self.term:
            self.term, self.vote = term, None
        self._become(FOLLOWER, leader)

    def _become(self, role: str, leader: str | None) -> None:
        self.role, self.leader = role, leader
        self.votes: dict[str, bool] = {}
        self._elapsed = 0
        self._timeout = self._rng.randrange(ELECTION_TICKS, 2 * ELECTION_TICKS)
        self._reads.clear()

    def _lead(self) -> None:
        self._become(LEADER, self.name)
        self._progress = {name: Progress(self.log.last + 1) for name in self.members}
        self._change_at = self.log.last  # one of the entries before may be a change
        self._append(None)

    def campaign(self, sure: bool = False) -> None:
        """Ask for votes; unless `sure`, first ask whether it is worth it (PreVote).

        A member that is cut off would otherwise raise its term again and again, and disturb
        everybody when it comes back.
        """
        if self.name not in self.members or self._change_pending():
            return
        if sure:
            self.term += 1
            self.vote = self.name
        self._become(CANDIDATE if sure else PRE_CANDIDATE, None)
        kind = Kind.VOTE if sure else Kind.PRE_VOTE
        for name in self._others():
            self._send(
                kind,
                name,
                term=self.term + (not sure),
                index=self.log.last,
                log_term=self.log.last_term,
            )
        self._count_vote(self.name, True)

    def _change_pending(self) -> bool:
        """Whether who may vote is about to change: then it is no time for an election."""
        entries = self.log.since(self.applied, self.commit - self.applied)
        return any(isinstance(entry.data, MembershipChange) for entry in entries)

    def _count_vote(self, voter: str, granted: bool) -> None:
        self.votes.setdefault(voter, granted)
        given = [self.votes[name] for name in self.members if name in self.votes]
        needed = quorum(len(self.members))
        if given.count(True) >= needed:
            if self.role == PRE_CANDIDATE:
                self.campaign(sure=True)
            else:
                self._lead()
        elif given.count(False) >= needed:
            self._become(FOLLOWER, None)

    def tick(self) -> None:
        """A tenth of a second has passed."""
        self._elapsed += 1
        if self.role != LEADER:
            if self._elapsed >= self._timeout:
                self.campaign()
            return
        if self._elapsed >= ELECTION_TICKS:
            self._elapsed = 0
            if not self._hears_a_quorum():
                self._follow(self.term, None)
                return
        self._heartbeat()

    def _hears_a_quorum(self) -> bool:
        """CheckQuorum: a leader that nobody answers may have been replaced long ago."""
        active = 0
        for name, progress in self._progress.items():
            active += progress.active or name == self.name
            progress.active = False
        return active >= quorum(len(self.members))

    # --- proposing and reading

    def propose(self, data: Any, send: bool = True) -> Entry:
        """Add to the log, as the leader. It counts once `take_committed` has given it back.

        Without `send` it stays here until `replicate` sends it, together with what comes after it.
        Raises NotLeader; ValueError for a membership change while another is not yet applied.
        """
        if self.role != LEADER or self.name not in self.members:
            raise NotLeader(self.leader if self.role == FOLLOWER else None)
        if isinstance(data, MembershipChange):
            if self._change_at > self.applied:
                raise ValueError("etcdserver: another membership change is not yet applied")
            self._change_at = self.log.last + 1
        return self._append(data, send)

    def _append(self, data: Any, send: bool = True) -> Entry:
        entry = self.log.append(self.term, data)
        self._progress[self.name].match = entry.index
        if send:
            self.replicate()
        return entry

    def replicate(self) -> None:
        """Send everybody, as the leader, what they may be missing."""
        for name in self._others():
            self._replicate(name)
        self._advance_commit()

    def has_all(self, name: str) -> bool:
        """Whether, as far as this leader knows, a member's log is as long as its own."""
        return self._progress[name].match == self.log.last

    @property
    def can_read(self) -> bool:
        """Whether it leads, and has committed something in its term: before it knows too little."""
        return self.role == LEADER and self.log.term(self.commit) == self.term

    def read_index(self) -> int:
        """Ask for a read that sees every write acknowledged before now; returns its number.

        It appears in `confirmed` once a quorum has said that this is still the leader.
        Raises NotLeader, also while the leader has committed nothing in its term.
        """
        if not self.can_read:
            raise NotLeader(self.leader if self.role == FOLLOWER else None)
        self._read += 1
        self._reads[self._read] = (self.commit, {self.name})
        self._confirm(self._read, self.name)
        self._heartbeat()
        return self._read

    def _confirm(self, read: int, name: str) -> None:
        """A member has answered a heartbeat that is not older than the read."""
        for number in [each for each in self._reads if each <= read]:
            index, heard = self._reads[number]
            heard.add(name)
            if len(heard.intersection(self.members)) >= quorum(len(self.members)):
                self.confirmed[number] = index
                del self._reads[number]

    def take_committed(self) -> list[Entry]:
        """The entries that have become certain since the last call, to be applied in order."""
        entries = list(self.log.since(self.applied, self.commit - self.applied))
        for entry in entries:
            self.applied = entry.index
            if isinstance(entry.data, MembershipChange):
                self._change_members(entry.data)
        return entries

    def _change_members(self, change: MembershipChange) -> None:
        members = set(self.members) - {change.remove}
        if change.add is not None:
            members.add(change.add)
        self.members = tuple(sorted(members))
        if self.name not in members:
            self._become(FOLLOWER, None)
        if self.role != LEADER:
            return
        known = self._progress
        self._progress = {
            name: known.get(name) or Progress(self.log.last + 1) for name in self.members
        }
        self.replicate()

    def compact(self, state: Any) -> None:
        """Drop the entries that have been applied; `state` is what they made."""
        term = self.log.term(self.applied)
        assert term is not None
        self.log.compact(Snapshot(self.applied, term, self.members, state))

    # --- messages

    def step(self, message: Message) -> None:
        """Take a message."""
        if message.term > self.term:
            if not self._newer_term(message):
                return
        elif message.term < self.term:
            self._older_term(message)
            return
        HANDLERS[message.kind](self, message)

    def _newer_term(self, message: Message) -> bool:
        """Learn of a newer term; whether the message is to be handled."""
        kind = message.kind
        if kind in REPLIES and self.leader is not None and self._elapsed < ELECTION_TICKS:
            return False  # the leader is alive: no reason for an election
        if kind is Kind.PRE_VOTE or (kind is Kind.PRE_VOTE_REPLY and not message.reject):
            return True  # a question about a term that nobody has begun
        led = kind in (Kind.APPEND, Kind.HEARTBEAT, Kind.SNAPSHOT)
        self._follow(message.term, message.sender if led else None)
        return True

    def _older_term(self, message: Message) -> None:
        """Tell a leader of old times, or one who asks for votes, which term it is."""
        if message.kind in (Kind.APPEND, Kind.HEARTBEAT, Kind.SNAPSHOT):
            self._send(Kind.APPEND_REPLY, message.sender, reject=True)
        elif message.kind is Kind.PRE_VOTE:
            self._send(Kind.PRE_VOTE_REPLY, message.sender, reject=True)

    def _on_call_for_votes(self, message: Message) -> None:
        pre = message.kind is Kind.PRE_VOTE
        free = (
            self.vote == message.sender
            or (self.vote is None and self.leader is None)
            or (pre and message.term > self.term)
        )
        grant = free and self.log.up_to_date(message.index, message.log_term)
        if grant and not pre:
            self.vote = message.sender
            self._elapsed = 0
        term = message.term if grant else self.term
        self._send(REPLIES[message.kind], message.sender, term=term, reject=not grant)

    def _on_vote(self, message: Message) -> None:
        waiting = PRE_CANDIDATE if message.kind is Kind.PRE_VOTE_REPLY else CANDIDATE
        if self.role == waiting:
            self._count_vote(message.sender, not message.reject)

    def _hear(self, leader: str) -> None:
        """The leader of this term has spoken."""
        if self.role != FOLLOWER:
            self._become(FOLLOWER, leader)
        self.leader = leader
        self._elapsed = 0

    def _on_append(self, message: Message) -> None:
        self._hear(message.sender)
        if message.index < self.commit:
            self._send(Kind.APPEND_REPLY, message.sender, index=self.commit)
        elif self.log.term(message.index) == message.log_term:
            self.log.merge(message.entries, self.commit)
            matches = message.index + len(message.entries)
            self._commit_to(min(message.commit, matches))
            self._send(Kind.APPEND_REPLY, message.sender, index=matches)
        else:
            hint = self.log.where_terms_allow(message.index, message.log_term)
            self._send(
                Kind.APPEND_REPLY, message.sender, reject=True, index=message.index, hint=hint
            )

    def _on_append_reply(self, message: Message) -> None:
        progress = self._heard_from(message)
        if progress is None:
            return
        progress.active = True
        if message.reject:
            if message.index > progress.match:
                progress.next = max(progress.match, min(message.index - 1, message.hint)) + 1
                self._replicate(message.sender)
            return
        if message.index > progress.match:
            progress.match = message.index
            self._advance_commit()
        progress.next = max(progress.next, progress.match + 1)
        if progress.snapshot and progress.match >= progress.snapshot:
            progress.snapshot = 0
        if progress.next <= self.log.last:
            self._replicate(message.sender)

    def _on_heartbeat(self, message: Message) -> None:
        self._hear(message.sender)
        self._commit_to(message.commit)
        self._send(Kind.HEARTBEAT_REPLY, message.sender, read=message.read)

    def _on_heartbeat_reply(self, message: Message) -> None:
        progress = self._heard_from(message)
        if progress is None:
            return
        progress.active = True
        progress.snapshot = 0
        if progress.match < self.log.last:
            progress.next = min(progress.next, progress.match + 1)
            self._replicate(message.sender)
        self._confirm(message.read, message.sender)

    def _on_snapshot(self, message: Message) -> None:
        self._hear(message.sender)
        snapshot = message.snapshot
        assert snapshot is not None
        if snapshot.index > self.commit:
            if self.log.term(snapshot.index) == snapshot.term:
                self._commit_to(snapshot.index)
            else:
                self.log = Log(snapshot)
                self.commit = self.applied = snapshot.index
                self.members = snapshot.members
        self._send(Kind.APPEND_REPLY, message.sender, index=self.commit)

    def _heard_from(self, message: Message) -> Progress | None:
        return self._progress.get(message.sender) if self.role == LEADER else None

    # --- replicating

    def _others(self) -> list[str]:
        return [name for name in self.members if name != self.name]

    def _replicate(self, name: str) -> None:
        """Send a member what it may be missing."""
        progress = self._progress[name]
        before = self.log.term(progress.next - 1)
        if before is None:
            if not progress.snapshot:
                progress.snapshot = self.log.snapshot.index
                self._send(Kind.SNAPSHOT, name, snapshot=self.log.snapshot)
            return
        entries = self.log.since(progress.next - 1, self.append_limit)
        self._send(
            Kind.APPEND,
            name,
            index=progress.next - 1,
            log_term=before,
            entries=entries,
            commit=self.commit,
        )
        progress.next += len(entries)  # as if it arrived; a refusal or a heartbeat corrects it

    def _heartbeat(self) -> None:
        read = max(self._reads, default=0)
        for name in self._others():
            commit = min(self._progress[name].match, self.commit)
            self._send(Kind.HEARTBEAT, name, commit=commit, read=read)

    def _advance_commit(self) -> None:
        """What a quorum has is committed, once an entry of this term is among it (paper, 5.4.2)."""
        matches = sorted(self._progress[name].match for name in self.members)
        index = matches[len(matches) - quorum(len(matches))]
        if index > self.commit and self.log.term(index) == self.term:
            self.commit = index
            for name in self._others():
                self._replicate(name)

    def _commit_to(self, index: int) -> None:
        self.commit = max(self.commit, min(index, self.log.last))

    def _send(self, kind: Kind, to: str, **fields: Any) -> None:
        fields.setdefault("term", self.term)
        self.outbox.append(Message(kind, self.name, to, **fields))


HANDLERS = {
    Kind.PRE_VOTE: Member._on_call_for_votes,
    Kind.VOTE: Member._on_call_for_votes,
    Kind.PRE_VOTE_REPLY: Member._on_vote,
    Kind.VOTE_REPLY: Member._on_vote,
    Kind.APPEND: Member._on_append,
    Kind.APPEND_REPLY: Member._on_append_reply,
    Kind.HEARTBEAT: Member._on_heartbeat,
    Kind.HEARTBEAT_REPLY: Member._on_heartbeat_reply,
    Kind.SNAPSHOT: Member._on_snapshot,
}
