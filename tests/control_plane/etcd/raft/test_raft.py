"""Raft keeps its promises whatever happens; and whoever breaks one of its rules is found out."""

import os
import random

import pytest

from kubecourse.control_plane.etcd.raft import (
    Disk,
    Kind,
    Member,
    MembershipChange,
    Message,
    NotLeader,
    quorum,
)
from kubecourse.control_plane.etcd.raft.log import Entry, Log
from tests.control_plane.etcd.raft.world import Broken, World
from tests.oracles import oracle

ORACLE = oracle("raft")
SCHEDULES = int(os.environ.get("KUBECOURSE_RAFT_SCHEDULES", "300"))
STEPS = 600


def member_of(size: int, entries: list[Entry] | None = None, term: int = 0) -> Member:
    """The first of so many members, with a log of its own."""
    disk = Disk([str(number) for number in range(1, size + 1)])
    disk.snapshot = disk.snapshot.__class__(0, 0, disk.snapshot.members, None)
    disk.entries, disk.term = entries or [], term
    return Member("1", disk, random.Random(0))


# --- what etcd-io/raft's own tests expect


@pytest.mark.parametrize("case", ORACLE["election_one_round"], ids=str)
def test_an_election(case):
    member = member_of(case["cluster"])
    member.campaign(sure=True)
    for voter, granted in case["votes_received"].items():
        member.step(Message(Kind.VOTE_REPLY, voter, "1", member.term, reject=not granted))
    assert (member.role, member.term) == (case["state"], case["term"])


@pytest.mark.parametrize("case", ORACLE["election_network"], ids=str)
def test_an_election_with_dead_members(case):
    world = World(case["cluster"])
    for number in range(case["dead"]):
        world.crash(f"m{number + 2}")
    if "candidate_log" in case:
        for name in ("m2", "m3", "m4", "m5"):
            world.members[name].log.append(1, "more")
    world.members["m1"].campaign()
    world.settle()
    first = world.members["m1"]
    if "prevote_state" in case:
        assert (first.role, first.term) == (case["prevote_state"], case["prevote_term"])
        first.campaign(sure=True)
        world.settle()
    if "candidate_log" in case:  # PreVote tells it without a new term
        assert (first.role, first.term) == (case["state"], 0)
        first.campaign(sure=True)
        world.settle()
    assert (first.role, first.term) == (case["state"], case["term"])


@pytest.mark.parametrize("case", ORACLE["commit_index"], ids=str)
def test_what_is_committed(case):
    entries = [Entry(term, index, "x") for index, term in enumerate(case["log_terms"], 1)]
    leader = member_of(len(case["match_index"]), entries, case["leader_term"] - 1)
    leader.campaign(sure=True)
    for name in leader.members[1:]:
        leader.step(Message(Kind.VOTE_REPLY, name, "1", leader.term))
    assert leader.role == "leader"
    leader.log = Log(leader.log.snapshot, entries)  # without the entry that begins its term
    leader.commit = 0
    for name, match in zip(leader.members, case["match_index"], strict=True):
        leader._progress[name].match = match
    leader._advance_commit()
    assert leader.commit == case["committed"]


@pytest.mark.parametrize("case", ORACLE["quorum"], ids=str)
def test_quorum(case):
    assert quorum(case["members"]) == case["quorum"]
    assert case["members"] - case["quorum"] == case["tolerated_failures"]


# --- one thing at a time


def elected(size: int) -> World:
    world = World(size)
    world.run(40)
    assert world.leader() is not None
    return world


def test_a_leader_replicates_and_all_apply_the_same():
    world = elected(3)
    leader = world.leader()
    for data in ("a", "b", "c"):
        world.propose(leader.name, data)
    world.settle()
    assert {tuple(state) for state in world.states.values()} == {(None, "a", "b", "c")}


def test_a_follower_takes_no_proposals_and_says_who_leads():
    world = elected(3)
    leader = world.leader()
    follower = next(m for m in world.members.values() if m is not leader)
    with pytest.raises(NotLeader) as refused:
        follower.propose("x")
    assert refused.value.leader == leader.name


def test_a_leader_in_the_minority_commits_nothing_and_steps_down():
    world = elected(5)
    old = world.leader()
    world.groups = [{old.name, next(n for n in world.members if n != old.name)}]
    lost = world.propose(old.name, "lost")
    world.run(60)
    new = world.leader()
    assert new.name != old.name and old.role != "leader"
    assert world.committed.get(lost.index) != lost
    world.propose(new.name, "kept")
    world.settle()
    world.groups.clear()
    world.run(30)
    assert all("kept" in s and "lost" not in s for s in world.states.values())


def test_a_member_that_was_cut_off_disturbs_nobody_when_it_comes_back():
    world = elected(3)
    leader = world.leader()
    alone = next(n for n in world.members if n != leader.name)
    term = leader.term
    world.groups = [{alone}]
    world.run(200)
    assert world.members[alone].term == term  # PreVote
    world.groups.clear()
    world.run(30)
    assert world.leader() is leader and leader.term == term


def test_a_member_that_missed_too_much_gets_a_snapshot():
    world = elected(3)
    leader = world.leader()
    late = next(n for n in world.members if n != leader.name)
    world.crash(late)
    for number in range(10):
        world.propose(leader.name, number)
        world.settle()
    world.compact(leader.name)
    world.start(late)
    world.run(5)
    assert world.states[late] == world.states[leader.name]
    assert world.members[late].log.snapshot.index > 1


def test_members_join_and_leave_one_at_a_time():
    world = elected(3)
    leader = world.leader()
    world.join("m4")
    world.propose(leader.name, MembershipChange(add="m4"))
    assert world.propose(leader.name, MembershipChange(remove="m1")) is None  # the first is open
    world.run(5)
    assert leader.members == world.members["m4"].members == ("m1", "m2", "m3", "m4")
    world.propose(leader.name, MembershipChange(remove=leader.name))
    world.run(60)
    assert world.leader() is not leader and leader.name not in world.leader().members


def test_a_read_is_confirmed_by_a_quorum_or_not_at_all():
    world = elected(3)
    leader = world.leader()
    number = leader.read_index()
    assert number not in leader.confirmed
    world.settle()
    assert leader.confirmed[number] == leader.commit
    world.groups = [{leader.name}]
    number = leader.read_index()
    world.run(40)
    assert number not in leader.confirmed


def figure_8(kind: type[Member]) -> World:
    """The paper's example of an old entry on a majority that is overwritten all the same."""
    world = World(5, kind=kind)
    for member in world.members.values():
        member.append_limit = 1
    world.append_limit = 1
    world.elect("m1")
    world.settle()
    world.groups = [{"m1", "m2"}]
    old = world.propose("m1", "old")  # on m1 and m2
    world.settle()
    world.crash("m1")
    world.groups = [{"m3", "m4", "m5"}]
    world.elect("m5")  # which has an entry of its own there, and tells nobody
    world.flush("m5")
    world.crash("m5")
    world.wire.clear()
    world.groups.clear()
    world.start("m1")
    world.elect("m1")
    third = world.members["m1"]._progress["m3"]
    world.settle_until(lambda: third.match == old.index)  # on m1, m2 and m3: a majority
    world.flush("m1")
    world.crash("m1")
    world.crash("m2")
    world.wire.clear()
    world.start("m5")
    world.elect("m5")
    world.settle()
    assert world.committed[old.index] != old
    return world


def test_an_old_entry_on_a_majority_is_not_yet_committed():
    world = figure_8(Member)
    world.recover()
    assert all("old" not in state for state in world.states.values())


# --- everything at once


@pytest.mark.parametrize("block", range(10))
def test_safe_under_random_faults(block):
    """Each seed is one schedule of losses, crashes, partitions and membership changes."""
    for seed in range(block * SCHEDULES // 10, (block + 1) * SCHEDULES // 10):
        suffer(seed)


def suffer(seed: int, kind: type[Member] = Member) -> None:
    world = World(3 + seed % 3, seed, kind)
    try:
        world.suffer(STEPS)
        world.recover()
    except AssertionError as error:
        raise type(error)(f"seed {seed}: {error}") from error


# --- members that break a rule, to see that it is noticed


class CountsOldTerms(Member):
    """Commits whatever a quorum has, of whatever term (against the paper's 5.4.2)."""

    def _advance_commit(self) -> None:
        matches = sorted(self._progress[name].match for name in self.members)
        self.commit = max(self.commit, matches[len(matches) - quorum(len(matches))])


class ForgetsCommits(Member):
    """Starts again without knowing what was committed, and so who may vote."""

    def __init__(self, name: str, disk: Disk, rng: random.Random) -> None:
        super().__init__(name, disk, rng)
        self.commit = disk.snapshot.index


class VotesTwice(Member):
    """Forgets for whom it has voted."""

    def step(self, message: Message) -> None:
        if message.kind is Kind.VOTE:
            self.vote = self.leader = None
        super().step(message)


class Overwrites(Member):
    """Begins to lead by writing over whatever it does not know to be committed."""

    def _lead(self) -> None:
        log = self.log
        del log.entries[self.commit - log.snapshot.index :]
        log.unsaved = min(log.unsaved, log.last + 1)
        super()._lead()


def test_counting_old_terms_is_found():
    with pytest.raises(Broken, match="leader completeness"):
        figure_8(CountsOldTerms)


RARE = 1030
"""The schedules before this one do not show a member that forgets what was committed."""


@pytest.mark.parametrize(
    ("kind", "first"), [(VotesTwice, 0), (Overwrites, 0), (ForgetsCommits, RARE)]
)
def test_a_broken_rule_is_found(kind, first):
    with pytest.raises(Broken, match=r"^seed \d+"):
        for seed in range(first, first + 1000):
            suffer(seed, kind)
