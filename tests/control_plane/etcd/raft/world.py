"""Members in a world that is as unkind as the paper allows, watched at every step.

Messages are lost, delayed, reordered and sent twice; members stop at any moment and forget what
was not on their disk; the network splits and heals. Everything that happens is drawn from one
seed, so a seed that breaks a rule breaks it again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from kubecourse.control_plane.etcd.raft import (
    ELECTION_TICKS,
    Disk,
    Entry,
    Member,
    MembershipChange,
    Message,
    NotLeader,
)


class Broken(AssertionError):
    """A safety property of Raft (paper, figure 3) does not hold."""


class World:
    """Members on one network. `kind` is the class of the members: the tests also run wrong ones."""

    def __init__(self, size: int, seed: int = 0, kind: type[Member] = Member) -> None:
        self.rng = random.Random(seed)
        self.kind = kind
        self.append_limit = self.rng.choice([1, 2, 64])
        names = [f"m{number}" for number in range(1, size + 1)]
        self.disks = {name: Disk(names) for name in names}
        self.members: dict[str, Member] = {}
        self.wire: list[Message] = []
        self.groups: list[set[str]] = []
        self.leaders: dict[int, str] = {}
        self.known: dict[tuple[int, int], tuple[object, int | None]] = {}
        self.committed: dict[int, Entry] = {}
        self.states: dict[str, list[object]] = {}
        self.proposals = 0
        for name in names:
            self.start(name)

    # --- machines

    def start(self, name: str) -> None:
        member = self.kind(name, self.disks[name], random.Random(self.rng.random()))
        member.append_limit = self.append_limit
        self.states[name] = list(member.log.snapshot.state or [])
        self.members[name] = member

    def crash(self, name: str) -> None:
        """Stop it; what it has not written is gone."""
        del self.members[name]

    def join(self, name: str) -> None:
        self.disks[name] = Disk()
        self.start(name)

    # --- one thing happens

    def tick(self, name: str) -> None:
        self.members[name].tick()
        self.look_at(name)

    def propose(self, name: str, data: object = None) -> Entry | None:
        self.proposals += 1
        try:
            entry = self.members[name].propose(self.proposals if data is None else data)
        except (NotLeader, ValueError):
            return None
        self.look_at(name)
        return entry

    def deliver(self, message: Message) -> None:
        if message.to in self.members and self.connected(message.sender, message.to):
            self.members[message.to].step(message)
            self.look_at(message.to)

    def connected(self, one: str, other: str) -> bool:
        return all((one in group) == (other in group) for group in self.groups)

    def flush(self, name: str) -> None:
        """Write, then speak and apply."""
        member = self.members[name]
        self.disks[name].write(member)
        self.wire += member.outbox
        member.outbox.clear()
        if len(self.states[name]) < member.applied - 1:  # it was sent a snapshot
            self.states[name] = list(member.log.snapshot.state)
        for entry in member.take_committed():
            self.check_applied(member, entry)
            self.states[name].append(entry.data)

    def compact(self, name: str) -> None:
        self.members[name].compact(list(self.states[name]))

    # --- the rules

    def look_at(self, name: str) -> None:
        """Check what may have changed in a member."""
        member = self.members[name]
        if member.role == "leader":
            if member.term not in self.leaders:
                self.check_complete(member)
            if self.leaders.setdefault(member.term, name) != name:
                raise Broken(f"election safety: two leaders in term {member.term}")
        log = member.log
        for entry in log.entries[log.unsaved - log.snapshot.index - 1 :]:
            chain = (entry.data, log.term(entry.index - 1))
            if self.known.setdefault((entry.index, entry.term), chain) != chain:
                raise Broken(f"log matching: two histories end in entry {entry}")

    def check_complete(self, leader: Member) -> None:
        """It has what was committed in the terms before its own."""
        log = leader.log
        for index, entry in self.committed.items():
            if index > log.snapshot.index and leader.term > entry.term != log.term(index):
                raise Broken(f"leader completeness: {leader.name} leads without {entry}")

    def check_applied(self, member: Member, entry: Entry) -> None:
        if self.committed.setdefault(entry.index, entry) != entry:
            raise Broken(f"state machine safety: {member.name} applies {entry}")

    # --- much happens

    def settle(self) -> None:
        """Deliver until nobody has anything more to say."""
        while self.wire or any(member.outbox for member in self.members.values()):
            for name in sorted(self.members):
                self.flush(name)
            messages, self.wire = self.wire, []
            for message in messages:
                self.deliver(message)
        for name in sorted(self.members):
            self.flush(name)

    def elect(self, name: str) -> None:
        """Have a member ask for votes until it has won; nobody has heard a leader for a while."""
        while self.members[name].role != "leader":
            for member in self.members.values():
                member._elapsed = ELECTION_TICKS
            self.members[name].campaign(sure=True)
            self.settle_until(lambda: self.members[name].role == "leader")

    def settle_until(self, condition: Callable[[], bool]) -> None:
        """Deliver one message after another until the condition holds, or nobody speaks."""
        while not condition():
            for name in sorted(self.members):
                self.flush(name)
            if condition() or not self.wire:
                return
            self.deliver(self.wire.pop(0))

    def run(self, ticks: int) -> None:
        """Let time pass in a network that works."""
        for _ in range(ticks):
            for name in sorted(self.members):
                self.tick(name)
            self.settle()

    def leader(self) -> Member | None:
        """The leader of the newest term."""
        leaders = [member for member in self.members.values() if member.role == "leader"]
        return max(leaders, key=lambda member: member.term, default=None)

    def suffer(self, steps: int) -> None:
        """So many random things, one after another."""
        for _ in range(steps):
            act = self.rng.choices(ACTIONS, WEIGHTS)[0]
            act(self)

    def recover(self) -> None:
        """Everything works again: all that are members agree, and can go on."""
        self.groups.clear()
        for name in sorted(self.disks.keys() - self.members.keys()):
            self.start(name)
        self.run(8 * ELECTION_TICKS)
        leader = self.leader()
        assert leader is not None, "no leader, though everything works"
        entry = self.propose(leader.name)
        self.run(2)
        assert entry is not None and self.committed.get(entry.index) == entry
        for name in leader.members:
            assert self.states[name] == self.states[leader.name], f"{name} is behind"


def _pick(world: World) -> Iterator[str]:
    """A running member at random, if any."""
    if world.members:
        yield world.rng.choice(sorted(world.members))


def _tick(world: World) -> None:
    for name in _pick(world):
        for _ in range(world.rng.choice([1, 1, 1, 3, 2 * ELECTION_TICKS])):
            if name in world.members:
                world.tick(name)
        _flush_mostly(world, name)


def _deliver(world: World) -> None:
    for _ in range(world.rng.randrange(1, 9)):
        if not world.wire:
            return
        position = 0 if world.rng.random() < 0.7 else world.rng.randrange(len(world.wire))
        message = world.wire[position]
        if world.rng.random() > 0.05:  # else it stays, and will be delivered again
            del world.wire[position]
        world.deliver(message)
        if message.to in world.members:
            _flush_mostly(world, message.to)


def _flush_mostly(world: World, name: str) -> None:
    if world.rng.random() < 0.9:
        world.flush(name)


def _lose(world: World) -> None:
    if world.wire:
        del world.wire[world.rng.randrange(len(world.wire))]


def _propose(world: World) -> None:
    leaders = [name for name, member in world.members.items() if member.role == "leader"]
    for name in sorted(leaders):
        world.propose(name)
        _flush_mostly(world, name)


def _crash(world: World) -> None:
    leader = world.leader()
    if leader is not None and world.rng.random() < 0.5:
        world.crash(leader.name)
    else:
        for name in _pick(world):
            world.crash(name)


def _start(world: World) -> None:
    stopped = sorted(world.disks.keys() - world.members.keys())
    if stopped:
        world.start(world.rng.choice(stopped))


def _split(world: World) -> None:
    names = sorted(world.disks)
    world.groups = [set(world.rng.sample(names, world.rng.randrange(1, len(names))))]


def _heal(world: World) -> None:
    world.groups.clear()


def _compact(world: World) -> None:
    for name in _pick(world):
        world.flush(name)
        world.compact(name)


def _change_members(world: World) -> None:
    leader = world.leader()
    if leader is None:
        return
    if len(leader.members) > 2 and world.rng.random() < 0.5:
        world.propose(leader.name, MembershipChange(remove=world.rng.choice(leader.members)))
    elif len(world.disks) < 9:
        name = f"m{len(world.disks) + 1}"
        world.join(name)
        world.propose(leader.name, MembershipChange(add=name))


ACTIONS = [
    _tick, _deliver, _lose, _propose, _crash, _start, _split, _heal, _compact, _change_members
]  # fmt: skip
WEIGHTS = [25, 120, 4, 20, 2.5, 8, 2, 5, 1, 0.7]
