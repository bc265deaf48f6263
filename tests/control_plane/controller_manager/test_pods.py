"""Which pods a scale-down deletes first, where everything else is equal."""

from typing import Any

import pytest

from kubecourse.api import models
from kubecourse.clock import START, Clock
from kubecourse.control_plane.controller_manager.pods import (
    DELETION_COST,
    deletion_cost,
    pods_to_delete,
)

core = models.core_v1


def ran(name: str, restarts: int) -> Any:
    return core.ContainerStatus(name=name, image="", imageID="", ready=True, restartCount=restarts)


def pod(name: str, app: int = 0, sidecar: int = 0, init: int = 0) -> Any:
    """A ready pod whose containers have restarted so often."""
    containers = [
        core.Container(name="helper", restartPolicy="Always"),
        core.Container(name="first"),
    ]
    return core.Pod(
        metadata=models.meta_v1.ObjectMeta(name=name, uid=name, creationTimestamp=START),
        spec=core.PodSpec(
            nodeName="n", initContainers=containers, containers=[core.Container(name="app")]
        ),
        status=core.PodStatus(
            phase="Running",
            conditions=[core.PodCondition(type="Ready", status="True", lastTransitionTime=START)],
            containerStatuses=[ran("app", app)],
            initContainerStatuses=[ran("helper", sidecar), ran("first", init)],
        ),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pod("one", app=2), pod("other", app=1, sidecar=9)),
        (pod("one", app=1, sidecar=2), pod("other", app=1, sidecar=1)),
    ],
)
def test_who_has_restarted_more_often_goes_and_sidecars_count_last(one: Any, other: Any) -> None:
    for pods in ([one, other], [other, one]):
        assert pods_to_delete(pods, (), 1, Clock()) == [one]


def test_the_restarts_of_what_only_begins_a_pod_say_nothing() -> None:
    pods = [pod("a", init=5), pod("b")]
    assert pods_to_delete(pods, (), 1, Clock()) == [pods[0]]
    assert pods_to_delete(pods[::-1], (), 1, Clock()) == [pods[1]]


@pytest.mark.parametrize(
    ("text", "cost"),
    [("7", 7), ("-7", -7), ("-07", -7), ("07", 0), ("+7", 0), ("x", 0), ("0", 0), (str(2**31), 0)],
)  # fmt: skip
def test_what_a_deletion_costs(text: str, cost: int) -> None:
    asked = models.meta_v1.ObjectMeta(name="p", annotations={DELETION_COST: text})
    assert deletion_cost(core.Pod(metadata=asked)) == cost
