"""Logs, commands in containers, forwarded ports."""

import pytest

from kubecourse import Cluster
from kubecourse.tools.kubectl import run

COUNTING = "for i in 1 2 3; do echo line $i; sleep 2; done"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=1)


def start(cluster: Cluster, name: str, script: str, restart: str = "Never") -> None:
    run(cluster, ["run", name, "--image=busybox", f"--restart={restart}", "--", "sh", "-c", script])


def said(cluster: Cluster, command: str) -> str:
    output = run(cluster, command)
    return output.stdout + output.stderr


def test_logs_are_what_was_written_so_far(cluster):
    start(cluster, "count", COUNTING)
    assert said(cluster, "logs count") == ""
    assert run(cluster, "wait --for=condition=Ready pod/count").code == 0
    cluster.clock.advance(0.5)
    assert said(cluster, "logs count") == "line 1\n"
    assert said(cluster, "logs -f count") == "line 1\nline 2\nline 3\n"
    assert said(cluster, "logs count --tail=1") == "line 3\n"
    assert said(cluster, "logs pod/count --since=3s") == "line 3\n"
    assert said(cluster, "logs count --timestamps --tail=1").startswith("2026-01-05T09:00:0")
    assert said(cluster, "logs count --prefix --tail=1") == "[pod/count/count] line 3\n"


def test_the_run_before_has_its_own_log(cluster):
    start(cluster, "crash", "echo boom; exit 1", restart="Always")
    cluster.clock.advance(5)
    assert said(cluster, "logs crash -p") == "boom\n"


def test_a_container_that_has_not_started_has_no_log_but_a_reason(cluster):
    cluster.images.declare("gone", pullable=False)
    run(cluster, "run gone --image=gone")
    cluster.clock.advance(0.1)
    assert said(cluster, "logs gone") == (
        'Error from server (BadRequest): container "gone" in pod "gone" is waiting to start:'
        " ContainerCreating\n"
    )
    cluster.clock.advance(20)
    assert "image" in said(cluster, "logs gone")
    assert said(cluster, "logs gone -p") == (
        'Error from server (BadRequest): previous terminated container "gone" in pod "gone"'
        " not found\n"
    )


def test_a_workload_stands_for_the_fittest_of_its_pods(cluster):
    run(cluster, "create deployment web --image=nginx --replicas=2")
    cluster.clock.settle(60)
    run(cluster, "expose deploy/web --port=80")
    first = cluster.pods("web")[0]
    assert said(cluster, "logs deploy/web").endswith(f"Found 2 pods, using pod/{first}\n")
    assert said(cluster, "exec deploy/web -- hostname") == f"{first}\n"
    assert said(cluster, "exec svc/web -- hostname") == f"{first}\n"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("logs", "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'."),
        (
            "logs nope",
            'error: error from server (NotFound): pods "nope" not found in namespace "default"',
        ),
        ("logs sleeper -c nope", "error: container nope is not valid for pod sleeper"),
        ("logs -l app=x sleeper", "error: only a selector (-l) or a POD name is allowed"),
        ("exec sleeper ls", "error: exec [POD] [COMMAND] is not supported anymore."),
        ("exec sleeper", "error: you must specify at least one command for the container"),
        ("exec", "error: pod, type/name or --filename must be specified"),
        ("port-forward sleeper", "error: TYPE/NAME and list of ports are required"),
        ("port-forward sleeper web", "error: Pod 'sleeper' does not have a named port 'web'"),
        ("port-forward sleeper x:80", "error: error parsing local port 'x': strconv.ParseUint"),
    ],
)
def test_errors_are_those_of_kubectl(cluster, command, error):
    start(cluster, "sleeper", "sleep 3600")
    run(cluster, "wait --for=condition=Ready pod/sleeper")
    output = run(cluster, command)
    assert output.stderr.startswith(error)
    assert output.code == 1


def test_the_exit_code_of_a_command_is_kubectls(cluster):
    start(cluster, "sleeper", "sleep 3600")
    run(cluster, "wait --for=condition=Ready pod/sleeper")
    output = run(cluster, "exec sleeper -- sh -c 'echo out; exit 7'")
    assert output.stdout == "out\n"
    assert output.stderr == "command terminated with exit code 7\n"
    assert output.code == 7


def test_a_finished_pod_runs_no_commands(cluster):
    start(cluster, "done", "true")
    cluster.clock.settle(60)
    assert said(cluster, "exec done -- ls") == (
        "error: cannot exec into a container in a completed pod; current phase is Succeeded\n"
    )


def test_a_node_that_does_not_answer(cluster):
    start(cluster, "sleeper", "echo hello; sleep 3600")
    cluster.clock.advance(10)
    cluster.kubelets["node-1"].stop()
    assert said(cluster, "logs sleeper").endswith(
        ':10250/containerLogs/default/sleeper/sleeper": dial tcp 172.18.0.2:10250: connect:'
        " connection refused\n"
    )


def test_a_machine_that_is_cut_off_is_waited_for(cluster):
    start(cluster, "sleeper", "echo hello; sleep 3600")
    cluster.clock.advance(10)
    cluster.fail_node("node-1")
    timeout = "dial tcp 172.18.0.2:10250: i/o timeout\n"
    before = cluster.now
    assert said(cluster, "exec sleeper -- true") == (
        f"Error from server: error dialing backend: {timeout}"
    )
    assert cluster.now - before >= 30
    assert said(cluster, "logs sleeper").endswith(f'/sleeper/sleeper": {timeout}')
    cluster.recover_node("node-1")
    assert said(cluster, "logs sleeper") == "hello\n"


def test_run_with_i_stays_until_the_pod_ends_and_rm_removes_it(cluster):
    output = run(
        cluster, ["run", "-i", "--rm", "x", "--image=busybox", "--restart=Never", "--",
                  "sh", "-c", "echo hi; exit 3"],
    )  # fmt: skip
    assert (output.stdout, output.code) == ('hi\npod "x" deleted\n', 3)


def test_a_forwarded_port_leads_to_the_pod_behind_a_service(cluster):
    cluster.images.declare("app", answers="hello from {pod}")
    run(cluster, "create deployment app --image=app --port=8080")
    run(cluster, "expose deploy/app --port=80 --target-port=8080")
    cluster.clock.settle(60)
    assert said(cluster, "port-forward svc/app 9000:80") == (
        "Forwarding from 127.0.0.1:9000 -> 8080\nForwarding from [::1]:9000 -> 8080\n"
    )
    assert cluster.request("http://localhost:9000").body == f"hello from {cluster.pods('app')[0]}"
    assert cluster.request("http://localhost:9001").status == 0
    run(cluster, "delete deploy app")
    cluster.clock.settle(60)
    assert cluster.request("http://localhost:9000").status == 0
