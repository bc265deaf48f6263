"""Machines rented for a cluster, in pools of one kind, and when each began and ended.

    fleet = Fleet(cluster, [Pool("base", "m5.xlarge", size=3),
                            Pool("spot", "m5.xlarge", size=4, spot=True)])
    cluster.cloud.resize("base", 2)
    cluster.cloud.add(Pool("small", "m5.large", size=4))

Machines come `BOOT` seconds after they are asked for. Spot machines are taken back at times that
the cluster's seed decides: after a notice they are cordoned and emptied, as a node termination
handler does, then they are gone; another comes when there is one.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import EventRecorder
from kubecourse.cloud.catalog import Spot, catalog
from kubecourse.cloud.prices import Machine
from kubecourse.cloud.reservation import GIB, reserved

core = models.core_v1

BOOT = 60.0
"""Seconds from asking for a machine until it joins the cluster."""
POOL, SPOT = "kubecourse.dev/pool", "kubecourse.dev/spot"
"""Labels of nodes."""
INTERRUPTED = core.Taint(key="kubecourse.dev/interrupted", effect="NoSchedule")
DAY = 86_400.0


class Pool(msgspec.Struct, frozen=True):
    """Machines that are alike. An autoscaler keeps their number between `least` and `most`.

    `spot`: spare ones that may be taken back. `committed`: promised for a year. `labels` and
    `taint` (`key=value:Effect`) are those of its nodes, `zones` where they stand in turn.
    """

    name: str
    machine: str
    size: int = 1
    least: int = 0
    most: int = 0
    spot: bool = False
    committed: bool = False
    zones: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    taint: str = ""

    @property
    def scales(self) -> bool:
        """Whether its number may change."""
        return self.most > 0


class Rental(msgspec.Struct, frozen=True):
    """A machine, from when on and until when it is paid for (None: still), at USD an hour."""

    node: str
    pool: str
    begun: float
    ended: float | None
    hour: float


class Interruption(msgspec.Struct, frozen=True):
    """A spot machine that was taken back."""

    node: str
    noticed: float
    gone: float


class _Pools(dict[str, Pool]):
    """Pools by name, which says what names there are."""

    def __missing__(self, name: str) -> Pool:
        raise LookupError(f'no pool "{name}": there are {", ".join(self) or "none"}')


class Fleet:
    """The machines of a cluster that are rented. It becomes `cluster.cloud`."""

    def __init__(self, cluster: Any, pools: list[Pool]) -> None:
        self.cluster = cluster
        self.catalog = catalog()
        self.pools: dict[str, Pool] = _Pools()
        self.sizes: dict[str, int] = {}
        """How many machines each pool should have."""
        self.rentals: dict[str, Rental] = {}
        self.past: list[Rental] = []
        self.interruptions: list[Interruption] = []
        self.coming: dict[str, str] = {}
        """Machines that were asked for and have not joined yet, and their pools."""
        self.autoscaler: Any = None
        self._clock = cluster.clock
        self._rng = cluster.clock.rng("cloud")
        self._client = cluster.connect_as("cloud-provider")
        self._events = EventRecorder(self._client, "cloud-provider")
        self._counted: dict[str, int] = {}
        self._frozen = False
        for pool in pools:
            self._know(pool)
        cluster.cloud = self
        for pool in pools:
            for _ in range(pool.size):
                self.sizes[pool.name] += 1
                self._join(self._name(pool), pool.name)

    def _know(self, pool: Pool) -> None:
        if pool.machine not in self.catalog.machines:
            known = ", ".join(self.catalog.machines)
            raise ValueError(f"no machine {pool.machine!r}: there are {known}")
        self.pools[pool.name] = pool
        self.sizes[pool.name] = self._counted[pool.name] = 0

    def machine(self, pool: str) -> Machine:
        """What a pool's machines are."""
        return self.catalog.machines[self.pools[pool].machine]

    def hour(self, pool: str) -> float:
        """USD for an hour of one of a pool's machines."""
        price = self.machine(pool).hour
        if self.pools[pool].spot:
            price *= self._spot(pool).share
        elif self.pools[pool].committed:
            price *= self.catalog.committed.share
        return float(price)

    def _spot(self, pool: str) -> Spot:
        return self.catalog.spot[self.machine(pool).provider]

    def nodes(self, pool: str) -> list[str]:
        """The names of a pool's machines, oldest first."""
        return [rental.node for rental in self.rentals.values() if rental.pool == pool]

    # --- coming and going

    def template(self, pool: str, name: str) -> dict[str, Any]:
        """How a pool's machine joins: what `Cluster.add_node` is given."""
        given, machine = self.pools[pool], self.machine(pool)
        kept = reserved(machine.provider, machine.cores, machine.memory * GIB)
        labels = {POOL: pool, **({SPOT: "true"} if given.spot else {}), **given.labels}
        number = int(name.rpartition("-")[2]) - 1
        return {
            "shape": f"{machine.cores}cpu-{machine.memory}Gi",
            "instance_type": given.machine,
            "labels": labels,
            "zone": given.zones[number % len(given.zones)] if given.zones else None,
            "kube_reserved": {"cpu": f"{kept.cpu}m", "memory": str(kept.memory)},
            "eviction_hard": {"memory.available": "100Mi"},
            "taints": (_taint(given.taint),) if given.taint else (),
        }

    def add(self, pool: Pool) -> None:
        """Ask for machines of one more pool. Raises ValueError."""
        if pool.name in self.pools:
            raise ValueError(f"there is a pool {pool.name!r}: resize it")
        self._know(pool)
        self.resize(pool.name, pool.size)

    def resize(self, pool: str, size: int) -> None:
        """Ask for machines, or give the newest back."""
        self.sizes[self.pools[pool].name] = size
        there = [*self.nodes(pool), *(n for n, of in self.coming.items() if of == pool)]
        for _ in range(size - len(there)):
            self._ask(pool)
        for name in reversed(there[size:]):
            self.remove(name)

    def _ask(self, pool: str, delay: float = BOOT) -> None:
        if self._frozen:
            return
        name = self._name(self.pools[pool])
        self.coming[name] = pool
        self._clock.call_later(delay, self._arrive, name)

    def freeze(self) -> None:
        """No more machines come from now on."""
        self.coming.clear()
        self._frozen = True
        if self.autoscaler is not None:
            self.autoscaler.stop()

    def _name(self, pool: Pool) -> str:
        self._counted[pool.name] += 1
        return f"{pool.name}-{self._counted[pool.name]}"

    def _arrive(self, name: str) -> None:
        pool = self.coming.pop(name, None)
        if pool is not None:
            self._join(name, pool)

    def _join(self, name: str, pool: str) -> None:
        self.cluster.add_node(name, **self.template(pool, name))
        now = self._clock.now
        self.rentals[name] = Rental(name, pool, now, None, self.hour(pool))
        if self.pools[pool].spot and (rate := self._spot(pool).interruptions):
            life = self._rng.expovariate(rate) * DAY
            self._clock.call_later(life, self.interrupt, name, background=True)

    def remove(self, name: str) -> None:
        """A machine is gone, and paid for no longer; its Node object goes too."""
        self.coming.pop(name, None)
        rental = self.rentals.pop(name, None)
        if rental is None:
            return
        self.past.append(replace(rental, ended=self._clock.now))
        self.cluster.fail_node(name)
        with ignoring("NotFound"):
            self._client.delete(core.Node, name)
        del self.cluster.kubelets[name]

    # --- spot

    def interrupt(self, name: str) -> None:
        """A spot machine is wanted back: now there is notice, soon it is gone."""
        rental = self.rentals.get(name)
        if rental is None:
            return
        spot = self._spot(rental.pool)
        node: Any = self._client.get(core.Node, name)
        taints = node.spec.taints or []
        if any(taint.key == INTERRUPTED.key for taint in taints):
            return  # it has had its notice
        why = f"Node {name} will be interrupted in {spot.notice:g} s"
        self._events.warning(node, "SpotInterruption", why)
        cordoned = replace(node.spec, unschedulable=True, taints=[*taints, INTERRUPTED])
        self._client.update(replace(node, spec=cordoned))
        gone = self._clock.now + spot.notice
        self.interruptions.append(Interruption(name, self._clock.now, gone))
        self._clock.call_at(gone, self._taken, name)
        self._empty(name, gone)

    def storm(self, pool: str) -> int:
        """All of a pool's machines are wanted back at once; returns how many."""
        names = self.nodes(self.pools[pool].name)
        for name in names:
            self.interrupt(name)
        return len(names)

    def _empty(self, name: str, until: float) -> None:
        """Evict what runs on a machine, as far as budgets allow; try the rest again."""
        left = 0
        if name in self.rentals:
            left = len(evict_all(self._client, name))
        if left and self._clock.now + 5 < until:
            self._clock.call_later(5.0, self._empty, name, until)

    def _taken(self, name: str) -> None:
        rental = self.rentals.get(name)
        if rental is None:
            return
        self.remove(name)
        pool = rental.pool
        if len(self.nodes(pool)) + list(self.coming.values()).count(pool) < self.sizes[pool]:
            shortage = self._rng.expovariate(1 / 60) * self._spot(pool).shortage
            self._ask(pool, BOOT + shortage)


def movable(pod: Any) -> bool:
    """Whether a pod may be moved off its node: not a DaemonSet's, and not over."""
    owners = pod.metadata.ownerReferences or ()
    return (
        pod.metadata.deletionTimestamp is None
        and pod.status.phase not in ("Succeeded", "Failed")
        and not any(owner.kind == "DaemonSet" for owner in owners)
    )


def evict_all(client: Any, node: str) -> list[Any]:
    """Evict a node's pods; returns those that a disruption budget keeps."""
    kept = []
    for pod in client.list(core.Pod, fields=f"spec.nodeName={node}"):
        if movable(pod):
            try:
                client.evict(pod.metadata.namespace, pod.metadata.name)
            except ApiError as error:
                if error.reason == "TooManyRequests":
                    kept.append(pod)
    return kept


def _taint(text: str) -> Any:
    given, _, effect = text.rpartition(":")
    key, _, value = given.partition("=")
    return core.Taint(key=key, value=value or None, effect=effect)
