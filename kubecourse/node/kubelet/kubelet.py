"""The kubelet: registers its node, keeps saying that it lives, and works on its node's pods.

Source: `pkg/kubelet/kubelet.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client import Client, EventRecorder
from kubecourse.clock import Clock, LocalClock, Timer
from kubecourse.copy_on_write import Cell
from kubecourse.node.kubelet import references
from kubecourse.node.kubelet.admission import Allocation
from kubecourse.node.kubelet.eviction import EvictionManager
from kubecourse.node.kubelet.images import ImageManager
from kubecourse.node.kubelet.node_status import NodeStatus
from kubecourse.node.kubelet.status import FINAL
from kubecourse.node.kubelet.worker import PodWorker
from kubecourse.node.machine import Machine
from kubecourse.node.resources.meter import Meter
from kubecourse.node.runtime.images import ImageCatalog
from kubecourse.node.runtime.runtime import Runtime

core = models.core_v1

JOIN_AGAIN = 7.0
"""Seconds after which a kubelet tries again to register (`registerWithAPIServer`, at most)."""


class Kubelet(Cell):
    """The agent of one machine, and with it all that runs there.

    `images` is the catalog of all images in the world. `network`, if given, is what commands in
    containers use to reach others. `on_probe`, if set, hears of every probe: the pod, the kind,
    and whether it succeeded; then also those are asked whose answers cannot change.
    """

    __slots__ = (
        "_joining", "_mine", "_stream", "_watching", "admitted", "client", "clock", "eviction",
        "host_ips", "images", "known_services", "machine", "name", "node_status", "on_probe",
        "page", "phase", "pods", "recorder", "rng", "running", "runtime",
    )  # fmt: skip

    def __init__(
        self, client: Client, machine: Machine, images: ImageCatalog, network: Any = None
    ) -> None:
        super().__init__()
        self.client = client
        self.clock: Clock = LocalClock(client.clock, self)
        self.machine = machine
        self.name = machine.name
        self.running = False
        self.rng = client.clock.rng(f"kubelet/{machine.name}")
        self.phase = self.rng.random()
        self._mine = f"spec.nodeName={machine.name}"
        self.recorder = EventRecorder(client, "kubelet", machine.name)
        self.runtime = Runtime(self.clock, images, machine, self.rng, network)
        self.images = ImageManager(self)
        self.node_status = NodeStatus(self)
        self.host_ips = [core.HostIP(ip=machine.address)]
        self.known_services: dict[str, list[Any]] = {}
        self.pods: dict[str, PodWorker] = {}
        self.admitted = Allocation(machine)
        self.eviction = EvictionManager(self)
        self._stream: Any = None
        self._joining: Timer | None = None
        self._watching: list[Any] = []
        self.on_probe: Callable[[Any, str, bool], None] | None = None

    @property
    def meter(self) -> Meter:
        """What its machine's containers use."""
        return self.runtime.meter

    def start(self) -> None:
        """Begin, or go on where `stop` left: what runs on the machine has gone on running."""
        if self.running:
            return
        self.enter()
        self.running = True
        self._join()

    def _join(self) -> None:
        """Register, and hear of the pods, as soon as an API server answers."""
        try:
            listed: list[Any] = self.client.list(core.Pod, fields=self._mine) if self.pods else []
            self.node_status.start()
        except ApiError as error:
            if error.code < 500:
                raise
            self._joining = self.clock.call_later(JOIN_AGAIN, self._join, background=True)
            return
        self.eviction.start()
        # First listen: a worker that goes on may be about to delete its pod.
        self._stream = self.client.watch(core.Pod, self._receive, fields=self._mine)
        present = {pod.metadata.uid for pod in listed}
        for worker in list(self.pods.values()):
            if worker.uid in present:
                worker.resume()
                self._watch_references(worker.pod)
            else:
                self._forget(worker)

    def stop(self) -> None:
        """The agent is gone: no heartbeats, no statuses, no restarts. Containers go on."""
        self.enter()
        self.running = False
        self.clock.cancel(self._joining)
        self.node_status.stop()
        self.eviction.stop()
        if self._stream is not None:
            self._stream.stop()
            self._stream = None
        for stream in self._watching:
            stream.stop()
        self._watching.clear()

    # --- pods

    def _receive(self, changes: list[Any]) -> None:
        if not self.running:
            return
        for kind, pod in changes:
            worker = self.pods.get(pod.metadata.uid)
            if kind == "DELETED":
                if worker is not None:
                    self._forget(worker)
            elif worker is not None:
                worker.update(pod)
            else:
                self._add(pod)

    def _add(self, pod: Any) -> None:
        if pod.status.phase in FINAL:
            return
        if refusal := self.eviction.refuse(pod) or self.admitted.refuse(pod, self._node()):
            self._reject(pod, *refusal)
            return
        self.admitted.add(pod)
        self._watch_references(pod)
        worker = self.pods[pod.metadata.uid] = PodWorker(self, pod)
        if pod.metadata.deletionTimestamp is not None:
            worker.stop(pod.metadata.deletionGracePeriodSeconds or 0)
        else:
            worker.begin()

    def _watch_references(self, pod: Any) -> None:
        """From the first pod on that shows ConfigMaps or Secrets as files, hear of changes."""
        if not self._watching and references.changing(pod.spec):
            for cls in (core.ConfigMap, core.Secret):
                self._watching.append(self.client.watch(cls, self._reference_changed))

    def _reference_changed(self, changes: list[Any]) -> None:
        changed = {(type(o), o.metadata.namespace, o.metadata.name): None for _, o in changes}
        for worker in self.pods.values():
            namespace = worker.pod.metadata.namespace
            if any(
                (r.cls, namespace, r.name) in changed for r in references.changing(worker.pod.spec)
            ):
                worker.given.expect_refresh()

    def _node(self) -> Any:
        """The node as it is now: people may have added labels and taints."""
        try:
            return self.client.get(core.Node, self.name)
        except ApiError:
            return None

    def _reject(self, pod: Any, reason: str, message: str) -> None:
        """The pod cannot run here: it has failed."""
        self.recorder.warning(pod, reason, message)
        status = core.PodStatus(
            phase="Failed",
            reason=reason,
            message=f"Pod was rejected: {message}",
            startTime=self.clock.utc(),
            qosClass=pod.status.qosClass,
            observedGeneration=pod.metadata.generation,
            conditions=pod.status.conditions,
        )
        with suppress(ApiError):  # it may have gone meanwhile
            metadata = replace(pod.metadata, resourceVersion=None)
            self.client.update_status(replace(pod, metadata=metadata, status=status))

    def _forget(self, worker: PodWorker) -> None:
        worker.removed()
        self.admitted.remove(worker.pod)
        del self.pods[worker.uid]

    # --- time

    def next_tick(self, after: float = 0.0) -> float:
        """When the kubelet next looks at its containers, `after` seconds from now or later.

        It does so once a second (`pkg/kubelet/pleg/generic.go`).
        """
        now = self.clock.now + after
        return now + 1.0 - (now - self.phase) % 1.0

    def jittered(self, seconds: float) -> float:
        """A delay, and up to half as much again."""
        return seconds * (1.0 + 0.5 * self.rng.random())
