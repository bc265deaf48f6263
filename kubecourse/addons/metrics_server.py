"""metrics-server: what pods and nodes use now, for `kubectl top` and autoscalers.

It looks at every kubelet each 15 seconds. CPU is the average between two looks, memory the working
set at the last one. Sources: `github.com/kubernetes-sigs/metrics-server/pkg/storage`,
`staging/src/k8s.io/metrics/pkg/apis/metrics/v1beta1/types.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kubecourse.api import models
from kubecourse.api.labels import Selector
from kubecourse.client import Client

core = models.core_v1

API = "metrics.k8s.io/v1beta1"
RESOLUTION = 15.0
"""Seconds between two looks."""


class Amount(NamedTuple):
    """Cores and bytes."""

    cores: float
    memory: float


class Metrics(NamedTuple):
    """What an object's parts used: a pod's containers by name, a node as a whole ('')."""

    obj: Any
    time: float
    window: float
    parts: dict[str, Amount]

    @property
    def total(self) -> Amount:
        return Amount(*map(sum, zip((0.0, 0.0), *self.parts.values(), strict=True)))


class MetricsServer:
    """Serves metrics.k8s.io. `meter` gives a node's, or None for one that cannot be asked."""

    name = "metrics-server"

    def __init__(self, client: Client, meter: Callable[[str], Any]) -> None:
        self._client = client
        self._clock = client.clock
        self._meter = meter

    def nodes(self, name: str = "", labels: Selector | str | None = None) -> list[Metrics]:
        """The nodes' metrics, by name; nodes that cannot be asked have none."""
        found: list[Any] = self._client.list(core.Node, labels=labels)
        metrics = (self._node(node) for node in found if name in ("", node.metadata.name))
        return [each for each in metrics if each is not None]

    def pods(
        self, namespace: str | None, name: str = "", labels: Selector | str | None = None
    ) -> list[Metrics]:
        """The metrics of a namespace's pods (None: of all), by name; of those that run."""
        found: list[Any] = self._client.list(core.Pod, namespace, labels)
        metrics = (self.pod(pod) for pod in found if name in ("", pod.metadata.name))
        return [each for each in metrics if each is not None]

    def _node(self, node: Any) -> Metrics | None:
        time = self._looked()
        meter = self._meter(node.metadata.name)
        if meter is None or time < self._clock.seconds(node.metadata.creationTimestamp):
            return None
        usage = meter.node(time)
        return Metrics(node, time, RESOLUTION, {"": Amount(usage.cpu, usage.memory)})

    def pod(self, pod: Any) -> Metrics | None:
        """What a pod used when it was last looked at; None if not all of its containers ran."""
        time = self._looked()
        parts = {}
        for name in _containers(pod):
            rows = list(self.samples(pod, name, time, time, RESOLUTION))
            if not rows:
                return None
            parts[name] = Amount(*rows[0][1:])
        return Metrics(pod, time, RESOLUTION, parts) if parts else None

    def samples(
        self, pod: Any, container: str, start: float, end: float, step: float
    ) -> Iterator[tuple[float, float, float]]:
        """Of each look from `start` to `end` the time, the cores since the one before, the bytes.

        A container that has just started, or anew, has CPU since then.
        """
        meter = self._meter(pod.spec.nodeName or "")
        if meter is None:
            return
        uid = pod.metadata.uid
        before = meter.usage(uid, container, start - step)
        for row in meter.series(uid, container, start, end, step):
            seconds, used = step, row.cpu_seconds
            if before is not None and before.run == row.run:
                seconds, used = row.time - before.time, row.cpu_seconds - before.cpu_seconds
            before = row
            yield row.time, used / seconds, row.memory

    def _looked(self) -> float:
        return self._clock.now // RESOLUTION * RESOLUTION


def _containers(pod: Any) -> list[str]:
    """The containers that go on running."""
    sidecars = [c for c in pod.spec.initContainers or () if c.restartPolicy == "Always"]
    finished = pod.status.phase in ("Succeeded", "Failed")
    return [] if finished else [c.name for c in (*pod.spec.containers, *sidecars)]
