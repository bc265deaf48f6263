"""A node is drained, or crashes: what a disruption budget does about it, and what it cannot do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import ipywidgets

from kubecourse.cluster import Cluster
from kubecourse.lessons import palette
from kubecourse.lessons.recording import TERMINATING, Recording
from kubecourse.lessons.widgets.story import Story, applied, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import (
    Curve,
    Lane,
    Mark,
    Requests,
    Row,
    Span,
    by_second,
    timeline,
)
from kubecourse.lessons.widgets.workload import ready_steps, web

PROBE = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
PAUSE = {"preStop": {"sleep": {"seconds": 2}}}
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: web}}
spec:
  minAvailable: {min_available}
  selector: {{matchLabels: {{app: web}}}}
"""
EVICTED = palette.STATE[TERMINATING]
DRAIN = "drain node-1 --ignore-daemonsets --timeout=60s"
BEFORE, RETRY, RATE = 5.0, 5.0, 5
"""Seconds before it begins; until kubectl tries again; requests a second."""
END = {"drain": 70.0, "crash": 420.0}
"""What happens to the node, and how many seconds of it are shown. The keys name messages."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What happened: a lane for each pod, how many were Ready from when on, requests by second.

    `seconds` is how long the drain took, or None; `output` what kubectl printed.
    """

    what: str
    replicas: int
    lanes: list[Lane]
    ready: list[tuple[float, float]]
    served: list[int]
    failed: list[int]
    refused: int
    seconds: float | None
    output: str
    min_available: int | None


def run(what: str, replicas: int, min_available: int | None, start_up: int) -> Drained:
    """Drain the node that has all the pods, or crash it, while another has room for them."""
    cluster = Cluster(nodes=1)
    cluster.images.declare("web:1", start_up=float(start_up))
    applied(cluster, web(replicas, readinessProbe=PROBE, lifecycle=PAUSE))
    if min_available is not None:
        applied(cluster, BUDGET.format(min_available=min_available))
    cluster.settle()
    cluster.add_node("node-2")
    cluster.settle()
    recording, traffic = Recording(cluster, "web"), cluster.traffic("http://web", rate=RATE)
    start, end = cluster.now, cluster.now + END[what]
    cluster.advance(BEFORE)
    output, seconds = "", None
    if what == "crash":
        cluster.fail_node("node-1")
    else:
        done = cluster.run(DRAIN)
        output = done.stdout + done.stderr
        seconds = None if done.code else cluster.now - start - BEFORE
    cluster.advance(max(end - cluster.now, 0.0))
    traffic.stop()
    recording.stop()
    attempts = _attempts(output)
    served, failed = by_second(traffic.rows, start, END[what])
    return Drained(
        what,
        replicas,
        [_lane(name, recording, start, attempts) for name in _names(recording)],
        ready_steps(recording, start, END[what]),
        served,
        failed,
        sum(refused for _, refused in attempts.values()),
        seconds,
        output,
        min_available,
    )


def _names(recording: Recording) -> list[str]:
    return list(dict.fromkeys(segment.pod for segment in recording.segments))


def _attempts(output: str) -> dict[str, tuple[int, int]]:
    """How often each pod was tried to be evicted, and how often that was refused."""
    lines = output.splitlines()
    tried = Counter(line.rpartition("/")[2] for line in lines if line.startswith("evicting pod"))
    refused = Counter(line.split('"')[1] for line in lines if "will retry after" in line)
    return {pod: (count, refused[pod]) for pod, count in tried.items()}


def _lane(
    pod: str, recording: Recording, start: float, attempts: dict[str, tuple[int, int]]
) -> Lane:
    spans = [
        Span(s.start - start, float("inf") if s.end is None else s.end - start, s.state)
        for s in recording.segments
        if s.pod == pod
    ]
    tried, refused = attempts.get(pod, (0, 0))
    marks = []
    for number in range(tried):
        look = ("✗", palette.REFUSED, "refused") if number < refused else ("↓", EVICTED, "evicted")
        marks.append(Mark(BEFORE + RETRY * number, *look[:2], words(f"drain.{look[2]}")))
    return Lane(pod.rpartition("-")[2], spans, marks)


def text(drained: Drained) -> str:
    """The finding in one line."""
    values: dict[str, Any] = {
        "fewest": int(min(number for _, number in drained.ready)),
        "replicas": drained.replicas,
        "failed": sum(drained.failed),
        "sent": sum(drained.failed) + sum(drained.served),
        "refused": drained.refused,
        "seconds": drained.seconds,
    }
    blocked = drained.what == "drain" and drained.seconds is None
    return words(f"drain.{'blocked' if blocked else drained.what}_text", **values)


def picture(drained: Drained) -> str:
    """Pods, how many are Ready against the budget, and what clients see."""
    lines = [] if drained.min_available is None else [(drained.min_available, "minAvailable")]
    top = max(drained.replicas, drained.min_available or 0) + 1
    rows: list[Row] = [
        *drained.lanes,
        Curve(words("drain.ready"), drained.ready, top, "", lines),
        Requests(words("rate"), drained.served, drained.failed),
    ]
    return timeline(
        text(drained),
        END[drained.what],
        rows,
        moments=[(BEFORE, words(f"drain.{drained.what}_now"))],
    )


class DrainWithBudget(Story[Drained]):
    """What becomes of the node, the number of pods, the budget, how fast new pods are."""

    what: ipywidgets.Dropdown
    replicas: ipywidgets.IntSlider
    min_available: ipywidgets.Dropdown
    start_up: ipywidgets.IntSlider

    def __init__(self) -> None:
        budgets: dict[Any, str] = {"": words("drain.none")} | {
            count: str(count) for count in range(7)
        }
        super().__init__(
            what=pick(words("drain.what"), {each: words(f"drain.{each}") for each in END}, "drain"),
            replicas=slider("replicas", 4, 1, 6),
            min_available=pick("minAvailable", budgets, 2),
            start_up=slider(words("start_up"), 5, 0, 20),
        )

    def tell(self, **values: Any) -> Drained:
        # A list would show None as nothing chosen.
        budget = values.pop("min_available")
        return run(**values, min_available=None if budget == "" else budget)

    def say(self, told: Drained) -> str:
        return text(told)

    def show(self, told: Drained) -> str:
        budget = "" if told.min_available is None else BUDGET.format(**self.values)
        command = 'cluster.fail_node("node-1")' if told.what == "crash" else f"kubectl {DRAIN}"
        lines = told.output.splitlines()
        shown = [*lines[:8], *(["…"] if len(lines) > 10 else lines[8:10]), *lines[10:][-2:]]
        return picture(told) + yaml(budget) + yaml("\n".join([command, *shown]))
