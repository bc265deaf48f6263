"""How fast an autoscaler may go, by its policies."""

from typing import Any

import pytest

from kubecourse.api import models
from kubecourse.control_plane.controller_manager.replica_calculator import limit

autoscaling = models.autoscaling_v2


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
