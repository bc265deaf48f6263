"""Python's client libraries work with a served cluster: list, watch, patch, exec."""

from collections.abc import Iterator

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.apiserver.http.service import Service


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    cluster = Cluster(nodes=2)
    cluster.run("create deployment web --image=nginx:1.25 --replicas=2")
    cluster.settle()
    service = cluster.serve(speed=20)
    yield service
    service.stop()


def test_the_official_client(service: Service) -> None:
    kubernetes = pytest.importorskip("kubernetes")
    from kubernetes.stream import portforward, stream

    kubernetes.config.load_kube_config(str(service.kubeconfig))
    core, apps = kubernetes.client.CoreV1Api(), kubernetes.client.AppsV1Api()
    assert kubernetes.client.VersionApi().get_code().git_version == "v1.36.2"
    names = [pod.metadata.name for pod in core.list_namespaced_pod("default").items]
    assert len(names) == 2
    watch = kubernetes.watch.Watch()
    seen = watch.stream(core.list_namespaced_pod, "default", timeout_seconds=1)
    assert {event["object"].metadata.name for event in seen} == set(names)
    apps.patch_namespaced_deployment("web", "default", {"metadata": {"labels": {"a": "b"}}})
    assert apps.read_namespaced_deployment("web", "default").metadata.labels["a"] == "b"
    command = {"command": ["echo", "here"], "stdout": True, "stdin": False, "tty": False}
    said = stream(core.connect_get_namespaced_pod_exec, names[0], "default", **command)
    assert said == "here\n"
    ports = portforward(
        core.connect_get_namespaced_pod_portforward, names[0], "default", ports="80"
    )
    socket = ports.socket(80)
    socket.settimeout(10)
    socket.sendall(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    assert socket.recv(100).startswith(b"HTTP/1.1 200 OK")
    with pytest.raises(kubernetes.client.ApiException) as refused:
        core.read_namespaced_pod("nope", "default")
    assert refused.value.status == 404


def test_lightkube(service: Service) -> None:
    from lightkube import Client, KubeConfig
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.apps_v1 import Deployment
    from lightkube.resources.core_v1 import ConfigMap, Pod

    client = Client(config=KubeConfig.from_file(service.kubeconfig).get())
    names = {pod.metadata.name for pod in client.list(Pod)}
    assert len(names) == 2
    seen = {obj.metadata.name for _, (_, obj) in zip(range(2), client.watch(Pod), strict=False)}
    assert seen == names
    client.patch(Deployment, "web", {"spec": {"replicas": 3}})
    assert client.get(Deployment, "web").spec.replicas == 3
    client.create(ConfigMap(metadata=ObjectMeta(name="a"), data={"b": "c"}))
    assert client.get(ConfigMap, "a").data == {"b": "c"}
    client.delete(ConfigMap, "a")


@pytest.mark.filterwarnings("ignore:Kubernetes version")
def test_kr8s(service: Service) -> None:
    kr8s = pytest.importorskip("kr8s")
    import httpx

    api = kr8s.api(kubeconfig=str(service.kubeconfig))
    pods = list(api.get("pods"))
    assert pods
    pod = pods[0]
    pod.label({"tier": "front"})
    assert kr8s.objects.Pod.get(pod.name, api=api).labels["tier"] == "front"
    assert pod.exec(["echo", "here"]).stdout == b"here\n"
    with pod.portforward(80) as port:
        assert "Welcome to nginx" in httpx.get(f"http://127.0.0.1:{port}/").text
    _, first = next(api.watch("pods"))
    assert first.kind == "Pod"
