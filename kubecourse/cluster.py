"""A cluster: a control plane and nodes on one clock. What notebooks hold in their hand.

    from kubecourse import Cluster
    cluster = Cluster(nodes=3)
    cluster.apply("data/manifests/hello")
    cluster.settle()
    cluster.kubectl("get pods")

It is simulated, in this process, in virtual time: nothing happens until `settle`, `advance` or
`wait_for` lets time pass. The same seed and the same commands give the same history, always.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from kubecourse.addons.dns import DNS
from kubecourse.addons.program import PROGRAMS, Program
from kubecourse.addons.storage import STANDARD, LocalPathProvisioner
from kubecourse.api import errors, models
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer, kubernetes_service
from kubecourse.control_plane.controller_manager import ControllerManager
from kubecourse.control_plane.load_balancer import Connection
from kubecourse.control_plane.machines import ControlPlane
from kubecourse.control_plane.scheduler import Scheduler
from kubecourse.failures import Failures
from kubecourse.fair_lock import taking_turns
from kubecourse.inspection import CourseError as CourseError
from kubecourse.node.kube_proxy import KubeProxy
from kubecourse.node.kubelet import Kubelet
from kubecourse.node.machine import Machine, address
from kubecourse.node.network import Network, Response
from kubecourse.node.runtime.images import ImageCatalog
from kubecourse.node.traffic import Traffic
from kubecourse.snapshot import Snapshot, fork

if TYPE_CHECKING:
    from kubecourse.cloud.drill import Drill
    from kubecourse.control_plane.apiserver.http.service import Service
    from kubecourse.tools.kubectl import Output
    from kubecourse.tools.remote import RemoteCluster

core = models.core_v1
SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
CONTROL_PLANE_LABELS = {
    CONTROL_PLANE: "", "node.kubernetes.io/exclude-from-external-load-balancers": ""
}  # fmt: skip
KEEP_OFF = core.Taint(key=CONTROL_PLANE, effect="NoSchedule")


_services: WeakKeyDictionary[Cluster, Service] = WeakKeyDictionary()
"""What serves each cluster; no part of it, so no snapshot has it."""


@taking_turns(attrgetter("clock.turn"), besides=("connect", "serve", "helm"))
class Cluster(Failures):
    """A simulated Kubernetes v1.36 cluster.

    `nodes`: how many workers, `node-1`, `node-2`, …. `node_shape`: each one's size, such as
    `"4cpu-16Gi"`. `zones`: how many availability zones all machines are spread over (0: none are
    labelled). `seed`: decides everything random. `storage`: whether there is a default storage
    class, whose claims get volumes without anybody making them. `control_plane`: how many machines
    of your own run it, `control-plane-1`, …, which are nodes too, as kubeadm sets them up; 1: it
    is somebody else's business, as in a managed cluster, and no node.
    """

    def __init__(
        self,
        nodes: int = 3,
        *,
        node_shape: str = "4cpu-16Gi",
        zones: int = 0,
        seed: int = 0,
        storage: bool = False,
        control_plane: int = 1,
    ) -> None:
        if not isinstance(nodes, int) or nodes < 0:
            raise CourseError(
                f"nodes={nodes!r}: give the number of nodes, such as Cluster(nodes=3)"
            )
        if not isinstance(control_plane, int) or not 1 <= control_plane <= 7:
            raise CourseError(f"control_plane={control_plane!r}: give 1 to 7 machines")
        self.clock = Clock(seed)
        places = {
            f"{kind}-{number + 1}": f"zone-{'abcdefghij'[number % zones]}" if zones else None
            for kind, count in (("control-plane", control_plane), ("node", nodes))
            for number in range(count)
        }
        machines = list(places)[:control_plane]
        self.control_plane = ControlPlane(
            self.clock, {name: places[name] or "" for name in machines}
        )
        self.etcd = self.control_plane.store
        self._door = Connection(self.control_plane.balancer)
        self.client = Client(self._door, self.clock, "kubernetes-admin")
        self.images = ImageCatalog()
        for name in SYSTEM_NAMESPACES:
            self.client.create(core.Namespace(metadata=models.meta_v1.ObjectMeta(name=name)))
        # A managed control plane is in the nodes' network, though no node.
        serving = range(1, control_plane + 1) if control_plane > 1 else (0,)
        kubernetes_service.publish(self.server, [address(number) for number in serving])
        self.proxy = KubeProxy(self.connect_as("kube-proxy"))
        self.dns = DNS(self.connect_as("coredns"))
        self.kubelets: dict[str, Kubelet] = {}
        self._joined = 0
        self.cloud: Any = None
        self.network = Network(self.clock, self.dns, self.proxy, self.kubelets)
        for name, addon in PROGRAMS.items():
            self.network.programs[name] = Program(addon, self.connect_as)
        for component in (self.control_plane, self.proxy, self.dns):
            component.start()
        self.provisioner = LocalPathProvisioner(self.connect_as("local-path-provisioner"))
        if storage:
            self.client.create(STANDARD)
            self.provisioner.start()
        for name, zone in places.items():
            if name not in machines:
                self.add_node(name, node_shape, zone=zone)
            elif control_plane > 1:
                self.add_node(name, zone=zone, labels=CONTROL_PLANE_LABELS, taints=(KEEP_OFF,))
        self.settle()

    @staticmethod
    def connect(
        kubeconfig: str | Path | None = None, *, context: str | None = None
    ) -> RemoteCluster:
        """A cluster elsewhere, a real one or one that `kubecourse serve` serves.

        `kubeconfig` is a file, by itself the one that kubectl would read; `context` one of those in
        it. kubectl's cells and the checks of exercises work there as here. Raises CourseError.
        """
        from kubecourse.tools.remote import RemoteCluster

        return RemoteCluster(kubeconfig, context)

    def connect_as(self, user: str, machine: str = "") -> Client:
        """A client of the API for a user or component of that name, that runs on a machine."""
        own = self.control_plane.machines.get(machine)
        connection = Connection(self.control_plane.balancer, machine or user, own)
        return Client(connection, self.clock, user)

    @property
    def server(self) -> APIServer:
        """The API server that answers people now. Raises `errors.Unreachable`."""
        return self._door.server

    @property
    def scheduler(self) -> Scheduler:
        """The one that works; if none does, the first."""
        scheduler: Scheduler = self.control_plane.working("kube-scheduler")
        return scheduler

    @property
    def controller_manager(self) -> ControllerManager:
        """The one that works; if none does, the first."""
        manager: ControllerManager = self.control_plane.working("kube-controller-manager")
        return manager

    # --- time

    @property
    def now(self) -> float:
        """Virtual seconds since the cluster began."""
        return self.clock.now

    def advance(self, seconds: float) -> None:
        """Let exactly that many virtual seconds pass."""
        if not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
            raise CourseError(f"advance({seconds!r}): give seconds, such as advance(60)")
        self.clock.advance(seconds)

    def give_time(self, seconds: float) -> None:
        """Let what was asked for happen: on a cluster elsewhere that takes real time."""
        self.clock.advance(seconds)

    def __repr__(self) -> str:
        pods = len(self.list("pods", None))
        return f"<simulated cluster: {len(self.kubelets)} nodes, {pods} pods, {self.now:.0f} s old>"

    def settle(self, limit: float = 3600.0) -> None:
        """Let time pass until nothing but heartbeats and retries is left to happen.

        Says so if that is not the case after `limit` virtual seconds.
        """
        if not self.clock.settle(limit):
            print(f"Things are still happening after {limit:.0f} virtual seconds.")

    def wait_for(self, condition: Callable[[], bool], timeout: float = 60.0) -> bool:
        """Let time pass until `condition()` holds; False after `timeout` virtual seconds."""
        return self.clock.wait_for(condition, timeout)

    def snapshot(self) -> Snapshot:
        """All of the cluster as it is now, to come back to."""
        return Snapshot(self)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back: everything is as it was at the snapshot, the time as well."""
        snapshot.restore()
        if self in _services:
            _services[self].went_back()

    def fork(self) -> Cluster:
        """A second cluster that goes on from here by itself: for "what if", side by side."""
        second: Cluster = fork(self)
        return second

    # --- for clients that are not ours

    def serve(
        self, *, port: int = 0, speed: float = 1.0, kubeconfig: str | Path | None = None
    ) -> Service:
        """Answer requests over HTTPS on this machine, and let time pass at `speed`, until stopped.

        Print the result to see what kubectl in a terminal needs. `stop()` ends it; or, for as
        long as a block lasts: `with cluster.serve() as kubeconfig:`. The cluster can be used here
        meanwhile. `port` 0 is any that is free; `kubeconfig` is a file to make, for its owner only.
        """
        from kubecourse.control_plane.apiserver.http.service import Service

        if self.service is not None:
            url = self.service.url
            raise CourseError(f"this cluster is served already, at {url}: stop() that first")
        service = Service(self, port=port, speed=speed, path=kubeconfig)
        _services[self] = service
        return service

    @property
    def service(self) -> Service | None:
        """What serves this cluster now, if anything does."""
        known = _services.get(self)
        return known if known is not None and known.running else None

    # --- what people type

    def kubectl(self, command: str, stdin: str | None = None) -> Output:
        """Run a kubectl command and print what kubectl prints.

        `stdin` is what `-f -` reads. `| grep web` and `> web.yaml` are this machine's shell's.
        Returns the output: `stdout`, `stderr`, `code`.
        """
        from kubecourse.tools.kubectl import shown

        return shown(self, command, stdin)

    def run(self, command: str, stdin: str | None = None) -> Output:
        """Run a kubectl command without printing anything."""
        from kubecourse.tools.kubectl import run

        return run(self, command, stdin)

    def helm(self, command: str, stdin: str | None = None) -> Output:
        """Run a helm command, with the real Helm, and print what it prints.

        Time stands still while Helm works, and passes while it waits (`--wait`, hooks).
        """
        from kubecourse.tools.helm import shown

        return shown(self, command, stdin)

    def apply(self, source: Any) -> Output:
        """`kubectl apply`: a file, a directory, YAML text, or an object."""
        from kubecourse.tools.sources import manifest

        command, stdin = manifest(source)
        return self.kubectl(command, stdin)

    # --- the network

    def request(self, url: str, **options: Any) -> Response:
        """An HTTP request from inside the cluster: `cluster.request("http://web")`."""
        return self.network.request(url, **options)

    def traffic(self, url: str, rate: float = 10.0, **options: Any) -> Traffic:
        """A client that sends `rate` requests a second from now on, until it is stopped."""
        traffic = Traffic(self.network, self.clock, url, rate=rate, **options)
        traffic.start()
        return traffic

    # --- nodes

    def add_node(self, name: str, shape: str = "4cpu-16Gi", **options: Any) -> None:
        """A new machine joins the cluster."""
        try:
            machine = Machine.parse(name, shape, number=self._joined + 1, **options)
        except ValueError as error:
            raise CourseError(str(error)) from None
        self._joined += 1  # addresses of those that left are not given out again
        client = self.connect_as(f"kubelet/{name}", name)
        kubelet = Kubelet(client, machine, self.images, self.network)
        self.kubelets[name] = kubelet
        kubelet.start()

    # --- add-ons

    def install(self, *add_ons: str) -> None:
        """Add what a new cluster does not have: `metrics-server`, `vertical-pod-autoscaler`."""
        from kubecourse.addons import metrics_server, vpa

        extensions = self._answering("install").extensions
        for name in add_ons:
            if name == metrics_server.MetricsServer.name:
                metrics = metrics_server.MetricsServer(self.connect_as(name), self._meter)
                extensions.groups[metrics_server.API] = metrics
            elif name == vpa.VerticalPodAutoscaler.name:
                scaler = vpa.VerticalPodAutoscaler(self.connect_as(name))
                extensions.webhooks.setdefault("Pod", []).append(scaler.admit)
                scaler.start()
            else:
                known = f"{metrics_server.MetricsServer.name}, {vpa.VerticalPodAutoscaler.name}"
                raise CourseError(f"no add-on {name!r}: there are {known}")

    def _answering(self, asked: str) -> APIServer:
        """The API server that answers. Raises CourseError."""
        try:
            return self.server
        except errors.Unreachable:
            raise CourseError(
                f"{asked}: no API server answers; start one, cluster.start('kube-apiserver'), "
                "or mend the network, cluster.heal()"
            ) from None

    def what_if(self, fail: str = "largest", spot: str = "") -> Drill:
        """Try on a copy what happens without a node, or without all of a pool's spot machines."""
        from kubecourse.cloud.drill import what_if

        self._answering("what_if")
        return what_if(self, fail, spot)

    def metrics(self) -> str:
        """What Prometheus would read now: the names of kube-state-metrics, cAdvisor, the API."""
        from kubecourse.tools import metrics

        self._answering("metrics")
        return metrics.now(self)

    def write_metrics(
        self, path: str, start: float = 0.0, end: float | None = None, step: float = 60.0
    ) -> int:
        """Write metrics over virtual time to an OpenMetrics file, for `promtool tsdb`.

        A sample each `step` seconds; returns how many there are.
        """
        from kubecourse.tools import metrics

        return metrics.write(self, path, start, end, step)
