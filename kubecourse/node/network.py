"""The network inside the cluster: from a name to an address, to an endpoint, to an answer.

A request goes the way a packet goes: DNS, then the Service rules of kube-proxy, then the pod's
address, then the container that listens there. Where it ends is told in the words of Go's
net/http, which is what most programs in a cluster print.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.clock import Clock
from kubecourse.node.kube_proxy import ANY_NODE, Endpoint, KubeProxy
from kubecourse.node.runtime.container import Container
from kubecourse.node.runtime.sandbox import Sandbox

if TYPE_CHECKING:
    from kubecourse.node.kubelet import Kubelet

ROUND_TRIP = 0.0005
TIMEOUT = 5.0
SERVICE_NETWORK = "10.96."
"""Where Services have their addresses; nobody answers there but by a rule."""
DNS_SERVER = "10.96.0.10"
LOOPBACK = ("localhost", "127.0.0.1")
REFUSED = "connect: connection refused"
TIMED_OUT = "i/o timeout"
API = ("default", "kubernetes")
NOT_FROM_PODS = "connect: connection refused (simulated: programs in pods do not reach the API)"


class Url(NamedTuple):
    """An address on the web, in parts."""

    scheme: str
    host: str
    port: int
    path: str


class Response(NamedTuple):
    """What became of a request.

    `status` 0 means that there was no answer; `error` then says why. `latency` is in seconds.
    """

    status: int
    body: str = ""
    error: str = ""
    latency: float = 0.0
    pod: str = ""
    node: str = ""
    url: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 400

    def __str__(self) -> str:
        return self.body if self.status else self.error


@dataclass(slots=True)
class Connection:
    """A connection that a container has accepted, for an endpoint."""

    container: Container
    endpoint: Endpoint


@lru_cache(maxsize=256)
def parse_url(url: str) -> Url:
    """Take a URL apart. Raises ValueError."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "http", url
    if scheme not in ("http", "https"):
        raise ValueError(f'unsupported protocol scheme "{scheme}"')
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.partition(":")
    if not host or (colon and not port.isdigit()):
        raise ValueError(f'{url!r} is not a URL: give a name and a port, such as "http://web:80/"')
    number = int(port) if port else (443 if scheme == "https" else 80)
    return Url(scheme, host, number, f"/{path}" if slash else "/")


class Network:
    """What connects pods, nodes and Services.

    `dns.resolve(name, namespace)` tells what a name means. `kubelets` are the nodes' kubelets by
    name; nodes may join later. `disks` are the files of PersistentVolumes: every node reaches them.
    `programs` are those of images that talk to the API server, by name.
    """

    def __init__(
        self, clock: Clock, dns: Any, proxy: KubeProxy, kubelets: dict[str, Kubelet]
    ) -> None:
        self.clock = clock
        self.dns = dns
        self._proxy = proxy
        self._kubelets = kubelets
        self._rng = clock.rng("network")
        self.disks: dict[str, dict[str, str]] = {}
        self.programs: dict[str, Callable[[Any], tuple[int, str]]] = {}
        self._known: dict[str, Kubelet] = {}
        self._forwards: dict[int, tuple[str, str, int]] = {}

    def forward(self, port: int, namespace: str, pod: str, remote: int) -> None:
        """From now on a port of this machine leads to a port of a pod, whatever Services say."""
        self._forwards[port] = (namespace, pod, remote)

    # --- asking

    def request(
        self,
        url: str,
        from_pod: str | None = None,
        *,
        namespace: str = "default",
        timeout: float = TIMEOUT,
    ) -> Response:
        """Send one GET and say what would come back, without letting time pass.

        `from_pod` names the pod that asks (its namespace, unless `namespace` says otherwise, is
        where short names are looked up). Raises ValueError for a text that is not a URL.
        """
        response = self._fetch(url, self.open(parse_url(url), from_pod, namespace), timeout)
        if response.status or response.pod:
            return response
        return response._replace(error=f'Get "{url}": {response.error}')

    def fetch(self, url: str, source: Sandbox, timeout: float = TIMEOUT) -> Response:
        """What a program in a pod gets for a URL. Raises ValueError for a text that is none."""
        return self._fetch(url, self.connect(parse_url(url), source), timeout)

    def _fetch(self, url: str, made: Connection | str, timeout: float) -> Response:
        if isinstance(made, str):
            return Response(0, "", made, patience(made, timeout), url=url)
        return self.ask(made, url, timeout)

    def ask(self, connection: Connection, url: str, timeout: float = TIMEOUT) -> Response:
        """Send a request over a connection."""
        container, endpoint = connection.container, connection.endpoint
        container.clock.enter()
        pod, node = container.sandbox.pod_name, container.sandbox.node
        reply = container.answer(parse_url(url).path, endpoint.port)
        if reply.hangs or reply.latency > timeout:
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            return Response(0, "", f'Get "{url}": {why}', timeout, pod, node, url)
        latency = ROUND_TRIP + reply.latency * self._rng.uniform(0.8, 1.25)
        return Response(reply.status, reply.body, "", round(latency, 6), pod, node, url)

    def open(self, url: Url, from_pod: str | None, namespace: str) -> Connection | str:
        """Open a connection, from a pod of that name if given, or say why there is none."""
        local = (from_pod or "").removeprefix("pod/")
        source = self._pod(local, namespace) if local else None
        if local and source is None:
            raise ValueError(f'no pod "{local}" runs in namespace "{namespace}"')
        return self.connect(url, source, namespace)

    def connect(
        self, url: Url, source: Sandbox | None = None, namespace: str = "default"
    ) -> Connection | str:
        """Open a connection, or say why there is none."""
        ip = (source.alias(url.host) if source else None) or url.host
        if not _is_address(ip) and ip not in LOOPBACK and ip not in self._kubelets:
            answer = self.dns.resolve(ip, source.namespace if source else namespace)
            if answer is None or (not answer.addresses and not answer.alias):
                return f"dial tcp: lookup {ip} on {DNS_SERVER}:53: no such host"
            if not answer.addresses:
                outside = "the simulated cluster has no way out to the internet"
                return f"dial tcp: lookup {answer.alias}: {outside}"
            ip = answer.addresses[self._rng.randrange(len(answer.addresses))]
        return self._dial(ip, url.port, source)

    def _dial(self, ip: str, port: int, source: Sandbox | None) -> Connection | str:
        """Connect to an address: this pod's or machine's own, a node's, a Service's, a pod's."""
        if ip in LOOPBACK and source is not None:
            return self._accepted(source, ip, port)
        if ip in LOOPBACK and port in self._forwards:
            namespace, pod, remote = self._forwards[port]
            return self._accepted(self._pod(pod, namespace), ip, remote)
        node = self._index().get(ip)
        if node is not None and not node.runtime.powered:
            return f"dial tcp {ip}:{port}: {TIMED_OUT}"
        rule = self._proxy.rule(ip, port)
        if rule is None and (node is not None or ip in LOOPBACK):
            rule = self._proxy.rule(ANY_NODE, port)
        if rule is not None:
            arrives = source.node if source else (node.name if node else "")
            endpoint = self._proxy.choose(rule, source.ip if source else "client", arrives)
            if rule.service == API:
                return f"dial tcp {ip}:{port}: {NOT_FROM_PODS}"
            if endpoint is not None:
                made = self._reach(endpoint.ip, endpoint.port, source)
                if not isinstance(made, str):
                    return made
                # Addresses are rewritten on the way: who asks knows the Service's and no other.
                return f"dial tcp {ip}:{port}: {made.partition(': ')[2]}"
        if rule is not None or ip in LOOPBACK:
            return f"dial tcp {ip}:{port}: {REFUSED}"
        if ip.startswith(SERVICE_NETWORK):
            return f"dial tcp {ip}:{port}: {TIMED_OUT}"
        return self._reach(ip, port, source)

    def _reach(self, ip: str, port: int, source: Sandbox | None) -> Connection | str:
        """Connect to a pod's address, or to a pod that has its node's."""
        index = self._index()
        node = index.get(ip)
        there = node or index.get(ip.rpartition(".")[0])
        here = self._kubelets.get(source.node) if source else None
        if there is not here and any(k and not k.runtime.powered for k in (there, here)):
            return f"dial tcp {ip}:{port}: {TIMED_OUT}"
        if node is not None:
            of_node = (s for s in node.runtime.sandboxes.values() if s.ip == node.machine.address)
            return self._accepted(next((s for s in of_node if s.listener(port)), None), ip, port)
        sandbox = there.runtime.by_ip.get(ip) if there is not None else None
        if sandbox is None:
            return f"dial tcp {ip}:{port}: connect: no route to host"
        return self._accepted(sandbox, ip, port)

    def _accepted(self, sandbox: Sandbox | None, ip: str, port: int) -> Connection | str:
        container = sandbox.listener(port) if sandbox is not None else None
        if sandbox is None or container is None:
            return f"dial tcp {ip}:{port}: {REFUSED}"
        return Connection(container, Endpoint(sandbox.ip, port, sandbox.pod_name, sandbox.node))

    # --- who is where

    def _index(self) -> dict[str, Kubelet]:
        """The kubelets by pod network, address and name."""
        if len(self._known) < 3 * len(self._kubelets):
            for name, kubelet in self._kubelets.items():
                machine = kubelet.machine
                self._known |= dict.fromkeys((machine.pod_prefix, machine.address, name), kubelet)
        return self._known

    def _pod(self, name: str, namespace: str) -> Sandbox | None:
        everywhere = (s for k in self._kubelets.values() for s in k.runtime.sandboxes.values())
        return next((s for s in everywhere if (s.pod_name, s.namespace) == (name, namespace)), None)


def patience(error: str, timeout: float) -> float:
    """Seconds until a client knows that it will not get a connection."""
    return timeout if error.endswith(TIMED_OUT) else ROUND_TRIP


def _is_address(host: str) -> bool:
    return host.replace(".", "").isdigit()
