"""The order of nodes, and what is counted on them."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.scheduler.cache import Cache
from tests.control_plane.scheduler.objects import cache, container, node, pod

core = models.core_v1
ZONE = "topology.kubernetes.io/zone"


def names(known):
    return "".join(info.name for info in known.order)


def test_nodes_come_one_of_each_zone_in_turn():
    zones = {"a": "1", "b": "1", "c": "2", "d": "1", "e": "3", "f": "2"}
    known = cache(*[node(name, {ZONE: zone}) for name, zone in zones.items()])
    assert names(known) == "acebfd"
    known.remove_node("a")
    assert names(known) == "bcedf"
    known.set_node(node("b", {ZONE: "3"}))
    assert names(known) == "dcefb"


def test_heartbeats_change_nothing():
    known = cache(node("a"))
    assert names(known) == "a"
    epoch, changes = known.epoch, list(known.changes)
    again = node("a")
    assert not known.set_node(replace(again, status=replace(again.status, phase="Running")))
    assert (known.epoch, known.changes) == (epoch, changes)
    assert known.set_node(node("a", cpu="5"))
    assert known.changes


def test_pods_are_remembered_before_and_after_their_node():
    known = Cache()
    known.place(pod("p", requests={"cpu": "1"}), "a")
    assert names(known) == ""
    known.set_node(node("a"))
    assert known.nodes["a"].cpu == 1000
    known.remove_node("a")
    known.remove(("default", "p"))
    assert not known.nodes


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab"), st.booleans()), max_size=40))
def test_what_is_taken_is_the_sum_of_what_is_there(actions):
    known = cache(node("a"), node("b"))
    for number, where, comes in actions:
        if comes:
            port = core.ContainerPort(containerPort=1, hostPort=number + 1)
            given = container({"cpu": f"{number}m", "example.com/x": "1"}, ports=[port])
            each = pod(f"p{number}", {"n": str(number)}, containers=[given], priority=number)
            known.place(each, where)
        else:
            known.remove(("default", f"p{number}"))
    for info in known.order:
        there = [placed for placed in known.pods.values() if placed.node == info.name]
        assert len(info.pods) == len(info.ports) == len(there)
        assert info.cpu == sum(placed.footprint.cpu for placed in there)
        assert info.others.get("example.com/x", 0) == len(there)
        groups = sum(group.counts.get(info.name, 0) for group in known.groups.values())
        assert groups == len(there)
    assert sum(known.priorities.values()) == len(known.pods)
