"""metrics-server: what pods and nodes use now, for `kubectl top` and autoscalers.

It looks at every kubelet each 15 seconds. CPU is the average between two looks, memory the working
set at the last one. Sources: `github.com/kubernetes-sigs/metrics-server/pkg/storage`,
`staging/src/k8s.io/metrics/pkg/apis/metrics/v1beta1/types.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from kubecourse.api import errors, models
from kubecourse.api.labels import Selector
from kubecourse.client import Client
from kubecourse.clock import START

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
        before = (0.0, -1, 0.0)
        rows = meter.samples(pod.metadata.uid, container, start - step, end, step)
        for time, run, computed, memory in rows:
            seconds, used = step, computed
            if before[1] == run:
                seconds, used = time - before[0], computed - before[2]
            before = (time, run, computed)
            if time > start - step / 2:
                yield time, used / seconds, memory

    # --- as an API group

    def answer(self, place: list[str], query: Mapping[str, str]) -> Any:
        """The answer to a GET of `nodes`, `nodes/NAME`, `namespaces/X/pods`, … Raises NotFound."""
        labels = query.get("labelSelector") or None
        match place:
            case []:
                return _DISCOVERY
            case ["nodes"]:
                return _list("NodeMetrics", self.nodes(labels=labels))
            case ["pods"]:
                return _list("PodMetrics", self.pods(None, labels=labels))
            case ["namespaces", namespace, "pods"]:
                return _list("PodMetrics", self.pods(namespace, labels=labels))
            case ["nodes", name]:
                found, plural = self.nodes(name), "nodes"
            case ["namespaces", namespace, "pods", name]:
                found, plural = self.pods(namespace, name), "pods"
            case _:
                raise errors.no_such_path()
        if found:
            return shown(found[0])
        where = "" if plural == "nodes" else f"{namespace}/"
        named = f'{plural.removesuffix("s")}metrics.metrics.k8s.io "{where}{name}" not found'
        raise errors.ApiError(404, "NotFound", named)

    def _looked(self) -> float:
        return self._clock.now // RESOLUTION * RESOLUTION


_DISCOVERY = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": API,
    "resources": [
        {"name": name, "singularName": "", "namespaced": name == "pods", "kind": kind,
         "verbs": ["get", "list"]}
        for name, kind in (("nodes", "NodeMetrics"), ("pods", "PodMetrics"))
    ],
}  # fmt: skip


def _list(kind: str, found: list[Metrics]) -> dict[str, Any]:
    items = [shown(each) for each in found]
    return {"kind": f"{kind}List", "apiVersion": API, "metadata": {}, "items": items}


def shown(metrics: Metrics) -> dict[str, Any]:
    """Metrics as the API has them: CPU in billionths of a core, memory in KiB."""
    metadata = metrics.obj.metadata
    kind = "PodMetrics" if metadata.namespace else "NodeMetrics"
    named = {"name": metadata.name, "namespace": metadata.namespace, "labels": metadata.labels}
    time = START + timedelta(seconds=metrics.time)
    made = metadata.creationTimestamp
    common = {
        "kind": kind,
        "apiVersion": API,
        "metadata": {k: v for k, v in named.items() if v}
        | {"creationTimestamp": f"{made:{_TIME}}"},
        "timestamp": f"{time:{_TIME}}",
        "window": f"{metrics.window:g}s",
    }
    usage = {
        name: {"cpu": f"{amount.cores * 1e9:.0f}n", "memory": f"{amount.memory / 1024:.0f}Ki"}
        for name, amount in metrics.parts.items()
    }
    if kind == "NodeMetrics":
        return common | {"usage": usage[""]}
    return common | {"containers": [{"name": n, "usage": each} for n, each in usage.items()]}


_TIME = "%Y-%m-%dT%H:%M:%SZ"


def _containers(pod: Any) -> list[str]:
    """The containers that go on running."""
    sidecars = [c for c in pod.spec.initContainers or () if c.restartPolicy == "Always"]
    finished = pod.status.phase in ("Succeeded", "Failed")
    return [] if finished else [c.name for c in (*pod.spec.containers, *sidecars)]
