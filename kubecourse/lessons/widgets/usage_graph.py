"""What a program used of CPU over time, as Prometheus draws it: a rate over a window."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple

import ipywidgets

from kubecourse.api.placement import pod_requests
from kubecourse.cluster import Cluster
from kubecourse.inspection import CourseError
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.chart import Axis, Line, chart, ticks
from kubecourse.lessons.widgets.panel import INK
from kubecourse.lessons.widgets.story import Story, pick, words
from kubecourse.tools import metrics

STEP, HOUR = 300.0, 3600.0
"""Seconds between two points, and in an hour."""
WINDOWS = {1: "5m", 3: "15m", 12: "1h", 72: "6h", 288: "1d"}
"""How many steps a rate looks back, and how PromQL says it."""
SPAN = 48 * HOUR
"""So much of the past is drawn."""


class Use(NamedTuple):
    """Millicores of a program's pods: hours and the rate there, the largest, what they request."""

    points: list[tuple[float, float]]
    most: float
    requested: float


def rate(cores: list[float], window: int) -> list[float]:
    """The mean over the last `window` values, at each; where there are fewer, over those."""
    sums = [0.0, *accumulate(cores)]
    return [(sums[n] - sums[max(0, n - window)]) / min(n, window) for n in range(1, len(cores) + 1)]


class UsageGraph(Story[Use]):
    """A program of a cluster and the window of its rate, over the two days before this was made.

    Of pods that are gone nothing is known: a kubelet forgets what Prometheus would have kept.
    Raises CourseError if nothing was measured.
    """

    program: ipywidgets.Dropdown
    window: ipywidgets.Dropdown

    def __init__(self, cluster: Cluster, program: str) -> None:
        self._end = cluster.now
        self._start = max(0.0, STEP * ((self._end - SPAN) // STEP))
        used = metrics.totals(cluster, self._start, self._end, STEP, by="pod")
        self._cores: dict[str, list[list[float]]] = {}
        self._requested: dict[str, float] = {}
        for deployment in cluster.list("deployments"):
            name = deployment.metadata.name
            pods = [pod for pod in cluster.pods(name) if f"default/{pod}" in used]
            self._cores[name] = [list(used[f"default/{pod}"][1]) for pod in pods]
            specs = (cluster.get(f"pod/{pod}").spec for pod in pods)
            self._requested[name] = float(sum(pod_requests(spec).get("cpu", 0) for spec in specs))
        programs = {name: name for name, cores in self._cores.items() if cores}
        if not programs:
            raise CourseError(words("graph.nothing"))
        shown = program if program in programs else min(programs)
        super().__init__(
            program=pick(words("graph.program"), programs, shown),
            window=pick(words("graph.window"), WINDOWS, 1),
        )

    def tell(self, **values: Any) -> Use:
        program, window = values["program"], values["window"]
        each = self._cores[program]
        first = min(next((n for n, used in enumerate(one) if used), len(one)) for one in each)
        cores = [sum(one) for one in zip(*each, strict=True)][first:]
        found = [1000 * value for value in rate(cores, window)]
        points = [((first + n) * STEP / HOUR, value) for n, value in enumerate(found)]
        return Use(points, max(found), self._requested[program])

    def say(self, told: Use) -> str:
        return words(
            "graph.finding",
            program=self.program.value,
            window=WINDOWS[self.window.value],
            most=f"{told.most:.0f}m",
            requested=f"{told.requested:.0f}m",
        )

    def show(self, told: Use) -> str:
        span = (self._end - self._start) / HOUR
        high = 1.1 * max(told.most, told.requested)
        ago = [(span - hours, str(hours)) for hours in range(0, int(span) + 1, 6)]
        query = (
            f'sum(rate(container_cpu_usage_seconds_total{{pod=~"{self.program.value}-.*"}}'
            f"[{WINDOWS[self.window.value]}]))"
        )
        return chart(
            self.say(told),
            Axis(words("graph.ago"), span, ago),
            Axis(words("graph.cpu"), high, ticks(high, "m")),
            [
                Line(words("graph.used"), told.points, palette.SERVED),
                Line(
                    words("graph.requested"),
                    [(0, told.requested), (span, told.requested)],
                    INK,
                    "5 3",
                ),
            ],
            below=f"<code>{query}</code>",
        )
