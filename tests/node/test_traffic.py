"""Requests over virtual time."""

from kubecourse.node.traffic import Traffic
from tests.node.world import World

PORT = [{"containerPort": 8080}]


def served(*pods: str, **image: object) -> World:
    world = World()
    world.images.declare("hello", **image)
    for pod in pods:
        world.run(pod, ports=PORT)
    world.clock.settle()
    world.serve("web", *pods)
    return world


def test_ten_a_second_by_default() -> None:
    world = served("a", "b")
    traffic = Traffic(world.network, world.clock, "http://web")
    traffic.start()
    world.clock.advance(10)
    traffic.stop()
    world.clock.advance(1)
    assert len(traffic.rows) == 101  # one at once, then one every 0.1 s
    assert all(row.ok for row in traffic.rows)
    assert sum(traffic.pods().values()) == 101
    middle = traffic.per_second()[1:-2]
    assert {(second.ok, second.failed) for second in middle} == {(10, 0)}


def test_kept_alive_it_stays_with_one_pod_until_that_is_gone() -> None:
    world = served("a", "b", "c")
    traffic = Traffic(world.network, world.clock, "http://web", keep_alive=True)
    traffic.start()
    world.clock.advance(10)
    (first,) = traffic.pods()
    world.container(first).behave("dead")
    others = {pod: (pod != first, False) for pod in "abc"}
    world.endpoints("web", others)
    world.clock.advance(5)
    assert len(traffic.pods()) == 2


def test_what_is_under_way_when_a_container_dies_has_failed() -> None:
    world = served("a", latency=0.5)
    traffic = Traffic(world.network, world.clock, "http://web", rate=100)
    traffic.start()
    world.clock.advance(2)
    assert traffic.pending > 20
    world.container("a").kill()
    world.clock.advance(0.4)
    reset = 'Get "http://web": read: connection reset by peer'
    assert traffic.failures()[reset] > 20
    assert any(why.endswith("connection refused") for why in traffic.failures())


def test_a_slow_answer_comes_later() -> None:
    world = served("a")
    world.container("a").behave("slow")
    traffic = Traffic(world.network, world.clock, "http://web", rate=1)
    traffic.start()
    world.clock.advance(1.5)
    assert traffic.rows == [] and traffic.pending == 2
    world.clock.advance(4)
    assert traffic.rows[0].latency > 2


def test_it_keeps_nobody_waiting() -> None:
    world = served("a")
    Traffic(world.network, world.clock, "http://web").start()
    before = world.clock.now
    assert world.clock.settle()
    assert world.clock.now - before < 1
