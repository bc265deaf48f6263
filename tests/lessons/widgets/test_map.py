"""The map of a cluster: it shows what is there, follows it, and looks back."""

import re

import pytest

from kubecourse import Cluster
from kubecourse.lessons import messages
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import ClusterMap, map
from kubecourse.tools.past import Past


def deployed(cluster: Cluster, replicas: int = 3) -> Cluster:
    cluster.run(f"create deployment web --image=nginx:1.27 --replicas={replicas}")
    cluster.settle()
    return cluster


def shown(widget: ClusterMap) -> list[str]:
    """All that is written on the map."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", widget.picture.value)


@pytest.fixture
def cluster() -> Cluster:
    return deployed(Cluster(nodes=3))


@pytest.fixture
def three() -> Cluster:
    return deployed(Cluster(nodes=3, control_plane=3, zones=3))


def test_the_map_shows_every_machine_program_and_pod(cluster: Cluster) -> None:
    widget = ClusterMap(cluster)
    plan = map.Plan(widget.scene)
    assert {*cluster.kubelets, *cluster.pods(), "control-plane-1"} < plan.places.keys()
    assert {f"{part}@control-plane-1" for part in map.PARTS} < plan.places.keys()
    assert "kubelet@node-2" in plan.places
    assert widget.text == "3 of 3 nodes and 3 of 3 pods are ready"


def test_nothing_lies_outside_the_picture_or_on_something_else(three: Cluster) -> None:
    plan = map.Plan(ClusterMap(three).scene)
    small = [place for name, place in plan.places.items() if "@" in name or name in three.pods()]
    for place in plan.places.values():
        assert place.x >= 0 and place.x + place.width <= 640.1 and place.y >= 0
        assert place.y + place.height <= plan.height
    for number, one in enumerate(small):
        for other in small[number + 1 :]:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y


def test_pods_are_coloured_by_what_kubectl_calls_them(cluster: Cluster) -> None:
    cluster.images.declare("nope:9", pullable=False)
    cluster.run("create deployment typo --image=nope:9")
    cluster.run("create deployment huge --image=nginx:1.27 --replicas=1")
    cluster.run("set resources deployment/huge --requests=cpu=64")
    cluster.advance(30)
    widget = ClusterMap(cluster)
    states = {pod.name.partition("-")[0]: pod.state for pod in widget.scene.pods}
    assert (states["web"], states["typo"]) == ("Ready", "Failed")
    assert [pod.name.partition("-")[0] for pod in widget.scene.waiting] == ["huge"]
    assert "pods without a node" in shown(widget)


def test_it_tells_what_has_no_power_what_is_stopped_and_what_is_cut_off(three: Cluster) -> None:
    widget = ClusterMap(three)
    assert "etcd is led by control-plane-1" in widget.text
    three.fail_node("control-plane-1")
    three.stop("kube-scheduler@control-plane-2")
    three.partition(["node-3"])
    three.advance(60)
    widget.refresh()
    assert "etcd is led by control-plane-1" not in widget.text
    assert widget.text.endswith(
        "control-plane-1 has no power; stopped on control-plane-2: kube-scheduler; "
        "node-3 is cut off"
    )
    assert {"no power", "cut off"} < set(shown(widget))
    assert sum(said.startswith("lease renewed") for said in shown(widget)) == 2


def test_it_needs_no_quorum(three: Cluster) -> None:
    for name in ("control-plane-1", "control-plane-2"):
        three.fail_node(name)
    three.advance(30)
    widget = ClusterMap(three)
    assert "etcd has no leader" in widget.text
    assert "3 of 3 pods are ready" in widget.text


def test_it_is_drawn_again_only_when_something_has_changed(cluster: Cluster) -> None:
    widget = ClusterMap(cluster)
    before = widget.picture.value
    widget.refresh()
    assert widget.picture.value is before
    cluster.run("scale deployment/web --replicas=5")
    cluster.settle()
    widget.refresh()
    assert "5 of 5 pods" in widget.text
    cluster.stop("kube-scheduler")
    widget.refresh()
    assert "stopped on control-plane-1: kube-scheduler" in widget.text


def test_the_latest_map_of_a_cluster_follows_it(cluster: Cluster) -> None:
    first, second = ClusterMap(cluster), ClusterMap(cluster)
    cluster.run("scale deployment/web --replicas=5")
    cluster.settle()
    map._refresh_all()
    assert "3 of 3 pods" in first.text
    assert "5 of 5 pods" in second.text


def test_it_looks_back(cluster: Cluster) -> None:
    widget = ClusterMap(cluster)
    cluster.stop("kube-scheduler")
    cluster.advance(10)
    widget.refresh()
    cluster.start("kube-scheduler")
    cluster.run("scale deployment/web --replicas=5")
    cluster.advance(20)
    widget.refresh()
    assert "5 of 5 pods are ready" in widget.text
    widget.back.value = 20
    assert "3 of 3 pods are ready; stopped on control-plane-1: kube-scheduler" in widget.text
    widget.back.value = 0
    assert "5 of 5 pods are ready" in widget.text


def test_a_step_lets_a_second_pass(cluster: Cluster) -> None:
    widget, now = ClusterMap(cluster), cluster.now
    widget.step.click()
    widget.play.value = 1
    assert cluster.now == now + 2
    assert f"cluster.now = {now + 2:.1f}" in widget.picture.value


def test_on_paper_it_is_as_it_was_when_it_was_made(cluster: Cluster) -> None:
    widget = ClusterMap(cluster)
    before = still(widget)
    cluster.run("scale deployment/web --replicas=5")
    cluster.settle()
    widget.refresh()
    assert "5 of 5 pods" in widget.text
    assert still(widget) == before
    assert "3 of 3 pods" in before


def test_large_clusters_are_cut_short() -> None:
    cluster = deployed(Cluster(nodes=30), replicas=200)
    widget = ClusterMap(cluster)
    assert "30 of 30 nodes and 200 of 200 pods are ready" in widget.text
    assert "and 6 more" in shown(widget)
    assert len(widget.picture.value) < 300_000


def test_a_node_is_called_what_kubectl_calls_it(cluster: Cluster) -> None:
    cluster.run("cordon node-1")
    cluster.advance(1)
    nodes = {node.metadata.name: map.status_of(node) for node in cluster.list("nodes")}
    printed = cluster.run("get nodes --no-headers").stdout.splitlines()
    assert nodes == {line.split()[0]: line.split()[1] for line in printed}


def test_the_scene_is_a_function_of_the_past(cluster: Cluster) -> None:
    machines, nodes = map.planes(cluster), map.workers(cluster)
    past = Past(cluster.etcd, cluster.clock)
    assert map.scene(past, machines, nodes) == map.scene(past, machines, nodes)


def test_it_speaks_korean_and_has_a_still(three: Cluster) -> None:
    with messages.speaking("ko"):
        widget = ClusterMap(three)
        assert widget.text == "노드 3개 중 3개, 파드 3개 중 3개가 준비됨; etcd 리더 control-plane-1"
        assert f'aria-label="{widget.text}"' in still(widget)
