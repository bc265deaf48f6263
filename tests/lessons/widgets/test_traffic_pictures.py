"""Who gets a Service's requests: a canary's share, and a pod that is not well."""

import re

import pytest

from kubecourse import Cluster
from kubecourse.lessons.widgets import Endpoints, Shares

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: hello, track: {name}}}}}
  template:
    metadata: {{labels: {{app: hello, track: {name}}}}}
    spec:
      containers:
      - name: hello
        image: kubecourse/hello:1.0
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 2}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: hello}
spec:
  selector: {app: hello}
  ports: [{port: 80, targetPort: 8080}]
"""


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=3)
    for name, replicas in (("hello", 3), ("canary", 1)):
        cluster.run("apply -f -", DEPLOYMENT.format(name=name, replicas=replicas))
    cluster.run("apply -f -", SERVICE)
    cluster.settle()
    return cluster


def test_the_share_of_requests_is_the_share_of_pods(cluster: Cluster) -> None:
    widget = Shares(cluster, "hello", "hello", "canary")
    assert re.fullmatch(r"1 of 4 pods get (1[89]|2\d|3[01]) % of the requests", widget.text)
    widget.slider.value = 3
    assert re.fullmatch(r"3 of 6 pods get (4[3-9]|5[0-7]) % of the requests", widget.text)
    assert "kubectl scale deployment/canary --replicas=3" in widget.picture.value
    numbers = [int(one) for one in re.findall(r">(\d+)</div>", widget.picture.value)]
    assert numbers[:2] == [3, 3]
    assert sum(numbers[2:]) == 300
    widget.slider.value = 0
    assert widget.text == "0 of 3 pods get 0 % of the requests"
    widget.reset.click()
    assert widget.slider.value == 1


def test_a_sick_pod_leaves_the_list_and_comes_back(cluster: Cluster) -> None:
    widget = Endpoints(cluster, "hello")
    assert re.match(r"No request of 400 failed; each pod answered \d+ to \d+", widget.text)
    for how in ("failing", "hang"):
        widget.health.value = how
        found = re.fullmatch(r"(\d+) of 400 requests failed, the last in second (\d+)", widget.text)
        assert found, widget.text
        assert 0 < int(found[1]) < 80
        assert int(found[2]) < 12
        widget.reset.click()
        assert widget.health.value == "well"
        assert widget.text.startswith("No request")


def test_the_lesson_goes_on_undisturbed(cluster: Cluster) -> None:
    now, pods = cluster.now, cluster.pods()
    Shares(cluster, "hello", "hello", "canary").slider.value = 5
    Endpoints(cluster, "hello").health.value = "hang"
    assert (cluster.now, cluster.pods()) == (now, pods)
    assert cluster.request("http://hello").ok


def test_its_text_is_in_the_picture(cluster: Cluster) -> None:
    widget = Endpoints(cluster, "hello")
    assert widget.text in widget.picture.value
    assert widget.picture.value.count("<title>") == 4 * 20
