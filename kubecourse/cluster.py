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

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubecourse.addons import descheduler
from kubecourse.addons.dns import DNS
from kubecourse.addons.program import Program
from kubecourse.addons.storage import STANDARD, LocalPathProvisioner
from kubecourse.api import models
from kubecourse.api.resources import Resource, find
from kubecourse.client import Client
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.controller_manager import ControllerManager
from kubecourse.control_plane.etcd import Etcd
from kubecourse.control_plane.scheduler import Scheduler
from kubecourse.node.kube_proxy import KubeProxy
from kubecourse.node.kubelet import Kubelet
from kubecourse.node.machine import Machine
from kubecourse.node.network import Network, Response
from kubecourse.node.runtime.images import ImageCatalog
from kubecourse.node.traffic import Traffic
from kubecourse.snapshot import Snapshot, fork

if TYPE_CHECKING:
    from kubecourse.tools.explanation import Explanation
    from kubecourse.tools.kubectl import Output
    from kubecourse.tools.timeline import Timeline
    from kubecourse.tools.waiting import Waiting

core = models.core_v1
SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class CourseError(Exception):
    """Something asked of the course that it cannot do; the message says what to do instead."""


class Diary(list[Any]):
    """Lines of a controller's diary; a notebook shows them as text."""

    def __repr__(self) -> str:
        return "\n".join(f"{time:8.3f} s  {key}: {text}" for time, key, text in self)


class Cluster:
    """A simulated Kubernetes v1.36 cluster.

    `nodes`: how many workers, `node-1`, `node-2`, …. `node_shape`: each one's size, such as
    `"4cpu-16Gi"`. `zones`: how many availability zones they are spread over (0: none are
    labelled). `seed`: decides everything random. `storage`: whether there is a default storage
    class, whose claims get volumes without anybody making them.
    """

    def __init__(
        self,
        nodes: int = 3,
        *,
        node_shape: str = "4cpu-16Gi",
        zones: int = 0,
        seed: int = 0,
        storage: bool = False,
    ) -> None:
        if not isinstance(nodes, int) or nodes < 0:
            raise CourseError(
                f"nodes={nodes!r}: give the number of nodes, such as Cluster(nodes=3)"
            )
        self.clock = Clock(seed)
        self.etcd = Etcd()
        self.server = APIServer(self.clock, self.etcd)
        self.client = self.connect_as("kubernetes-admin")
        self.images = ImageCatalog()
        for name in SYSTEM_NAMESPACES:
            self.client.create(core.Namespace(metadata=models.meta_v1.ObjectMeta(name=name)))
        self.controller_manager = ControllerManager(self.connect_as("kube-controller-manager"))
        self.scheduler = Scheduler(self.connect_as("kube-scheduler"))
        self.proxy = KubeProxy(self.connect_as("kube-proxy"))
        self.dns = DNS(self.connect_as("coredns"))
        self.kubelets: dict[str, Kubelet] = {}
        self.network = Network(self.clock, self.dns, self.proxy, self.kubelets)
        self.network.programs["descheduler"] = Program(descheduler.main, self.connect_as)
        for component in (self.controller_manager, self.scheduler, self.proxy, self.dns):
            component.start()
        self.provisioner = LocalPathProvisioner(self.connect_as("local-path-provisioner"))
        if storage:
            self.client.create(STANDARD)
            self.provisioner.start()
        for number in range(nodes):
            zone = f"zone-{'abcdefghij'[number % zones]}" if zones else None
            self.add_node(f"node-{number + 1}", node_shape, zone=zone)
        self.settle()

    def connect_as(self, user: str) -> Client:
        """A client of the API server for a user or component of that name."""
        return Client(self.server, self.clock, user)

    # --- time

    @property
    def now(self) -> float:
        """Virtual seconds since the cluster began."""
        return self.clock.now

    def advance(self, seconds: float) -> None:
        """Let exactly that many virtual seconds pass."""
        self.clock.advance(seconds)

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

    def fork(self) -> Cluster:
        """A second cluster that goes on from here by itself: for "what if", side by side."""
        second: Cluster = fork(self)
        return second

    # --- what people type

    def kubectl(self, command: str, stdin: str | None = None) -> Output:
        """Run a kubectl command and print what kubectl prints.

        `stdin` is what `-f -` reads. Returns the output: `stdout`, `stderr`, `code`.
        """
        return self.run(command, stdin).show()

    def run(self, command: str, stdin: str | None = None) -> Output:
        """Run a kubectl command without printing anything."""
        from kubecourse.tools.kubectl import run

        return run(self, command, stdin)

    def apply(self, source: Any) -> Output:
        """`kubectl apply`: a file, a directory, YAML text, or an object."""
        from kubecourse.tools.sources import manifest

        command, stdin = manifest(source)
        return self.kubectl(command, stdin)

    # --- what there is

    def get(self, name: str, namespace: str = "default") -> Any:
        """An object by kind and name: `cluster.get("deployment/web")`. None if it is not there."""
        resource, _, local = name.partition("/")
        found = self._resource(resource)
        return self.server.find(found, namespace if found.namespaced else None, local)

    def list(
        self, kind: str, namespace: str | None = "default", selector: str = ""
    ) -> builtins.list[Any]:
        """All objects of a kind in a namespace (None: in all), that a label selector matches."""
        found = self._resource(kind)
        return self.client.list(
            found.model, namespace if found.namespaced else None, selector or None
        )

    def pods(self, owner: str = "", namespace: str = "default") -> builtins.list[str]:
        """The names of all pods, or of those that a Deployment, ReplicaSet, … of that name has."""
        return [
            pod.metadata.name
            for pod in self.list("pods", namespace)
            if not owner or owner in self._owners(pod)
        ]

    def _owners(self, obj: Any) -> builtins.list[str]:
        """The names of an object's owners, and of theirs."""
        names: list[str] = []
        for reference in obj.metadata.ownerReferences or ():
            names.append(reference.name)
            owner = self.get(f"{reference.kind}/{reference.name}", obj.metadata.namespace)
            if owner is not None:
                names += self._owners(owner)
        return names

    def _resource(self, word: str) -> Resource:
        found = find(word)
        if found is None:
            raise CourseError(
                f'no resource type "{word}" here: cluster.kubectl("api-resources") lists them'
            )
        return found

    # --- the network

    def request(self, url: str, **options: Any) -> Response:
        """An HTTP request from inside the cluster: `cluster.request("http://web")`."""
        return self.network.request(url, **options)

    def traffic(self, url: str, rate: float = 10.0, **options: Any) -> Traffic:
        """A client that sends `rate` requests a second from now on, until it is stopped."""
        traffic = Traffic(self.network, self.clock, url, rate=rate, **options)
        traffic.start()
        return traffic

    # --- nodes and components

    def add_node(self, name: str, shape: str = "4cpu-16Gi", **options: Any) -> None:
        """A new machine joins the cluster."""
        try:
            machine = Machine.parse(name, shape, number=len(self.kubelets) + 1, **options)
        except ValueError as error:
            raise CourseError(str(error)) from None
        kubelet = Kubelet(self.connect_as(f"kubelet/{name}"), machine, self.images, self.network)
        self.kubelets[name] = kubelet
        kubelet.start()

    def fail_node(self, name: str) -> None:
        """The machine is cut off: nothing reaches it, and it tells nobody."""
        kubelet = self._kubelet(name)
        kubelet.stop()
        kubelet.runtime.powered = False

    def recover_node(self, name: str) -> None:
        """The machine answers again."""
        kubelet = self._kubelet(name)
        kubelet.runtime.powered = True
        kubelet.start()

    def _kubelet(self, name: str) -> Kubelet:
        if name not in self.kubelets:
            raise CourseError(f"no node {name!r}: there are {', '.join(self.kubelets)}")
        return self.kubelets[name]

    # --- containers

    def crash(
        self, pod: str, container: str = "", namespace: str = "default", code: int = 1
    ) -> None:
        """A pod's container ends by itself, with an exit code."""
        self._container(pod, container, namespace).exit(code)

    def misbehave(
        self, pod: str, how: str, container: str = "", namespace: str = "default"
    ) -> None:
        """A pod's container becomes `slow`, `failing`, `hang`, `dead`, or `well` again."""
        try:
            self._container(pod, container, namespace).behave(how)
        except ValueError as error:
            raise CourseError(str(error)) from None

    def _container(self, pod: str, container: str, namespace: str) -> Any:
        found = self.get(f"pod/{pod}", namespace)
        if found is None:
            raise CourseError(f'pods "{pod}" not found: cluster.pods() lists the pods there are')
        name = container or found.spec.containers[0].name
        node = found.spec.nodeName
        try:
            return self.kubelets[node].runtime.container(found.metadata.uid, name)
        except KeyError:
            raise CourseError(
                f"pod {pod} runs no container {name!r}: let time pass, or look at its state"
            ) from None

    def stop(self, component: str) -> None:
        """Stop a component: `kube-scheduler`, `deployment-controller`, …."""
        self._component(component, "stop")

    def start(self, component: str) -> None:
        """Start a component again."""
        self._component(component, "start")

    def _component(self, name: str, verb: str) -> None:
        parts = {part.name: part for part in (self.controller_manager, self.scheduler)}
        controllers = self.controller_manager.controllers
        if name in parts:
            getattr(parts[name], verb)()
        elif name in controllers:
            getattr(self.controller_manager, verb)(name)
        else:
            known = ", ".join([*parts, *controllers])
            raise CourseError(f"no component {name!r} here; there are {known}")

    def diary(self, controller: str, last: int = 10) -> Diary:
        """The last laps of a controller's loop in which it decided something, a line each."""
        controllers = self.controller_manager.controllers
        if controller not in controllers:
            raise CourseError(f"no controller {controller!r}: there are {', '.join(controllers)}")
        return Diary(list(controllers[controller].diary)[-last:])

    def explain(
        self, name: str, namespace: str = "default", *, at: float | str | None = None
    ) -> Explanation | Waiting:
        """Why a pod is where it is or pending, or what anything else is waiting for.

        `at`: a past moment instead of now, as a virtual second or as a resourceVersion (text).
        """
        from kubecourse.tools.explanation import explain_pod
        from kubecourse.tools.past import Past
        from kubecourse.tools.waiting import explain_object

        kind, _, local = name.partition("/")
        resource = self._resource(kind)
        past = Past(self.etcd, self.clock, None if at is None else self._revision(at))
        found = past.get(resource, namespace, local)
        if found is None:
            then = "" if at is None else f" at {past.now:.3f} s"
            raise CourseError(
                f'{resource.plural} "{local}" not found{then}: '
                f'cluster.kubectl("get {resource.plural}") lists what there is'
            )
        return explain_pod(past, found) if resource.kind == "Pod" else explain_object(past, found)

    def timeline(self, name: str, namespace: str = "default") -> Timeline:
        """What happened to an object, when, and what each step waited for; to a gone one as well.

        Of a node that falls silent: until its pods are replaced, and until it is back.
        """
        from kubecourse.tools.past import Past
        from kubecourse.tools.timeline import timeline

        kind, _, local = name.partition("/")
        found = timeline(Past(self.etcd, self.clock), self._resource(kind), namespace, local)
        if found is None:
            raise CourseError(f"nothing is known of {name!r}: give a kind and a name, as pod/web-1")
        return found

    def _revision(self, at: float | str) -> int:
        if not isinstance(at, str):
            return self.etcd.revision_at(at)
        if not at.isdigit():
            raise CourseError(f"at={at!r}: give a virtual second, or a resourceVersion as text")
        return int(at)
