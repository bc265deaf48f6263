"""Commands that let virtual time pass, and know when to stop."""

import pytest

from kubecourse import Cluster
from kubecourse.tools.kubectl import Connection, run
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.resources import Info, find_resource
from kubecourse.tools.kubectl.watching import wait_until, wait_until_gone


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=2)
    run(cluster, "create deployment web --image=nginx --replicas=2")
    return cluster


def ask(cluster: Cluster, command: str) -> tuple[str, str, int]:
    output = run(cluster, command)
    return output.stdout, output.stderr, output.code


def test_waiting_ends_as_soon_as_the_condition_holds(cluster):
    met = "deployment.apps/web condition met\n"
    assert ask(cluster, "wait --for=condition=available deploy/web") == (met, "", 0)
    assert 1 < cluster.now < 10
    now = cluster.now
    assert ask(cluster, "wait --for=condition=Available=true deploy/web") == (met, "", 0)
    assert cluster.now == now


def test_waiting_for_what_does_not_come_takes_as_long_as_it_may(cluster):
    cluster.clock.settle(60)
    now = cluster.now
    error = "error: timed out waiting for the condition on deployments/web\n"
    assert ask(cluster, "wait --for=condition=Purple deploy/web --timeout=7s") == ("", error, 1)
    assert cluster.now == pytest.approx(now + 7)
    error = "error: condition not met for deployments/web\n"
    assert ask(cluster, "wait --for=condition=Purple deploy/web --timeout=0s") == ("", error, 1)


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ("jsonpath={.status.readyReplicas}=2", "deployment.apps/web condition met\n"),
        ("jsonpath='{.status.readyReplicas}'", "deployment.apps/web condition met\n"),
        ("jsonpath=.metadata.name=web", "deployment.apps/web condition met\n"),
        ("purple", 'error: unrecognized condition: "purple"\n'),
        ("jsonpath={.kind}=", "error: jsonpath wait has to have a value after equal sign, like "
             "--for=jsonpath='{.status.readyReplicas}'=3\n"),
    ],
)  # fmt: skip
def test_what_can_be_waited_for(cluster, goal, said):
    stdout, stderr, _ = ask(cluster, f"wait --for={goal} deploy/web")
    assert stdout + stderr == said


def test_all_pods_can_be_waited_for(cluster):
    assert ask(cluster, "wait --for=condition=Ready pods --all")[1:] == (
        "error: no matching resources found\n",
        1,
    )
    cluster.clock.advance(0.5)
    stdout, _, code = ask(cluster, "wait --for=condition=Ready pods -l app=web")
    assert (stdout.count("condition met\n"), code) == (2, 0)


def test_a_deletion_is_waited_for(cluster):
    cluster.clock.settle(60)
    name = cluster.pods("web")[0]
    now = cluster.now
    assert ask(cluster, f"delete pod {name}") == (f'pod "{name}" deleted\n', "", 0)
    assert cluster.now > now
    assert cluster.get(f"pod/{name}") is None


def test_a_deletion_that_never_ends_gives_up(cluster):
    manifest = (
        '{"apiVersion":"v1","kind":"ConfigMap",'
        '"metadata":{"name":"x","finalizers":["example.com/keep"]}}'
    )
    run(cluster, "apply -f -", manifest)
    assert ask(cluster, "delete configmap x --timeout=3s") == (
        'configmap "x" deleted\n',
        "error: timed out waiting for the condition on configmaps/x\n",
        1,
    )
    now = cluster.now
    assert "after an hour of virtual time" in ask(cluster, "delete configmap x")[1]
    assert cluster.now == pytest.approx(now + 3600)
    assert ask(cluster, "delete configmap x --wait=false")[2] == 0


def test_another_object_of_the_same_name_is_not_waited_for(cluster):
    connection = Connection(cluster)
    info = Info(find_resource("deploy"), "default", "web")
    assert wait_until_gone(connection, info, "some other uid", 0)
    assert not wait_until_gone(connection, info, "", 1)


def test_what_a_test_objects_to_reaches_who_waits(cluster):
    def objects(obj):
        raise KubectlError("no")

    info = Info(find_resource("deploy"), "default", "web")
    with pytest.raises(KubectlError, match="no"):
        wait_until(Connection(cluster), info, objects, 1)
