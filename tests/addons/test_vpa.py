"""The Vertical Pod Autoscaler: its arithmetic against one done another way, and what it does.

The other way keeps every sample. The age of each decides its weight, sorted amounts the percentile.
"""

from math import inf, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.addons.vpa import Observer, Usage, recommend
from kubecourse.addons.vpa.histogram import CPU, MEMORY, Histogram
from tests.addons.traced import Trace, Traced

MIB = 2**20
DAY = 86_400.0


def edges(first: float) -> list[float]:
    """Where buckets end, one after the other: each is 5 % wider than the one before."""
    ends, width = [first], first
    while len(ends) < 175:
        width *= 1.05
        ends.append(ends[-1] + width)
    return ends


def percentile(samples: list[tuple[float, float, float]], share: float, first: float) -> float:
    """Of samples (time, amount, weight): the upper end of the bucket that reaches the share."""
    ends, now = edges(first), max(time for time, _, _ in samples)
    weighed: dict[float, float] = {}
    for time, amount, weight in samples:
        end = next((end for end in ends if amount < end * (1 - 1e-12)), ends[-1])
        weighed[end] = weighed.get(end, 0.0) + weight * 0.5 ** ((now - time) / DAY)
    goal, total = share * sum(weighed.values()), 0.0
    for end in sorted(weighed):
        total += weighed[end]
        if total >= goal * (1 - 1e-9):
            return end
    raise AssertionError


def expected(cpu: Trace, memory: Trace, minutes: int) -> dict[str, dict[str, float]]:
    """Target, lower and upper bound after so many samples, one a minute from minute 1 on."""
    times = [60.0 * n for n in range(1, minutes + 1)]
    cores = [(time, cpu(time), 1.0) for time in times]
    peaks = []
    for day in range(int((times[-1] - times[0]) // DAY) + 1):
        start = times[0] + day * DAY
        peaks.append((start + DAY, max(memory(t) for t in times if start <= t < start + DAY), 1.0))
    days = min((times[-1] - times[0]) / DAY, minutes / 1440)
    factors = {"target": 1.0, "lower": (1 + 0.001 / days) ** -2, "upper": 1 + 1 / days}
    shares = {"target": 0.9, "lower": 0.5, "upper": 0.95}
    return {
        bound: {
            "cpu": max(percentile(cores, shares[bound], 0.01) * 1150 * factor, 25),
            "memory": max(percentile(peaks, shares[bound], 1e7) * 1.15 * factor, 250 * MIB),
        }
        for bound, factor in factors.items()
    }


TRACES: dict[str, tuple[Trace, Trace]] = {
    "steady": (lambda t: 0.25, lambda t: 300.0 * MIB),
    "daily": (lambda t: 0.5 - 0.4 * sin(2 * pi * t / DAY), lambda t: (400 + 100 * sin(t)) * MIB),
    "spike": (lambda t: 2.0 if t % DAY < 3600 else 0.1, lambda t: 300 * MIB + (t % DAY < 60) * 1e9),
    "leak": (lambda t: 0.2, lambda t: 300 * MIB + t * 2000),
    "step": (lambda t: 0.2 if t < 3 * DAY else 0.9, lambda t: (300 if t < 3 * DAY else 700) * MIB),
    "tiny": (lambda t: 0.001, lambda t: 10.0 * MIB),
}


@pytest.mark.parametrize("days", [0.01, 0.5, 1, 5])
@pytest.mark.parametrize("name", TRACES)
def test_the_recommendation_for_a_trace(name: str, days: float) -> None:
    cpu, memory = TRACES[name]
    usage = Usage()
    observer = Observer(usage)
    minutes = int(days * 1440)
    for minute in range(1, minutes + 1):
        observer.add(60.0 * minute, cpu(60.0 * minute), memory(60.0 * minute))
    found = recommend({"app": usage})["app"]
    for bound, amounts in expected(cpu, memory, minutes).items():
        for resource, amount in amounts.items():
            # The real one drops fractions of millicores and bytes twice, before the factor.
            slack = 3 + (2 / days if bound == "upper" else 0)
            assert getattr(found, bound)[resource] == pytest.approx(amount, abs=slack), bound


@given(st.lists(st.tuples(st.floats(0, 7 * DAY), st.floats(0.0, 900.0)), min_size=1, max_size=50))
def test_percentiles_are_those_of_all_samples_by_their_age(
    samples: list[tuple[float, float]],
) -> None:
    histogram = Histogram(CPU)
    for time, cores in samples:
        histogram.add(cores, 1.0, time)
    kept = [(time, cores, 1.0) for time, cores in samples]
    for share in (0.5, 0.9, 0.95):
        assert histogram.percentile(share) == pytest.approx(percentile(kept, share, 0.01))


def test_histograms_of_several_pods_are_added_up() -> None:
    together, one, other = Histogram(MEMORY), Histogram(MEMORY), Histogram(MEMORY)
    for number in range(100):
        amount, time = 1e8 + 1e7 * number, 3600.0 * number
        together.add(amount, 1.0, time)
        (one if number % 3 else other).add(amount, 1.0, time)
    one.merge(other)
    assert [one.percentile(p / 20) for p in range(21)] == [
        together.percentile(p / 20) for p in range(21)
    ]


def test_years_do_not_overflow() -> None:
    histogram = Histogram(CPU)
    for year in range(30):
        histogram.add(0.5 if year < 29 else 1.0, 1.0, year * 365 * DAY)
    assert histogram.percentile(0.5) > 1.0


@pytest.mark.parametrize(("seconds", "upper", "lower"), [
    (12 * 3600, 3.0, 1.0), (DAY, 2.0, 1.0), (7 * DAY, 1.14, 1.0),
    (300, None, 0.6), (1800, None, 0.9), (3600, None, 0.95),
])  # fmt: skip
def test_confidence_grows_as_upstream_documents(
    seconds: float, upper: float | None, lower: float
) -> None:
    usage = Usage()
    observer = Observer(usage)
    for minute in range(int(seconds / 60) + 1):
        observer.add(60.0 * minute, 10.0, 1e10)
    found = recommend({"app": usage})["app"]
    plain = found.target["cpu"]  # all samples are alike, so all percentiles are
    if upper is not None:
        assert found.upper["cpu"] / plain == pytest.approx(upper, abs=0.02)
    assert found.lower["cpu"] / plain == pytest.approx(lower, abs=0.05)


def test_without_history_the_bounds_say_nothing() -> None:
    usage = Usage()
    assert recommend({"app": usage}) == {}
    Observer(usage).add(0.0, 10.0, 1e10)
    found = recommend({"app": usage})["app"]
    assert found.upper == {"cpu": 10**14, "memory": 10**14}
    assert found.lower == {"cpu": 25, "memory": 250 * MIB}


def test_containers_share_the_least_that_a_pod_is_given() -> None:
    usages = {name: Usage() for name in ("a", "b")}
    for usage in usages.values():
        Observer(usage).add(0.0, 0.0, 0.0)
    found = recommend(usages)
    assert found["a"].target == {"cpu": 12, "memory": 125 * MIB} == found["b"].target


@pytest.mark.parametrize(("requested", "peak", "sample"), [
    (100 * MIB, 0, 200 * MIB),  # 100 MiB more
    (1000 * MIB, 0, 1200 * MIB),  # 20 % more
    (100 * MIB, 600 * MIB, 720 * MIB),  # of the peak, where that was more than the request
])  # fmt: skip
def test_whoever_was_killed_for_memory_needed_more(
    requested: float, peak: float, sample: float
) -> None:
    usage = Usage()
    observer = Observer(usage)
    if peak:
        observer.add(0.0, 0.1, peak)
    observer.oom(60.0, requested)
    end = next(end for end in edges(1e7) if sample < end)
    assert usage.memory.percentile(0.9) == pytest.approx(end)


# --- in a cluster


AUTOSCALER = """
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {{name: web}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  updatePolicy: {{updateMode: "{mode}"}}
  resourcePolicy:
    containerPolicies: {policies}
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster(nodes=2)
    meter = Traced(cluster.clock)
    monkeypatch.setattr(Cluster, "_meter", lambda self, node: meter)
    cluster.install("metrics-server", "vertical-pod-autoscaler")
    cluster.run("create deployment web --image=nginx --replicas=4")
    cluster.run("set resources deployment web --requests=cpu=1,memory=1Gi --limits=cpu=2")
    cluster.settle()
    return cluster


def autoscale(cluster: Cluster, mode: str, policies: str = "[]") -> None:
    made = cluster.run("apply -f -", AUTOSCALER.format(mode=mode, policies=policies))
    assert made.code == 0, made.stderr


def requests(cluster: Cluster) -> list[str]:
    pods = [p for p in cluster.list("pods") if p.metadata.deletionTimestamp is None]
    return [pod.spec.containers[0].resources.requests["cpu"] for pod in pods]


def test_off_recommends_and_changes_nothing(cluster: Cluster) -> None:
    autoscale(cluster, "Off")
    cluster.advance(DAY)
    assert cluster.run("get vpa").stdout.splitlines()[1].split()[:5] == [
        "web", "Off", "296m", "351198544", "True",
    ]  # fmt: skip
    (found,) = cluster.get("vpa/web").status.recommendation.containerRecommendations
    assert found.target == found.uncappedTarget == {"cpu": "296m", "memory": "351198544"}
    cluster.run("delete pod -l app=web")
    cluster.settle()
    assert requests(cluster) == ["1"] * 4


def test_initial_changes_new_pods_only(cluster: Cluster) -> None:
    autoscale(cluster, "Initial")
    cluster.advance(DAY)
    assert requests(cluster) == ["1"] * 4
    cluster.run(f"delete pod {cluster.pods()[0]}")
    cluster.settle()
    assert sorted(requests(cluster)) == ["1", "1", "1", "296m"]
    (new,) = [p for p in cluster.list("pods") if p.metadata.annotations]
    assert new.spec.containers[0].resources.limits == {"cpu": "592m"}  # still twice the request
    assert new.metadata.annotations["vpaUpdates"] == (
        "Pod resources updated by web: container 0: cpu request, memory request, cpu limit"
    )


def test_recreate_evicts_half_at_a_time(cluster: Cluster) -> None:
    autoscale(cluster, "Recreate")
    cluster.advance(DAY * 0.4)  # by then the upper bound is still above the request
    assert requests(cluster) == ["1"] * 4
    seen = set()
    for _ in range(360):
        cluster.advance(30)
        seen.add(requests(cluster).count("1"))
        if seen == {0, 2, 4}:
            break
    assert requests(cluster) == ["296m"] * 4
    assert 2 in seen and not seen - {0, 2, 4}
    reasons = [event.reason for event in cluster.list("events")]
    assert reasons.count("EvictedByVPA") == 4


def test_a_budget_is_kept(cluster: Cluster) -> None:
    budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\n"
    cluster.run(
        "apply -f -", budget + "spec: {minAvailable: 4, selector: {matchLabels: {app: web}}}"
    )
    autoscale(cluster, "Recreate")
    cluster.advance(DAY)
    assert requests(cluster) == ["1"] * 4


def test_a_single_replica_is_left_alone(cluster: Cluster) -> None:
    cluster.run("scale deployment web --replicas=1")
    autoscale(cluster, "Recreate")
    cluster.advance(DAY)
    assert requests(cluster) == ["1"]


@pytest.mark.parametrize(("policies", "cpu", "memory"), [
    ("[{containerName: '*', maxAllowed: {cpu: 100m}}]", "100m", "351198544"),
    ("[{containerName: nginx, minAllowed: {memory: 1Gi}}]", "296m", "1073741824"),
    ("[{containerName: nginx, controlledResources: [cpu]}]", "296m", None),
    ("[{containerName: nginx, mode: 'Off'}]", None, None),
])  # fmt: skip
def test_a_policy_bounds_what_is_recommended(
    cluster: Cluster, policies: str, cpu: str | None, memory: str | None
) -> None:
    autoscale(cluster, "Off", policies)
    cluster.advance(3600)
    found = cluster.get("vpa/web").status.recommendation
    target = found.containerRecommendations[0].target if found else {}
    assert (target.get("cpu"), target.get("memory")) == (cpu, memory)


def test_an_autoscaler_says_what_is_wrong(cluster: Cluster) -> None:
    autoscale(cluster, "Off")
    cluster.run("delete deployment web")
    cluster.advance(120)
    conditions = {c.type: c for c in cluster.get("vpa/web").status.conditions}
    assert conditions["ConfigUnsupported"].message.startswith("Cannot read targetRef. Reason: ")


def test_without_metrics_nothing_is_recommended() -> None:
    cluster = Cluster(nodes=1)
    cluster.install("vertical-pod-autoscaler")
    cluster.run("create deployment web --image=nginx")
    autoscale(cluster, "Off")
    cluster.advance(3600)
    assert cluster.run("get vpa").stdout.splitlines()[1].split()[:3] == ["web", "Off", "False"]


def test_a_copy_of_the_cluster_learns_by_itself(cluster: Cluster) -> None:
    autoscale(cluster, "Off")
    cluster.advance(3600)
    copy = cluster.fork()
    cluster.advance(DAY)
    before = copy.get("vpa/web").status
    copy.advance(DAY)
    assert copy.get("vpa/web").status == cluster.get("vpa/web").status != before
    assert inf > copy.now == cluster.now
