"""The scheduler at an API server: what it does over time."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.scheduler import NEEDED, Decision, decide
from kubecourse.control_plane.scheduler.footprint import footprint
from tests.control_plane.scheduler.objects import node, pod
from tests.control_plane.scheduler.replay import World

core = models.core_v1


def create(world: World, obj: Any) -> Any:
    stored = world.client.create(obj)
    if isinstance(obj, core.Node):  # take away the taint that every new node gets
        stored = world.client.update(replace(stored, spec=obj.spec))
    return stored


def homes(world: World) -> dict[str, str | None]:
    return {p.metadata.name: p.spec.nodeName for p in world.client.list(core.Pod)}


def reasons(world: World, name: str) -> list[tuple[str | None, int | None]]:
    return [(e.reason, e.count) for e in world.events() if e.involvedObject.name == name]


def test_pods_that_came_before_the_nodes_are_scheduled_when_a_node_comes() -> None:
    world = World()
    create(world, pod("p"))
    world.settle()
    assert homes(world) == {"p": None}
    create(world, node("a"))
    world.settle()
    assert homes(world) == {"p": "a"}


def test_other_schedulers_pods_are_left_alone() -> None:
    world = World()
    create(world, node("a"))
    mine = pod("p")
    create(world, replace(mine, spec=replace(mine.spec, schedulerName="mine")))
    world.settle()
    assert homes(world) == {"p": None}


def test_a_scheduler_that_stopped_does_nothing_and_picks_up_where_it_left() -> None:
    world = World()
    create(world, node("a", pods="2"))
    create(world, pod("p"))
    world.settle()
    world.scheduler.stop()
    create(world, pod("q"))
    world.settle()
    assert homes(world) == {"p": "a", "q": None}
    world.scheduler.start()
    create(world, pod("r"))
    world.settle()
    assert homes(world) == {"p": "a", "q": "a", "r": None}


def test_a_pod_nothing_helps_is_tried_again_after_five_minutes() -> None:
    world = World()
    create(world, node("a"))
    create(world, pod("p", requests={"cpu": "9"}))
    world.settle()
    assert reasons(world, "p") == [("FailedScheduling", 1)]
    world.clock.advance(299)
    assert reasons(world, "p") == [("FailedScheduling", 1)]
    world.clock.advance(61)
    assert reasons(world, "p") == [("FailedScheduling", 2)]


def test_only_what_may_help_makes_it_try_again() -> None:
    world = World()
    create(world, node("a"))
    create(world, pod("p", requests={"cpu": "9"}))
    world.settle()
    create(world, node("b"))  # no larger than the other
    world.settle()
    create(world, pod("q"))
    world.settle()
    assert reasons(world, "p") == [("FailedScheduling", 1)]
    create(world, node("c", cpu="10"))
    world.settle()
    assert homes(world)["p"] == "c"


def test_a_label_or_a_taint_gone_makes_room() -> None:
    world = World()
    create(world, node("a"))
    create(world, pod("p", nodeSelector={"disk": "ssd"}))
    world.settle()
    found = world.client.get(core.Node, "a")
    labels = {**found.metadata.labels, "disk": "ssd"}
    taint = core.Taint(key="k", effect="NoSchedule")
    world.client.update(
        replace(
            found,
            metadata=replace(found.metadata, labels=labels),
            spec=replace(found.spec, taints=[taint]),
        )
    )
    world.settle()
    assert homes(world) == {"p": None}
    found = world.client.get(core.Node, "a")
    world.client.update(replace(found, spec=replace(found.spec, taints=None)))
    world.settle()
    assert homes(world) == {"p": "a"}


def test_explain_says_why_here_and_why_pending() -> None:
    world = World()
    create(world, node("a", unschedulable=True))
    create(world, node("b"))
    create(world, node("c", cpu="8"))
    world.settle()
    create(world, pod("q", requests={"cpu": "9"}))
    world.settle()

    def explained(obj: Any) -> Decision:
        return decide(obj, {cls: world.client.list(cls) for cls in NEEDED}, 0.0)

    here = explained(pod("p", requests={"cpu": "1"}))
    assert (here.node, here.best, here.message) == ("", "c", "")
    a, b, c = here.nodes
    assert (a.fits, a.refused_by, a.reasons) == (
        False, "NodeUnschedulable", ("node(s) were unschedulable",)
    )  # fmt: skip
    assert b.fits and c.fits and c.total > b.total
    fit = c.scores["NodeResourcesFit"]
    assert (fit.raw, fit.normalized, fit.weighted) == (92, 92, 92)  # 7 of 8 CPUs, 98 % of memory
    assert a.passed == ()
    assert b.passed == ("NodeUnschedulable", "TaintToleration", "NodeResourcesFit")
    taints = c.scores["TaintToleration"]
    assert (taints.raw, taints.normalized, taints.weighted) == (0, 100, 300)

    pending = explained(world.pod("q"))
    assert (pending.node, pending.best) == ("", "")
    assert pending.message == (
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. no new claims "
        "to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for "
        "scheduling."
    )


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(["1", "2", "4"]), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["500m", "1", "2", "3"]), st.booleans()), max_size=15),
)
def test_what_fits_somewhere_is_scheduled(sizes: list[str], pods: list[tuple[str, bool]]) -> None:
    """Whatever comes and goes: in the end no pod waits that some node has room for."""

    def run() -> tuple[dict[str, str | None], list[tuple[str, str | None, str | None]]]:
        world = World()
        for number, cpu in enumerate(sizes):
            create(world, node(f"n{number}", cpu=cpu))
        for number, (cpu, leaves) in enumerate(pods):
            create(world, pod(f"p{number}", requests={"cpu": cpu}))
            world.settle()
            if leaves and number:
                world.delete_pod(f"p{number - 1}")
        world.settle()
        order = world.scheduler.cache.order
        for info in order:
            assert info.cpu <= info.cpu_total
        for waiting in world.client.list(core.Pod):
            if not waiting.spec.nodeName:
                needs = footprint(waiting.spec)
                assert all(info.cpu_total - info.cpu < needs.cpu for info in order)
        said = [(e.metadata.name, e.reason, e.message) for e in world.events()]
        return homes(world), said

    assert run() == run()


def named(*terms: list[str]) -> Any:
    """The affinity to the nodes of these names; all names of a term must be the node's."""
    selector = core.NodeSelector(
        nodeSelectorTerms=[
            core.NodeSelectorTerm(
                matchFields=[
                    core.NodeSelectorRequirement(key="metadata.name", operator="In", values=[name])
                    for name in names
                ]
            )
            for names in terms
        ]
    )
    wish = core.NodeAffinity(requiredDuringSchedulingIgnoredDuringExecution=selector)
    return core.Affinity(nodeAffinity=wish)


def test_only_the_nodes_that_a_pod_names_are_asked() -> None:
    world = World()
    for name in "abc":
        create(world, node(name, cpu="1"))
    create(world, pod("big", requests={"cpu": "2"}, affinity=named(["a"], ["c"])))
    create(world, pod("torn", affinity=named(["a", "b"])))
    create(world, pod("small", affinity=named(["b"], ["none"])))
    world.settle()
    said = {e.involvedObject.name: (e.message or "") for e in world.events()}
    assert homes(world) == {"big": None, "torn": None, "small": "b"}
    assert said["big"].startswith(
        "0/3 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity], "
        "2 Insufficient cpu."
    )
    assert said["torn"] == "0/3 nodes are available: pod affinity terms conflict. not found"
