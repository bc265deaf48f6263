"""ReplicationControllers, which came before ReplicaSets and are in many an old manifest."""

from __future__ import annotations

import pytest

from kubecourse import Cluster

CONTROLLER = """
apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
"""


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=2)
    cluster.run("apply -f -", CONTROLLER)
    cluster.advance(20)
    return cluster


def test_it_keeps_its_pods(cluster: Cluster) -> None:
    assert cluster.run("get rc").text.split("\n")[1].split()[:4] == ["web", "3", "3", "3"]
    cluster.run("delete pod -l app=web --wait=false")
    cluster.advance(60)
    assert cluster.run("get rc").text.split("\n")[1].split()[:4] == ["web", "3", "3", "3"]
    assert "unchanged" in cluster.run("apply -f -", CONTROLLER).text


def test_its_selector_is_what_its_pods_carry(cluster: Cluster) -> None:
    assert cluster.run("get rc web -o jsonpath={.spec.selector}").text == '{"app":"web"}'
    text = cluster.run("describe rc web").text
    assert "Selector:     app=web" in text
    assert "3 Running / 0 Waiting / 0 Succeeded / 0 Failed" in text


def test_it_scales_adopts_and_goes_with_its_pods(cluster: Cluster) -> None:
    cluster.run("scale rc web --replicas=1")
    cluster.advance(60)
    assert len(cluster.run("get pods -o name").text.split()) == 1
    cluster.run("delete rc web --cascade=orphan")
    cluster.advance(10)
    assert len(cluster.run("get pods -o name").text.split()) == 1
    cluster.run("apply -f -", CONTROLLER)
    cluster.advance(20)
    assert len(cluster.run("get pods -o name").text.split()) == 3
    cluster.run("delete rc web")
    cluster.advance(60)
    assert cluster.run("get pods -o name").text == ""


def test_wrong_ones_are_refused(cluster: Cluster) -> None:
    wrong = CONTROLLER.replace("  template:", "  selector: {app: other}\n  template:")
    wrong = wrong.replace("name: web}\nspec", "name: bad}\nspec")
    assert cluster.run("create -f -", wrong).text == (
        'The ReplicationController "bad" is invalid: spec.template.metadata.labels: '
        'Invalid value: {"app":"web"}: `selector` does not match template `labels`\n'
    )
