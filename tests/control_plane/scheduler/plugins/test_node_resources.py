"""Room on nodes: what fits, and which node is better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.control_plane.scheduler.plugins.node_resources import (
    NodeResourcesBalancedAllocation,
    NodeResourcesFit,
    balance,
)
from tests.control_plane.scheduler.objects import cache, container, node, pod, refusals, scores
from tests.oracles import oracle


def quantities(resources):
    """The oracle counts CPU in thousandths here, as the scheduler does."""
    return {name: f"{n}m" if name == "cpu" else str(n) for name, n in resources.items()}


@pytest.mark.parametrize("case", oracle("least_allocated")["cases"], ids=lambda case: case["name"])
def test_least_allocated(case):
    nodes = []
    for name, resources in case["nodes"].items():
        given = quantities({"cpu": 0, "memory": 0, **resources})
        cpu, memory = given.pop("cpu"), given.pop("memory")
        nodes.append(node(name, cpu=cpu, memory=memory, other=given))
    known = cache(*nodes)
    for number, existing in enumerate(case["existing"]):
        containers = [container(quantities(c)) for c in existing["containers"]]
        known.place(pod(f"existing-{number}", containers=containers), existing["node"])
    incoming = pod("incoming", containers=[container(quantities(c)) for c in case["pod"]])

    class Fit(NodeResourcesFit):
        resources = tuple((each["name"], each["weight"]) for each in case["resources"])

    found = scores(Fit, incoming, known)
    assert {name: score for name, (score, _) in found.items()} == case["expected"]


def test_containers_without_requests_count_for_the_score_but_not_for_the_fit():
    known = cache(node("a", cpu="100m", memory="1Gi"))
    assert refusals(NodeResourcesFit, pod("p"), known) == {}
    assert scores(NodeResourcesFit, pod("p"), known) == {"a": (40, 40)}  # (0 + 80) / 2
    known.place(pod("q"), "a")
    assert refusals(NodeResourcesFit, pod("p"), known) == {}


def test_all_that_is_short_is_told():
    known = cache(
        node("a", cpu="1", memory="1Gi", pods="1"), a=[pod("q", requests={"cpu": "600m"})]
    )
    big = pod("p", requests={"cpu": "500m", "memory": "2Gi", "example.com/gpu": "1"})
    assert refusals(NodeResourcesFit, big, known) == {
        "a": "Too many pods, Insufficient cpu, Insufficient memory, Insufficient example.com/gpu"
    }


def test_init_containers_run_one_by_one_beside_their_sidecars():
    sidecar = container({"cpu": "200m"}, restartPolicy="Always")
    step = container({"cpu": "700m"})
    main = container({"cpu": "100m"})
    needs = pod("p", containers=[main], initContainers=[sidecar, step])
    assert refusals(NodeResourcesFit, needs, cache(node("a", cpu="900m"))) == {}
    assert refusals(NodeResourcesFit, needs, cache(node("a", cpu="899m"))) == {
        "a": "Insufficient cpu"
    }


def test_balance_counts_the_change_that_the_pod_makes():
    full_of_cpu = [pod("q", requests={"cpu": "2"})]
    known = cache(node("a"), node("b"), a=full_of_cpu)
    hungry = pod("p", requests={"memory": "8Gi"})
    found = scores(NodeResourcesBalancedAllocation, hungry, known)
    # a: from (50 %, 0 %) to (50 %, 50 %), 75 to 100; b: from even to (0 %, 50 %), 100 to 75.
    assert found == {"a": (87, 87), "b": (62, 62)}


def test_pods_without_requests_are_neither_balanced_nor_not():
    assert scores(NodeResourcesBalancedAllocation, pod("p"), cache(node("a"))) == {}


@given(*[st.integers(0, 10_000)] * 2, *[st.integers(1, 10_000)] * 2)
def test_balance_is_from_50_to_100(cpu, memory, cpu_total, memory_total):
    assert 50 <= balance(cpu, cpu_total, memory, memory_total) <= 100
