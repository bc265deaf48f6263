"""Time travel: put back, a cluster goes on exactly as it did."""

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.api.codec import encode
from kubecourse.copy_on_write import Cell
from kubecourse.lessons.recording import Recording
from kubecourse.snapshot import Prefix, _survey

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def history(cluster: Cluster, after: int) -> list[str]:
    return [
        f"{event.revision} {event.key} {encode(event.new) if event.new is not None else None}"
        for event in cluster.etcd.history("/registry/", after)
    ]


def adventure(cluster: Cluster) -> list[str]:
    """Something of everything, and what came of it."""
    before = cluster.etcd.revision
    traffic = cluster.traffic("http://web", rate=20)
    cluster.run("set image deployment/web web=web:2")
    cluster.advance(7.5)
    cluster.run(f"delete pod {cluster.pods()[0]} --wait=false")
    cluster.stop("replicaset-controller")
    cluster.advance(5)
    cluster.start("replicaset-controller")
    cluster.fail_node("node-2")
    cluster.advance(400)
    traffic.stop()
    return [*history(cluster, before), *map(str, traffic.rows)]


@settings(max_examples=6)
@given(st.floats(0, 20))
def test_the_same_future_follows(moment: float) -> None:
    cluster = Cluster(nodes=3)
    cluster.run("apply -f -", MANIFEST)
    cluster.advance(moment)
    snapshot = cluster.snapshot()
    first = adventure(cluster)
    cluster.restore(snapshot)
    assert cluster.now == round(0.502 + moment, 6)
    assert adventure(cluster) == first
    cluster.restore(snapshot)
    assert adventure(cluster) == first


def everything(cluster: Cluster) -> dict[int, Any]:
    """What each object that can change holds, cells or not: which objects, and in what order."""
    return {id(obj): contents(obj, held) for obj, _, held in _survey([cluster], cells=False)[0]}


def contents(obj: Any, held: Any) -> Any:
    if isinstance(obj, random.Random | set):
        return held
    if isinstance(held, dict):
        return [(key, contents(None, value)) for key, value in held.items()]
    if isinstance(held, Prefix):
        return [id(item) for item in held.items[: held.length]]
    return [id(part) for part in held] if isinstance(held, list | tuple) else id(held)


CHANGES = {
    "time": lambda c: c.advance(9.7),
    "long": lambda c: c.advance(700),
    "settle": lambda c: c.settle(),
    "scale": lambda c: c.run("scale deployment/web --replicas=7"),
    "image": lambda c: c.run("set image deployment/web web=web:2"),
    "delete": lambda c: [c.run(f"delete pod {pod} --wait=false") for pod in c.pods()[:1]],
    "shell": lambda c: c.run(
        "run sh --image=busybox -- sh -c 'while true; do date; sleep 2; done'"
    ),
    "ask": lambda c: c.request(f"http://{c.get('pod/files').status.podIP}/etc/hostname"),
    "exec": lambda c: c.run("exec sh -- sh -c 'echo hi > /tmp/file; wget -qO- http://web'"),
    "traffic": lambda c: c.traffic("http://web", rate=3, keep_alive=True),
    "crash": lambda c: [c.crash(pod) for pod in running(c)[:1]],
    "hang": lambda c: [c.misbehave(pod, "hang") for pod in running(c)[-1:]],
    "fail": lambda c: c.fail_node("node-2") if c.kubelets["node-2"].running else None,
    "recover": lambda c: c.recover_node("node-2"),
    "node": lambda c: c.add_node(f"node-{len(c.kubelets) + 1}"),
    "stop": lambda c: c.stop("kube-scheduler"),
    "start": lambda c: c.start("kube-scheduler"),
}


def running(cluster: Cluster) -> list[str]:
    pods = cluster.list("pods")
    return [pod.metadata.name for pod in pods if pod.status.phase == "Running"]


OUTAGES = {
    "power": lambda c: c.fail_node("control-plane-1"),
    "power, later": lambda c: [c.fail_node("control-plane-1"), c.advance(40)],
    "cut off": lambda c: [c.partition(["control-plane-1", "node-1"]), c.advance(60), c.heal()],
    "no etcd": lambda c: [c.stop("etcd"), c.advance(100), c.start("etcd"), c.advance(400)],
    "no API server": lambda c: [c.stop("kube-apiserver"), c.advance(30)],
    "another": lambda c: [c.stop("kube-apiserver@control-plane-1"), c.run("get pods")],
}


def _put_back(cluster: Cluster, change: Any) -> None:
    cluster.run("apply -f -", MANIFEST)
    CHANGES["shell"](cluster)
    cluster.run("run files --image=busybox -- httpd -f -p 80")
    cluster.settle()
    cluster.advance(12)
    snapshot, before = cluster.snapshot(), everything(cluster)
    change(cluster)
    cluster.restore(snapshot)
    assert everything(cluster) == before


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_put_back(change: str) -> None:
    _put_back(Cluster(nodes=3), CHANGES[change])


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_of_several_machines_is_put_back(outage: str) -> None:
    _put_back(Cluster(nodes=3, control_plane=3), OUTAGES[outage])


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["time", "settle"]),
        st.sampled_from([change for change in CHANGES if change != "ask"]),
        st.just("snapshot"),
        st.integers(0, 9),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=15)
@given(STEPS)
@example(["image", "settle", "snapshot", 0, 1])  # timers of pods that are gone
def test_each_of_many_snapshots_puts_everything_back_in_any_order(steps: list[str | int]) -> None:
    cluster = Cluster(nodes=3)
    cluster.run("apply -f -", MANIFEST)
    cluster.advance(2.5)
    taken = [(cluster.snapshot(), everything(cluster))]
    for step in [*steps, 0]:
        if step == "snapshot":
            taken.append((cluster.snapshot(), everything(cluster)))
        elif isinstance(step, int):
            snapshot, before = taken[step % len(taken)]
            cluster.restore(snapshot)
            assert everything(cluster) == before
        else:
            CHANGES[step](cluster)


def test_no_object_is_part_of_two_cells() -> None:
    cluster = Cluster(nodes=3)
    cluster.run("apply -f -", MANIFEST)
    CHANGES["shell"](cluster)
    cluster.traffic("http://web", keep_alive=True)
    cluster.advance(5)
    kept, cells, seen = _survey([cluster])
    parts = [_survey([cell, *held.values()], cell, seen)[0] for cell, held in cells]
    owned = [id(obj) for part in (kept, *parts) for obj, _, _ in part]
    assert len(set(owned)) == len(owned)
    every = [obj for obj, _, _ in _survey([cluster], cells=False)[0]]
    assert {id(obj) for obj in every} == set(owned)
    assert len(cells) > len([obj for obj in every if isinstance(obj, Cell)]) / 2


def test_only_what_changes_is_copied() -> None:
    cluster = Cluster(nodes=30)
    cluster.run("apply -f -", MANIFEST.replace("replicas: 4", "replicas: 90"))
    cluster.settle()
    first, everything_then = cluster.snapshot(), everything(cluster)
    cluster.advance(30)  # kubelets tell which images they have pulled
    cluster.restore(first)
    assert everything(cluster) == everything_then
    cluster.advance(30)
    snapshot = cluster.snapshot()
    assert len(snapshot) < 60 * 30
    before = len(snapshot)
    cluster.advance(100)
    assert len(snapshot) - before < 100, "heartbeats change no node"
    cluster.run(f"delete pod {cluster.pods()[0]} --wait=false")
    cluster.settle()
    nodes = [page for page in snapshot._pages if len(page) > 50]
    assert 0 < len(nodes) < 6


def test_what_nobody_can_come_back_to_is_not_copied() -> None:
    cluster = Cluster(nodes=2)
    first = cluster.snapshot()
    page = first._pages[0]
    del first
    second = cluster.snapshot()
    assert second._pages[0] is page, "two snapshots with nothing between them share all pages"


def test_another_future_is_possible() -> None:
    cluster = Cluster(nodes=2)
    cluster.run("apply -f -", MANIFEST)
    cluster.settle()
    pods = cluster.pods()
    snapshot = cluster.snapshot()
    cluster.run("delete deployment web")
    cluster.settle()
    assert cluster.pods() == []
    cluster.restore(snapshot)
    assert cluster.pods() == pods
    assert cluster.request("http://web").pod in pods
    cluster.run("scale deployment/web --replicas=6")
    cluster.settle()
    assert len(cluster.pods()) == 6


def test_what_somebody_has_in_hand_goes_back_too() -> None:
    cluster = Cluster(nodes=2)
    cluster.run("apply -f -", MANIFEST)
    cluster.settle()
    recording = Recording(cluster, "web")
    traffic = cluster.traffic("http://web", rate=10)
    cluster.advance(10)
    snapshot = cluster.snapshot()
    rows, counts = list(traffic.rows), list(recording.counts)
    cluster.run("scale deployment/web --replicas=1")
    cluster.advance(10)
    cluster.restore(snapshot)
    assert (traffic.rows, recording.counts) == (rows, counts)
    cluster.advance(10)
    assert len(traffic.rows) == 2 * len(rows)


def test_a_fork_goes_its_own_way() -> None:
    cluster = Cluster(nodes=3)
    cluster.run("apply -f -", MANIFEST)
    cluster.advance(3)
    second = cluster.fork()
    snapshot = cluster.snapshot()
    third = second.fork()
    first_story = adventure(cluster)
    cluster.restore(snapshot)
    assert adventure(cluster.fork()) == first_story
    assert second.now == third.now == cluster.now == 3.502
    second.run("delete deployment web")
    second.settle()
    assert second.pods() == []
    assert adventure(third) == first_story
    assert len(cluster.pods()) > 0
