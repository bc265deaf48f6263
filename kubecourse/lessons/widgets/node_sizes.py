"""Few big machines or many small ones: what is overhead, and what is lost with a machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import ipywidgets

from kubecourse.cloud import GIB, PROVIDERS, allocatable
from kubecourse.cloud.prices import Provider
from kubecourse.cloud.reservation import MAX_PODS, MIB
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.chart import Axis, Bars, Layer, Line, chart, ticks
from kubecourse.lessons.widgets.drawn import page, table
from kubecourse.lessons.widgets.panel import INK
from kubecourse.lessons.widgets.story import Story, pick, slider, words, yaml

CORES = (2, 4, 8, 16, 32, 64)
PER_CORE = 4
"""GiB of memory that machines have for each core."""
ENOUGH = 5
"""Pods that a machine should hold: then half a pod, which does not fit on average, is 10 %."""
COMMANDS = """
kubectl scale deployment/web --replicas={pods}
kubectl set resources deployment/web {asked}
allocatable("{provider}", cores=8, memory=32 * GIB)
"""


class Size(NamedTuple):
    """A size of machine for a workload: pods on a full one, machines; shares from 0 to 1.

    Of the resource that is used up first, `stranded` is what no further pod fits into and `kept`
    what the provider and the kubelet keep. `lost` are the pods that go with one machine.
    """

    cores: int
    pods: int
    stranded: float
    kept: float
    machines: int
    lost: float

    @property
    def rule(self) -> float:
        """What is stranded on average: half a pod."""
        return 0.5 / self.pods


def sizes(provider: Provider, cpu: int, memory: int, pods: int) -> list[Size]:
    """Of each size what becomes of so many pods of so many millicores and Mi; [] where none fit."""
    return [
        found
        for cores in CORES
        if (found := _size(provider, cores, {"cpu": cpu, "memory": memory * MIB}, pods)).pods
    ]


def _size(provider: Provider, cores: int, pod: dict[str, int], pods: int) -> Size:
    whole = {"cpu": 1000 * cores, "memory": cores * PER_CORE * GIB}
    free = allocatable(provider, cores, whole["memory"])
    room = {"cpu": free.cpu, "memory": free.memory}
    scarce = max(pod, key=lambda name: pod[name] / room[name])
    each = min(room[scarce] // pod[scarce], MAX_PODS)
    stranded = (room[scarce] - each * pod[scarce]) / whole[scarce]
    machines = -(-pods // each) if each else 0
    lost = -(-pods // machines) / pods if machines else 0.0
    return Size(cores, each, stranded, 1 - room[scarce] / whole[scarce], machines, lost)


def text(rows: list[Size]) -> str:
    """The finding in one line: the smallest size that holds enough pods, and what it costs."""
    if not rows:
        return words("node_sizes.none")
    found = next((row for row in rows if row.pods >= ENOUGH), rows[-1])
    return words(
        f"node_sizes.{'few' if found.pods < ENOUGH else 'finding'}",
        enough=ENOUGH,
        cores=found.cores,
        pods=found.pods,
        stranded=100 * found.stranded,
        kept=100 * found.kept,
        lost=100 * found.lost,
    )


def picture(rows: list[Size]) -> str:
    """A bar of overhead for each size with the rule of thumb, and below what is lost with one."""
    top = 105 * max([0.1, *(max(row.kept + row.stranded, row.rule) for row in rows)])
    along = list(enumerate(rows, start=1))

    def bars(name: str, look: str, edges: Sequence[tuple[float, float]]) -> Bars:
        said = words(f"node_sizes.{name}")
        boxes = [
            (float(at), 100 * low, 100 * high, f"{100 * (high - low):.1f} % {said}")
            for (at, _), (low, high) in zip(along, edges, strict=True)
        ]
        return Bars(said, boxes, look)

    dashes = [[(at + end, 100 * row.rule) for end in (-0.4, 0.4)] for at, row in along]
    layers: list[Layer] = [
        bars("stranded", "old", [(0, row.stranded) for row in rows]),
        bars("kept", "Pending", [(row.stranded, row.stranded + row.kept) for row in rows]),
        *(Line("", points, INK, "4 2") for points in dashes[:-1]),
        *(Line(words("node_sizes.rule"), points, INK, "4 2") for points in dashes[-1:]),
    ]
    lost = [(float(at), 100 * row.lost) for at, row in along]
    names = [(float(at), str(row.cores)) for at, row in along]
    across = Axis(words("node_sizes.cores"), len(rows) + 0.6, names)
    overhead = Axis(words("node_sizes.overhead"), top, ticks(top, " %"))
    blast = Axis(words("node_sizes.blast"), 100, ticks(100, " %"))
    alike = "_alike" if lost[0][1] == lost[-1][1] else ""
    line = Line(words("node_sizes.lost"), lost, palette.REFUSED, dots=True)
    return chart(text(rows), across, overhead, layers, height=200) + chart(
        words(f"node_sizes.dies{alike}", first=lost[0][1], last=lost[-1][1]), across, blast, [line],
        height=110, below=numbers(rows),
    )  # fmt: skip


def numbers(rows: list[Size]) -> str:
    """The same as a table."""
    cells = []
    for row in rows:
        shares = (row.stranded, row.rule, row.kept)
        said = [f"{100 * share:.1f} %" for share in shares]
        lost = f"{100 * row.lost:.0f} %"
        cells.append([str(row.cores), str(row.pods), *said, str(row.machines), lost])
    return table(words("node_sizes.heads").split(", "), cells, right=range(7))


class NodeSizes(Story[list[Size]]):
    """A workload (each pod's millicores and Mi, how many pods) and who lets the machines."""

    provider: ipywidgets.Dropdown
    cpu: ipywidgets.IntSlider
    memory: ipywidgets.IntSlider
    pods: ipywidgets.IntSlider

    def __init__(self) -> None:
        super().__init__(
            provider=pick(words("node_sizes.provider"), {name: name for name in PROVIDERS}, "GKE"),
            cpu=slider(words("node_sizes.cpu"), 750, 50, 4000, 50),
            memory=slider(words("node_sizes.memory"), 3072, 128, 16384, 128),
            pods=slider(words("node_sizes.count"), 40, 1, 200),
        )

    def tell(self, **values: Any) -> list[Size]:
        return sizes(**values)

    def say(self, told: list[Size]) -> str:
        return text(told)

    def show(self, told: list[Size]) -> str:
        if not told:
            return page(self.say(told))
        provider, cpu, memory, pods = self.values.values()
        asked = f"--requests=cpu={cpu}m,memory={memory}Mi"
        return picture(told) + yaml(COMMANDS.format(pods=pods, asked=asked, provider=provider))
