"""A cluster's metrics: as text, and as a real Prometheus reads them."""

import json
import re
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubecourse import Cluster
from kubecourse.tools import metrics
from kubecourse.tools.metrics.containers import CONTAINERS
from kubecourse.tools.metrics.kube_state import FAMILIES
from tests.addons.traced import Traced

HOUR = 3600.0
DAY = 24 * HOUR


def week() -> Cluster:
    """A week in which on the third day a node is away for an hour, and a container restarts."""
    cluster = Cluster(nodes=4)
    cluster.run("create deployment web --image=nginx --replicas=8")
    cluster.run("set resources deployment web --requests=cpu=500m,memory=1Gi")
    cluster.settle()
    cluster.advance(2 * DAY - cluster.now)
    cluster.fail_node("node-4")
    cluster.advance(HOUR)
    cluster.recover_node("node-4")
    cluster.advance(HOUR)
    cluster.crash(cluster.pods()[0])
    cluster.advance(7 * DAY - cluster.now)
    return cluster


@pytest.fixture(scope="module")
def simulated() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        cluster = week()
        meter = Traced(cluster.clock, cores=0.2, memory=3e8)
        patch.setattr(Cluster, "_meter", lambda self, node: meter)
        yield cluster


def test_the_text_is_prometheus_own_format(simulated: Cluster) -> None:
    text = metrics.now(simulated)
    names = {family.name for families in FAMILIES.values() for family in families}
    names |= {family.name for family in CONTAINERS} | {"apiserver_storage_objects"}
    series = re.compile(r'([a-z_]+)(\{([a-z_]+="(\\.|[^"\\])*",?)*\})? -?[0-9.e+-]+')
    seen = set()
    for line in text.splitlines():
        if line.startswith("# "):
            assert re.fullmatch(r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (gauge|counter))", line)
            continue
        found = series.fullmatch(line)
        assert found and found[1] in names, line
        seen.add(line.rpartition(" ")[0])
    assert len(seen) == len([line for line in text.splitlines() if line[0] != "#"])
    assert (
        'kube_deployment_status_replicas_available{namespace="default",deployment="web"} 8' in text
    )
    assert 'kube_node_status_condition{node="node-1",condition="Ready",status="true"} 1' in text


def test_a_value_with_quotes_is_written_as_prometheus_reads_it() -> None:
    cluster = Cluster(nodes=1)
    cluster.run("taint node node-1 own=a:NoSchedule")
    assert 'kube_node_spec_taint{node="node-1",key="own",value="a",effect="NoSchedule"} 1' in (
        metrics.now(cluster)
    )
    labels = metrics.labels_of({"a": 'x"y\\z\n', "b": None})
    assert metrics.series("m", labels) == 'm{a="x\\"y\\\\z\\n",b=""}'


def test_over_time_a_value_holds_until_it_changes(simulated: Cluster, tmp_path: Path) -> None:
    count = metrics.write(simulated, tmp_path / "m.txt", 0, DAY, step=HOUR)
    lines = (tmp_path / "m.txt").read_text().splitlines()
    assert lines[-1] == "# EOF" and count == len([line for line in lines if line[0] != "#"])
    created = [line for line in lines if line.startswith('kube_node_created{node="node-1"}')]
    assert len(created) == 25
    assert created[1] == 'kube_node_created{node="node-1"} 1767603600 1767607200.000'


# --- the real one


@pytest.fixture(scope="module")
def prometheus(simulated: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has read the week."""
    folder = tmp_path_factory.mktemp("prometheus")
    metrics.write(simulated, folder / "week.txt", 0, step=300)
    # Otherwise it makes a block of each two hours, and reads the whole file for each.
    make = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=200h", "openmetrics"]
    subprocess.run([*make, folder / "week.txt", folder / "tsdb"], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "config.yml").write_text("{}\n")
    server = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/config.yml", f"--storage.tsdb.path={folder}/tsdb",
         "--storage.tsdb.retention.time=100y", f"--web.listen-address={address}",
         "--log.level=error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until_ready(f"http://{address}/-/ready")
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(30)


def wait_until_ready(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)


def ask(prometheus: str, query: str, at: float) -> list[tuple[dict[str, str], float]]:
    words = urllib.parse.urlencode({"query": query, "time": metrics.SECOND_0 + at})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?{words}", timeout=30) as answer:
        found: Any = json.load(answer)
    assert found["status"] == "success"
    return [(row["metric"], float(row["value"][1])) for row in found["data"]["result"]]


@pytest.mark.requires_prometheus
def test_a_real_prometheus_knows_what_the_simulator_knows(
    simulated: Cluster, prometheus: str
) -> None:
    # How many pods run in the end?
    running = 'sum(kube_pod_status_phase{phase="Running"})'
    assert ask(prometheus, running, 7 * DAY) == [({}, 8.0)]
    # What does each use? The meter says 0.2 cores.
    used = 'rate(container_cpu_usage_seconds_total{pod=~"web-.*"}[30m])'
    assert [value for _, value in ask(prometheus, used, 7 * DAY)] == pytest.approx([0.2] * 8)
    # When was a node away? From day 2 on, until an hour later.
    ready = 'kube_node_status_condition{node="node-4",condition="Ready",status="true"}'
    assert [ask(prometheus, ready, 2 * DAY + t)[0][1] for t in (-600, 1800, 5400)] == [1, 0, 1]
    # What share of each node's CPU is requested? As much as its pods ask for, of 4 cores.
    shares = (
        'sum by (node) (kube_pod_container_resource_requests{resource="cpu"}) / '
        'on (node) sum by (node) (kube_node_status_allocatable{resource="cpu"})'
    )
    nodes = [pod.spec.nodeName for pod in simulated.list("pods")]
    assert {metric["node"]: value for metric, value in ask(prometheus, shares, 7 * DAY)} == {
        node: nodes.count(node) * 0.5 / 4 for node in nodes
    }
    # How many restarts were there in the week?
    restarts = "sum(max_over_time(kube_pod_container_status_restarts_total[7d]))"
    assert ask(prometheus, restarts, 7 * DAY) == [({}, 1.0)]


@pytest.mark.requires_prometheus
def test_the_dashboard_asks_what_prometheus_understands(prometheus: str) -> None:
    panels = json.loads(Path("data/prometheus/dashboard.json").read_text())["panels"]
    assert len(panels) == 8
    for panel in panels:
        for target in panel["targets"]:
            rows = ask(prometheus, target["expr"], 7 * DAY)
            assert rows or "throttled" in target["expr"], target["expr"]


@pytest.mark.requires_prometheus
def test_the_configuration_is_valid() -> None:
    file = "data/prometheus/prometheus.yml"
    assert yaml.safe_load(Path(file).read_text())["scrape_configs"]
    subprocess.run(["promtool", "check", "config", file], check=True, capture_output=True)
