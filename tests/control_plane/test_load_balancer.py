"""Clients find an API server that answers, and their watches neither miss nor repeat anything."""

from typing import Any

import pytest

from kubecourse.api import models
from kubecourse.api.errors import ApiError, Unreachable
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.load_balancer import Connection
from kubecourse.control_plane.machines import ControlPlane

core = models.core_v1
NAMES = ("control-plane-1", "control-plane-2", "control-plane-3")
FIRST, SECOND, THIRD = NAMES
PREFIX = "/registry/configmaps/"


class World:
    """A control plane whose schedulers and controllers do not run, and clients of it."""

    def __init__(self, machines: int = 3, seed: int = 0) -> None:
        self.clock = Clock(seed)
        self.plane = ControlPlane(self.clock, dict.fromkeys(NAMES[:machines], ""))
        self.written = 0
        self.client("").create(core.Namespace(metadata=_named("default", None)))

    def client(self, place: str) -> Client:
        return Client(Connection(self.plane.balancer, place), self.clock, "test")

    def where(self, connection: Connection) -> str:
        return next(m.name for m in self.plane if m.server is connection.server)

    def write(self, client: Client) -> bool:
        self.written += 1
        try:
            client.create(core.ConfigMap(metadata=_named(f"n{self.written}")))
        except ApiError:
            return False
        return True


class Listener:
    """Hears of all ConfigMaps."""

    def __init__(self, client: Client) -> None:
        self.heard: list[tuple[str, int]] = []
        self.stream: Any = client.watch(core.ConfigMap, self.hear)

    def hear(self, changes: list[Any]) -> None:
        self.heard += [(c.type, int(c.object.metadata.resourceVersion)) for c in changes]


def _named(name: str, namespace: str | None = "default") -> Any:
    return models.meta_v1.ObjectMeta(name=name, namespace=namespace)


def _connections(world: World, number: int = 6) -> list[Connection]:
    made = [Connection(world.plane.balancer, f"node-{n}") for n in range(number)]
    for connection in made:
        assert connection.server
    return made


def test_clients_are_spread_over_all_machines_and_stay_where_they_are() -> None:
    world = World()
    made = _connections(world)
    before = [world.where(connection) for connection in made]
    assert sorted(before) == sorted(NAMES * 2)
    world.clock.advance(1000)
    assert [world.where(connection) for connection in made] == before


def test_who_is_refused_goes_elsewhere_at_once() -> None:
    world = World()
    made = _connections(world)
    world.plane.stop_component("kube-apiserver", FIRST)
    assert {world.where(connection) for connection in made} == {SECOND, THIRD}


def test_clients_of_a_machine_that_vanished_wait_until_the_balancer_has_noticed() -> None:
    world = World()
    made = _connections(world)
    lost = [connection for connection in made if world.where(connection) == FIRST]
    person = Connection(world.plane.balancer)
    world.plane.fail(FIRST)
    assert world.where(person) in (SECOND, THIRD)  # who types a command makes a new connection
    world.clock.advance(3.9)
    for connection in lost:
        with pytest.raises(Unreachable, match="refused"):
            assert connection.server
    world.clock.advance(2.2)
    assert {world.where(connection) for connection in made} == {SECOND, THIRD}
    world.plane.recover(FIRST)
    world.clock.advance(20)
    assert {world.where(connection) for connection in made} == {SECOND, THIRD}
    assert world.plane[FIRST].in_rotation
    assert FIRST in {world.where(connection) for connection in _connections(world)}


def test_a_server_whose_etcd_has_no_quorum_gets_no_clients_unless_none_has() -> None:
    world = World()
    made = _connections(world)
    world.plane.stop_component("etcd", FIRST)
    world.clock.advance(10)
    assert [fact.in_rotation for fact in world.plane.facts()] == [False, True, True]
    assert {world.where(connection) for connection in made} == {SECOND, THIRD}
    world.plane.stop_component("etcd", SECOND)
    world.clock.advance(10)
    assert [fact.apiserver for fact in world.plane.facts()] == ["not ready"] * 3
    assert not world.plane.has_quorum
    assert not world.write(world.client("somewhere"))
    world.plane.start_component("etcd", FIRST)
    world.clock.advance(10)
    assert [fact.in_rotation for fact in world.plane.facts()] == [True, False, True]
    assert world.write(world.client("somewhere"))


def test_who_is_cut_off_with_a_minority_reaches_only_that() -> None:
    world = World()
    inside, outside = (Connection(world.plane.balancer, place) for place in ("node-1", "node-2"))
    listener = Listener(Client(inside, world.clock, "test"))
    world.write(world.client(""))
    world.clock.advance(1)
    world.plane.partition([FIRST, "node-1"], [SECOND, THIRD])
    world.clock.advance(10)
    assert world.where(inside) == FIRST
    assert world.where(outside) in (SECOND, THIRD)
    assert world.write(world.client("node-2"))
    assert not world.write(world.client("node-1"))
    world.clock.advance(1)
    assert len(listener.heard) == 1
    world.plane.partition()
    world.clock.advance(10)
    assert len(listener.heard) == 2


def test_a_watch_that_nobody_answers_begins_when_somebody_does() -> None:
    for machines in (1, 3):
        world = World(machines)
        world.write(world.client(""))
        for name in NAMES[:machines]:
            world.plane.fail(name)
        listener = Listener(world.client("node-1"))
        world.clock.advance(100)
        for name in NAMES[:machines]:
            world.plane.recover(name)
        world.clock.advance(10)
        assert [kind for kind, _ in listener.heard] == ["ADDED"]
        listener.stream.stop()
        assert world.plane.balancer.connections == []


ACTS = ("fail", "recover", "recover", "stop_component", "start_component", "partition", "write",
        "write", "write", "write")  # fmt: skip


@pytest.mark.parametrize("machines", [1, 3])
def test_watches_that_move_miss_nothing_and_hear_nothing_twice(machines: int) -> None:
    for seed in range(40):
        world = World(machines, seed)
        rng, plane = world.clock.rng("what happens"), world.plane
        clients = [world.client(f"node-{n}") for n in range(4)]
        listeners = [Listener(client) for client in clients]
        for _ in range(80):
            act, name = rng.choice(ACTS), rng.choice(NAMES[:machines])
            if act == "write":
                for _ in range(rng.choice([1, 5])):
                    world.write(rng.choice(clients))
            elif act == "partition":
                plane.partition(*rng.choice([(), ([name],), ([name, "node-0"], ["node-1"])]))
            elif act.endswith("component"):
                getattr(plane, act)(rng.choice(["etcd", "kube-apiserver"]), name)
            else:
                getattr(plane, act)(name)
            world.clock.advance(rng.choice([0.0, 0.0005, 0.001, 0.3, 3.0, 8.0]))
        plane.partition()
        for name in NAMES[:machines]:
            plane.recover(name)
        for machine in plane:
            for program in machine.programs.values():
                program.stop()
        world.clock.advance(30)
        history = [event.revision for event in plane.store.history(PREFIX, 0)]
        for listener in listeners:
            assert listener.heard == [("ADDED", revision) for revision in history], f"seed {seed}"
