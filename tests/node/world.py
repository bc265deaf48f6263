"""A node or a few, an API server and the network between them, without controllers."""

from typing import Any

import yaml

from kubecourse.addons.dns import DNS
from kubecourse.api import codec, models
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd, Members
from kubecourse.node.kube_proxy import KubeProxy
from kubecourse.node.kubelet import Kubelet
from kubecourse.node.machine import Machine
from kubecourse.node.network import Network
from kubecourse.node.runtime.container import Container
from kubecourse.node.runtime.images import ImageCatalog

core = models.core_v1
discovery = models.discovery_v1
ObjectMeta = models.meta_v1.ObjectMeta

NAMES = {
    "Pod": "core/v1.Pod",
    "Service": "core/v1.Service",
    "ConfigMap": "core/v1.ConfigMap",
    "Secret": "core/v1.Secret",
    "EndpointSlice": "discovery/v1.EndpointSlice",
    "PersistentVolumeClaim": "core/v1.PersistentVolumeClaim",
}


class World:
    """With `members`, etcd is on several machines, and the API server on the first."""

    def __init__(self, nodes: int = 1, seed: int = 0, members: tuple[str, ...] = ()) -> None:
        self.clock = Clock(seed)
        self.members = Members(self.clock, members) if members else None
        self.etcd = self.members[members[0]] if self.members else Etcd()
        self.server = APIServer(self.clock, self.etcd)
        self.client = self.connect("admin")
        for name in ("default", "other", "kube-node-lease"):
            self.client.create(core.Namespace(metadata=ObjectMeta(name=name)))
        self.images = ImageCatalog()
        self.proxy = KubeProxy(self.connect("kube-proxy"))
        self.dns = DNS(self.connect("coredns"))
        self.kubelets: dict[str, Kubelet] = {}
        self.network = Network(self.clock, self.dns, self.proxy, self.kubelets)
        self.proxy.start()
        self.dns.start()
        for number in range(1, nodes + 1):
            machine = Machine.parse(f"node-{number}", "4cpu-16Gi", number)
            kubelet = Kubelet(
                self.connect(f"kubelet/{machine.name}"), machine, self.images, self.network
            )
            self.kubelets[machine.name] = kubelet
            kubelet.start()
        self.clock.settle()

    def connect(self, user: str) -> Client:
        return Client(self.server, self.clock, user)

    def apply(self, text: str) -> Any:
        """Create objects from YAML; returns the last. Pods go to node-1 unless they say where."""
        obj = None
        for document in yaml.safe_load_all(text):
            document.setdefault("metadata", {}).setdefault("namespace", "default")
            if document["kind"] == "Pod":
                document["spec"].setdefault("nodeName", "node-1")
            obj, unknown = codec.decode(document, NAMES[document["kind"]])
            assert not unknown, unknown
            obj = self.client.create(obj)
        return obj

    def run(
        self, name: str, image: str = "hello:1", node: str = "node-1", **container: Any
    ) -> None:
        """Create a pod of one container on a node; `labels`, `pod` for the pod itself."""
        labels = container.pop("labels", {})
        spec = container.pop("pod", {})
        namespace = container.pop("namespace", "default")
        self.apply(
            yaml.safe_dump(
                {
                    "kind": "Pod",
                    "metadata": {"name": name, "namespace": namespace, "labels": labels},
                    "spec": {
                        "nodeName": node,
                        "containers": [{"name": "c", "image": image, **container}],
                        **spec,
                    },
                }
            )
        )

    def pod(self, name: str, namespace: str = "default") -> Any:
        return self.client.get(core.Pod, name, namespace)

    def container(self, name: str, container: str = "c") -> Container:
        pod = self.pod(name)
        return self.kubelets[pod.spec.nodeName].runtime.container(pod.metadata.uid, container)

    def logs(self, name: str, container: str = "c", previous: bool = False) -> str:
        pod = self.pod(name)
        runtime = self.kubelets[pod.spec.nodeName].runtime
        return "".join(line for _, line in runtime.logs(pod.metadata.uid, container, previous))

    def exec(self, name: str, *command: str) -> Any:
        pod = self.pod(name)
        return self.kubelets[pod.spec.nodeName].runtime.exec(self.container(name), list(command))

    def state(self, name: str) -> tuple[str, Any]:
        """What a pod's first container does: running, waiting or terminated, and why."""
        state = self.pod(name).status.containerStatuses[0].state
        if state.running is not None:
            return "running", None
        if state.waiting is not None:
            return "waiting", state.waiting.reason
        return "terminated", (state.terminated.reason, state.terminated.exitCode)

    def ready(self, name: str) -> bool:
        conditions = self.pod(name).status.conditions or ()
        return any(c.type == "Ready" and c.status == "True" for c in conditions)

    def events(self, reason: str = "") -> list[tuple[str, int]]:
        return [
            (e.message, e.count)
            for e in self.client.list(core.Event, "default")
            if e.involvedObject.kind == "Pod" and (not reason or e.reason == reason)
        ]

    def serve(self, name: str, *pods: str, spec: str = "", ready: bool = True) -> Any:
        """A Service of some pods, port 80 to 8080, with the slice a controller would make."""
        service = self.apply(
            f"kind: Service\nmetadata: {{name: {name}}}\n"
            f"spec: {{ports: [{{port: 80, targetPort: 8080}}], selector: {{app: {name}}}, {spec}}}"
        )
        self.endpoints(name, dict.fromkeys(pods, (ready, False)))
        return service

    def endpoints(self, service: str, pods: dict[str, tuple[bool, bool]]) -> None:
        """Write a Service's slice: which pods are ready, and which are terminating."""
        endpoints = []
        for name, (ready, terminating) in pods.items():
            pod = self.pod(name)
            endpoints.append(
                discovery.Endpoint(
                    addresses=[pod.status.podIP],
                    conditions=discovery.EndpointConditions(
                        ready=ready, serving=True, terminating=terminating
                    ),
                    nodeName=pod.spec.nodeName,
                    targetRef=core.ObjectReference(kind="Pod", name=name, namespace="default"),
                )
            )
        new = discovery.EndpointSlice(
            metadata=ObjectMeta(
                name=f"{service}-1",
                namespace="default",
                labels={"kubernetes.io/service-name": service},
            ),
            addressType="IPv4",
            endpoints=endpoints,
            ports=[discovery.EndpointPort(name="", port=8080, protocol="TCP")],
        )
        if any(s.metadata.name == new.metadata.name for s in self.client.list(type(new))):
            self.client.update(new)
        else:
            self.client.create(new)
        self.clock.settle()
