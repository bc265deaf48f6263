"""Whatever is done to a cluster, it settles at the state that was declared last."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.cluster import CourseError

IMAGES = ("web:1", "web:2", "web:3")

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:1", ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
"""

pod = st.integers(0, 9)
actions = st.one_of(
    st.tuples(st.just("scale"), st.integers(0, 8)),
    st.tuples(st.just("image"), st.sampled_from(IMAGES)),
    st.tuples(st.just("delete"), pod),
    st.tuples(st.just("crash"), pod),
    st.tuples(st.just("relabel"), pod),
    st.tuples(st.just("unplug"), st.sampled_from(["replicaset-controller", "kube-scheduler"])),
    st.tuples(st.just("undo"), st.none()),
)


@settings(max_examples=40)
@given(st.lists(st.tuples(actions, st.floats(0, 5)), max_size=8), st.integers(0, 3))
def test_it_settles_at_what_was_declared(
    steps: list[tuple[tuple[str, object], float]], seed: int
) -> None:
    cluster = Cluster(nodes=3, seed=seed)
    cluster.run("apply -f -", MANIFEST)
    for (verb, value), pause in steps:
        do(cluster, verb, value)
        cluster.advance(pause)
    for component in ("replicaset-controller", "kube-scheduler"):
        cluster.start(component)
    cluster.settle()
    cluster.advance(400)  # what had crashed has waited for long enough
    cluster.settle()

    deployment = cluster.get("deployment/web")
    wanted, image = deployment.spec.replicas, deployment.spec.template.spec.containers[0].image
    counted = [p for p in cluster.list("pods") if p.metadata.labels["app"] == "web"]
    assert [p.spec.containers[0].image for p in counted] == [image] * wanted
    assert all(p.status.phase == "Running" for p in counted)
    status = deployment.status
    assert (status.readyReplicas or 0, status.updatedReplicas or 0) == (wanted, wanted)
    endpoints = [
        endpoint.targetRef.name
        for piece in cluster.list("endpointslices", selector="kubernetes.io/service-name=web")
        for endpoint in piece.endpoints or ()
        if endpoint.conditions.ready
    ]
    assert sorted(endpoints) == sorted(p.metadata.name for p in counted)


def do(cluster: Cluster, verb: str, value: object) -> None:
    """One thing that people, or machines, do."""
    pods = cluster.pods()
    if verb in ("delete", "crash", "relabel"):
        if not pods:
            return
        name = pods[int(str(value)) % len(pods)]
    match verb:
        case "scale":
            cluster.run(f"scale deployment/web --replicas={value}")
        case "image":
            cluster.run(f"set image deployment/web web={value}")
        case "undo":
            cluster.run("rollout undo deployment/web")
        case "delete":
            cluster.run(f"delete pod {name} --wait=false")
        case "relabel":
            cluster.run(f"label pod {name} app=spare --overwrite")
        case "unplug":
            cluster.stop(str(value))
        case "crash":
            with contextlib.suppress(CourseError):  # it may not run yet
                cluster.crash(name)
