"""Messages overheard: all of them, none made up, and nothing happens otherwise because of it."""

import pytest

from kubecourse import Cluster
from kubecourse.tools.hops import ANSWERED, STORED, TOLD, WRITES, Hops, follow

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: kubecourse/hello:1.0, ports: [{containerPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""
URL = "http://web"


@pytest.fixture(scope="module", params=[1, 3])
def told(request: pytest.FixtureRequest) -> tuple[Cluster, Cluster, Hops]:
    cluster = Cluster(nodes=3, control_plane=request.param)
    return cluster, *follow(cluster, MANIFEST, URL)


Told = tuple[Cluster, Cluster, Hops]


def history(cluster: Cluster, after: int) -> list[tuple[int, str, float]]:
    events = cluster.etcd.history("/registry/", after)
    return [(e.revision, e.key, cluster.etcd.time_of(e.revision)) for e in events]


def test_everything_that_was_stored_of_the_manifest_was_overheard(told: Told) -> None:
    cluster, copy, hops = told
    kinds = ("deployments", "replicasets", "pods", "services/specs", "services", "endpointslices")
    stored = {
        revision
        for revision, key, _ in history(copy, cluster.etcd.revision)
        if key.split("/")[2] in kinds
    }
    assert {hop.revision for hop in hops if hop.verb == STORED and not hop.event} == stored


def test_nothing_is_told_before_it_was_stored_nor_stored_before_it_was_asked_for(
    told: Told,
) -> None:
    _, _, hops = told
    asked, stored = set(), set()
    for hop in hops:
        if hop.verb in WRITES:
            asked.add(hop.revision)
        elif hop.verb == STORED:
            assert hop.revision in asked
            stored.add(hop.revision)
        elif hop.verb == TOLD:
            assert hop.revision in stored


def test_listening_changes_nothing(told: Told) -> None:
    cluster, copy, _ = told
    alone = cluster.fork()
    alone.run("apply -f -", MANIFEST)
    alone.settle()
    before = cluster.etcd.revision
    heard = [row for row in history(copy, before) if row[2] <= alone.now]
    assert heard == history(alone, before)


def test_the_lessons_cluster_is_as_it_was(told: Told) -> None:
    cluster, copy, _ = told
    assert cluster.pods() == []
    assert len(copy.pods("web")) == 2
    assert not any(type(each._door).__name__ == "_Ear" for each in (cluster,))


def test_the_way_leads_from_kubectl_to_the_answer(told: Told) -> None:
    _, _, hops = told
    way = hops.way()
    writers = [hop.who for hop in way if hop.verb in WRITES]
    assert writers == [
        "kubectl", "kubectl", "deployment-controller", "replicaset-controller", "kube-scheduler",
        "kubelet", "endpointslice-controller",
    ]  # fmt: skip
    assert way[-1].verb == ANSWERED and way[-1].path.startswith("Hello from web-")
    pods = {hop.object for hop in way if hop.object.startswith("pod/")}
    assert pods == {way[-1].object}
    assert not any(hop.event for hop in way)
    assert len(way) < len(hops) / 3


def test_each_step_of_the_way_is_caused_by_one_before_it(told: Told) -> None:
    _, _, hops = told
    heard: dict[str, int] = {}
    for hop in hops.way():
        if hop.verb == TOLD:
            heard[hop.target.partition("@")[0]] = hop.revision
        elif hop.verb in WRITES and hop.source != "kubectl":
            assert heard[hop.source.partition("@")[0]] < hop.revision


def test_paths_are_those_of_the_api(told: Told) -> None:
    _, _, hops = told
    pod = hops[-1].object.removeprefix("pod/")
    paths = {(hop.who, hop.verb, hop.path) for hop in hops}
    assert {
        ("kubectl", "GET", "/apis/apps/v1/namespaces/default/deployments/web"),
        ("kubectl", "POST", "/apis/apps/v1/namespaces/default/deployments"),
        ("kube-scheduler", "POST", f"/api/v1/namespaces/default/pods/{pod}/binding"),
        ("kubelet", "PUT", f"/api/v1/namespaces/default/pods/{pod}/status"),
    } < paths


def test_without_an_answer_the_way_is_all_but_events() -> None:
    _, hops = follow(Cluster(nodes=1), MANIFEST)
    assert hops.way() == [hop for hop in hops if not hop.event]


def test_a_second_apply_is_a_patch() -> None:
    cluster = Cluster(nodes=1)
    cluster.run("apply -f -", MANIFEST)
    cluster.settle()
    _, hops = follow(cluster, MANIFEST.replace("replicas: 2", "replicas: 3"), URL)
    assert [(hop.verb, hop.code) for hop in hops if hop.source == "kubectl"][:2] == [
        ("GET", 200), ("PATCH", 200),
    ]  # fmt: skip
    assert "replicaset-controller" in {hop.who for hop in hops}


def test_printed_they_are_a_table(told: Told) -> None:
    _, _, hops = told
    head, first, *_ = repr(hops).splitlines()
    assert head.split() == ["second", "from", "to", "verb", "what", "revision"]
    assert "GET 404" in first
