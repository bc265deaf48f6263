"""A cluster in which nothing runs: objects as they are written down, and an API server."""

from typing import Any

import yaml

from kubecourse.api import codec, models
from kubecourse.api.resources import BY_KIND, resource_of
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.etcd import Etcd

core = models.core_v1
ObjectMeta = models.meta_v1.ObjectMeta
READY = {"type": "Ready", "status": "True"}


class Still:
    def __init__(self) -> None:
        self.clock = Clock()
        self.server = APIServer(self.clock, Etcd())
        self.client = Client(self.server, self.clock, "admin")
        for name in ("default", "dev", "kube-system"):
            self.client.create(core.Namespace(metadata=ObjectMeta(name=name)))

    def create(self, text: str, **status: Any) -> Any:
        """Create an object from YAML, then give it a status."""
        document = yaml.safe_load(text)
        resource = BY_KIND[document["apiVersion"], document["kind"]]
        if resource.namespaced:
            document["metadata"].setdefault("namespace", "default")
        obj, unknown = codec.decode(document, resource.schema)
        assert not unknown, unknown
        stored = self.client.create(obj)
        if not status:
            return stored
        document = codec.encode(stored)
        document["status"] = {**document.get("status", {}), **status}
        return self.client.update_status(codec.decode(document, resource.schema)[0])

    def node(
        self, name: str, cpu: str = "4", memory: str = "3Gi", pods: int = 10, spec: str = "{}",
        **labels: str,
    ) -> None:  # fmt: skip
        labels = {"kubernetes.io/hostname": name, **labels}
        room = {"cpu": cpu, "memory": memory, "pods": str(pods)}
        self.create(
            f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {labels}}}\n"
            f"spec: {spec}",
            capacity=room, allocatable=room, conditions=[READY],
        )  # fmt: skip
        node = self.client.get(core.Node, name)
        kept = [t for t in node.spec.taints or () if t.key != "node.kubernetes.io/not-ready"]
        from msgspec.structs import replace

        self.client.update(replace(node, spec=replace(node.spec, taints=kept or None)))

    def pods(
        self, node: str, count: int, prefix: str = "", *, owner: str = "ReplicaSet/web",
        cpu: str = "0", memory: str = "0", image: str = "web:1", namespace: str = "default",
        spec: dict[str, Any] | None = None, phase: str = "Running", **metadata: Any,
    ) -> list[str]:  # fmt: skip
        """Pods on a node, alike; returns their names."""
        names = []
        kind, _, name = owner.partition("/")
        owners = [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"uid-{name}",
                   "controller": True}] if owner else []  # fmt: skip
        have = len(self.client.list(core.Pod, namespace))
        for number in range(count):
            names.append(f"{prefix or node}-{have + number}")
            document = {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": names[-1], "namespace": namespace, "ownerReferences": owners,
                             **metadata},
                "spec": {
                    "containers": [{"name": "c", "image": image,
                                    "resources": {"requests": {"cpu": cpu, "memory": memory}}}],
                    **(spec or {}), "nodeName": node,
                },
            }  # fmt: skip
            started = self.clock.utc().strftime("%Y-%m-%dT%H:%M:%SZ")
            self.create(
                yaml.safe_dump(document), phase=phase, startTime=started, conditions=[READY]
            )
        return names

    def evicted(self) -> list[str]:
        """The pods that are going."""
        return [
            pod.metadata.name
            for pod in self.client.list(core.Pod)
            if pod.metadata.deletionTimestamp is not None
        ]

    def find(self, cls: type[Any], name: str, namespace: str = "default") -> Any:
        resource = resource_of(cls)
        return self.server.find(resource, namespace if resource.namespaced else None, name)
