"""The node as its kubelet reports it: registered once, then kept alive by heartbeats.

The Lease is renewed every 10 s. The Node's own status is posted when it changed, looked at every
10 s, or else every 5 minutes.
Sources: `pkg/kubelet/kubelet_node_status.go`,
`staging/src/k8s.io/component-helpers/apimachinery/lease`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.clock import Timer
from kubecourse.node.kubelet.eviction import CONDITIONS

if TYPE_CHECKING:
    from kubecourse.node.kubelet.kubelet import Kubelet

core = models.core_v1
Lease = models.coordination_v1.Lease
ObjectMeta = models.meta_v1.ObjectMeta

LEASES = "kube-node-lease"
LEASE_SECONDS = 40
RENEW = 10.0
REPORT = 300.0
WARM_UP = 0.5
"""Seconds from a kubelet's start until it is ready."""
MOST_IMAGES = 50

_PID = ("PIDPressure", "False", "HasSufficientPID", "kubelet has sufficient PID available")
_READY = ("Ready", "True", "Ready", "kubelet is posting ready status")
_NOT_READY = (
    "Ready", "False", "NotReady", "container runtime status check may not have completed yet",
)  # fmt: skip


class NodeStatus:
    """One kubelet's reports about its node."""

    __slots__ = ("_beats", "_kubelet", "_pressures", "_ready", "_soon", "reference")

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._ready = False
        self._pressures: tuple[str, ...] = ()
        self._soon: Timer | None = None
        self.reference: Any = None
        self._beats: list[Timer] = []

    def start(self) -> None:
        """Register the node, and begin to renew."""
        kubelet = self._kubelet
        self._register()
        kubelet.recorder.normal(self.reference, "Starting", "Starting kubelet.")
        self._renew(1)
        kubelet.clock.call_later(WARM_UP, self._become_ready)
        beat = kubelet.clock.every(RENEW, self._renew, first=RENEW * (1 + kubelet.rng.random()) / 2)
        self._beats = [beat, kubelet.clock.every(REPORT, self._report)]

    def stop(self) -> None:
        """Say nothing any more."""
        for beat in (*self._beats, self._soon):
            self._kubelet.clock.cancel(beat)
        self._beats.clear()
        self._ready = False

    def _register(self) -> None:
        client = self._kubelet.client
        node = self._kubelet.machine.node()
        node = replace(node, status=replace(node.status, conditions=self._conditions(None)))
        try:
            node = client.create(node)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            self._report(1)
            node = client.get(core.Node, self._kubelet.name)
        # The kubelet's events name the node by its name where others put its uid.
        self.reference = replace(node, metadata=replace(node.metadata, uid=node.metadata.name))

    def _conditions(self, old: list[Any] | None) -> list[Any]:
        now, result = self._kubelet.clock.utc(), old or []
        there, ready = self._kubelet.eviction.conditions, _READY if self._ready else _NOT_READY
        pressures = [
            (type, str(type in there), *texts[type in there]) for type, texts in CONDITIONS.items()
        ]
        for type, status, reason, message in (*pressures, _PID, ready):
            condition = core.NodeCondition(
                type=type, status=status, reason=f"Kubelet{reason}", message=message,
                lastHeartbeatTime=now, lastTransitionTime=now,
            )  # fmt: skip
            result = conditions.put(result, condition)
        return result

    def _become_ready(self) -> None:
        if self._kubelet.running and not self._ready:
            self._ready = True
            self._report(1)
            message = f"Node {self._kubelet.name} status is now: NodeReady"
            self._kubelet.recorder.normal(self.reference, "NodeReady", message)

    def report_soon(self) -> None:
        """The node is under pressure, or no more: it says so when it next looks at its status."""
        clock = self._kubelet.clock
        if not clock.pending(self._soon):
            self._soon = clock.call_later(self._kubelet.rng.uniform(0.0, RENEW), self._pressed)

    def _pressed(self) -> None:
        kubelet, before = self._kubelet, self._pressures
        self._pressures = now = kubelet.eviction.conditions
        if kubelet.running:
            self._report(1)
            for type, texts in CONDITIONS.items():
                if (type in before) != (type in now):
                    said = f"Node{texts[type in now][0]}"
                    message = f"Node {kubelet.name} status is now: {said}"
                    kubelet.recorder.normal(self.reference, said, message)

    def _report(self, beats: int) -> None:
        kubelet = self._kubelet
        images = [
            core.ContainerImage(
                names=[f"{name.rpartition(':')[0]}@{image.digest}", name], sizeBytes=image.size
            )
            for name, image in sorted(kubelet.runtime.images.items(), key=_size)[:MOST_IMAGES]
        ]
        with suppress(ApiError):  # tried again with the next heartbeat
            node: Any = kubelet.client.get(core.Node, kubelet.name)
            listed = self._conditions(node.status.conditions)
            status = replace(node.status, conditions=listed, images=images or None)
            kubelet.client.update_status(replace(node, status=status))
            if kubelet.images.changed:
                kubelet.enter()
                kubelet.images.changed = False

    def _renew(self, beats: int) -> None:
        """Renew the lease, once for all the beats that have passed; report what changed."""
        kubelet = self._kubelet
        now = kubelet.clock.utc_precise()
        with suppress(ApiError):  # tried again with the next heartbeat
            try:
                lease: Any = kubelet.client.get(Lease, kubelet.name, LEASES)
                spec = replace(lease.spec, renewTime=now)
                kubelet.client.update(replace(lease, spec=spec))
            except ApiError as error:
                if error.reason == "NotFound":
                    kubelet.client.create(self._new_lease(now))
            overruled = self._overruled()
            if kubelet.images.changed or overruled:
                self._report(1)

    def _overruled(self) -> bool:
        """Whether others, who had not heard of it, have written that nothing is known of it."""
        node: Any = self._kubelet.client.get(core.Node, self._kubelet.name)
        return any(each.status == "Unknown" for each in node.status.conditions or ())

    def _new_lease(self, now: Any) -> Any:
        name = self._kubelet.name
        node: Any = self._kubelet.client.get(core.Node, name)
        uid = node.metadata.uid
        owner = models.meta_v1.OwnerReference(apiVersion="v1", kind="Node", name=name, uid=uid)
        metadata = ObjectMeta(name=name, namespace=LEASES, ownerReferences=[owner])
        spec = models.coordination_v1.LeaseSpec(
            holderIdentity=name, leaseDurationSeconds=LEASE_SECONDS, renewTime=now
        )
        return Lease(
            apiVersion="coordination.k8s.io/v1", kind="Lease", metadata=metadata, spec=spec
        )


def _size(item: tuple[str, Any]) -> tuple[int, str]:
    return (-item[1].size, item[0])
