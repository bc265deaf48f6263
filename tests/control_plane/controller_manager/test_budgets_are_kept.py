"""Model check: no eviction through the API takes from a budget what it must keep."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.api.intstr import scaled_value
from kubecourse.cluster import Cluster

core = models.core_v1
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "web:1"}}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: web}}
spec: {{{field}: {amount}, selector: {{matchLabels: {{app: web}}}}}}
"""


def healthy(cluster: Cluster) -> int:
    return sum(
        pod.metadata.deletionTimestamp is None
        and conditions.is_true(pod.status.conditions, "Ready")
        for pod in cluster.list("pods")
    )


@settings(max_examples=20)
@given(
    replicas=st.integers(1, 6),
    field=st.sampled_from(["minAvailable", "maxUnavailable"]),
    amount=st.sampled_from([0, 1, 2, "30%", "50%", "100%"]),
    tries=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([0.0, 0.0, 0.3, 4.0]), st.booleans()),
        min_size=3, max_size=14,
    ),
)  # fmt: skip
def test_evictions_keep_the_budget(
    replicas: int, field: str, amount: int | str, tries: list[tuple[int, float, bool]]
) -> None:
    cluster = Cluster(nodes=2)
    cluster.run("apply -f -", MANIFEST.format(replicas=replicas, field=field, amount=amount))
    cluster.settle()
    part = scaled_value(amount, replicas, round_up=True)
    least = part if field == "minAvailable" else replicas - part
    for which, wait, broken in tries:
        names = sorted(cluster.pods())
        name = names[which % len(names)]
        before = healthy(cluster)
        if broken:  # what happens by itself asks no budget
            with suppress(Exception):
                cluster.crash(name)
        else:
            with suppress(ApiError):
                cluster.client.evict("default", name)
                after = healthy(cluster)
                assert after == before or after >= least
        cluster.advance(wait)


def test_what_the_budget_allows_is_evicted() -> None:
    cluster = Cluster(nodes=2)
    cluster.run("apply -f -", MANIFEST.format(replicas=3, field="minAvailable", amount=2))
    cluster.settle()
    first, second, _ = cluster.pods()
    cluster.client.evict("default", first)
    with suppress(ApiError):
        cluster.client.evict("default", second)
    assert healthy(cluster) == 2
