"""What a pod reserves, what it may use and what it wants: on a node, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

import ipywidgets

from kubecourse.api import conditions, quantity
from kubecourse.cluster import Cluster
from kubecourse.lessons.widgets.drawn import page
from kubecourse.lessons.widgets.story import Story, applied, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import Curve, Lane, Row, Span, timeline
from kubecourse.lessons.widgets.workload import Life, pod

SHAPE, CAPACITY = "2cpu-2Gi", {"cpu": 2000, "memory": 2048}
"""The node, and what it has in the unit of a resource."""
UNIT = {"cpu": "m", "memory": "Mi"}
OTHER = {"cpu": 500, "memory": 512}
"""What another pod on the node requests, and uses if it is not busy."""
END, SEEN = {"cpu": 60, "memory": 240}, {"cpu": 20.0, "memory": 10.0}
"""Virtual seconds that are shown, and when it is looked at who uses what."""
DEMAND = {"cpu": "steps(50m, 10s, {}m, 30s, 50m)", "memory": "ramp(64Mi, {}Mi, 30s)"}
SLIDERS = {
    "cpu": {"request": (250, 50), "limit": (500, 50), "demand": (800, 50)},
    "memory": {"request": (128, 32), "limit": (256, 32), "demand": (320, 32)},
}
"""Where the sliders begin, and their steps."""


@dataclass(slots=True)
class Used:
    """What became of the pod. `points` are (second, amount) of what it used.

    `lost` is by second the share of time in which it was throttled; `spans` what its container was
    doing; `node` who has how much of the node, reserved and used; `fit` how many more would fit.
    """

    resource: str
    limit: int
    problem: str = ""
    fit: int = 0
    kills: int = 0
    points: list[tuple[float, float]] = field(default_factory=list)
    lost: list[tuple[float, float]] = field(default_factory=list)
    spans: Sequence[Span] = ()
    node: dict[str, dict[str, float]] = field(default_factory=dict)


def run(resource: str, request: int, limit: int, demand: int, busy: bool = False) -> Used:
    """Run a pod beside another one. Amounts are millicores or Mi; 0 is not said."""
    cluster = Cluster(nodes=1, node_shape=SHAPE)
    used = Used(resource, limit)
    usual = {each: f"{OTHER[each]}{UNIT[each]}" for each in OTHER}
    wants = {resource: f"{CAPACITY[resource]}{UNIT[resource]}"} if busy else {}
    applied(cluster, pod("other", usual, {}, usual | wants))
    output = cluster.run("apply -f -", manifest(resource, request, limit, demand))
    if output.code:
        used.problem = output.stderr.strip()
        return used
    life, start = Life(cluster, "web"), cluster.now
    cluster.advance(END[resource])
    web = cluster.get("pod/web")
    scheduled = next(c for c in web.status.conditions if c.type == "PodScheduled")
    if not conditions.is_true([scheduled], "PodScheduled"):
        used.problem = scheduled.message
        return used
    rows = cluster.usage_series("web", start, start + END[resource])
    seen = {round(row.time - start): _amount(resource, row) for row in rows}
    used.points = [(second, seen.get(second, 0.0)) for second in range(END[resource] + 1)]
    used.lost = [
        (b.time - start, _share(b.throttled_periods - a.throttled_periods, b.periods - a.periods))
        for a, b in pairwise(rows)
        if a.run == b.run
    ]
    used.spans, used.kills = life.track.spans, life.kills
    asked = (web.spec.containers[0].resources.requests or {}).get(resource, "0")
    mine = quantity.milli(asked) if resource == "cpu" else quantity.value(asked) / 2**20
    free = CAPACITY[resource] - OTHER[resource] - mine
    used.fit = int(free // mine) if mine else -1
    used.node["reserved"] = {"other": OTHER[resource], "web": mine}
    then = {name: cluster.usage(name, at=start + SEEN[resource]) for name in ("other", "web")}
    used.node["used"] = {name: _amount(resource, each) for name, each in then.items() if each}
    return used


def manifest(resource: str, request: int, limit: int, demand: int) -> str:
    """The pod as YAML."""
    says = [{resource: f"{each}{UNIT[resource]}" if each else ""} for each in (request, limit)]
    return pod("web", says[0], says[1], {resource: DEMAND[resource].format(demand)})


def _amount(resource: str, row: Any) -> float:
    return 1000 * row.cpu if resource == "cpu" else row.memory / 2**20


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def text(used: Used, demand: int) -> str:
    """The finding in one line."""
    unit = UNIT[used.resource]
    if used.problem:
        return words("requests.pending" if "available" in used.problem else "refused")
    most = max((amount for _, amount in used.points), default=0.0)
    values = {"demand": f"{demand}{unit}", "most": f"{most:.0f}{unit}", "kills": used.kills}
    values["limit"] = f"{used.limit}{unit}"
    if used.resource == "memory":
        key = "kept" if not used.kills else "killed" if used.limit else "starved"
        return words(f"requests.{key}", **values)
    lost = max((share for _, share in used.lost), default=0.0)
    short = "throttled" if lost else "short" if most < demand - 1 else "enough"
    return words(f"requests.{short}", percent=lost, **values)


def node(used: Used) -> str:
    """Who has how much of the node: reserved for it, and used."""
    rows = []
    for kind, shares in used.node.items():
        spans, at = [], 0.0
        for name, amount in shares.items():
            said = f"{name} {amount:.0f}{UNIT[used.resource]}"
            spans.append(Span(at, at + amount, "old" if name == "other" else "new", said))
            at += amount
        rows.append(Lane(words(f"requests.{kind}"), spans, height=22))
    key = "unsaid" if used.fit < 0 else "fit"
    return timeline(
        words(f"requests.{key}", count=used.fit),
        CAPACITY[used.resource],
        rows,
        key=(),
        unit=words(f"requests.of_{used.resource}"),
    )


def story(used: Used, request: int, demand: int) -> str:
    """What it used over time, against its request and limit."""
    lines = [(request, "request"), (used.limit, "limit"), (demand, words("requests.wanted"))]
    most = max(*(amount for _, amount in used.points), request, used.limit, demand)
    top = (most // 200 + 1) * 200
    said = [(amount, name) for amount, name in lines if amount]
    rows: list[Row] = [
        Lane("container", used.spans),
        Curve(words("requests.used"), used.points, top, UNIT[used.resource], said),
    ]
    if used.resource == "cpu":
        rows.append(Curve(words("requests.lost"), used.lost, 100, "%", look="failed", height=44))
    return timeline(text(used, demand), END[used.resource], rows)


class RequestsAndLimits(Story[Used]):
    """A pod's request, its limit and what it wants, of `cpu` (millicores) or `memory` (Mi)."""

    request: ipywidgets.IntSlider
    limit: ipywidgets.IntSlider
    demand: ipywidgets.IntSlider

    def __init__(self, resource: str = "cpu") -> None:
        self.resource = resource
        most = CAPACITY[resource]
        controls: dict[str, Any] = {
            name: slider(
                words(f"requests.{name}", unit=UNIT[resource]),
                value,
                step if name == "demand" else 0,
                most,
                step,
            )
            for name, (value, step) in SLIDERS[resource].items()
        }
        if resource == "cpu":
            others = {False: words("requests.idle"), True: words("requests.busy")}
            controls["busy"] = pick(words("requests.neighbour"), others, False)
        super().__init__(**controls)

    def tell(self, **values: Any) -> Used:
        return run(self.resource, **values)

    def say(self, told: Used) -> str:
        return text(told, self.demand.value)

    def show(self, told: Used) -> str:
        request, limit, demand = (self.values[each] for each in ("request", "limit", "demand"))
        below = yaml(manifest(self.resource, request, limit, demand))
        if told.problem:
            return page(self.say(told), f"<pre>{escape(told.problem)}</pre>") + below
        return story(told, request, demand) + node(told) + below
