"""`kubectl top`, as the real client prints it; what is used is declared by the test."""

import pytest

from kubecourse import Cluster
from tests.addons.traced import Traced


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    cluster = Cluster(nodes=2)
    cluster.run("create deployment web --image=nginx --replicas=2")
    cluster.run("create deployment other --image=httpd")
    cluster.settle()
    return cluster


@pytest.fixture
def traced(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Traced:
    cluster.advance(60)
    meter = Traced(cluster.clock, cores=0.2505, memory=100 * 2**20 + 5)
    measure(cluster, monkeypatch, {"node-1": meter, "node-2": meter})
    return meter


def measure(cluster: Cluster, patch: pytest.MonkeyPatch, meters: dict[str, Traced]) -> None:
    patch.setattr(Cluster, "_meter", lambda self, node: meters.get(node))
    cluster.install("metrics-server")


def top(cluster: Cluster, words: str) -> tuple[str, str]:
    result = cluster.run(f"top {words}")
    return result.stdout, result.stderr


def test_without_a_metrics_server_there_is_nothing_to_show() -> None:
    assert top(Cluster(nodes=1), "node") == ("", "error: Metrics API not available\n")


def test_what_nodes_use(cluster: Cluster, traced: Traced) -> None:
    assert top(cluster, "nodes") == (
        "NAME     CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   \n"
        "node-1   251m         6%       100Mi           0%          \n"
        "node-2   251m         6%       100Mi           0%          \n",
        "",
    )  # fmt: skip


def test_what_pods_use(cluster: Cluster, traced: Traced) -> None:
    first, *_ = sorted(cluster.pods())
    shown, _ = top(cluster, "pods")
    head, row, *rest = shown.splitlines()
    assert head.split() == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert row.split() == [first, "251m", "100Mi"] and len(rest) == 2
    assert head.endswith("MEMORY(bytes)   ")


@pytest.mark.parametrize(("flags", "heading", "rows"), [
    ("-A", "NAMESPACE NAME CPU(cores) MEMORY(bytes)", 3),
    ("--containers", "POD NAME CPU(cores) MEMORY(bytes)", 3),
    ("-l app=web", "NAME CPU(cores) MEMORY(bytes)", 2),
    ("--sum", "NAME CPU(cores) MEMORY(bytes)", 5),
    ("--field-selector=status.phase=Failed", "", 0),
])  # fmt: skip
def test_flags(cluster: Cluster, traced: Traced, flags: str, heading: str, rows: int) -> None:
    head, *shown = (top(cluster, f"pod {flags}")[0] or "\n").splitlines()
    assert (" ".join(head.split()), len(shown)) == (heading, rows)
    if flags == "--sum":
        assert shown[-2].split() == ["________"] * 2
        assert shown[-1].split() == ["752m", "300Mi"]


@pytest.mark.parametrize(("words", "message"), [
    ("pod --sort-by=name", "error: --sort-by accepts only cpu or memory"),
    ("pod nobody", 'Error from server (NotFound): podmetrics.metrics.k8s.io "default/nobody" '
                   "not found"),
    ("pod x -l app=web", "error: only one of NAME or selector can be provided"),
    ("pod -l app=none", "No resources found in default namespace."),
])  # fmt: skip
def test_what_cannot_be_shown(cluster: Cluster, traced: Traced, words: str, message: str) -> None:
    assert top(cluster, words) == ("", f"{message}\n")


def test_nodes_that_cannot_be_asked_are_unknown(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.advance(30)
    measure(cluster, monkeypatch, {"node-1": Traced(cluster.clock)})
    last = top(cluster, "node")[0].splitlines()[-1]
    assert last.split() == ["node-2", *["<unknown>"] * 4]
    measure(cluster, monkeypatch, {})
    assert top(cluster, "node") == ("", "error: metrics not available yet\n")
    cluster.advance(120)
    assert top(cluster, "pod")[1].startswith("error: Metrics not available for pod default/")


def test_the_api_is_served_as_others_are(cluster: Cluster, traced: Traced) -> None:
    path = "/apis/metrics.k8s.io/v1beta1/nodes/node-1"
    raw = cluster.run(f"get --raw {path}").stdout
    assert '"usage":{"cpu":"250500000n","memory":"102400Ki"}' in raw.replace(" ", "")
    assert '"window":"15s"' in raw.replace(" ", "")
