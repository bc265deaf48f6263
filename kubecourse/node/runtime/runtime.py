"""The container runtime of one node: its images, sandboxes and containers.

What containerd does for the real kubelet, through the same few verbs as the CRI:
`k8s.io/cri-api/pkg/apis/runtime/v1/api.proto`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from kubecourse.api.demand import declared
from kubecourse.clock import Clock
from kubecourse.node.machine import Machine
from kubecourse.node.resources.meter import Meter
from kubecourse.node.runtime.container import NO_PROGRAM, SLOW, Container
from kubecourse.node.runtime.images import Image, ImageCatalog
from kubecourse.node.runtime.programs import knows
from kubecourse.node.runtime.references import parse_reference
from kubecourse.node.runtime.sandbox import Provider, Sandbox
from kubecourse.node.runtime.script import FOREVER, Result, Script
from kubecourse.node.runtime.session import Session
from kubecourse.node.runtime.shell import command_of

_ADDRESSES = 254
CANNOT_RUN = 126
_EXEC_FAILED = "OCI runtime exec failed: exec failed: unable to start container process: {}\n"


class NoAddress(Exception):
    """The node's pod network is used up."""


class Runtime:
    """What runs on one node. `powered`: whether the machine can be reached and reach others.

    `directories` are those of the machine that pods share, by path.
    """

    __slots__ = (
        "_next_ip", "_prefix", "_rng", "by_ip", "catalog", "clock", "directories", "images",
        "meter", "network", "node", "powered", "sandboxes",
    )  # fmt: skip

    def __init__(
        self, clock: Clock, catalog: ImageCatalog, machine: Machine, rng: Random, network: Any
    ) -> None:
        self.clock = clock
        self.catalog = catalog
        self.node = machine.name
        self.meter = Meter(clock, machine)
        self.images: dict[str, Image] = {}
        self.sandboxes: dict[str, Sandbox] = {}
        self.by_ip: dict[str, Sandbox] = {}
        self.directories: dict[str, dict[str, str]] = {}
        self.network = network
        self.powered = True
        self._prefix = machine.pod_prefix
        self._next_ip = 1
        self._rng = rng

    def preload(self, *names: str) -> None:
        """Have images here from the start."""
        self.clock.enter()
        for name in names:
            self.images[parse_reference(name).full] = self.catalog.find(name)

    # --- pods

    def run_sandbox(self, pod: Any, provider: Provider, host_ip: str | None = None) -> Sandbox:
        """Give a pod an address (its node's, if `host_ip` is given) and a place for containers.

        Raises NoAddress.
        """
        ip = host_ip or self._address()
        sandbox = Sandbox(pod, ip, self.node, provider, self.network, self._rng)
        if host_ip is None:
            self.by_ip[ip] = sandbox
        self.sandboxes[sandbox.uid] = sandbox
        return sandbox

    def _address(self) -> str:
        """The next free address: they go round, so that one is not used again at once."""
        for _ in range(_ADDRESSES):
            self._next_ip = self._next_ip + 1 if self._next_ip < _ADDRESSES else 2
            ip = f"{self._prefix}.{self._next_ip}"
            if ip not in self.by_ip:
                return ip
        first, last = f"{self._prefix}.1", f"{self._prefix}.{_ADDRESSES}"
        raise NoAddress(f"no IP addresses available in range set: {first}-{last}")

    def stop_sandbox(self, uid: str) -> None:
        """A pod is over: kill what still runs and free its address. Its logs stay."""
        sandbox = self.sandboxes.get(uid)
        if sandbox is not None:
            for container in sandbox.containers.values():
                container.kill()
            if self.by_ip.get(sandbox.ip) is sandbox:
                del self.by_ip[sandbox.ip]

    def remove_sandbox(self, uid: str) -> None:
        """A pod is gone: nothing of it stays."""
        self.stop_sandbox(uid)
        self.sandboxes.pop(uid, None)
        self.meter.forget(uid)

    def redeclare(self, uid: str, annotations: dict[str, str] | None) -> None:
        """A pod's annotations are others: so may be what its containers want."""
        sandbox = self.sandboxes.get(uid)
        if sandbox is not None and (new := declared(annotations)) != sandbox.declared:
            sandbox.declared = new
            for container in sandbox.containers.values():
                self.meter.declare(container.load)

    # --- containers

    def start_container(
        self, sandbox: Sandbox, spec: Any, on_exit: Callable[[Container], None], patience: float
    ) -> Container:
        """Run a container of a pod whose image is here; `patience` as for `Container.start`."""
        image = self.catalog.find(spec.image)
        identity = f"containerd://{self._rng.getrandbits(256):064x}"
        meter = self.meter
        container = Container(self.clock, sandbox, spec, image, identity, on_exit, meter)
        if spec.name in sandbox.containers:
            sandbox.previous[spec.name] = sandbox.containers[spec.name]
        sandbox.containers[spec.name] = container
        container.start(patience)
        return container

    def shell(self, container: Container) -> Session:
        """A shell in a container, to type into."""
        return Session(container)

    def exec(self, container: Container, command: list[str], stdin: str = "") -> Result:
        """Run a command in a container, at once; the result says how long it takes.

        A program that nobody here knows belongs to the image: it succeeds while the image's
        server does, as `redis-cli ping` would.
        """
        self.clock.enter()
        if not container.running or not command:
            return Result(1, "", "container is not running\n", pure=False)
        if container.mood == "hang":
            return Result(1, seconds=FOREVER)
        if knows(container, command[0]):
            script = Script(container, (command_of(command),), container.environment)
            script.stdin = stdin
            return script.finish()
        if container.image.userland:
            return Result(CANNOT_RUN, "", _EXEC_FAILED.format(NO_PROGRAM.format(command[0])))
        seconds = SLOW if container.mood == "slow" else 0.0
        return Result(int(not container.does_what_it_should()), seconds=seconds)

    def container(self, pod_uid: str, name: str) -> Container:
        """The present or last run of a container. Raises KeyError."""
        self.clock.enter()
        return self.sandboxes[pod_uid].containers[name]

    def logs(self, pod_uid: str, name: str, previous: bool = False) -> list[tuple[float, str]]:
        """What a container wrote: (virtual second, line). Raises KeyError for no such run."""
        sandbox = self.sandboxes[pod_uid]
        return (sandbox.previous if previous else sandbox.containers)[name].log
