"""How far a rolling update may go at one step, held against upstream's own tables."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import models
from kubecourse.api.intstr import IntOrPercentError
from kubecourse.control_plane.controller_manager.deployment import rolling

apps = models.apps_v1
ORACLE = json.loads(
    (Path(__file__).parents[3] / "data/oracles/max_surge_max_unavailable.json").read_text()
)


def deployment(replicas, max_surge=None, max_unavailable=None, strategy="RollingUpdate"):
    update = apps.RollingUpdateDeployment(maxSurge=max_surge, maxUnavailable=max_unavailable)
    return apps.Deployment(
        spec=apps.DeploymentSpec(
            selector=models.meta_v1.LabelSelector(),
            template=models.core_v1.PodTemplateSpec(),
            replicas=replicas,
            strategy=apps.DeploymentStrategy(
                type=strategy, rollingUpdate=update if strategy == "RollingUpdate" else None
            ),
        )
    )


@pytest.mark.parametrize("case", ORACLE["resolve_fenceposts"])
def test_percentages_become_numbers_of_pods(case):
    given = (case["max_surge"], case["max_unavailable"], case["desired"])
    if case["expect_error"]:
        with pytest.raises(IntOrPercentError):
            rolling.resolve_fenceposts(*given)
        return
    expected = (case["expect_surge"], case["expect_unavailable"])
    assert rolling.resolve_fenceposts(*given) == expected


@pytest.mark.parametrize("case", ORACLE["max_unavailable"], ids=lambda case: case["name"])
def test_no_more_may_be_unavailable_than_are_wanted(case):
    given = deployment(
        case["replicas"],
        case.get("max_surge"),
        case["max_unavailable"],
        case.get("strategy", "RollingUpdate"),
    )
    assert rolling.max_unavailable(given) == case["expected"]


@pytest.mark.parametrize("case", ORACLE["new_rs_new_replicas"], ids=lambda case: case["name"])
def test_the_new_replica_set_grows_as_far_as_the_surge_allows(case):
    given = deployment(case["deployment_replicas"], case["max_surge"], strategy=case["strategy"])
    # As the oracle notes, the total is that of the other set alone.
    size = rolling.new_replicas(given, case["other_rs_replicas"], case["new_rs_replicas"])
    assert size == case["expected"]


sizes = st.lists(st.integers(0, 20), max_size=6)


@given(sizes, st.integers(0, 100))
def test_shrinking_takes_the_whole_budget_oldest_first(before, budget):
    after = rolling.shrink(before, budget)
    assert sum(before) - sum(after) == min(budget, sum(before))
    touched = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert all(after[i] == 0 for i in touched[:-1])


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6), st.integers(0, 50))
def test_cleaning_up_never_touches_an_available_pod(pairs, budget):
    before = [size for size, _ in pairs]
    available = [ready for _, ready in pairs]
    after, certain = rolling.clean_up(before, available, budget)
    assert sum(before) - sum(after) <= budget
    for size, left, ready in zip(before, after, available, strict=True):
        assert left == size or left >= ready
    if all(ready <= size for size, ready in pairs):
        assert certain
