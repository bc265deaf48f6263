"""A control plane with controllers and, for a scheduler and kubelets, the double of the recordings.

Pods are bound to the node with the fewest; a bound pod runs and is Ready after
the seconds in its annotation `fake/ready-delay` (2 without it), with image `broken:…` never; a
terminating pod vanishes after 0.3 s. Pods of one batch become ready some milliseconds apart. A pod
with the annotation `fake/run-seconds` is ready at once and ends after so long, with the code in
`fake/exit-code`.
"""

from typing import Any

import yaml
from msgspec.structs import replace

from kubecourse.api import codec, models
from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.client import Client, Informer
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.controller_manager import CONTROLLERS, ControllerManager
from kubecourse.control_plane.etcd import Etcd
from kubecourse.control_plane.scheduler import Scheduler

core = models.core_v1
apps = models.apps_v1
Pod = core.Pod
Deployment = apps.Deployment
ReplicaSet = apps.ReplicaSet
ObjectMeta = models.meta_v1.ObjectMeta

NODES = ("node-lifecycle-controller", "taint-eviction-controller")


class FakeNodes:
    """Binds pods and plays their kubelets.

    `hold` keeps new pods unassigned; `by_hand` leaves it to the test to make them ready.
    """

    def __init__(self, client: Client, nodes: int = 4, spread: float = 0.1) -> None:
        self.client = client
        self.clock = client.clock
        self.rng = self.clock.rng("fake-nodes")
        self.spread = spread
        self.hold = False
        self.by_hand = False
        self.addresses = 0
        self.load: dict[str, int] = {}
        for number in range(nodes):
            name = f"node-{number + 1}"
            client.create(node(name, f"zone-{'abcdefgh'[number % 8]}"))
            self._untaint(name)
            self.load[name] = 0
        self.informer = Informer(client, Pod)
        self.informer.on_change(self._changed)
        self.informer.start()

    def _changed(self, old: Any, new: Any) -> None:
        if new is None:
            if old.spec.nodeName in self.load:
                self.load[old.spec.nodeName] -= 1
            return
        key = (new.metadata.namespace, new.metadata.name, new.metadata.uid)
        if old is not None and old.metadata.uid != new.metadata.uid:
            old = None
        if new.metadata.deletionTimestamp is not None:
            if old is None or old.metadata.deletionTimestamp is None:
                self.clock.call_later(0.3, self._vanish, *key)
        elif not new.spec.nodeName:
            if old is None and not self.hold:
                self._bind(new)
        elif old is None or not old.spec.nodeName:
            self.clock.call_later(0.005, self._run, *key)
            if "fake/run-seconds" in (new.metadata.annotations or {}):
                self.clock.call_later(0.2, self.set_ready, *key)
                seconds = float(new.metadata.annotations["fake/run-seconds"])
                self.clock.call_later(0.2 + seconds, self._end, *key)
            elif not self.by_hand and not new.spec.containers[0].image.startswith("broken:"):
                given = (new.metadata.annotations or {}).get("fake/ready-delay", "2")
                delay = float(given) + self.rng.uniform(0, self.spread)
                self.clock.call_later(delay, self.set_ready, *key)

    def _untaint(self, name: str) -> None:
        """A node is born tainted, as not ready."""
        found = self.client.get(core.Node, name)
        self.client.update(replace(found, spec=replace(found.spec, taints=None)))

    def _bind(self, pod: Any) -> None:
        wanted = (pod.spec.nodeSelector or {}).get("kubernetes.io/hostname")
        node = wanted or min(self.load, key=lambda name: self.load[name])
        self.load[node] = self.load.get(node, 0) + 1
        self.client.bind(pod.metadata.namespace, pod.metadata.name, node)

    def _get(self, namespace: str, name: str, uid: str) -> Any | None:
        pod = self.informer.get(namespace, name)
        return pod if pod is not None and pod.metadata.uid == uid else None

    def _run(self, namespace: str, name: str, uid: str) -> None:
        pod = self._get(namespace, name, uid)
        if pod is not None and pod.metadata.deletionTimestamp is None:
            self.addresses += 1
            ip = f"10.240.{self.addresses // 250}.{self.addresses % 250 + 1}"
            self._status(pod, "False", phase="Running", podIP=ip, podIPs=[core.PodIP(ip=ip)])

    def set_ready(self, namespace: str, name: str, uid: str, status: str = "True") -> None:
        """Make a running pod ready, or unready."""
        pod = self._get(namespace, name, uid)
        if pod is not None and pod.metadata.deletionTimestamp is None:
            self._status(pod, status)

    def _end(self, namespace: str, name: str, uid: str) -> None:
        """A pod's container exits."""
        pod = self._get(namespace, name, uid)
        if pod is not None and pod.metadata.deletionTimestamp is None:
            code = int((pod.metadata.annotations or {}).get("fake/exit-code", "0"))
            ended = core.ContainerStateTerminated(exitCode=code, finishedAt=self.clock.utc())
            container = core.ContainerStatus(
                name=pod.spec.containers[0].name,
                image=pod.spec.containers[0].image,
                imageID="",
                ready=False,
                restartCount=0,
                state=core.ContainerState(terminated=ended),
            )
            phase = "Failed" if code else "Succeeded"
            self._status(pod, "False", phase=phase, containerStatuses=[container])

    def _status(self, pod: Any, ready: str, **more: Any) -> None:
        condition = core.PodCondition(
            type="Ready", status=ready, lastTransitionTime=self.clock.utc()
        )
        others = [c for c in pod.status.conditions or () if c.type != "Ready"]
        status = replace(pod.status, conditions=[*others, condition], **more)
        try:
            self.client.update_status(
                replace(pod, metadata=replace(pod.metadata, resourceVersion=None), status=status)
            )
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise

    def _vanish(self, namespace: str, name: str, uid: str) -> None:
        try:
            self.client.delete(Pod, name, namespace, grace_period=0, uid=uid)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise


def node(name: str, zone: str) -> Any:
    """A node as a kubelet registers it."""
    room = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "100Gi"}
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
    ready = core.NodeCondition(type="Ready", status="True")
    return core.Node(
        metadata=ObjectMeta(name=name, labels=labels),
        status=core.NodeStatus(capacity=room, allocatable=room, conditions=[ready]),
    )


class Lab:
    """A clock, an API server, the controllers and the double of everything else.

    With `scheduler` the real one places the pods, and the double plays the kubelets only.
    """

    def __init__(
        self, seed: int = 0, nodes: int = 4, spread: float = 0.1, scheduler: bool = False
    ) -> None:
        self.clock = Clock(seed)
        self.server = APIServer(self.clock, Etcd())
        self.client = Client(self.server, self.clock, "tester")
        for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
            self.client.create(core.Namespace(metadata=ObjectMeta(name=name)))
        self.manager = ControllerManager(
            Client(self.server, self.clock, "kube-controller-manager"),
            # No kubelet here sends heartbeats.
            [each for each in CONTROLLERS if each.name not in NODES],
        )
        self.manager.start()
        self.nodes = FakeNodes(Client(self.server, self.clock, "fake-nodes"), nodes, spread)
        self.nodes.hold = scheduler
        if scheduler:
            Scheduler(Client(self.server, self.clock, "kube-scheduler")).start()
        self.clock.advance(0.1)

    def create(self, manifest: str, namespace: str = "default") -> Any:
        """Create the object of a manifest."""
        return self.client.create(decode(manifest, namespace))

    def settle(self, limit: float = 3600.0) -> bool:
        """Run until nothing is left to happen."""
        return self.clock.settle(limit)

    def deployment(self, name: str = "web", namespace: str = "default") -> Any:
        return self.client.get(Deployment, name, namespace)

    def replicasets(self, namespace: str = "default") -> list[Any]:
        """Oldest first."""
        found = self.client.list(ReplicaSet, namespace)
        return sorted(found, key=_created)

    def pods(self, selector: str = "", namespace: str = "default") -> list[Any]:
        return self.client.list(Pod, namespace, selector or None)

    def change(self, obj: Any, **spec: Any) -> Any:
        """Store an object with other fields in its spec, whatever it has become meanwhile."""
        fresh = self.client.get(type(obj), obj.metadata.name, obj.metadata.namespace)
        return self.client.update(replace(fresh, spec=replace(fresh.spec, **spec)))

    def set_image(self, image: str, name: str = "web", namespace: str = "default") -> Any:
        """Change the image of a Deployment's first container."""
        deployment = self.deployment(name, namespace)
        template = deployment.spec.template
        first, *others = template.spec.containers
        pod = replace(template.spec, containers=[replace(first, image=image), *others])
        return self.change(deployment, template=replace(template, spec=pod))

    def events(self, about: str, namespace: str = "default") -> list[str]:
        """The messages of the events about objects of a kind, in the order of their beginning."""
        found = [
            event
            for event in self.client.list(core.Event, namespace)
            if event.involvedObject.kind == about
        ]
        found.sort(key=lambda event: int(event.metadata.name.rpartition(".")[2], 16))
        return [event.message for event in found]


def _created(obj: Any) -> Any:
    return (obj.metadata.creationTimestamp, obj.metadata.name)


def decode(manifest: str, namespace: str = "default") -> Any:
    """The object that a manifest describes."""
    data = yaml.safe_load(manifest)
    resource = BY_KIND[data["apiVersion"], data["kind"]]
    obj, unknown = codec.decode(data, resource.schema)
    assert not unknown, unknown
    if resource.namespaced and not obj.metadata.namespace:
        obj = replace(obj, metadata=replace(obj.metadata, namespace=namespace))
    return obj
