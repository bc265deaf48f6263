"""Nodes: who has stopped answering, which taints say so, and what that means for their pods.

A node whose kubelet renews neither its lease nor its status for the grace period is given up:
its conditions become Unknown, it is tainted unreachable, and its pods are no longer ready. Taints
that keep pods off are written at once; those that drive them away when the nodes are looked at,
one node after another in each zone, and not at all when all zones seem to be lost: then it is
more likely that the control plane is.
Source: `pkg/controller/nodelifecycle/{node_lifecycle_controller,scheduler/rate_limited_queue}.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.client import Result
from kubecourse.client.informer import by_node
from kubecourse.control_plane.controller_manager.controller import ManagedController

core = models.core_v1

MONITOR_PERIOD = 5.0
GRACE_PERIOD = 50.0
"""Seconds without a sign of life after which a node is given up (40 before v1.32)."""
LEASES = "kube-node-lease"
EVICTION_PERIOD, SLOW_PERIOD = 10.0, 100.0
"""Seconds between two nodes of a zone that lose their pods; if the zone is partly disrupted."""
LARGE_CLUSTER = 50
"""Nodes up to which nothing is evicted from a zone that is partly disrupted."""
PARTIAL = 0.55
"""The share of nodes that are not ready from which a zone is partly disrupted."""

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"

_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
_TAINT_OF = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
"""Which taint a condition's status calls for."""
_OWN = {*_TAINT_OF.values(), UNSCHEDULABLE}
_EVICTING = (NOT_READY, UNREACHABLE)
"""Taints that drive pods away as well as keeping them off."""

Zone = tuple[str, str]


def eviction_period(ready: int, lost: int) -> float | None:
    """Seconds between two evictions from a zone with so many nodes; None: there are to be none."""
    if lost > 2 and ready and lost / (ready + lost) >= PARTIAL:
        return SLOW_PERIOD if ready + lost > LARGE_CLUSTER else None
    return EVICTION_PERIOD


class NodeLifecycleController(ManagedController):
    """Watches the heartbeats of nodes and taints the silent ones.

    `grace_period` and `monitor_period`, in seconds, are its flags `--node-monitor-…`: they hold
    from the next start on.
    """

    grace_period, monitor_period = GRACE_PERIOD, MONITOR_PERIOD
    name = "node-lifecycle-controller"
    component = "node-controller"

    def listen(self) -> None:
        self.objects = self.follow(core.Node, self._node_changed)
        self._pods = self.follow(core.Pod, None, by_node)
        self.follow(models.coordination_v1.Lease, self._lease_changed)
        self._monitor: Any = None

    def start(self) -> None:
        """Begin to listen. Every node is given a whole grace period from now on."""
        super().start()
        if self._monitor is None:
            self._started = self.clock.now
            self._monitor = self.clock.every(self.monitor_period, self._look)

    def forget(self) -> None:
        """What nodes did while nobody listened was not observed."""
        self._seen: dict[str, float] = {}
        self._ready: dict[str, tuple[Zone, bool]] = {}
        self._evicted: dict[Zone, float] = {}
        self._all_lost = False
        self.clock.cancel(self._monitor)
        self._monitor = None

    # --- signs of life

    def _node_changed(self, old: Any, new: Any) -> None:
        name = (new or old).metadata.name
        if new is None:
            self._seen.pop(name, None)
            self._count(name, None)
            message = f"Node {name} event: Removing Node {name} from Controller"
            self.recorder.normal(old, "RemovingNode", message)
            return
        if old is None:
            self._seen[name] = self.clock.now
            message = f"Node {name} event: Registered Node {name} in Controller"
            self.recorder.normal(new, "RegisteredNode", message)
        elif _heartbeat(old) != _heartbeat(new):
            self._seen[name] = self.clock.now
        self.queue.add(("", name))

    def _lease_changed(self, old: Any, new: Any) -> None:
        if new is not None and new.metadata.namespace == LEASES:
            self._seen[new.metadata.name] = self.clock.now

    def _look(self, beats: int) -> None:
        if beats > 1:
            return  # a quiet stretch, of which the renewals are told once, at its end
        latest = self.clock.now - self.grace_period
        for name, seen in self._seen.items():
            if seen <= latest:
                self.queue.add(("", name))

    # --- zones

    def _count(self, name: str, health: tuple[Zone, bool] | None) -> None:
        """Note whether a node is ready; look at all of them when that changes who is evicted."""
        before = self._ready.pop(name, None)
        if health is not None:
            self._ready[name] = health
        if before == health:
            return
        all_lost = bool(self._ready) and not any(ready for _, ready in self._ready.values())
        if self._all_lost and not all_lost:
            self._seen = dict.fromkeys(self._seen, self.clock.now)  # each has a new chance
        if self._all_lost != all_lost or (
            before is not None and before[1] != (health or before)[1]
        ):
            for other, (_, ready) in self._ready.items():
                if not ready and other != name:
                    self.queue.add(("", other))
        self._all_lost = all_lost

    def _until_eviction(self, zone: Zone) -> float | None:
        """Seconds until another node of a zone may lose its pods; None if none may."""
        states = [ready for where, ready in self._ready.values() if where == zone]
        period = eviction_period(sum(states), len(states) - sum(states))
        last = self._evicted.get(zone)
        if period is None or last is None:
            return period and 0.0
        return max(last + period - self.clock.now, 0.0)

    def _until_look(self) -> float:
        """Seconds until the nodes are looked at; 0 if that is now."""
        period = self.monitor_period
        passed = (self.clock.now - self._started) % period
        return 0.0 if min(passed, period - passed) < 1e-6 else period - passed

    # --- what follows

    def sync(self, node: Any) -> Result | None:
        """Bring one node's conditions and taints into line with what was heard of it."""
        name = node.metadata.name
        if self._seen.get(name, 0.0) <= self.clock.now - self.grace_period:
            node = self._give_up(node)
        ready = conditions.is_true(node.status.conditions, "Ready")
        labels = node.metadata.labels or {}
        zone = labels.get(REGION, ""), labels.get(ZONE, "")
        self._count(name, (zone, ready))
        if not ready:
            self._mark_pods(node)
        wanted = _called_for(node)
        there = [t.key for t in node.spec.taints or () if _drives_away(t)]
        evicting = [] if self._all_lost else [key for key in wanted if key in _EVICTING]
        wait = None
        if evicting != there:
            wait = self._until_look()
            if not wait and evicting and not there:
                wait = self._until_eviction(zone)
            if wait == 0:
                if evicting and not there:
                    self._evicted[zone] = self.clock.now
                there = evicting
        self._taint(node, [(k, "NoSchedule") for k in wanted] + [(k, "NoExecute") for k in there])
        return Result(wait) if wait else None

    def _give_up(self, node: Any) -> Any:
        ready = conditions.get(node.status.conditions, "Ready")
        if ready is not None and ready.status == "Unknown":
            return node
        now, made = self.clock.utc(), node.metadata.creationTimestamp
        given_up = node.status.conditions
        for type in (*_PRESSURES, "Ready"):
            known = conditions.get(given_up, type)
            unknown = core.NodeCondition(
                type=type, status="Unknown", lastTransitionTime=now,
                reason="NodeStatusUnknown" if known else "NodeStatusNeverUpdated",
                message=f"Kubelet {'stopped posting' if known else 'never posted'} node status.",
                lastHeartbeatTime=(known and known.lastHeartbeatTime) or made,
            )  # fmt: skip
            given_up = conditions.put(given_up, unknown)
        name = node.metadata.name
        self.recorder.normal(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
        status = replace(node.status, conditions=given_up)
        return self.client.update_status(replace(node, status=status))

    def _taint(self, node: Any, wanted: list[tuple[str, str]]) -> None:
        taints = node.spec.taints or []
        kept = [t for t in taints if t.key not in _OWN or (t.key, t.effect) in wanted]
        there = {(t.key, t.effect) for t in kept}
        added = [
            core.Taint(key=key, effect=effect, timeAdded=self.clock.utc())
            for key, effect in wanted
            if (key, effect) not in there
        ]
        if added or len(kept) != len(taints):
            spec = replace(node.spec, taints=[*kept, *added] or None)
            self.client.update(replace(node, spec=spec))

    def _mark_pods(self, node: Any) -> None:
        """The pods of a node that does not answer are not ready, whatever they last said."""
        for pod in list(self._pods.indexed(by_node, node.metadata.name)):
            ready = conditions.get(pod.status.conditions, "Ready")
            if ready is None or ready.status != "True":
                continue
            unready = replace(ready, status="False", lastTransitionTime=self.clock.utc())
            status = replace(pod.status, conditions=conditions.put(pod.status.conditions, unready))
            try:
                self.client.update_status(replace(pod, status=status))
            except ApiError:
                continue  # it changed or went meanwhile: the next look will tell
            self.recorder.warning(pod, "NodeNotReady", "Node is not ready")


def _called_for(node: Any) -> list[str]:
    keys = [_TAINT_OF.get((c.type, c.status)) for c in node.status.conditions or ()]
    found = [key for key in keys if key]
    return [*found, UNSCHEDULABLE] if node.spec.unschedulable else found


def _drives_away(taint: Any) -> bool:
    return taint.key in _EVICTING and taint.effect == "NoExecute"


def _heartbeat(node: Any) -> Any:
    """What tells that a kubelet has written a node's status."""
    ready = conditions.get(node.status.conditions, "Ready")
    return ready and (ready.status != "Unknown", ready.lastHeartbeatTime)
