"""Time travel: put back, a cluster goes on exactly as it did."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.api.codec import encode
from kubecourse.lessons.recording import Recording

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
    third = second.fork()
    first_story = adventure(cluster)
    assert second.now == third.now == 3.502
    second.run("delete deployment web")
    second.settle()
    assert second.pods() == []
    assert adventure(third) == first_story
    assert len(cluster.pods()) > 0
