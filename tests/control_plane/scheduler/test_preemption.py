"""Who has to go for a more important pod, and where."""

import json
from random import Random

from kubecourse.api import models
from kubecourse.control_plane.scheduler.algorithm import Algorithm, NoFit
from tests.control_plane.scheduler.objects import cache, node, pod
from tests.control_plane.scheduler.replay import World

policy, meta = models.policy_v1, models.meta_v1


def preempt(incoming, known, budgets=()):
    algorithm = Algorithm(known, Random(1))
    try:
        algorithm.find(incoming)
    except NoFit as why:
        before = {name: list(info.pods) for name, info in known.nodes.items()}
        outcome = algorithm.preempt(incoming, why, list(budgets), 0.0)
        assert {name: list(info.pods) for name, info in known.nodes.items()} == before
        return outcome
    raise AssertionError("it fits")


def victims(incoming, known, budgets=()):
    candidate = preempt(incoming, known, budgets)
    return candidate.node.name, [victim.metadata.name for victim in candidate.victims]


def small(name, priority=0, cpu="1", **fields):
    return pod(name, requests={"cpu": cpu}, priority=priority, **fields)


def test_no_more_pods_go_than_must():
    known = cache(node("a"), a=[small(name, started=number) for number, name in enumerate("pqrs")])
    # Two of four CPUs are wanted; of equals the youngest go.
    assert victims(small("big", 10, "2"), known) == ("a", ["r", "s"])


def test_the_least_important_victims_are_the_best():
    known = cache(
        node("a", cpu="1"), node("b", cpu="1"), node("c", cpu="1"),
        a=[small("x", 5)], b=[small("y", 3)], c=[small("z", 4)],
    )  # fmt: skip
    assert victims(small("big", 10), known) == ("b", ["y"])


def test_then_the_fewest_then_the_youngest():
    halves = [small("x", 1, "500m"), small("y", 1, "500m")]
    known = cache(
        node("a", cpu="1"), node("b", cpu="1"), node("c", cpu="1"),
        a=halves, b=[small("old", 1, started=1)], c=[small("young", 1, started=9)],
    )  # fmt: skip
    assert victims(small("big", 10), known) == ("c", ["young"])


def test_budgets_are_respected_where_there_is_a_choice():
    budget = policy.PodDisruptionBudget(
        metadata=meta.ObjectMeta(name="b", namespace="default"),
        spec=policy.PodDisruptionBudgetSpec(selector=meta.LabelSelector(matchLabels={"app": "x"})),
        status=policy.PodDisruptionBudgetStatus(
            currentHealthy=1, desiredHealthy=1, disruptionsAllowed=0, expectedPods=1
        ),
    )
    guarded = pod("guarded", {"app": "x"}, requests={"cpu": "1"}, priority=1)
    known = cache(node("a", cpu="1"), node("b", cpu="1"), a=[guarded], b=[small("free", 2)])
    assert victims(small("big", 10), known) == ("a", ["guarded"])
    assert victims(small("big", 10), known, [budget]) == ("b", ["free"])


def test_equals_and_betters_stay():
    known = cache(node("a", cpu="1"), a=[small("x", 10)])
    assert preempt(small("big", 10), known) == (
        "0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )


def test_a_pod_may_be_forbidden_to_preempt():
    known = cache(node("a", cpu="1"), a=[small("x", 0)])
    polite = small("polite", 10, preemptionPolicy="Never")
    assert preempt(polite, known) == "not eligible due to preemptionPolicy=Never."


def test_where_it_does_not_help_the_reason_is_told():
    # Without x there is still y in the way, which is more important.
    known = cache(node("a", cpu="2"), a=[small("x", 0), small("y", 20)])
    found = preempt(small("big", 10, "2"), known)
    assert found == "0/1 nodes are available: 1 Insufficient cpu."


def test_what_another_was_promised_is_not_promised_again():
    known = cache(node("a", cpu="1"), node("b", cpu="1"), a=[small("x")], b=[small("y")])
    algorithm = Algorithm(known, Random(1))
    algorithm.promises.note(small("first", 10), "a")
    second = small("second", 10)
    room = _room(algorithm, second)
    assert room.node.name == "b"
    algorithm.promises.note(second, "b")
    assert _room(algorithm, small("third", 10)) == ("0/2 nodes are available: 2 Insufficient cpu.")
    # One that matters more takes the place of either.
    assert _room(algorithm, small("chief", 20)).node.name in ("a", "b")


def _room(algorithm, incoming):
    try:
        algorithm.find(incoming)
    except NoFit as why:
        return algorithm.preempt(incoming, why, [], 0.0)
    raise AssertionError("it fits")


def test_who_matters_less_loses_its_promise_and_nobody_is_told_twice_to_go():
    world = World()
    for name, value in (("some", 10), ("much", 20)):
        world.client.create(
            models.scheduling_v1.PriorityClass(metadata=meta.ObjectMeta(name=name), value=value)
        )
    world.add_node({"name": "a", "cpu": 1})
    wanted = (("victim", None), ("middling", "some"), ("important", "much"))
    for number, (name, importance) in enumerate(wanted):
        spec = {"containers": [{"name": "c", "image": "app:1"}]}
        spec["containers"][0]["resources"] = {"requests": {"cpu": "700m"}}
        if importance:
            spec["priorityClassName"] = importance
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        world.create(json.dumps(pod))
        world.settle()
        nominated = [world.pod(each).status.nominatedNodeName for each, _ in wanted[: number + 1]]
        assert nominated == [[None], [None, "a"], [None, "a", "a"]][number]
    # The victim was going already: it is not preempted again, and nothing is taken back for that.
    assert [e.reason for e in world.events()].count("Preempted") == 1
