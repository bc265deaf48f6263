"""etcd on several machines: what is acknowledged stays, and what is read is the newest."""

from typing import Any

import pytest

from kubecourse.clock import Clock
from kubecourse.control_plane.etcd import Event, Members, Unavailable
from kubecourse.snapshot import Snapshot, fork
from tests.control_plane.etcd.histories import (
    KEYS,
    PREFIX,
    Call,
    Hasty,
    World,
    is_linearizable,
)

KEY = KEYS[0]
NAMES = ("m1", "m2", "m3")


class Group:
    """Three members on a clock."""

    def __init__(self, size: int = 3) -> None:
        self.clock = Clock()
        self.members = Members(self.clock, [f"m{number}" for number in range(1, size + 1)])

    def at_rest(self) -> list[str]:
        return [member.name for member in self.members if member.current]


# --- while all is well


def test_each_member_takes_reads_and_writes() -> None:
    members = Group().members
    assert [members[name].put(KEY, name) for name in NAMES] == [2, 3, 4]
    for name in NAMES:
        assert members[name].get(KEY) == ("m3", 2, 4)
        assert members[name].range(PREFIX) == [("m3", 2, 4)]
        assert members[name].count(PREFIX) == 1
        assert members[name].serializable(PREFIX) == {KEY: "m3"}
    assert members["m1"].put(KEY, "late", expected=3) == 0
    assert members["m1"].delete(KEY, expected=4) == 5
    assert members["m2"].get(KEY) is None


def test_members_at_rest_use_no_timers() -> None:
    group = Group()
    group.members["m1"].put(KEY, "one")
    assert not group.clock._queue and not group.clock._beats


def test_what_waited_to_be_sent_is_on_every_disk_before_anything_happens() -> None:
    group = Group()
    for number in range(100):
        group.members["m2"].put(KEY, number)
    group.members.crash("m1", lose_unsynced=True)
    group.members.crash("m2", lose_unsynced=True)
    group.members.crash("m3", lose_unsynced=True)
    for name in ("m2", "m3"):
        group.members.restart(name)
    group.clock.advance(5)
    assert group.members["m3"].get(KEY) == (99, 2, 101)


# --- without some of them


def test_one_of_three_may_die_also_the_leader() -> None:
    group = Group()
    group.members["m2"].put(KEY, "before")
    assert group.members.leader == "m1"
    group.members.crash("m1")
    with pytest.raises(Unavailable, match="refused"):
        group.members["m1"].get(KEY)
    with pytest.raises(Unavailable, match="etcdserver: request timed out"):
        group.members["m2"].get(KEY)
    group.clock.advance(3)
    assert group.at_rest() == ["m2", "m3"]
    assert group.members["m3"].get(KEY) == ("before", 2, 2)
    assert group.members["m2"].put(KEY, "after") == 3
    group.members.restart("m1")
    group.clock.advance(3)
    assert group.members["m1"].serializable(PREFIX) == {KEY: "after"}


def test_without_a_majority_nothing_is_written_and_old_values_can_be_read() -> None:
    group = Group()
    group.members["m1"].put(KEY, "before")
    group.members.crash("m2")
    group.members.crash("m3")
    group.clock.advance(5)
    lonely = group.members["m1"]
    for call in (lambda: lonely.put(KEY, "lost"), lambda: lonely.get(KEY)):
        with pytest.raises(Unavailable, match=r"^etcdserver: request timed out$"):
            call()
    with pytest.raises(Unavailable, match=r"^etcdserver: no leader$"):
        lonely.watch(PREFIX, print)
    assert lonely.serializable(PREFIX) == {KEY: "before"}
    group.members.restart("m3")
    group.clock.advance(3)
    assert lonely.get(KEY) == ("before", 2, 2)
    assert lonely.put(KEY, "after") == 3


def test_a_leader_in_the_minority_is_replaced_and_what_it_was_told_is_forgotten() -> None:
    group = Group(5)
    seen: list[Event] = []
    group.members["m2"].watch(PREFIX, seen.append)
    group.members["m1"].put(KEY, "before")
    group.members.partition(["m1", "m2"])
    with pytest.raises(Unavailable):  # it still believes that it leads
        group.members["m1"].put(KEY, "never")
    group.clock.advance(4)
    assert group.members.leader in ("m3", "m4", "m5")
    assert group.at_rest() == ["m3", "m4", "m5"]
    group.members["m4"].put(KEY, "after")
    assert group.members["m1"].serializable(PREFIX) == {KEY: "before"}
    assert [event.new for event in seen] == ["before"]
    assert [event.new for event in group.members["m2"].history(PREFIX, 0)] == ["before"]
    group.members.heal()
    group.clock.advance(3)
    assert group.members["m2"].get(KEY) == ("after", 2, 3)
    assert [event.new for event in seen] == ["before", "after"]


def test_a_write_that_timed_out_may_still_happen() -> None:
    group = Group()
    group.members.partition(["m1"])
    with pytest.raises(Unavailable):
        group.members["m1"].put(KEY, "late")
    group.members.heal()
    group.clock.advance(1)
    assert group.members["m2"].get(KEY) == ("late", 2, 2)


def test_a_machine_that_loses_power_forgets_what_its_disk_had_not_written() -> None:
    for power, value in ((False, "late"), (True, None)):
        group = Group()
        group.members.degrade(sync_time=0.05)
        member = group.members["m1"].raft
        assert member is not None
        group.members.partition(["m1"])
        member.propose("only in memory")
        last = member.log.last
        group.members.crash("m1", lose_unsynced=power)
        group.members.restart("m1")
        member = group.members["m1"].raft
        assert member is not None
        assert (member.log.last == last) == (value is not None)


def test_a_member_that_joins_late_gets_a_snapshot() -> None:
    group = Group()
    group.members.snapshot_count = 10
    for number in range(100):
        group.members["m1"].put(KEY, number)
    group.members.add_member("m4", through="m2")
    group.clock.advance(2)
    assert group.members["m4"].get(KEY) == (99, 2, 101)
    assert group.members["m4"].serializable(PREFIX) == {KEY: 99}
    group.members.remove_member("m1", through="m3")
    group.clock.advance(4)
    assert group.at_rest() == ["m2", "m3", "m4"]
    assert group.members["m4"].put(KEY, "on") == 102


# --- whatever happens


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_histories_are_linearizable_and_nothing_is_lost(first: int) -> None:
    for seed in range(first, first + 50):
        world = World(seed)
        world.suffer(150)
        world.recover()
        assert is_linearizable(world.history), f"seed {seed}"


def test_reads_that_need_no_quorum_are_not_linearizable() -> None:
    assert not all(_holds(seed, serializable=True) for seed in range(20))


def test_a_store_that_answers_too_early_is_caught() -> None:
    assert not all(_holds(seed, kind=Hasty) for seed in range(20))


def _holds(seed: int, serializable: bool = False, kind: type[Members] = Members) -> bool:
    world = World(seed, kind)
    world.serializable_reads = serializable
    world.suffer(150)
    return is_linearizable(world.history)


def test_the_checker_knows_good_histories_from_bad_ones() -> None:
    timed_out = Call("write", "a", 1, None, None)
    sees, sees_not = Call("read", "a", None, None, 1), Call("read", "a", None, None, None)
    assert is_linearizable([timed_out, sees_not, sees])
    assert is_linearizable([timed_out, sees_not])
    assert not is_linearizable([timed_out, sees, sees_not])
    assert not is_linearizable([Call("write", "a", 1, None, True), sees_not])
    assert is_linearizable([Call("write", "a", 1, None, True), sees])
    assert not is_linearizable([Call("write", "a", 1, None, False)])


def test_the_same_seed_gives_the_same_history() -> None:
    histories: list[Any] = []
    for _ in range(2):
        world = World(7)
        world.suffer(200)
        histories.append((world.history, world.acknowledged))
    assert histories[0] == histories[1]


def test_a_copy_goes_on_as_the_original_would_have() -> None:
    for seed in range(5):
        world = World(seed)
        world.suffer(100)
        copy = fork(world)
        kept = Snapshot(world)
        results: list[Any] = []
        for each in (world, copy, world):
            if results:
                kept.restore() if each is world else None
            each.suffer(100)
            each.recover()
            results.append((list(each.history), list(each.acknowledged)))
        assert results[0] == results[1] == results[2]
