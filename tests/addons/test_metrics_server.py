"""metrics-server and who listens to it, with containers that really use what they declare."""

import pytest

from kubecourse import Cluster
from kubecourse.tools import metrics

MIB = 2**20
POD = """
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  labels: {{app: {name}}}
  annotations: {{kubecourse.dev/cpu: "{cpu}", kubecourse.dev/memory: "{memory}"}}
spec:
  containers:
  - name: c
    image: nginx
    resources: {resources}
"""


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=1)
    cluster.install("metrics-server", "vertical-pod-autoscaler")
    return cluster


def run(
    cluster: Cluster, name: str, cpu: str = "100m", memory: str = "50Mi", resources: str = "{}"
) -> None:
    text = POD.format(name=name, cpu=cpu, memory=memory, resources=resources)
    made = cluster.run("apply -f -", text)
    assert made.code == 0, made.stderr
    cluster.settle()


def test_top_shows_what_pods_use(cluster: Cluster) -> None:
    run(cluster, "web", "300m", "200Mi")
    cluster.advance(60)
    assert cluster.run("top pod").stdout.split()[3:] == ["web", "300m", "200Mi"]
    node = cluster.run("top node").stdout.split()[5:]
    assert node[0] == "node-1" and 300 <= int(node[1].removesuffix("m")) <= 400
    cluster.run("annotate pod web --overwrite kubecourse.dev/cpu=1500m")
    cluster.advance(31)
    assert cluster.run("top pod").stdout.split()[3:] == ["web", "1500m", "200Mi"]


def test_a_limit_shows_as_throttling(cluster: Cluster) -> None:
    run(cluster, "web", "2", resources="{limits: {cpu: 500m}}")
    cluster.advance(600)
    assert cluster.run("top pod").stdout.split()[4] == "500m"
    text = metrics.now(cluster)
    counted = {
        line.partition("{")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("container_cpu_cfs")
    }
    assert counted["container_cpu_cfs_periods_total"] == pytest.approx(6000, abs=60)
    assert counted["container_cpu_cfs_throttled_periods_total"] == pytest.approx(6000, abs=60)


SCALER = """
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: "Off"}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata:
      labels: {{app: web}}
      annotations: {{kubecourse.dev/cpu: "{cpu}", kubecourse.dev/memory: "{memory}"}}
    spec:
      containers:
      - {{name: c, image: nginx, resources: {resources}}}
"""


def recommended(cluster: Cluster, seconds: float, **given: str) -> dict[str, str]:
    for text in (DEPLOYMENT.format(**given), SCALER):
        assert cluster.run("apply -f -", text).code == 0
    cluster.advance(seconds)
    (found,) = cluster.get("vpa/web").status.recommendation.containerRecommendations
    target: dict[str, str] = found.target
    return target


def test_a_daily_pattern_is_learnt(cluster: Cluster) -> None:
    target = recommended(
        cluster, 3 * 86_400, cpu="sine(100m, 900m, 1d)", memory="400Mi", resources="{}"
    )
    # The day's 90th percentile is 880m; a bucket of 5 % and a margin of 15 % go on top.
    assert 880 * 1.15 <= int(target["cpu"].removesuffix("m")) <= 880 * 1.15 * 1.06


def test_whoever_is_killed_for_memory_is_given_more(cluster: Cluster) -> None:
    target = recommended(
        cluster, 900, cpu="10m", memory="ramp(100Mi, 600Mi, 300s)",
        resources="{requests: {memory: 400Mi}, limits: {memory: 400Mi}}",
    )  # fmt: skip
    pods = cluster.list("pods")
    assert pods[0].status.containerStatuses[0].restartCount >= 1
    # 100 MiB more than was requested, a bucket of 5 % and the margin on top.
    assert 500 * MIB * 1.15 <= int(target["memory"]) <= 500 * MIB * 1.15 * 1.06


def test_use_is_added_up_over_time(cluster: Cluster) -> None:
    run(cluster, "a", "300m", "100Mi")
    run(cluster, "b", "steps(100m, 1h, 500m)", "200Mi")
    cluster.advance(2 * 3600)
    use = metrics.totals(cluster, 600, 7000, step=100)
    assert list(use) == ["default"]
    times, cores, memory = use["default"]
    assert len(times) == len(cores) == len(memory) == 65
    assert cores[0] == pytest.approx(0.4) and cores[-1] == pytest.approx(0.8)
    assert memory[10] == pytest.approx(300 * MIB)
    by_pod = metrics.totals(cluster, 600, 7000, step=100, by="pod")
    assert sorted(by_pod) == ["default/a", "default/b"]
