"""A cluster autoscaler that can be explained in two sentences.

If pods find no node, it asks the scheduler's own rules on which pool's new machines they would run,
and takes the pool that helps most pods for the least money. A machine of which less than half was
requested for ten minutes, and whose pods fit elsewhere, is emptied and given back.
Source of rules and times: `github.com/kubernetes/autoscaler/cluster-autoscaler/FAQ.md`.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import conditions, disruption, models
from kubecourse.api.errors import ignoring
from kubecourse.api.placement import amounts, requests_of
from kubecourse.client import Client, EventRecorder, Informer
from kubecourse.clock import Timer
from kubecourse.cloud.accounting import FINISHED
from kubecourse.cloud.fleet import Fleet, evict_all, movable
from kubecourse.control_plane.scheduler.algorithm import Algorithm, NoFit
from kubecourse.control_plane.scheduler.cache import OWNERS, STORAGE, Cache
from kubecourse.node.machine import Machine

core = models.core_v1

SCAN = 10.0
"""Seconds between two looks."""
UNNEEDED = 600.0
"""Seconds for which a machine must be unneeded, and after the last one came."""
THRESHOLD = 0.5
"""Below this share of what a machine has, requested by others than DaemonSets, it is unneeded."""
SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"


class Option(NamedTuple):
    """So many new machines of a pool would take these pods, for USD an hour."""

    pool: str
    machines: int
    pods: list[Any]
    hour: float


class Simulation:
    """The cluster in the scheduler's eyes, on paper: nodes can be added and left out."""

    def __init__(self, client: Client, without: str = "") -> None:
        self._cache = Cache()
        self._algorithm = Algorithm(self._cache, Random(0))
        for namespace in client.list(core.Namespace):
            self._cache.set_namespace(None, namespace)
        for cls in (*OWNERS, *STORAGE):
            take_over = self._cache.owners.set if cls in OWNERS else self._cache.claims.set
            for obj in client.list(cls):
                take_over(None, obj)
        nodes: list[Any] = client.list(core.Node)
        for node in nodes:
            if node.metadata.name != without and ready(node):
                self._cache.set_node(node)
        pods: list[Any] = client.list(core.Pod)
        for pod in pods:
            there = pod.spec.nodeName in self._cache.nodes
            if there and pod.status.phase not in FINISHED:
                self._cache.place(pod, pod.spec.nodeName)

    def add(self, node: Any) -> None:
        """One more node."""
        self._cache.set_node(node)

    def place(self, pods: list[Any]) -> list[Any]:
        """Put pods where the scheduler would; returns those for which there is no place."""
        left = []
        for pod in pods:
            free = replace(pod, spec=replace(pod.spec, nodeName=None))
            try:
                found = self._algorithm.find(free)
            except NoFit:
                found = None
            if found is None:
                left.append(pod)
            else:
                self._cache.place(free, found.name)
        return left


class Autoscaler:
    """Keeps a fleet's pools as large as they need to be."""

    name = "cluster-autoscaler"

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        fleet.autoscaler = self
        self._clock = fleet.cluster.clock
        self._client: Client = fleet.cluster.connect_as(self.name)
        self._events = EventRecorder(self._client, self.name)
        self._since: dict[str, float] = {}
        self._leaving: dict[str, None] = {}
        self._last_added = float("-inf")
        self._timer: Timer | None = None
        watched = (core.Pod, core.Node, models.policy_v1.PodDisruptionBudget)
        self._informers = [Informer(self._client, cls) for cls in watched]
        for informer in self._informers:
            informer.on_change(self._changed)

    def start(self) -> None:
        """Begin to look."""
        for informer in self._informers:
            informer.start()

    def stop(self) -> None:
        """Look no more."""
        for informer in self._informers:
            informer.stop()
        self._clock.cancel(self._timer)

    def _changed(self, old: Any, new: Any) -> None:
        """Something has: look at the next scan. While nothing does, a scan would find nothing."""
        self._look_at(self._clock.now)

    def _look_at(self, time: float) -> None:
        when = (time // SCAN + 1) * SCAN
        if self._timer is None or not self._clock.pending(self._timer) or self._timer.when > when:
            self._clock.cancel(self._timer)
            self._timer = self._clock.call_at(when, self._look, background=True)

    def _look(self) -> None:
        if not self.grow():
            self.shrink()
        if self._leaving:
            self._look_at(self._clock.now)
        elif self._since:
            self._look_at(max(min(self._since.values()), self._last_added) + UNNEEDED)

    # --- growing

    def grow(self) -> bool:
        """Ask for machines if pods need them; whether any were asked for."""
        waiting = [pod for pod in self._client.list(core.Pod) if unschedulable(pod)]
        if not waiting:
            return False
        options = self.options(waiting)
        if not options:
            for pod in waiting:
                why = "pod didn't trigger scale-up: no pool's machine would take it"
                self._events.normal(pod, "NotTriggerScaleUp", why)
            return False
        best = max(options, key=lambda o: (len(o.pods), -o.hour, o.pool))
        size = self.fleet.sizes[best.pool]
        self.fleet.resize(best.pool, size + best.machines)
        self._last_added = self._clock.now
        most = self.fleet.pools[best.pool].most
        for pod in best.pods:
            why = f"pod triggered scale-up: [{{{best.pool} {size}->{size + best.machines} "
            self._events.normal(pod, "TriggeredScaleUp", f"{why}(max: {most})}}]")
        return True

    def options(self, waiting: list[Any]) -> list[Option]:
        """What each pool could do for pods that wait, machines that are on their way counted."""
        found = []
        for name, pool in self.fleet.pools.items():
            room = pool.most - self.fleet.sizes[name]
            if not pool.scales or room <= 0:
                continue
            simulation = Simulation(self._client)
            for number, of in enumerate(self.fleet.coming.values()):
                simulation.add(self._template(of, f"coming-{number + 1}"))
            before = left = simulation.place(waiting)
            machines = 0
            while left and machines < room:
                simulation.add(self._template(name, f"new-{machines + 1}"))
                still = simulation.place(left)
                if len(still) == len(left):
                    break
                left, machines = still, machines + 1
            if machines:
                kept = {pod.metadata.uid for pod in left}
                helped = [pod for pod in before if pod.metadata.uid not in kept]
                found.append(Option(name, machines, helped, machines * self.fleet.hour(name)))
        return found

    def _template(self, pool: str, name: str) -> Any:
        given = self.fleet.template(pool, name)
        machine = Machine.parse(name, given.pop("shape"), **given)
        node = machine.node()
        taints = [t for t in node.spec.taints or () if t.key != "node.kubernetes.io/not-ready"]
        return replace(node, spec=replace(node.spec, taints=taints or None))

    # --- shrinking

    def shrink(self) -> None:
        """Note which machines are unneeded; empty one that has been so for long enough."""
        now = self._clock.now
        nodes: list[Any] = self._client.list(core.Node)
        for node in nodes:
            name = node.metadata.name
            pool = next((r.pool for r in self.fleet.rentals.values() if r.node == name), "")
            if not pool or not self.fleet.pools[pool].scales or name in self._leaving:
                continue
            if self.utilization(node) < THRESHOLD and self._can_go(node, pool):
                self._since.setdefault(name, now)
            else:
                self._since.pop(name, None)
        for name in list(self._leaving):
            self._empty(name)
        quiet = now - self._last_added >= UNNEEDED
        due = [name for name, since in self._since.items() if now - since >= UNNEEDED]
        if due and quiet and not self._leaving and not self.fleet.coming:
            self._leave(due[0])

    def utilization(self, node: Any) -> float:
        """The larger share of CPU or memory that is requested on a node, DaemonSets apart."""
        room = amounts(node.status.allocatable)
        used = {"cpu": 0, "memory": 0}
        for pod in self._pods(node.metadata.name):
            if movable(pod):
                for name in used:
                    used[name] += requests_of(pod.spec).get(name, 0)
        return max(used[name] / room[name] if room.get(name) else 1.0 for name in used)

    def _pods(self, node: str) -> list[Any]:
        return self._client.list(core.Pod, fields=f"spec.nodeName={node}")

    def _can_go(self, node: Any, pool: str) -> bool:
        """Whether a machine's pods may be moved, and would fit on the others."""
        if len(self.fleet.nodes(pool)) - len(self._leaving) <= self.fleet.pools[pool].least:
            return False
        pods = [pod for pod in self._pods(node.metadata.name) if movable(pod)]
        if any(self._stays(pod) for pod in pods):
            return False
        return not Simulation(self._client, node.metadata.name).place(pods)

    def _stays(self, pod: Any) -> bool:
        """Whether a pod keeps its machine: nobody would replace it, or a budget forbids it."""
        safe = (pod.metadata.annotations or {}).get(SAFE)
        if safe is not None:
            return safe != "true"
        volumes = pod.spec.volumes or ()
        local = any(v.hostPath is not None or v.emptyDir is not None for v in volumes)
        budgets: list[Any] = self._client.list(
            models.policy_v1.PodDisruptionBudget, pod.metadata.namespace
        )
        forbidden = any(
            not budget.status.disruptionsAllowed
            for budget in budgets
            if disruption.covers(budget, pod)
        )
        return not pod.metadata.ownerReferences or local or forbidden

    def _leave(self, name: str) -> None:
        node: Any = self._client.get(core.Node, name)
        self._client.update(replace(node, spec=replace(node.spec, unschedulable=True)))
        self._events.normal(node, "ScaleDown", "marked the node as toBeDeleted/unschedulable")
        self._since.pop(name, None)
        self._leaving[name] = None
        self._empty(name)

    def _empty(self, name: str) -> None:
        """Evict what is left; once nothing is, give the machine back."""
        if name not in self.fleet.rentals:
            del self._leaving[name]
            return
        evict_all(self._client, name)
        going = [p for p in self._pods(name) if p.metadata.deletionTimestamp is not None]
        if not going and not any(movable(pod) for pod in self._pods(name)):
            pool = self.fleet.rentals[name].pool
            del self._leaving[name]
            with ignoring("NotFound"):
                self.fleet.sizes[pool] -= 1
                self.fleet.remove(name)


def ready(node: Any) -> bool:
    """Whether a node takes part."""
    return conditions.is_true(node.status.conditions, "Ready")


def unschedulable(pod: Any) -> bool:
    """Whether the scheduler has looked for a node for a pod, and found none."""
    found = conditions.get(pod.status.conditions, "PodScheduled")
    return (
        not pod.spec.nodeName
        and pod.metadata.deletionTimestamp is None
        and found is not None
        and found.reason == "Unschedulable"
    )
