"""Who causes a fleet's bill: namespaces, workloads, what the provider keeps, and nobody.

Half of a machine's price is for its CPU and half for its memory. Of each half a pod bears the share
that it requests. What the provider and the kubelet keep of a machine is `(system)`, what nobody
requests `(idle)`. So the parts are the whole, and rounded they still are, to the cent. A volume is
its claim's, or `(orphaned)` without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

import msgspec

from kubecourse.api import models, quantity
from kubecourse.api.placement import amounts, requests_of
from kubecourse.api.resources import BY_MODEL
from kubecourse.cloud.prices import HOURS

core = models.core_v1

SYSTEM, IDLE, ORPHANED = "(system)", "(idle)", "(orphaned)"
FINISHED = ("Succeeded", "Failed")
RESOURCES = ("cpu", "memory")
DISK_TYPE, DEFAULT_DISK = "type", "gp3"
"""The parameter of a StorageClass that names the kind of disk, and what it is without one."""
GIB = 2**30


class Cause(NamedTuple):
    """Whose part of a bill it is. `workload` is `kind/name`, or `(idle)` and the like."""

    namespace: str
    workload: str


class Bill(msgspec.Struct, frozen=True):
    """USD between two virtual seconds, by cause, by pool; each rounded so that the sums agree."""

    start: float
    end: float
    causes: dict[Cause, Decimal]
    pools: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """All of it."""
        return sum(self.pools.values(), Decimal(0))

    @property
    def namespaces(self) -> dict[str, Decimal]:
        """By namespace; what is nobody's has its own name."""
        found: dict[str, Decimal] = {}
        for cause, amount in self.causes.items():
            name = cause.namespace or cause.workload
            found[name] = found.get(name, Decimal(0)) + amount
        return found

    @property
    def idle(self) -> Decimal:
        """For what nobody requested."""
        return self.causes.get(Cause("", IDLE), Decimal(0))


def bill(fleet: Any, start: float = 0.0, end: float | None = None) -> Bill:
    """A fleet's bill between two virtual seconds (None: until now)."""
    end = fleet.cluster.now if end is None else end
    causes: dict[Cause, float] = {}
    pools: dict[str, float] = {}
    rentals = {rental.node: rental for rental in (*fleet.past, *fleet.rentals.values())}
    for _name, rental in rentals.items():
        hours = _overlap(start, end, rental.begun, rental.ended) / 3600
        cost = hours * rental.hour
        pools[rental.pool] = pools.get(rental.pool, 0.0) + cost
        kept = _system_share(fleet, rental.pool)
        _add(causes, Cause("", SYSTEM), cost * kept)
        _add(causes, Cause("", IDLE), cost * (1 - kept))
    owners = _owner_names(fleet.cluster.etcd, end)
    for since, until, pod in fleet.cluster.etcd.spans(BY_MODEL[core.Pod].prefix, end):
        rental = rentals.get(pod.spec.nodeName or "")
        if rental is None or pod.status.phase in FINISHED:
            continue
        until = min(until, end if rental.ended is None else rental.ended)
        hours = _overlap(start, end, since, until) / 3600
        cost = hours * rental.hour * _share(fleet, rental.pool, pod)
        _add(causes, _cause(pod, owners), cost)
        _add(causes, Cause("", IDLE), -cost)
    for cause, cost in _volumes(fleet, start, end):
        pools["volumes"] = pools.get("volumes", 0.0) + cost
        _add(causes, cause, cost)
    total = Decimal(str(round(sum(pools.values()), 9)))
    parts = {cause: cents for cause, cents in rounded(causes, total).items() if cents}
    return Bill(start, end, parts, rounded(pools, total))


def hourly(fleet: Any) -> Decimal:
    """USD for an hour of everything as it is now, not rounded."""
    nodes = sum(Decimal(str(rental.hour)) for rental in fleet.rentals.values())
    volumes = (_volume_month(fleet, v) for v in fleet.cluster.list("persistentvolumes", None))
    return nodes + sum(volumes, Decimal(0)) / HOURS


def rounded(parts: Mapping[Any, float], total: Decimal) -> dict[Any, Decimal]:
    """Amounts in cents whose sum is the rounded total: the largest remainders are rounded up."""
    cents = int((total * 100).to_integral_value())
    exact = {name: Decimal(str(round(amount, 9))) * 100 for name, amount in parts.items()}
    floor = {name: amount.to_integral_value(ROUND_FLOOR) for name, amount in exact.items()}
    short = cents - int(sum(floor.values()))
    order = sorted(exact, key=lambda name: (floor[name] - exact[name], str(name)))
    up = set(map(str, order[:short]))
    return {name: (floor[name] + (str(name) in up)) / 100 for name in parts}


def _overlap(start: float, end: float, begun: float, ended: float | None) -> float:
    return max(0.0, min(end, end if ended is None else ended) - max(start, begun))


def _add(to: dict[Cause, float], cause: Cause, amount: float) -> None:
    to[cause] = to.get(cause, 0.0) + amount


# --- shares of a machine


def _capacity(fleet: Any, pool: str) -> dict[str, float]:
    machine = fleet.machine(pool)
    return {"cpu": machine.cores * 1000.0, "memory": float(machine.memory * GIB)}


def _system_share(fleet: Any, pool: str) -> float:
    """The share of a machine's price that is for what pods cannot have."""
    given, capacity = fleet.template(pool, "x-1"), _capacity(fleet, pool)
    kept = amounts(given["kube_reserved"])
    kept["memory"] += quantity.value(given["eviction_hard"]["memory.available"])
    return sum(kept[name] / capacity[name] for name in RESOURCES) / 2


def _share(fleet: Any, pool: str, pod: Any) -> float:
    """The share of a machine's price that a pod bears."""
    capacity, asked = _capacity(fleet, pool), requests_of(pod.spec)
    return sum(asked.get(name, 0) / capacity[name] for name in RESOURCES) / 2


# --- whose is it


def _owner_names(etcd: Any, end: float) -> dict[str, tuple[str, str]]:
    """The kind and name of what owns a ReplicaSet or a Job, by the uid of that."""
    found = {}
    for cls in (models.apps_v1.ReplicaSet, models.batch_v1.Job):
        for _, _, obj in etcd.spans(BY_MODEL[cls].prefix, end):
            for owner in obj.metadata.ownerReferences or ():
                found[obj.metadata.uid] = (owner.kind, owner.name)
    return found


def _cause(pod: Any, owners: Mapping[str, tuple[str, str]]) -> Cause:
    """The workload that a pod belongs to: its Deployment rather than its ReplicaSet."""
    namespace = pod.metadata.namespace
    for owner in pod.metadata.ownerReferences or ():
        kind, name = owners.get(owner.uid, (owner.kind, owner.name))
        return Cause(namespace, f"{kind.lower()}/{name}")
    return Cause(namespace, f"pod/{pod.metadata.name}")


# --- volumes


def _volume_month(fleet: Any, volume: Any) -> Decimal:
    """USD a month for a volume, by its storage class' kind of disk."""
    classes = {c.metadata.name: c for c in fleet.cluster.list("storageclasses", None)}
    found = classes.get(volume.spec.storageClassName)
    kind = ((found.parameters if found is not None else None) or {}).get(DISK_TYPE, DEFAULT_DISK)
    disk = fleet.catalog.disks.get(kind, fleet.catalog.disks[DEFAULT_DISK])
    size = quantity.value(volume.spec.capacity["storage"]) / GIB
    iops = int(((found.parameters if found is not None else None) or {}).get("iops", 0))
    month: Decimal = disk.month(size, iops)
    return month


def _volumes(fleet: Any, start: float, end: float) -> Iterator[tuple[Cause, float]]:
    volumes = fleet.cluster.etcd.spans(BY_MODEL[core.PersistentVolume].prefix, end)
    for since, until, volume in volumes:
        claim, phase = volume.spec.claimRef, volume.status.phase
        bound = claim is not None and phase == "Bound"
        cause = Cause(claim.namespace, f"claim/{claim.name}") if bound else Cause("", ORPHANED)
        hours = _overlap(start, end, since, until) / 3600
        yield cause, hours * float(_volume_month(fleet, volume) / HOURS)
