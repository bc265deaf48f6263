"""A cluster that is elsewhere, held in the hand as one that is here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubecourse import Cluster
from kubecourse.inspection import CourseError
from kubecourse.lessons.exercises import Exercises
from kubecourse.lessons.exercises.verdict import Outcome
from kubecourse.tools.remote import RemoteCluster

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: gadgets, kind: Gadget, singular: gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


@pytest.fixture(scope="module")
def here() -> Cluster:
    return Cluster(nodes=2)


@pytest.fixture(scope="module")
def there(here: Cluster) -> Iterator[RemoteCluster]:
    with here.serve(speed=20) as kubeconfig:
        yield Cluster.connect(kubeconfig)


def test_it_says_where_it_is_and_what_runs_there(there: RemoteCluster) -> None:
    assert repr(there).startswith("<cluster elsewhere: context kubecourse, https://127.0.0.1:")
    assert repr(there).endswith("Kubernetes v1.36.2>")


def test_kubectl_says_the_same_about_it(here: Cluster, there: RemoteCluster) -> None:
    assert there.apply("data/manifests/hello").stdout == (
        "deployment.apps/hello created\nservice/hello created\n"
    )
    done = there.kubectl("rollout status deployment/hello --timeout=60s")
    assert done.stdout.endswith('deployment "hello" successfully rolled out\n')
    for command in ("get pods -o name", "get svc hello -o yaml", "describe service hello"):
        assert there.run(command) == here.run(command)
    assert there.pods("hello") == here.pods("hello")
    deployment = there.get("deployment/hello")
    assert deployment.spec == here.get("deployment/hello").spec
    assert deployment.status == here.get("deployment/hello").status
    assert there.get("deployment/nobody") is None


def test_a_watch_tells_what_happens_there(there: RemoteCluster) -> None:
    there.run("create deployment seen --image=nginx:1.27")
    watched = there.run("get pods -l app=seen -w --request-timeout=6s").stdout.splitlines()
    assert watched[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert watched[-1].split()[1:3] == ["1/1", "Running"]
    assert there.wait_for(lambda: there.get("deployment/seen").status.readyReplicas == 1, 30)
    gone = there.run("delete deployment seen --cascade=foreground --timeout=30s")
    assert gone.stdout == 'deployment.apps "seen" deleted\n'
    assert there.get("deployment/seen") is None


def test_errors_and_warnings_are_the_server_s(there: RemoteCluster) -> None:
    missing = there.run("get pod nobody")
    assert (missing.code, missing.stderr) == (
        1,
        'Error from server (NotFound): pods "nobody" not found\n',
    )
    assert "Warning: v1 Endpoints is deprecated" in there.run("get endpoints").stderr


def test_kinds_that_were_brought_there_are_known(there: RemoteCluster) -> None:
    assert there.run("apply -f -", WIDGETS).code == 0
    there.run("wait --for=condition=Established crd/gadgets.example.com --timeout=30s")
    made = there.run(
        "apply -f -", "{apiVersion: example.com/v1, kind: Gadget, metadata: {name: a}}"
    )
    assert made.stdout == "gadget.example.com/a created\n"
    assert there.run("get gadgets -o name").stdout == "gadget.example.com/a\n"


@pytest.mark.requires_kubectl
def test_what_goes_into_a_pod_is_this_machines_kubectl_s(there: RemoteCluster) -> None:
    there.run("run shell --image=busybox:1.36 --restart=Never -- sleep 1000")
    there.run("wait --for=condition=Ready pod/shell --timeout=30s")
    assert there.run("exec shell -- echo hello").stdout == "hello\n"
    assert there.run("exec shell -- false").code == 1


def test_forwarding_is_for_a_terminal(there: RemoteCluster) -> None:
    told = there.run("port-forward svc/hello 8080:80").stderr
    assert told.startswith("error: it lasts until it is interrupted; in a terminal: kubectl --kube")
    assert told.endswith("-n default port-forward svc/hello 8080:80\n")


def test_without_one_it_says_so(there: RemoteCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    refused = there.run("logs shell")
    assert (refused.code, refused.stdout) == (1, "")
    assert "needs kubectl on this machine" in refused.stderr


def test_exercises_are_checked_there(there: RemoteCluster) -> None:
    exercise = Exercises(there, chapter=4).scale
    exercise.prepare()
    assert exercise.verdict().outcome is Outcome.UNTRIED
    exercise.apply_solution()
    there.settle()
    assert exercise.verdict().outcome is Outcome.RIGHT
    exercise.reset()
    assert exercise.verdict().outcome is Outcome.UNTRIED


@pytest.mark.parametrize("name", ["advance", "snapshot", "fail_node", "serve", "explain"])
def test_what_only_a_simulation_can_do_says_so(there: RemoteCluster, name: str) -> None:
    with pytest.raises(CourseError, match=f"{name}: only a simulated cluster can do that"):
        getattr(there, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        there.nonsense  # noqa: B018


def test_a_kubeconfig_that_is_none_is_refused(
    there: RemoteCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/nothing")
    with pytest.raises(CourseError, match="there is no such kubeconfig"):
        Cluster.connect()
    with pytest.raises(CourseError, match="other"):
        Cluster.connect(there.kubeconfig, context="other")
    broken = tmp_path / "broken"
    broken.write_text("not: [closed")
    with pytest.raises(CourseError, match="broken"):
        Cluster.connect(broken)


def test_a_wrong_token_and_a_server_that_is_gone(there: RemoteCluster, tmp_path: Path) -> None:
    config = yaml.safe_load(there.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "wrong"
    wrong = tmp_path / "wrong"
    wrong.write_text(yaml.safe_dump(config))
    with pytest.raises(CourseError, match="Unauthorized"):
        Cluster.connect(wrong)
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    wrong.write_text(yaml.safe_dump(config))
    os.chmod(wrong, 0o600)
    with pytest.raises(CourseError, match=r"127\.0\.0\.1:9"):
        Cluster.connect(wrong)


def test_a_server_that_has_gone_is_named() -> None:
    with Cluster(nodes=0).serve() as kubeconfig:
        gone = Cluster.connect(kubeconfig)
    for command in ("get pods", "cluster-info"):
        told = gone.run(command)
        server = gone.connection.url.removeprefix("https://")
        assert (told.code, told.stdout) == (1, "")
        assert f"The connection to the server {server} was refused" in told.stderr
