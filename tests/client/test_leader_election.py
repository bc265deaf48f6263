"""One of several copies of a program works at a time; when it is gone another takes over."""

from itertools import pairwise
from typing import Any

from kubecourse.api import models
from kubecourse.client import Client
from kubecourse.client.leader_election import LeaderElector
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd, Stopped

Lease = models.coordination_v1.Lease


class Program:
    """Notes when it runs."""

    name = "kube-scheduler"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.since: float | None = None
        self.ran: list[tuple[float, float]] = []

    def start(self) -> None:
        assert self.since is None
        self.since = self.clock.now

    def stop(self) -> None:
        assert self.since is not None
        self.ran.append((self.since, self.clock.now))
        self.since = None


class World:
    """Copies on machines `m1`, `m2`, … with an API server that can be cut off from its etcd."""

    def __init__(self, copies: int = 3, elect: bool = True) -> None:
        self.clock = Clock()
        self.etcd = Etcd()
        self.server = APIServer(self.clock, self.etcd)
        self.client = Client(self.server, self.clock, "test")
        metadata = models.meta_v1.ObjectMeta(name="kube-system")
        self.client.create(models.core_v1.Namespace(metadata=metadata))
        self.programs = [Program(self.clock) for _ in range(copies)]
        self.copies = [
            LeaderElector(self.client, program, f"m{number}", "default-scheduler", elect)
            for number, program in enumerate(self.programs, 1)
        ]
        for copy in self.copies:
            copy.start()

    def states(self) -> str:
        return " ".join(copy.state for copy in self.copies)

    def lease(self) -> Any:
        return self.client.get(Lease, "kube-scheduler", "kube-system").spec

    def cut(self) -> None:
        self.server.etcd = Stopped(self.etcd)
        self.clock.attend()

    def join(self) -> None:
        self.server.etcd = self.etcd
        self.clock.attend()


def test_the_first_to_come_leads_and_says_so() -> None:
    world = World()
    assert world.states() == "leading waiting waiting"
    assert world.lease().holderIdentity == world.copies[0].identity
    assert world.lease().leaseTransitions == 0
    event: Any
    (event,) = world.client.list(models.core_v1.Event, "kube-system")
    assert (event.reason, event.source.component) == ("LeaderElection", "default-scheduler")
    assert event.message == f"{world.copies[0].identity} became leader"
    assert event.message.startswith("m1_")


def test_it_renews_every_two_seconds_while_somebody_looks() -> None:
    world = World()
    world.clock.advance(61)
    assert world.clock.seconds(world.lease().renewTime) == 60
    assert world.lease().acquireTime < world.lease().renewTime
    assert world.states() == "leading waiting waiting"


def test_an_idle_hour_costs_few_renewals_and_no_change_of_leader() -> None:
    world = World()
    world.clock.advance(200)
    before = world.etcd.revision
    world.clock.advance(3600)
    assert world.etcd.revision - before < 100
    assert world.states() == "leading waiting waiting"


def test_when_it_dies_another_takes_over_once_the_lease_has_run_out() -> None:
    world = World()
    world.clock.advance(61)
    world.copies[0].stop()
    world.clock.advance(14)
    assert world.states() == "stopped waiting waiting"
    world.clock.advance(6)
    assert world.states().count("leading") == 1
    assert world.lease().leaseTransitions == 1
    (since,) = [p.since for p in world.programs if p.since is not None]
    assert since is not None
    # 15 s after the last renewal that it has seen, which it saw up to 4.4 s late.
    assert 60 + 15 <= since <= 60 + 15 + 2 * 4.4
    world.copies[0].start()
    assert world.copies[0].state == "waiting"


def test_a_leader_that_cannot_renew_for_ten_seconds_ends_and_is_started_again() -> None:
    world = World()
    world.clock.advance(61)
    world.cut()
    world.clock.advance(8)
    assert world.states() == "leading waiting waiting"
    world.clock.advance(3)
    assert world.programs[0].ran == [(0.0, 70.0)]
    assert world.states() == "restarting waiting waiting"
    world.join()
    world.clock.advance(40)
    assert world.states().count("leading") == 1 and "restarting" not in world.states()


def test_restarts_wait_longer_each_time_up_to_five_minutes() -> None:
    world = World(copies=1)
    world.clock.advance(1)
    world.cut()
    world.clock.advance(3600)
    world.join()
    world.clock.advance(300)
    assert world.states() == "leading"
    assert world.programs[0].since is not None


def test_there_are_never_two_leaders_whatever_happens() -> None:
    for seed in range(20):
        world = World()
        rng = Clock(seed).rng("what happens")
        for _ in range(60):
            copy = rng.choice(world.copies)
            rng.choice([world.cut, world.join, copy.start, copy.stop, world.join])()
            world.clock.advance(rng.choice([0.5, 3, 9, 30]))
            assert world.states().count("leading") <= 1
        spans = sorted(span for program in world.programs for span in program.ran)
        assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))
        world.join()
        for copy in world.copies:
            copy.start()
        world.clock.advance(400)
        assert world.states().count("leading") == 1


def test_without_election_it_works_at_once_and_leaves_no_lease() -> None:
    world = World(copies=1, elect=False)
    assert world.states() == "leading"
    assert world.client.list(Lease) == []
    assert not world.clock.pending(world.copies[0]._timer)
    world.cut()
    world.copies[0].watch_out()
    world.clock.advance(9)
    assert world.states() == "leading"
    world.clock.advance(2)
    assert world.states() == "restarting"
    world.join()
    world.clock.advance(15)
    assert world.states() == "leading"
