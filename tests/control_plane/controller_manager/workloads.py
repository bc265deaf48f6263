"""A cluster with real kubelets for the tests of DaemonSets, StatefulSets, Jobs and CronJobs."""

from typing import Any

from msgspec.structs import replace

from kubecourse import Cluster
from kubecourse.api import models
from tests.control_plane.controller_manager.double import decode

core = models.core_v1


class Bench:
    """A cluster, and short ways to look at it."""

    def __init__(self, nodes: int = 3) -> None:
        self.cluster = Cluster(nodes=nodes)
        self.clock = self.cluster.clock
        self.client = self.cluster.client
        self.cluster.images.declare("nginx", size=0)

    def create(self, manifest: str) -> Any:
        return self.client.create(decode(manifest))

    def settle(self) -> None:
        assert self.clock.settle()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def get(self, name: str) -> Any:
        return self.cluster.get(name)

    def change(self, name: str, **spec: Any) -> Any:
        """Change fields of an object's spec."""
        found = self.get(name)
        return self.client.update(replace(found, spec=replace(found.spec, **spec)))

    def set_image(self, name: str, image: str) -> None:
        """Change the image of a workload's container."""
        template = self.get(name).spec.template
        container = replace(template.spec.containers[0], image=image)
        spec = replace(template.spec, containers=[container])
        self.change(name, template=replace(template, spec=spec))

    def set_node(self, name: str, **spec: Any) -> None:
        node = self.client.get(core.Node, name)
        self.client.update(replace(node, spec=replace(node.spec, **spec)))

    def label_node(self, name: str, **labels: str) -> None:
        node = self.client.get(core.Node, name)
        metadata = replace(node.metadata, labels={**node.metadata.labels, **labels})
        self.client.update(replace(node, metadata=metadata))

    def pods(self) -> list[Any]:
        return list(self.client.list(core.Pod, "default"))

    def places(self) -> dict[str, str]:
        """Pods' images by node."""
        return {p.spec.nodeName: p.spec.containers[0].image for p in self.pods()}

    def images(self) -> dict[str, str]:
        """Pods' images by name."""
        return {p.metadata.name: p.spec.containers[0].image for p in self.pods()}

    def phases(self) -> list[str]:
        return sorted(pod.status.phase for pod in self.pods())

    def events(self, kind: str, reason: str = "") -> list[str]:
        """Messages of the events about objects of a kind."""
        return [
            event.message
            for event in self.client.list(core.Event, "default")
            if event.involvedObject.kind == kind and reason in ("", event.reason)
        ]

    def conditions(self, name: str) -> list[tuple[str, str, str]]:
        return [(c.type, c.status, c.reason) for c in self.get(name).status.conditions or ()]
