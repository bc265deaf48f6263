"""What an autoscaler's pods ask for, and how fast it may go by its policies."""

from types import SimpleNamespace
from typing import Any

import pytest

from kubecourse.api import models
from kubecourse.control_plane.controller_manager.replica_calculator import (
    Look,
    NoMetric,
    Use,
    by_average,
    limit,
    look,
    stabilized,
    with_requests,
)

autoscaling = models.autoscaling_v2
ObjectMeta = models.meta_v1.ObjectMeta
core = models.core_v1


def asking(cpu: str | None) -> Any:
    return core.ResourceRequirements(requests={"cpu": cpu} if cpu else {"memory": "1Mi"})


def pod(*cpus: str, whole: Any = None, **inits: str) -> Any:
    """A pod whose containers request so much, with init containers by their restart policy."""
    spec = core.PodSpec(
        containers=[
            core.Container(name=f"c{number}", resources=asking(cpu))
            for number, cpu in enumerate(cpus)
        ],
        initContainers=[
            core.Container(
                name=policy, resources=asking(cpu), restartPolicy=policy.strip("_") or None
            )
            for policy, cpu in inits.items()
        ],
        resources=whole,
    )
    return core.Pod(metadata=ObjectMeta(name="p"), spec=spec)


def requested(pod: Any, part: str = "") -> int:
    return with_requests(Look({"p": Use(1, 0)}, {}, {}), [pod], "cpu", part).counted["p"].requested


def test_sidecars_request_as_containers_do_and_other_init_containers_do_not() -> None:
    assert requested(pod("100m", "50m", Always="20m", _="900m")) == 170
    assert requested(pod("100m", "50m", Always="20m", _="900m"), "Always") == 20


def test_what_a_pod_requests_as_a_whole_counts_instead() -> None:
    assert requested(pod("100m", whole=asking("400m"))) == 400
    assert requested(pod("100m", whole=asking("400m")), "c0") == 100
    with pytest.raises(NoMetric, match="missing pod-level request for cpu in Pod p"):
        requested(pod("", whole=asking(None)))


def test_a_container_that_a_measured_pod_lacks_is_named() -> None:
    measured = {"p": SimpleNamespace(obj=pod("100m"), parts={"c0": None})}
    with pytest.raises(NoMetric, match="container c1 not present in metrics for pod None/p"):
        look([], measured, "cpu", "c1", None)


def test_a_pod_that_has_finished_well_is_missed_and_a_failed_one_is_not() -> None:
    for phase, missing in (("Succeeded", ["p"]), ("Failed", [])):
        over = pod("100m")
        over.status = core.PodStatus(phase=phase)
        assert list(look([over], {}, "cpu", "", None).missing) == missing


def test_the_average_of_which_use_is_a_share_has_no_fractions() -> None:
    found = Look({"a": Use(220, 0), "b": Use(221, 0)}, {}, {})
    assert by_average(2, found, 200, (0.1, 0.1)) == (2, None, 220)
    assert by_average(2, found, 199, (0.1, 0.1)) == (3, None, 220)


def test_without_rules_a_recommendation_of_before_can_raise_what_there_is() -> None:
    assert stabilized(None, 2, [(10.0, 5)], 0, 300, 100.0) == 5
    assert stabilized(2, 2, [(10.0, 5)], 0, 300, 100.0) == 2


def rules(*policies: tuple[str, int, int], select: str | None = None) -> Any:
    """Policies as type, value and period in seconds."""
    return autoscaling.HPAScalingRules(
        selectPolicy=select,
        policies=[
            autoscaling.HPAScalingPolicy(type=kind, value=value, periodSeconds=seconds)
            for kind, value, seconds in policies
        ],
    )


def test_what_came_and_what_went_in_the_period_both_count() -> None:
    changes = [(10.0, 6), (50.0, 4), (80.0, -3)]
    pods = rules(("Pods", 5, 60))
    # Of 11 pods now there were 10 a minute ago.
    assert limit(pods, 11, changes, 100.0, True) == 15
    assert limit(pods, 11, changes, 100.0, False) == 5
    assert limit(rules(("Percent", 50, 60)), 11, changes, 100.0, False) == 5


@pytest.mark.parametrize(
    ("percent", "start", "most"), [(100, 3, 6), (10, 50, 56), (10, 9, 10), (50, 1, 2)]
)
def test_a_share_is_worked_out_as_the_real_one_does(percent: int, start: int, most: int) -> None:
    assert limit(rules(("Percent", percent, 15)), start, [], 0.0, True) == most


def test_the_policy_that_changes_most_counts_unless_the_least_is_asked_for() -> None:
    both = ("Pods", 4, 15), ("Percent", 100, 15)
    assert limit(rules(*both), 10, [], 0.0, True) == 20
    assert limit(rules(*both, select="Min"), 10, [], 0.0, True) == 14
    assert limit(rules(*both, select="Min"), 10, [], 0.0, False) == 6
    assert limit(rules(*both, select="Disabled"), 10, [], 0.0, True) == 10
