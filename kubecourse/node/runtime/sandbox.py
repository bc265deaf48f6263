"""A pod in the eyes of the runtime: one network address, shared volumes, its containers."""

from __future__ import annotations

from typing import Any

from kubecourse.node.runtime.container import Container


class Sandbox:
    """What the containers of a pod share."""

    __slots__ = (
        "containers", "hostname", "ip", "namespace", "node", "pod_name", "previous", "uid", "volumes",
    )  # fmt: skip

    def __init__(self, pod: Any, ip: str, node: str) -> None:
        metadata = pod.metadata
        self.uid: str = metadata.uid
        self.pod_name: str = metadata.name
        self.namespace: str = metadata.namespace
        self.hostname: str = pod.spec.hostname or metadata.name
        self.ip = ip
        self.node = node
        self.containers: dict[str, Container] = {}
        self.previous: dict[str, Container] = {}
        self.volumes: dict[str, dict[str, str]] = {}

    def listener(self, port: int) -> Container | None:
        """The container that accepts connections to a port."""
        for container in self.containers.values():
            if container.listens(port):
                return container
        return None
