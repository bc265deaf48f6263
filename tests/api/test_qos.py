"""Quality of service classes."""

from types import SimpleNamespace

import pytest

from kubecourse.api.qos import qos_class
from tests.oracles import oracle


def holder(resources):
    return SimpleNamespace(**resources) if resources is not None else None


def pod_spec(containers, init_containers=(), resources=None):
    return SimpleNamespace(
        containers=[SimpleNamespace(resources=holder(each)) for each in containers],
        initContainers=[SimpleNamespace(resources=holder(each)) for each in init_containers],
        resources=holder(resources),
    )


@pytest.mark.parametrize("case", oracle("qos_class")["cases"], ids=lambda case: case["name"])
def test_class_of_a_pod(case):
    spec = pod_spec(case["containers"], case["init_containers"], case["pod_resources"])
    assert qos_class(spec) == case["expected"]


def test_absent_is_the_same_as_empty():
    bare = SimpleNamespace(
        containers=[
            SimpleNamespace(resources=None),
            SimpleNamespace(resources=SimpleNamespace(requests=None, limits=None)),
        ],
        initContainers=None,
    )
    assert qos_class(bare) == "BestEffort"


def test_the_amount_counts_not_how_it_is_written():
    equal = {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": "0.5", "memory": "1024Mi"},
    }
    assert qos_class(pod_spec([equal])) == "Guaranteed"
