"""What the kubelet does before its machine runs out of memory or disk.

Every ten seconds it compares what is left with thresholds. It tells of the pressure, frees disk
by itself, and if that is not enough ends pods, one at a time: first those that use more than they
requested, of these the least important, of these the one that is farthest above its request. How
pods' quality of service is called has no say, nor have disruption budgets.

While nothing comes near a threshold nobody looks: the meter tells when memory will.
Source: `pkg/kubelet/eviction/{eviction_manager,helpers}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.api import models, quantity
from kubecourse.api.memo import memo
from kubecourse.api.placement import requests_of, tolerated
from kubecourse.api.pod_resources import pod_resources
from kubecourse.api.qos import qos_class
from kubecourse.api.quantity import Quantity
from kubecourse.clock import Timer
from kubecourse.node.kubelet import garbage
from kubecourse.node.machine import Threshold
from kubecourse.node.resources.memory import is_critical

if TYPE_CHECKING:
    from kubecourse.node.kubelet.kubelet import Kubelet
    from kubecourse.node.kubelet.worker import PodWorker

INTERVAL = 10.0
TRANSITION = 300.0
"""Seconds for which a condition stays after what caused it has gone."""
CLEAN_UP = 1.0
"""Seconds between two looks whether an evicted pod is gone."""
AT_ONCE = 1.0
"""Seconds that a pod is given to stop when a hard threshold is met."""
MEMORY, DISK = "MemoryPressure", "DiskPressure"
SIGNALS = {
    # signal: the condition, and the resource that runs short
    "memory.available": (MEMORY, "memory"),
    "nodefs.available": (DISK, "ephemeral-storage"),
    "imagefs.available": (DISK, "ephemeral-storage"),
}
CONDITIONS = {
    # condition: reason, message and event, when it is not so and when it is
    MEMORY: (
        ("HasSufficientMemory", "kubelet has sufficient memory available"),
        ("HasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    DISK: (
        ("HasNoDiskPressure", "kubelet has no disk pressure"),
        ("HasDiskPressure", "kubelet has disk pressure"),
    ),
}
LOW = "The node was low on resource: {}. Threshold quantity: {}, available: {}. "
USED = "Container {} was using {}, request is {}, has larger consumption of {}. "


class Candidate(NamedTuple):
    """A pod that might be evicted: what it uses and requests of what is short, in bytes."""

    name: str
    usage: float
    request: float
    priority: int = 0
    worker: Any = None


def rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Pods in the order in which they are evicted."""
    return sorted(candidates, key=_order)


def _order(pod: Candidate) -> tuple[bool, int, float]:
    return pod.usage <= pod.request, pod.priority, pod.request - pod.usage


@memo
def bounds_disk(spec: Any) -> bool:
    """Whether there is a limit to what a pod may write."""
    empty = (volume.emptyDir for volume in spec.volumes or ())
    limits = pod_resources(spec, "limits")
    return "ephemeral-storage" in limits or any(e is not None and e.sizeLimit for e in empty)


class EvictionManager:
    """Looks after one node.

    `conditions` are the pressures that it reports; `counts`, how many pods it has evicted by
    signal, as the metric `kubelet_evictions` has them.
    """

    __slots__ = (
        "_epoch", "_evicted", "_first", "_kubelet", "_last", "_timer", "conditions", "counts",
    )  # fmt: skip

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._epoch = 0.0
        self._first: dict[Threshold, float] = {}
        self._last: dict[str, float] = {}
        self._evicted: list[PodWorker] = []
        self._timer: Timer | None = None
        self.conditions: tuple[str, ...] = ()
        self.counts: dict[str, int] = {}
        meter = kubelet.runtime.meter
        machine = kubelet.machine
        levels = [
            meter.capacity - _amount(threshold.value, meter.capacity)
            for threshold in machine.thresholds if threshold.signal == "memory.available"
        ]  # fmt: skip
        room = meter.capacity - machine.reserved("memory")  # all pods together have no more
        most = min(meter.capacity, room + meter.system)
        short = meter.capacity - most
        meter.levels = (*sorted(level - short for level in levels), most)
        meter.reached = self.look
        meter.images = self._images
        meter.told = self._system_out_of_memory

    def start(self) -> None:
        """Begin to look."""
        self._epoch = self._kubelet.clock.now
        self._kubelet.runtime.meter.watch()
        if self._met():
            self.look(background=True)

    def stop(self) -> None:
        """Look no more, and forget."""
        self._kubelet.clock.cancel(self._timer)
        self._first.clear()
        self._last.clear()
        self._evicted.clear()
        self.conditions = ()

    def look(self, background: bool = False) -> None:
        """Something may have come near a threshold or a limit: see at the next turn."""
        clock = self._kubelet.clock
        if self._kubelet.running and not clock.pending(self._timer):
            turns = ceil((clock.now - self._epoch) / INTERVAL + 1e-9)
            when = self._epoch + turns * INTERVAL
            self._timer = clock.call_at(when, self._synchronize, background=background)

    def pulled(self) -> None:
        """There is an image more."""
        if self._images() > self._kubelet.meter.disk / 2:
            self.look()

    def refuse(self, pod: Any) -> tuple[str, str] | None:
        """Why a pod cannot begin under the present pressure, as reason and message."""
        if not self.conditions or is_critical(pod.spec):
            return None
        if self.conditions == (MEMORY,) and (
            qos_class(pod.spec) != "BestEffort" or tolerated(pod.spec.tolerations, _MEMORY_TAINT)
        ):
            return None
        return "Evicted", f"The node had condition: [{' '.join(self.conditions)}]. "

    # --- looking

    def available(self, signal: str) -> tuple[float, float]:
        """What is left of what a signal tells of, and how much there is: bytes."""
        meter = self._kubelet.runtime.meter
        if SIGNALS[signal][0] == MEMORY:
            return meter.levels[-1] - meter.memory(self._kubelet.clock.now), meter.capacity
        return meter.disk - self.disk_used(), meter.disk

    def disk_used(self) -> float:
        """Bytes of images, containers and volumes."""
        return self._images() + sum(map(disk_of, self._kubelet.pods.values()))

    def _images(self) -> float:
        return garbage.size_of_images(self._kubelet.runtime)

    def _met(self) -> list[Threshold]:
        found = []
        for threshold in self._kubelet.machine.thresholds:
            left, whole = self.available(threshold.signal)
            if left < _amount(threshold.value, whole):
                found.append(threshold)
        return found

    def _synchronize(self) -> None:
        """One turn: see what is met, say so, and do something about it."""
        kubelet, now = self._kubelet, self._kubelet.clock.now
        if not kubelet.running:
            return
        met = self._met()
        self._first = {threshold: self._first.get(threshold, now) for threshold in met}
        self._last |= {SIGNALS[threshold.signal][0]: now for threshold in met}
        conditions = tuple(
            c for c in CONDITIONS if now - self._last.get(c, -TRANSITION) < TRANSITION
        )
        if conditions != self.conditions:
            self.conditions = conditions
            kubelet.node_status.report_soon()
        due = [t for t in met if now - self._first[t] >= t.grace]
        self._evicted = list(self._over_limits()) or (self._reclaim(due) if due else [])
        if self._evicted:
            self._timer = kubelet.clock.call_later(CLEAN_UP, self._cleaned_up, now)
        elif met or any(load.disk.moves for load in kubelet.runtime.meter.running.values()):
            self.look(background=True)
        else:
            kubelet.runtime.meter.watch()
            if self._last and self.conditions:
                when = min(self._last[c] for c in self.conditions) + TRANSITION
                turns = ceil((when - self._epoch) / INTERVAL - 1e-9)
                again = self._epoch + turns * INTERVAL
                self._timer = kubelet.clock.call_at(again, self._synchronize, background=True)

    def _cleaned_up(self, since: float) -> None:
        """When the evicted pods are gone it looks again at once; it waits 30 s at most."""
        now = self._kubelet.clock.now
        if all(worker.over for worker in self._evicted) or now >= since + 30.0:
            self._synchronize()
        else:
            self._timer = self._kubelet.clock.call_later(CLEAN_UP, self._cleaned_up, since)

    # --- doing something

    def _active(self) -> Iterator[PodWorker]:
        """The pods that have something running and are not about to end."""
        for worker in self._kubelet.pods.values():
            if not worker.stopping and any(container.running for container in worker.containers):
                yield worker

    def _reclaim(self, due: list[Threshold]) -> list[PodWorker]:
        """Free some of what is short; the pod that was ended for it, if one was."""
        kubelet = self._kubelet
        threshold = min(due, key=_memory_first)
        condition, resource = SIGNALS[threshold.signal]
        message = f"Attempting to reclaim {resource}"
        kubelet.recorder.warning(kubelet.node_status.reference, "EvictionThresholdMet", message)
        if condition == DISK:
            garbage.remove_dead_containers(kubelet.runtime)
            garbage.remove_unused_images(kubelet)
            if not self._met():
                return []
        of_pod = memory_of if condition == MEMORY else disk_of
        candidates = []
        for worker in self._active():
            name, spec = worker.pod.metadata.name, worker.pod.spec
            asked = requests_of(spec).get(resource, 0)
            candidates.append(Candidate(name, of_pod(worker), asked, spec.priority or 0, worker))
        for candidate in rank(candidates):
            worker = candidate.worker
            message = self._message(worker, resource, threshold)
            grace = AT_ONCE if not threshold.grace else kubelet.machine.eviction_max_grace
            if self._evict(worker, threshold.signal, message, grace, disruption=True):
                return [worker]
        return []

    def _message(self, worker: PodWorker, resource: str, threshold: Threshold) -> str:
        left, whole = self.available(threshold.signal)
        message = LOW.format(resource, _bytes(_amount(threshold.value, whole)), _bytes(left))
        for container in worker.containers:
            asked = container.spec.resources
            request = ((asked.requests if asked is not None else None) or {}).get(resource, "0")
            used = _used(container, resource)
            if used > quantity.value(request):
                name = container.spec.name
                message += USED.format(name, _bytes(used), quantity.canonical(request), resource)
        return message

    def _over_limits(self) -> Iterator[PodWorker]:
        """End every pod that has written more than it may."""
        for worker in list(self._active()):
            if bounds_disk(worker.pod.spec):
                signal, message = _too_much(worker)
                if message and self._evict(worker, signal, message, AT_ONCE):
                    yield worker

    def _evict(
        self,
        worker: PodWorker,
        signal: str,
        message: str,
        grace: float,
        disruption: bool = False,
    ) -> bool:
        if is_critical(worker.pod.spec):
            return False
        self.counts[signal] = self.counts.get(signal, 0) + 1
        self._kubelet.recorder.warning(worker.pod, "Evicted", message)
        worker.evict(message, grace, disruption)
        return True

    def _system_out_of_memory(self, container: Any) -> None:
        """The kernel has killed a container because the machine's memory was used up."""
        if self._kubelet.running:
            said = f"victim process: {container.program}, pid: {1000 + int(container.id[-4:], 16)}"
            self._kubelet.recorder.warning(
                self._kubelet.node_status.reference, "SystemOOM", f"System OOM encountered, {said}"
            )


def _amount(value: str, whole: float) -> float:
    """A threshold in bytes; it may be a part of the whole."""
    if value.endswith("%"):
        return whole * float(value[:-1]) / 100
    return quantity.value(value)


def _memory_first(threshold: Threshold) -> bool:
    return SIGNALS[threshold.signal][0] != MEMORY


def _bytes(amount: float) -> str:
    """An amount as messages have it: memory and disk come in pages and blocks of 4 KiB."""
    return str(Quantity(int(amount) // 4096 * 4096 * 10**9, "BinarySI"))


def memory_of(worker: PodWorker) -> float:
    """Bytes that a pod's containers use."""
    return sum(_used(container, "memory") for container in worker.containers)


def disk_of(worker: PodWorker) -> float:
    """Bytes that a pod has written: into its containers' layers, logs and emptyDirs."""
    own = sum(_used(container, "ephemeral-storage") for container in worker.containers)
    return own + sum(size for _, _, size in worker.given.empty_dirs())


def _used(container: Any, resource: str) -> float:
    run = container.run
    if run is None:
        return 0.0
    now = container.worker.kubelet.clock.now
    if resource == "memory":
        return run.load.memory.at(now) if run.running else 0.0
    return run.written + (run.load.disk.at(now) if run.running else 0.0)


def _too_much(worker: PodWorker) -> tuple[str, str]:
    """Which limit a pod has exceeded by what it wrote, and how that is told; empty if none."""
    for name, limit, used in worker.given.empty_dirs():
        if limit and used > quantity.value(limit):
            said = f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
            return "emptydirfs.limit", said
    whole = pod_resources(worker.pod.spec, "limits").get("ephemeral-storage")
    if whole is not None and disk_of(worker) > whole.value:
        said = f"Pod ephemeral local storage usage exceeds the total limit of containers {whole}. "
        return "ephemeralpodfs.limit", said
    for container in worker.apps:
        asked = container.spec.resources
        limit = ((asked.limits if asked is not None else None) or {}).get("ephemeral-storage")
        if limit and _used(container, "ephemeral-storage") > quantity.value(limit):
            name = container.spec.name
            said = f'Container {name} exceeded its local ephemeral storage limit "{limit}". '
            return "ephemeralcontainerfs.limit", said
    return "", ""


_MEMORY_TAINT = models.core_v1.Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")
