"""Histories of what clients asked a store, and whether one honest store could have answered so.

A call takes no time, so all that is open is when a write that failed with a timeout took effect:
at any later moment, or never. The search is Wing and Gong's ("Testing and Verifying Concurrent
Objects", 1993), for that case.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from kubecourse.clock import Clock
from kubecourse.control_plane.etcd import Etcd, Members, Unavailable

PREFIX = "/registry/pods/"
KEYS = [PREFIX + "default/a", PREFIX + "default/b"]


class Call(NamedTuple):
    """`read`, or `write` of a value or of nothing. `answer`: the value read, whether the
    comparison held, or None where there was no answer."""

    act: str
    key: str
    value: Any
    before: Any
    answer: Any


State = dict[str, Any]


def is_linearizable(history: list[Call]) -> bool:
    """Whether there is an order of all calls that explains every answer."""
    seen: set[Any] = set()
    todo: list[tuple[int, State, frozenset[int]]] = [(0, {}, frozenset())]
    while todo:
        place, state, late = todo.pop()
        if place == len(history):
            return True
        known = (place, tuple(sorted(state.items())), late)
        if known in seen:
            continue
        seen.add(known)
        for number in late:  # one of those without an answer happens now
            call = history[number]
            if state.get(call.key) == call.before:
                todo.append((place, state | {call.key: call.value}, late - {number}))
        call = history[place]
        now = state.get(call.key)
        if call.act == "read":
            if call.answer == now:
                todo.append((place + 1, state, late))
        elif call.answer is None:
            todo.append((place + 1, state, late | {place}))
        elif call.answer == (now == call.before):
            after = state | {call.key: call.value} if call.answer else state
            todo.append((place + 1, after, late))
    return False


class World:
    """Three to five members that suffer, and clients that talk to any of them."""

    def __init__(self, seed: int, kind: type[Members] = Members) -> None:
        self.rng = random.Random(seed)
        self.clock = Clock(seed)
        self.names = [f"m{number}" for number in range(1, self.rng.choice([3, 3, 4, 5]) + 1)]
        self.members = kind(self.clock, self.names)
        self.members.snapshot_count = self.rng.choice([5, 10_000])
        self.history: list[Call] = []
        self.acknowledged: list[tuple[int, str, Any]] = []
        self.written = 0
        self.serializable_reads = False

    def suffer(self, steps: int) -> None:
        for _ in range(steps):
            self.rng.choices(ACTS, WEIGHTS)[0](self)

    # --- clients

    def read(self) -> None:
        key, member = self.rng.choice(KEYS), self.members[self.rng.choice(self.names)]
        try:
            if self.serializable_reads:
                value = member.serializable(PREFIX).get(key)
            else:
                found = member.get(key)
                value = found.value if found else None
        except Unavailable:
            return
        self.history.append(Call("read", key, None, None, value))

    def write(self) -> None:
        """Read, then write what is new if nobody else has: as the API server does."""
        key, member = self.rng.choice(KEYS), self.members[self.rng.choice(self.names)]
        found = self.members.store.get(key)
        if found is not None and self.rng.random() < 0.2:
            self._note(member.delete, key, None, found, (key, found.mod_revision))
        else:
            self.written += 1
            expected = found.mod_revision if found else 0
            self._note(member.put, key, self.written, found, (key, self.written, expected))

    def _note(self, method: Any, key: str, value: Any, found: Any, args: Any) -> None:
        try:
            revision = method(*args)
            if revision:
                self.acknowledged.append((revision, key, value))
            answer = bool(revision)
        except Unavailable:
            answer = None
        self.history.append(Call("write", key, value, found.value if found else None, answer))

    # --- what happens to them

    def wait(self) -> None:
        self.clock.advance(self.rng.choice([0.0005, 0.05, 0.3, 1.0, 3.0]))

    def crash(self) -> None:
        name = self.rng.choice(self.names)
        if self.rng.random() < 0.5 and self.members.leader in self.names:
            name = self.members.leader
        self.members.crash(name, lose_unsynced=self.rng.random() < 0.5)

    def restart(self) -> None:
        self.members.restart(self.rng.choice(self.names))

    def split(self) -> None:
        side = self.rng.sample(self.names, self.rng.randrange(1, len(self.names)))
        self.members.partition(side)

    def degrade(self) -> None:
        self.members.degrade(
            latency=self.rng.choice([0.001, 0.04]),
            jitter=self.rng.choice([0, 0.3]),
            loss=self.rng.choice([0, 0.1, 0.4]),
            duplication=self.rng.choice([0, 0.2]),
            sync_time=self.rng.choice([0, 0.01, 0.2]),
        )

    def change_members(self) -> None:
        through = self.rng.choice(self.names)
        try:
            if len(self.names) > 3 and self.rng.random() < 0.5:
                name = self.rng.choice(self.names)
                self.members.remove_member(name, through)
                self.names.remove(name)
            else:
                name = f"m{self.rng.randrange(10**9)}"
                self.members.add_member(name, through)
                self.names.append(name)
        except (Unavailable, ValueError):
            pass

    def heal(self) -> None:
        self.members.heal()
        self.members.degrade()
        for name in self.names:
            if self.rng.random() < 0.8:
                self.members.restart(name)

    def recover(self) -> None:
        """All works again; everybody comes to the same state, in which nothing is missing."""
        self.members.heal()
        self.members.degrade()
        for name in self.names:
            self.members.restart(name)
        self.clock.advance(20)
        # Those whose removal was answered with a timeout may be gone, or not.
        leader = self.members[self.members.leader or ""].raft
        assert leader is not None
        self.names = [name for name in self.names if name in leader.members]
        assert all(self.members[name].current for name in self.names), "not at rest again"
        store = self.members.store
        for name in self.names:
            assert self.members[name].put(KEYS[0], name) == store.revision
        self.members.catch_up()
        values = {key: kv.value for key in KEYS if (kv := store.get(key))}
        for name in self.names:
            assert self.members[name].applied_revision == store.revision
            assert self.members[name].serializable(PREFIX) == values
        for revision, key, value in self.acknowledged:
            event = store.change(revision)
            assert event is not None and (event.key, event.new) == (key, value), "a write is lost"


class Hasty(Members):
    """Answers before a quorum has the write: what is acknowledged may be lost."""

    def write(self, member: Any, method: Any, *args: Any) -> Any:
        try:
            return super().write(member, method, *args)
        except Unavailable:
            return self.store.revision + 1 if method is Etcd.put else 0


ACTS = [
    World.read, World.write, World.wait, World.crash, World.restart, World.split, World.degrade,
    World.change_members, World.heal,
]  # fmt: skip
WEIGHTS = [30, 30, 20, 2, 5, 2, 1, 0.5, 3]
