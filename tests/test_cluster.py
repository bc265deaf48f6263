"""What a notebook holds in its hand."""

import pytest

from kubecourse import Cluster
from kubecourse.cluster import CourseError

HELLO = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  replicas: 3
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
      - {name: hello, image: "hello:1", ports: [{containerPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec:
  selector: {app: hello}
  ports: [{port: 80, targetPort: 8080}]
"""


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=3)


@pytest.fixture
def hello(cluster: Cluster) -> Cluster:
    cluster.apply(HELLO)
    cluster.settle()
    return cluster


def test_a_new_cluster_is_ready_and_empty(cluster: Cluster) -> None:
    assert [node.metadata.name for node in cluster.list("nodes")] == ["node-1", "node-2", "node-3"]
    for node in cluster.list("nodes"):
        assert not node.spec.taints
        assert {c.type: c.status for c in node.status.conditions}["Ready"] == "True"
    assert cluster.list("pods", namespace=None) == []


def test_apply_prints_what_kubectl_prints(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.apply(HELLO)
    assert capsys.readouterr().out == "deployment.apps/hello created\nservice/hello created\n"


def test_a_deployment_becomes_available_and_answers(hello: Cluster) -> None:
    assert hello.get("deployment/hello").status.availableReplicas == 3
    assert len(hello.pods("hello")) == 3
    response = hello.request("http://hello")
    assert response.status == 200
    assert response.pod in hello.pods("hello")


def test_time_stands_still_until_it_is_let_pass(cluster: Cluster) -> None:
    before = cluster.now
    cluster.apply(HELLO)
    assert cluster.now == before
    assert cluster.pods() == []
    cluster.advance(30)
    assert cluster.now == before + 30
    assert len(cluster.pods("hello")) == 3


def test_a_crashed_container_is_restarted_in_its_pod(hello: Cluster) -> None:
    pods = hello.pods("hello")
    hello.crash(pods[0])
    hello.settle()
    assert hello.pods("hello") == pods
    restarts = [p.status.containerStatuses[0].restartCount for p in hello.list("pods")]
    assert restarts == [1, 0, 0]


def test_a_deleted_pod_is_replaced(hello: Cluster) -> None:
    gone = hello.pods("hello")[0]
    hello.run(f"delete pod {gone}")
    hello.settle()
    assert gone not in hello.pods("hello")
    assert len(hello.pods("hello")) == 3


def test_a_failing_pod_leaves_the_service_and_comes_back() -> None:
    cluster = Cluster(nodes=2)
    probe = "readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}"
    cluster.apply(
        HELLO.replace(
            "ports: [{containerPort: 8080}]", f"ports: [{{containerPort: 8080}}], {probe}"
        )
    )
    cluster.settle()
    sick = cluster.pods("hello")[0]
    cluster.misbehave(sick, "failing")
    cluster.advance(10)
    answers = {cluster.request("http://hello").pod for _ in range(40)}
    assert answers == set(cluster.pods("hello")) - {sick}
    cluster.misbehave(sick, "well")
    cluster.advance(10)
    assert sick in {cluster.request("http://hello").pod for _ in range(40)}


def test_a_lost_node_loses_its_pods_after_its_grace_and_theirs(hello: Cluster) -> None:
    before = hello.pods("hello")
    node = hello.get(f"pod/{before[0]}").spec.nodeName
    hello.fail_node(node)
    hello.advance(45)
    assert ready(hello, node) == "True", "a silence of 50 s is nothing yet"
    hello.advance(15)
    assert ready(hello, node) == "Unknown"
    assert set(hello.pods("hello")) == set(before)
    hello.advance(300)
    running = [p for p in hello.list("pods") if p.metadata.deletionTimestamp is None]
    assert len(running) == 3
    assert node not in {p.spec.nodeName for p in running}
    stuck = [p for p in hello.list("pods") if p.metadata.deletionTimestamp is not None]
    assert {p.spec.nodeName for p in stuck} == {node}
    hello.recover_node(node)
    hello.advance(60)
    assert ready(hello, node) == "True"
    assert len(hello.pods("hello")) == 3
    hello.advance(3600)
    assert ready(hello, node) == "True", "a quiet hour is not a silent one"
    assert not hello.get(f"node/{node}").spec.taints


def test_a_pending_pod_goes_to_a_node_that_is_labelled_for_it(cluster: Cluster) -> None:
    cluster.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: picky}
        spec:
          nodeSelector: {disk: ssd}
          containers: [{name: c, image: nginx}]
        """
    )
    cluster.settle()
    assert cluster.get("pod/picky").status.phase == "Pending"
    cluster.run("label node node-2 disk=ssd")
    cluster.settle()
    assert cluster.get("pod/picky").spec.nodeName == "node-2"
    assert cluster.get("pod/picky").status.phase == "Running"


def ready(cluster: Cluster, node: str) -> str:
    conditions = cluster.get(f"node/{node}").status.conditions
    return {c.type: c.status for c in conditions}["Ready"]


def test_without_its_controller_a_wish_stays_a_wish(hello: Cluster) -> None:
    hello.stop("replicaset-controller")
    hello.run("scale deployment/hello --replicas=5")
    hello.settle()
    assert len(hello.pods("hello")) == 3
    hello.start("replicaset-controller")
    hello.settle()
    assert len(hello.pods("hello")) == 5


def test_the_diary_of_a_controller_has_a_line_for_each_decision(hello: Cluster) -> None:
    hello.run(f"delete pod {hello.pods('hello')[0]}")
    hello.settle()
    diary = str(hello.diary("replicaset-controller", last=10))
    assert "wants 3, has 2: create 1" in diary


@pytest.mark.parametrize(
    ("mistake", "advice"),
    [
        (lambda c: c.stop("kube-schedular"), "there are"),
        (lambda c: c.get("podz/x"), "api-resources"),
        (lambda c: c.explain("pod/nope"), "not found"),
        (lambda c: c.fail_node("node-9"), "node-1"),
        (lambda c: Cluster(nodes=-1), "nodes="),
        (lambda c: Cluster(nodes=1, node_shape="big"), "4cpu-16Gi"),
        (lambda c: c.misbehave("nope", "failing"), "not found"),
    ],
)
def test_mistakes_are_answered_with_what_to_do(cluster: Cluster, mistake, advice: str) -> None:
    with pytest.raises(CourseError, match=advice):
        mistake(cluster)


@pytest.mark.parametrize(
    "yaml",
    ["", "a: b: c", "- 1\n- 2\n", "kind: Pod\n", "apiVersion: v1\nkind: Pod\nspec: 5\n", "{]\n"],
)
def test_no_text_makes_a_traceback(cluster: Cluster, yaml: str) -> None:
    output = cluster.run("apply -f -", yaml)
    assert output.code == 1
    assert output.stderr
    assert "Traceback" not in output.stderr
