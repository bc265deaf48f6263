"""What is paid for and not used: requests far above use, workloads nobody needs, what is left over.

for row in report(cluster.cloud): print(row)
clean(cluster.cloud, report(cluster.cloud))          # says what it would do
clean(cluster.cloud, report(cluster.cloud), dry_run=False)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.placement import requests_of
from kubecourse.cloud.accounting import FINISHED, RESOURCES, _capacity, _volume_month
from kubecourse.cloud.prices import HOURS

core = models.core_v1
apps = models.apps_v1
batch = models.batch_v1

OWNER = "owner"
"""The annotation that says whom to ask about a workload."""
REPLICAS = "kubecourse.dev/replicas-before-idle"
IDLE_SHARE = 0.02
"""A workload that used less of the CPU that it requests is idle."""
KINDS = ("deployments", "statefulsets", "daemonsets")


class Waste(msgspec.Struct, frozen=True):
    """Something to ask about or to tidy up, and USD a month for it.

    `why`: unowned, idle, finished or orphaned. `cure`: what `clean` does: nothing (ask first),
    `scale` to zero, or `delete`.
    """

    why: str
    kind: str
    namespace: str
    name: str
    month: Decimal
    cure: str = ""

    def __str__(self) -> str:
        place = "/".join(filter(None, (self.namespace, self.kind, self.name)))
        return f"{self.why:9} {place:44} {self.month:>9.2f} USD a month   {self.cure or 'ask'}"


class Use(msgspec.Struct, frozen=True):
    """A workload's or a cluster's cores, or bytes: paid for, requested and used."""

    paid: float
    requested: float
    used: float


def pod_hour(fleet: Any, pod: Any) -> float:
    """USD for an hour of what a pod requests, on the machine that it is on."""
    rental = fleet.rentals.get(pod.spec.nodeName or "")
    if rental is None or pod.status.phase in FINISHED:
        return 0.0
    capacity, asked = _capacity(fleet, rental.pool), requests_of(pod.spec)
    share = sum(asked.get(name, 0) / capacity[name] for name in RESOURCES) / 2
    return float(rental.hour * share)


def use(fleet: Any, start: float, end: float, step: float = 300.0) -> dict[str, Use]:
    """Of `cpu` (cores) and `memory` (bytes): what is paid for, requested now, and used on average.

    Only pods that still exist are measured.
    """
    found = {"cpu": [0.0, 0.0, 0.0], "memory": [0.0, 0.0, 0.0]}
    for rental in fleet.rentals.values():
        for name, amount in _capacity(fleet, rental.pool).items():
            found[name][0] += amount
    for pod in fleet.cluster.list("pods", None):
        if pod.spec.nodeName in fleet.rentals and pod.status.phase not in FINISHED:
            asked = requests_of(pod.spec)
            cores, memory = average(fleet.cluster, pod, start, end, step)
            for name, used in (("cpu", cores * 1000), ("memory", memory)):
                found[name][1] += asked.get(name, 0)
                found[name][2] += used
    found["cpu"] = [amount / 1000 for amount in found["cpu"]]
    return {name: Use(*three) for name, three in found.items()}


def average(
    cluster: Any, pod: Any, start: float, end: float, step: float = 300.0
) -> tuple[float, float]:
    """The cores and bytes that a pod has used on average, as far as it ran then."""
    meter = cluster._meter(pod.spec.nodeName or "")
    cores = memory = 0.0
    for container in pod.spec.containers if meter is not None else ():
        rows = list(meter.series(pod.metadata.uid, container.name, start, end, step))
        if rows:
            cores += sum(row.cpu for row in rows) / len(rows)
            memory += sum(row.memory for row in rows) / len(rows)
    return cores, memory


# --- the report


def report(fleet: Any, since: float = 86_400.0) -> list[Waste]:
    """All that is unowned, idle for so many seconds, finished or orphaned, the dearest first."""
    found = [*_workloads(fleet, since), *_finished(fleet), *_orphaned(fleet)]
    return sorted(found, key=lambda row: (-row.month, row.why, row.kind, row.namespace, row.name))


def _month(hours: float) -> Decimal:
    return (Decimal(str(round(hours, 12))) * HOURS).quantize(Decimal("0.01"))


def _workloads(fleet: Any, since: float) -> Iterator[Waste]:
    cluster = fleet.cluster
    pods: dict[str, list[Any]] = {}
    for pod in cluster.list("pods", None):
        for owner in pod.metadata.ownerReferences or ():
            pods.setdefault(owner.uid, []).append(pod)
    for owned in cluster.list("replicasets", None):
        for owner in owned.metadata.ownerReferences or ():
            pods.setdefault(owner.uid, []).extend(pods.get(owned.metadata.uid, ()))
    for kind in KINDS:
        for workload in cluster.list(kind, None):
            metadata, own = workload.metadata, pods.get(workload.metadata.uid, [])
            month = _month(sum(pod_hour(fleet, pod) for pod in own))
            row = Waste("unowned", workload.kind.lower(), metadata.namespace, metadata.name, month)
            if OWNER not in (metadata.annotations or {}):
                yield row
            if _is_idle(cluster, own, since):
                yield replace(row, why="idle", cure="scale" if kind != "daemonsets" else "")


def _is_idle(cluster: Any, pods: list[Any], since: float) -> bool:
    """Whether pods have used next to none of the CPU that they request, all the time."""
    now, asked, used = cluster.now, 0.0, 0.0
    for pod in pods:
        made = cluster.clock.seconds(pod.metadata.creationTimestamp)
        if now - made < since or cluster._meter(pod.spec.nodeName or "") is None:
            return False
        asked += requests_of(pod.spec).get("cpu", 0) / 1000
        used += average(cluster, pod, now - since, now)[0]
    return asked > 0 and used < IDLE_SHARE * asked


def _finished(fleet: Any) -> Iterator[Waste]:
    for job in fleet.cluster.list("jobs", None):
        done = any(
            c.type in ("Complete", "Failed") and c.status == "True"
            for c in job.status.conditions or ()
        )
        if done and job.spec.ttlSecondsAfterFinished is None and not job.metadata.ownerReferences:
            yield Waste("finished", "job", job.metadata.namespace, job.metadata.name,
                        Decimal(0), "delete")  # fmt: skip
    for pod in fleet.cluster.list("pods", None):
        if pod.status.phase in FINISHED and not pod.metadata.ownerReferences:
            yield Waste("finished", "pod", pod.metadata.namespace, pod.metadata.name,
                        Decimal(0), "delete")  # fmt: skip


def _orphaned(fleet: Any) -> Iterator[Waste]:
    """Claims that no pod mounts and no StatefulSet made, volumes that no claim has."""
    cluster = fleet.cluster
    mounted = {
        (pod.metadata.namespace, volume.persistentVolumeClaim.claimName)
        for pod in cluster.list("pods", None)
        for volume in pod.spec.volumes or ()
        if volume.persistentVolumeClaim is not None
    }
    prefixes = {
        (each.metadata.namespace, f"{template.metadata.name}-{each.metadata.name}-")
        for each in cluster.list("statefulsets", None)
        for template in each.spec.volumeClaimTemplates or ()
    }
    volumes = {v.metadata.name: v for v in cluster.list("persistentvolumes", None)}
    for claim in cluster.list("persistentvolumeclaims", None):
        namespace, name = claim.metadata.namespace, claim.metadata.name
        kept = any(namespace == n and name.startswith(p) for n, p in sorted(prefixes))
        if (namespace, name) in mounted or kept:
            continue
        volume = volumes.get(claim.spec.volumeName or "")
        month = _volume_month(fleet, volume) if volume is not None else Decimal(0)
        yield Waste("orphaned", "persistentvolumeclaim", namespace, name, month)
    for name, volume in volumes.items():
        if volume.status.phase in ("Released", "Failed"):
            month = _volume_month(fleet, volume)
            yield Waste("orphaned", "persistentvolume", "", name, month)


# --- tidying up


def clean(fleet: Any, rows: Iterable[Waste], dry_run: bool = True, data: bool = False) -> list[str]:
    """Do what is safe about each row, or say what would be done; returns a line for each.

    Finished things are deleted, idle ones scaled to zero (an annotation keeps their size), and of
    the unowned nobody is touched. What holds data is deleted only with `data=True`.
    """
    client = fleet.cluster.client
    done = []
    for row in rows:
        cure = "delete" if row.why == "orphaned" and data else row.cure
        if not cure:
            continue
        done.append(f"{cure} {row.kind} {'/'.join(filter(None, (row.namespace, row.name)))}")
        found = fleet.cluster.get(f"{row.kind}/{row.name}", row.namespace or "default")
        if dry_run or found is None:
            continue
        if cure == "delete":
            client.delete(type(found), row.name, row.namespace or None, propagation="Background")
            continue
        kept = {**(found.metadata.annotations or {}), REPLICAS: str(found.spec.replicas)}
        metadata = replace(found.metadata, annotations=kept)
        client.update(replace(found, metadata=metadata, spec=replace(found.spec, replicas=0)))
    return done
