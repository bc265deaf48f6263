"""A pod in the eyes of the runtime: one network address, shared volumes, its containers."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from kubecourse.node.runtime.files import FileSystem, Mount

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container


class Provider(Protocol):
    """Who knows what a pod's containers are given: the kubelet."""

    def services(self) -> list[Any]:
        """The Services that a container hears of at its start."""

    def environment(self, spec: Any, services: list[Any]) -> dict[str, str]:
        """A container's variables."""

    def volume(self, name: str) -> tuple[dict[str, str], bool]:
        """A volume's files, and whether they may only be read."""


class Sandbox:
    """What the containers of a pod share. `network` is what their commands reach others by."""

    __slots__ = (
        "containers", "hostname", "ip", "namespace", "network", "node", "pod_name", "previous",
        "provider", "random", "security", "uid", "volumes",
    )  # fmt: skip

    def __init__(
        self, pod: Any, ip: str, node: str, provider: Provider, network: Any, random: Random
    ) -> None:
        metadata = pod.metadata
        self.uid: str = metadata.uid
        self.pod_name: str = metadata.name
        self.namespace: str = metadata.namespace
        self.hostname: str = pod.spec.hostname or metadata.name
        self.security = pod.spec.securityContext
        self.ip = ip
        self.node = node
        self.provider = provider
        self.network = network
        self.random = random
        self.containers: dict[str, Container] = {}
        self.previous: dict[str, Container] = {}
        self.volumes: dict[str, tuple[dict[str, str], bool]] = {}

    def listener(self, port: int) -> Container | None:
        """The container that accepts connections to a port."""
        return next((c for c in self.containers.values() if c.listens(port)), None)

    def files(self, spec: Any) -> FileSystem:
        """A container's files."""
        domain = "cluster.local"
        own = {
            "/etc/hostname": f"{self.hostname}\n",
            "/etc/hosts": f"127.0.0.1\tlocalhost\n{self.ip}\t{self.hostname}\n",
            "/etc/resolv.conf": f"search {self.namespace}.svc.{domain} svc.{domain} {domain}\n"
            "nameserver 10.96.0.10\noptions ndots:5\n",
        }
        mounts = [self._mount(mount) for mount in spec.volumeMounts or ()]
        fixed = spec.securityContext is not None and spec.securityContext.readOnlyRootFilesystem
        return FileSystem(own, mounts, self.changed, bool(fixed))

    def _mount(self, mount: Any) -> Mount:
        """A volume where a container has it; containers share what is in it.

        One file of it alone stays as it was when the container started.
        """
        if mount.name not in self.volumes:
            self.volumes[mount.name] = self.provider.volume(mount.name)
        files, read_only = self.volumes[mount.name]
        path, part = mount.mountPath.rstrip("/"), (mount.subPath or "").strip("/")
        if part in files:
            return Mount(path, {"": files[part]}, read_only=True)
        return Mount(path, files, read_only or bool(mount.readOnly), part)

    def changed(self) -> None:
        """A file has changed that all containers may see."""
        for container in self.containers.values():
            container.changed()
