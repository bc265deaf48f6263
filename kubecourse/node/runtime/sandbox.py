"""A pod in the eyes of the runtime: one network address, shared volumes, its containers."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from kubecourse.api.demand import Declared, declared
from kubecourse.node.runtime.files import FileSystem, Mount

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container


DOMAIN = "cluster.local"
LOCAL_HOSTS = (
    ("# Kubernetes-managed hosts file.",),
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::0", "ip6-localnet"),
    ("fe00::0", "ip6-mcastprefix"),
    ("fe00::1", "ip6-allnodes"),
    ("fe00::2", "ip6-allrouters"),
)
"""How every pod's `/etc/hosts` begins."""

_VARIABLE = re.compile(r"\$\$|\$\(([A-Za-z_.][-A-Za-z0-9_.]*)\)")


class Provider(Protocol):
    """Who knows what a pod's containers are given: the kubelet."""

    def services(self) -> list[Any]:
        """The Services that a container hears of at its start."""

    def environment(self, spec: Any, services: list[Any]) -> dict[str, str]:
        """A container's variables."""

    def volume(self, name: str) -> tuple[dict[str, str], bool]:
        """A volume's files, and whether they may only be read."""

    def wrote(self) -> None:
        """Something has been written to disk."""


class Sandbox:
    """What the containers of a pod share. `network` is what their commands reach others by."""

    __slots__ = (
        "account", "aliases", "containers", "declared", "hostname", "ip", "namespace", "network",
        "node", "pod_name", "previous", "provider", "random", "security", "spec", "uid", "volumes",
    )  # fmt: skip

    def __init__(
        self, pod: Any, ip: str, node: str, provider: Provider, network: Any, random: Random
    ) -> None:
        metadata = pod.metadata
        self.uid: str = metadata.uid
        self.pod_name: str = metadata.name
        self.namespace: str = metadata.namespace
        self.account: str = pod.spec.serviceAccountName or "default"
        self.hostname: str = pod.spec.hostname or metadata.name
        self.spec = pod.spec
        self.security = pod.spec.securityContext
        self.declared = declared(metadata.annotations)
        self.aliases = pod.spec.hostAliases
        self.ip = ip
        self.node = node
        self.provider = provider
        self.network = network
        self.random = random
        self.containers: dict[str, Container] = {}
        self.previous: dict[str, Container] = {}
        self.volumes: dict[str, tuple[dict[str, str], bool]] = {}

    def demands(self, container: str) -> Declared:
        """What the pod's annotations say that a container wants."""
        if not self.declared:
            return {}
        first = self.declared.get("", {}) if container == self.spec.containers[0].name else {}
        return {**first, **self.declared.get(container, {})}

    def alias(self, name: str) -> str | None:
        """The address that the pod itself gives a name."""
        given = (alias for alias in self.aliases or () if name in (alias.hostnames or ()))
        return next((str(alias.ip) for alias in given), None)

    def listener(self, port: int) -> Container | None:
        """The container that accepts connections to a port."""
        return next((c for c in self.containers.values() if c.listens(port)), None)

    def files(
        self, spec: Any, environment: dict[str, str], unseen: tuple[str, ...] = ()
    ) -> FileSystem:
        """The files of a container with these variables; `unseen`: where its image has more."""
        own = {
            "/etc/hostname": f"{self.hostname}\n",
            "/etc/hosts": self._hosts(),
            "/etc/resolv.conf": f"search {self.namespace}.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}\n"
            "nameserver 10.96.0.10\noptions ndots:5\n",
        }
        mounts = [self._mount(mount, environment) for mount in spec.volumeMounts or ()]
        fixed = spec.securityContext is not None and spec.securityContext.readOnlyRootFilesystem
        return FileSystem(own, mounts, self.changed, bool(fixed), unseen)

    def _hosts(self) -> str:
        """The names that the pod's containers know by themselves.

        Source: `pkg/kubelet/kubelet_pods.go` (managedHostsFileContent).
        """
        name, subdomain = self.hostname, self.spec.subdomain
        names = [name]
        if subdomain:
            names.insert(0, f"{name}.{subdomain}.{self.namespace}.svc.{DOMAIN}")
        hosts = [*LOCAL_HOSTS, (self.ip, *names)]
        if self.aliases:
            hosts += [("",), ("# Entries added by HostAliases.",)]
            hosts += [(alias.ip, *(alias.hostnames or ())) for alias in self.aliases]
        return "".join("\t".join(line) + "\n" for line in hosts)

    def _mount(self, mount: Any, environment: dict[str, str]) -> Mount:
        """A volume where a container has it; containers share what is in it.

        One file of it alone stays as it was when the container started.
        """
        if mount.name not in self.volumes:
            self.volumes[mount.name] = self.provider.volume(mount.name)
        files, read_only = self.volumes[mount.name]
        path, part = mount.mountPath.rstrip("/"), mount.subPath or ""
        if mount.subPathExpr:
            part = expand(mount.subPathExpr, environment)
        part = part.strip("/")
        if part in files:
            return Mount(path, {"": files[part]}, read_only=True)
        return Mount(path, files, read_only or bool(mount.readOnly), part)

    def changed(self) -> None:
        """A file has changed that all containers may see."""
        self.provider.wrote()
        for container in self.containers.values():
            container.changed()


def expand(text: str, variables: dict[str, str]) -> str:
    """A text with `$(NAME)` replaced by a variable's value if there is one; `$$` is one dollar.

    Source: `third_party/forked/golang/expansion/expand.go`.
    """

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _VARIABLE.sub(value, text)
