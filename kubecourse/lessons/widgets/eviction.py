"""A node runs out of memory: whom the kubelet evicts first, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets

from kubecourse.api import conditions, models, quantity
from kubecourse.cluster import Cluster
from kubecourse.lessons.recording import FAILED
from kubecourse.lessons.widgets.drawn import table
from kubecourse.lessons.widgets.story import Story, applied, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import Curve, Lane, Row, Track, timeline
from kubecourse.lessons.widgets.workload import Life, pod
from kubecourse.node.kubelet.eviction import Candidate, rank

core = models.core_v1
SHAPE, CAPACITY, THRESHOLD = "4cpu-2Gi", 2048, 1948
"""The node, its memory in Mi, and how much of it may be in use before the kubelet evicts."""
END, RISE, STEP = 240, 120, 3
"""Seconds that are shown; until your pod uses all that it will; between two points of the curve."""
NEIGHBOURS = {
    "paid": (256, 500, "important"),
    "steady": (600, 500, ""),
    "batch": (0, 200, ""),
}
"""Pods that are there already: memory request and use in Mi, priority class."""
MINE = "yours"
IMPORTANT = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: important}
value: 1000
"""


@dataclass(frozen=True, slots=True)
class Emptied:
    """What happened: `gone` are the pods that ended, with second and reason, first to last.

    `order` is that in which the kubelet would evict just before, `used` the node's memory in Mi.
    """

    gone: list[tuple[float, str, str]]
    order: list[Candidate]
    used: list[tuple[float, float]]
    lanes: list[Lane]


class Pressure:
    """Hears whether the node reports MemoryPressure."""

    def __init__(self, cluster: Cluster) -> None:
        self._clock, self._start, self.track = cluster.clock, cluster.now, Track()
        cluster.client.watch(core.Node, self._changed)

    def _changed(self, changes: list[Any]) -> None:
        for _, node in changes:
            short = conditions.is_true(node.status.conditions, "MemoryPressure")
            self.track.set(self._clock.now - self._start, FAILED if short else "", "True")


def run(request: int, uses: int, important: bool) -> Emptied:
    """Three pods use what they use; a fourth takes more and more, up to `uses` Mi."""
    cluster = Cluster(nodes=1, node_shape=SHAPE)
    applied(cluster, IMPORTANT)
    for name, (asked, used, priority) in NEIGHBOURS.items():
        applied(cluster, manifest(name, asked, f"{used}Mi", priority))
    cluster.settle()
    start, pressure = cluster.now, Pressure(cluster)
    lives = {name: Life(cluster, name) for name in (*NEIGHBOURS, MINE)}
    applied(cluster, mine(request, uses, important))
    cluster.advance(END)
    spans = {name: life.track.spans for name, life in lives.items()}
    gone = sorted(
        (span.start, name, span.words)
        for name, lane in spans.items()
        for span in lane
        if span.look == FAILED
    )
    return Emptied(
        gone,
        _order(cluster, start + (gone[0][0] - 1 if gone else END)),
        [(at, _memory(cluster, start + at)) for at in range(0, END + 1, STEP)],
        [
            *(Lane(name, lane) for name, lane in spans.items()),
            Lane("MemoryPressure", pressure.track.spans),
        ],
    )


def manifest(name: str, request: int, demand: str, priority: str) -> str:
    """A pod that requests and uses so much memory, and may be important."""
    spec = {"priorityClassName": priority} if priority else {}
    asked = {"memory": f"{request}Mi" if request else ""}
    return pod(name, asked, {}, {"memory": demand}, **spec)


def mine(request: int, uses: int, important: bool) -> str:
    """Your pod, which takes its time."""
    priority = "important" if important else ""
    return manifest(MINE, request, f"ramp(50Mi, {uses}Mi, {RISE}s)", priority)


def _memory(cluster: Cluster, at: float) -> float:
    return float(cluster.node_usage("node-1", at=at).memory) / 2**20


def _order(cluster: Cluster, at: float) -> list[Candidate]:
    found = []
    for each in cluster.list("pods"):
        name, usage = each.metadata.name, cluster.usage(each.metadata.name, at=at)
        resources = each.spec.containers[0].resources
        asked = (resources.requests or {}).get("memory", "0") if resources else "0"
        if usage is not None:
            used, request = usage.memory, quantity.value(asked)
            found.append(Candidate(name, used, request, each.spec.priority or 0))
    return rank(found)


def text(emptied: Emptied) -> str:
    """The finding in one line."""
    reasons = {reason for _, _, reason in emptied.gone}
    if not emptied.gone:
        return words("eviction.nobody")
    names = ", ".join(dict.fromkeys(name for _, name, _ in emptied.gone))
    return words("eviction.killed" if "OOMKilled" in reasons else "eviction.evicted", pods=names)


def ranking(order: Sequence[Candidate], gone: Sequence[str]) -> str:
    """Why in this order, as a table: each column counts only where those before are equal."""
    rows = []
    for place, each in enumerate(order, 1):
        over = each.usage > each.request
        cells = [f"{each.usage / 2**20:.0f}Mi", f"{each.request / 2**20:.0f}Mi"]
        more = f"{(each.usage - each.request) / 2**20:+.0f}Mi".replace("-", "−")
        name = f"<b>{each.name}</b> ✗" if each.name in gone else each.name
        yes = words("is" if over else "is_not")
        rows.append([str(place), name, *cells, yes, str(each.priority), more])
    keys = ("place", "pod", "uses", "requests", "over", "priority", "more")
    return table([words(f"eviction.{key}") for key in keys], rows, right=(2, 3))


class EvictionOrder(Story[Emptied]):
    """What your pod requests and comes to use (Mi), and whether it is important."""

    request: ipywidgets.IntSlider
    uses: ipywidgets.IntSlider
    important: ipywidgets.Dropdown

    def __init__(self) -> None:
        super().__init__(
            request=slider(words("eviction.request"), 128, 0, 1024, 64),
            uses=slider(words("eviction.use"), 700, 100, 1000, 50),
            important=pick(
                words("eviction.priority"), {False: "0", True: "1000 (important)"}, False
            ),
        )

    def tell(self, **values: Any) -> Emptied:
        return run(**values)

    def say(self, told: Emptied) -> str:
        return text(told)

    def show(self, told: Emptied) -> str:
        lines = [(THRESHOLD, words("eviction.threshold"))]
        memory = Curve(words("eviction.memory"), told.used, CAPACITY, "Mi", lines, height=90)
        rows: list[Row] = [memory, *told.lanes]
        order = ranking(told.order, [name for _, name, _ in told.gone])
        return timeline(text(told), END, rows, below=order) + yaml(mine(**self.values))
