"""Other people's images: programs that nobody here knows do what they would most likely do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubecourse import Cluster


def pod(spec: dict[str, Any], **container: Any) -> str:
    """A pod with one container, and more in its spec."""
    containers = [{"name": "main", "image": "example.com/shop/tool:1", **container}]
    metadata = {"name": "tool"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    return json.dumps({**pod, "spec": {"containers": containers, **spec}})


def state(manifest: str, seconds: float = 60.0) -> str:
    """READY and STATUS of the pod, a while later."""
    cluster = Cluster(nodes=1)
    answer = cluster.run("apply -f -", manifest)
    assert answer.code == 0, answer.text
    cluster.advance(seconds)
    return " ".join(cluster.run("get pods --no-headers").text.split()[1:3])


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_in_a_pod_that_is_to_complete_it_works_and_ends(policy: str) -> None:
    assert state(pod({"restartPolicy": policy})) == "0/1 Completed"
    assert state(pod({"restartPolicy": policy}, command=["perl", "-e", "1"])) == "0/1 Completed"


def test_with_ports_it_is_a_server_all_the_same() -> None:
    ports = [{"containerPort": 8080}]
    assert state(pod({"restartPolicy": "Never"}, ports=ports)) == "1/1 Running"


def test_before_the_others_it_works_and_ends() -> None:
    first = [{"name": "migrate", "image": "example.com/shop/migrate:1", "args": ["up"]}]
    assert state(pod({"initContainers": first})) == "1/1 Running"
    script = {"command": ["sh", "-c", "migrate up && echo done"]}
    assert state(pod({"initContainers": [{**first[0], **script}]})) == "1/1 Running"


@pytest.mark.parametrize(
    "command", [["./check.sh"], ["sh", "-c", "/scripts/ready.sh 1"], ["bash", "-c", "exec check"]]
)
def test_asked_by_a_probe_it_answers_as_its_server_does(command: list[str]) -> None:
    probe = {"exec": {"command": command}}
    assert state(pod({}, readinessProbe=probe)) == "1/1 Running"
    late = {"readinessProbe": probe, "ports": [{"containerPort": 80}], "image": "rabbitmq"}
    assert state(pod({}, **late), seconds=5) != "1/1 Running"


def test_who_declares_no_port_listens_where_probes_ask() -> None:
    probe = {"httpGet": {"path": "/healthz", "port": 8081}}
    assert state(pod({}, readinessProbe=probe)) == "1/1 Running"
    ports = [{"containerPort": 8080}]
    assert state(pod({}, readinessProbe=probe, ports=ports)) == "0/1 Running"


def test_what_lies_in_an_image_that_nobody_described_can_be_copied_out_of_it() -> None:
    mount = [{"name": "tools", "mountPath": "/tools"}]
    first = {"name": "copy", "image": "example.com/shop/tool:1", "volumeMounts": mount}
    volumes = [{"name": "tools", "emptyDir": {}}]
    copy = {**first, "command": ["cp", "-n", "/usr/local/bin/tool", "/tools/tool"]}
    run = {"command": ["/tools/tool"], "volumeMounts": mount}
    assert state(pod({"initContainers": [copy], "volumes": volumes}, **run)) == "1/1 Running"
    known = {**copy, "image": "busybox"}
    assert "0/1 Init:" in state(pod({"initContainers": [known], "volumes": volumes}))


def test_the_old_registry_has_the_same_images() -> None:
    probe = {"httpGet": {"path": "/healthz", "port": 10254}}
    ports = [{"containerPort": 80}]
    image = "k8s.gcr.io/ingress-nginx/controller:v0.41.2"
    assert state(pod({}, image=image, ports=ports, readinessProbe=probe)) == "1/1 Running"


@pytest.mark.parametrize(
    "image",
    ["registry.k8s.io/busybox:1.27", "mirror.gcr.io/library/busybox", "quay.io/x/busybox:1"],
)
def test_a_copy_of_an_image_is_that_image(image: str) -> None:
    said = state(pod({"restartPolicy": "Never"}, image=image, command=["nosuch"]))
    assert said == "0/1 RunContainerError" or "Error" in said


def test_arguments_that_begin_with_a_shell_are_a_command() -> None:
    args = ["/bin/sh", "-c", "touch /tmp/healthy; sleep 3600"]
    probe = {"exec": {"command": ["cat", "/tmp/healthy"]}}
    assert state(pod({}, args=args, readinessProbe=probe)) == "1/1 Running"


def test_the_password_of_argo_cds_redis_is_there_when_its_pods_ask_for_it() -> None:
    image = "quay.io/argoproj/argocd:v2.13.2"
    command = ["argocd", "admin", "redis-initial-password"]
    first = [{"name": "secret-init", "image": image, "command": command}]
    password = {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}}
    env = [{"name": "REDIS_PASSWORD", "valueFrom": password}]
    assert state(pod({"initContainers": first}, image="redis:7", env=env)) == "1/1 Running"


WAITING = {
    "postgres:16": "until pg_isready -h db -p 5432 -U shop; do sleep 1; done",
    "mysql:8": "until mysqladmin ping -hdb --port=5432 --silent; do sleep 1; done",
    "redis:7": "until redis-cli -h db -p 5432 ping | grep -q PONG; do sleep 1; done",
    "bash:5": "until (echo > /dev/tcp/db/5432) 2>/dev/null; do sleep 1; done",
    "example.com/shop/tool:1": "until grpc_health_probe -addr=db:5432; do sleep 1; done",
    "example.com/shop/sql:1": "until psql postgres://shop:pw@db:5432/shop; do sleep 1; done",
}


@pytest.mark.parametrize(("image", "script"), WAITING.items())
def test_what_waits_for_a_server_elsewhere_waits_until_it_is_there(image: str, script: str) -> None:
    cluster = Cluster(nodes=1)
    first = [{"name": "wait", "image": image, "command": ["sh", "-c", script]}]
    cluster.run("apply -f -", pod({"initContainers": first}))
    cluster.advance(60)
    assert "Init:0/1" in cluster.run("get pod tool").text
    cluster.run("run db --image=example.com/shop/db:1 --port=5432 --expose")
    cluster.advance(60)
    assert "Running" in cluster.run("get pod tool").text


def test_a_client_asks_the_server_in_its_own_pod_and_is_not_in_every_image() -> None:
    answer = {
        "readinessProbe": {"exec": {"command": ["mysql", "-h", "127.0.0.1", "-e", "SELECT 1"]}}
    }
    assert state(pod({}, image="mysql:8", **answer), seconds=90) == "1/1 Running"
    cluster = Cluster(nodes=1)
    cluster.run("apply -f -", pod({}, image="redis:7"))
    cluster.run("run box --image=busybox -- sleep infinity")
    cluster.advance(30)
    assert cluster.run("exec tool -- redis-cli ping").stdout == "PONG\n"
    assert "not found" in cluster.run("exec box -- redis-cli ping").text


@pytest.mark.parametrize(
    "script",
    [
        "cd /app && ./run", "sh /app/start.sh", ". /opt/lib.sh && serve", "touch /data/x && serve",
        "chown -R 1000 /app/data && exec serve", "a=(x y); for ((i = 0; i < 2; i++)); do :; done",
    ],
)  # fmt: skip
def test_its_image_has_files_and_its_shell_words_that_nobody_knows(script: str) -> None:
    command = ["sh", "-ec", script]
    assert state(pod({}, command=command)) == "1/1 Running"
    assert state(pod({}, command=command, image="busybox")) != "1/1 Running"


def test_what_a_program_that_nobody_knows_has_made_can_be_copied() -> None:
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}]
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in "ab"]
    script = ["sh", "-ec", "install-plugins /a; cp /a/*.jpi /b/"]
    first = [{"name": "first", "image": "jenkins/jenkins:lts", "command": script}]
    first[0]["volumeMounts"] = mounts  # type: ignore[assignment]
    assert state(pod({"initContainers": first, "volumes": volumes})) == "1/1 Running"


def test_two_probes_that_ask_alike_know_where_it_listens_and_one_does_not() -> None:
    asks = {"httpGet": {"path": "/healthz", "port": 9879}}
    ports = [{"containerPort": 4244}]
    assert state(pod({}, ports=ports, readinessProbe=asks)) == "0/1 Running"
    both = {"readinessProbe": asks, "livenessProbe": asks}
    assert state(pod({}, ports=ports, **both)) == "1/1 Running"
    assert state(pod({"hostNetwork": True}, ports=ports, readinessProbe=asks)) == "1/1 Running"
    assert state(pod({}, ports=[{"containerPort": 80}], image="nginx", **both)) == "0/1 Running"


def test_a_web_server_shows_the_pages_that_are_put_there() -> None:
    cluster = Cluster(nodes=1)
    pages = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pages"}}
    cluster.run("apply -f -", json.dumps({**pages, "data": {"index.html": "mine", "a.txt": "A"}}))
    volumes = [{"name": "pages", "configMap": {"name": "pages"}}]
    mounts = [{"name": "pages", "mountPath": "/usr/share/nginx/html"}]
    cluster.run("apply -f -", pod({"volumes": volumes}, image="nginx", volumeMounts=mounts))
    cluster.run("run plain --image=nginx")
    cluster.settle()
    assert cluster.run("exec tool -- curl -s localhost/?x=1").stdout == "mine"
    assert cluster.run("exec tool -- curl -s localhost/a.txt").stdout == "A"
    assert "Welcome" in cluster.run("exec plain -- curl -s localhost").stdout
    cluster.run("exec plain -- sh -c 'echo new > /usr/share/nginx/html/index.html'")
    assert cluster.run("exec plain -- curl -s localhost").stdout == "new\n"
    assert cluster.run("exec plain -- curl -s --output /tmp/x localhost").stdout == ""


def test_packages_are_there_already() -> None:
    command = ["sh", "-c", "apk add --no-cache curl && sleep 3600"]
    assert state(pod({}, image="alpine:3.20", command=command)) == "1/1 Running"


def test_an_image_that_nobody_described_need_not_run_as_root() -> None:
    context = {"securityContext": {"runAsNonRoot": True}}
    assert state(pod(context)) == "1/1 Running"
    assert state(pod(context, image="nginx")) == "0/1 CreateContainerConfigError"


def job(*args: str) -> str:
    """A Job of a chart that gives its webhooks a certificate."""
    image = "registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.4.1"
    spec = {"restartPolicy": "Never", "containers": [{"name": "a", "image": image, "args": args}]}
    metadata = {"name": args[0]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
    return json.dumps({**job, "spec": {"template": {"spec": spec}}})


def test_webhooks_get_something_in_place_of_a_certificate() -> None:
    cluster = Cluster(nodes=1)
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "checks"},
        "webhooks": [{
            "name": "checks.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"name": "checks", "namespace": "default"}},
        }],
    }  # fmt: skip
    cluster.run("apply -f -", json.dumps(hook))
    where = ("--namespace=default", "--secret-name=cert")
    cluster.run("apply -f -", job("create", "--host=checks", *where))
    patch = ("--webhook-name=checks", "--patch-mutating=false", *where)
    cluster.run("apply -f -", job("patch", *patch))
    cluster.advance(60)
    assert cluster.run("get jobs -o jsonpath={.items[*].status.succeeded}").text == "1 1"
    assert cluster.run("get secret cert --no-headers").text.split()[:3] == ["cert", "Opaque", "3"]
    path = "{.items[0].webhooks[0].clientConfig.caBundle}"
    assert cluster.run(f"get validatingwebhookconfigurations -o jsonpath={path}").text
