"""Reserved and spot machines over a simulated week: what they cost, and what is lost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any

import ipywidgets

from kubecourse.cloud import Fleet, Pool, bill, catalog
from kubecourse.cloud.fleet import DAY, SPOT
from kubecourse.cluster import Cluster
from kubecourse.lessons import palette
from kubecourse.lessons.recording import TERMINATING, Recording
from kubecourse.lessons.widgets.drawn import table
from kubecourse.lessons.widgets.story import SETTINGS, Story, applied, pick, words, yaml
from kubecourse.lessons.widgets.timeline import Curve, Lane, Mark, Row, timeline
from kubecourse.lessons.widgets.workload import ready_steps

MACHINES, MACHINE, DAYS, STORM = 6, "m5.large", 7.0, 3.5
"""Of the fleet; the days that are shown, and when all spot machines are taken back at once."""
PODS = {"shop": 4, "batch": 6}
"""Two fit on a machine: `shop` needs a third of them, and there is room for two pods more."""
CLASSES = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: important}
value: 1000
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: shop}}}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  progressDeadlineSeconds: 2147483647
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
{more}
      containers:
      - {{name: main, image: "{name}:1", resources: {{requests: {{cpu: 900m}}}}}}
"""
"""Without a deadline: nobody asks every second whether pods that wait get on."""
TAINT = f"{SPOT}=true:NoSchedule"
IMPORTANT = "      priorityClassName: important"
TOLERATES = f"""\
      tolerations:
      - {{key: {SPOT}, operator: Exists, effect: NoSchedule}}"""
PREFERS = f"""\
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            preference:
              matchExpressions: [{{{{key: {SPOT}, operator: {{operator}}}}}}]"""
OPERATORS = {"spot": "Exists", "base": "DoesNotExist"}
"""Who prefers which machines: by the label that spot machines have."""

Steps = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Week:
    """What a week came to: USD by pool, and of the same machines on demand.

    Times are days; `ready` and `machines` are steps of a number. `lost` are seconds of `shop`: one
    of four pods missing for four seconds is one second lost. `moved` are pods that had to go.
    """

    pools: dict[str, float]
    on_demand: float
    interruptions: list[float]
    ready: dict[str, Steps]
    machines: Steps
    moved: dict[str, int]
    lost: float

    @property
    def cost(self) -> float:
        return sum(self.pools.values())


def wishes(name: str, shop: str) -> str:
    """What the pods of one of the two say about machines."""
    wanted = OPERATORS.get("spot" if name == "batch" else shop)
    more = [IMPORTANT, TOLERATES] if name == "shop" else [TOLERATES]
    return "\n".join(more + ([PREFERS.format(operator=wanted)] if wanted else []))


@cache
def run(spot: int, shop: str, storm: bool) -> Week:
    """A week in which so many of the machines are spot ones. It is lived through only once."""
    cluster = Cluster(nodes=0)
    base = Pool("base", MACHINE, size=MACHINES - spot, committed=True)
    fleet = Fleet(cluster, [base, Pool("spot", MACHINE, size=spot, spot=True, taint=TAINT)])
    applied(cluster, CLASSES)
    for name, replicas in PODS.items():
        more = wishes(name, shop)
        applied(cluster, DEPLOYMENT.format(name=name, replicas=replicas, more=more))
    cluster.settle()
    start, recordings = cluster.now, {name: Recording(cluster, name) for name in PODS}
    cluster.advance(start + STORM * DAY - cluster.now)
    if storm:
        fleet.storm("spot")
    cluster.advance(start + DAYS * DAY - cluster.now)
    ready = {
        name: [((at / DAY), pods) for at, pods in ready_steps(recording, start, DAYS * DAY)]
        for name, recording in recordings.items()
    }
    return Week(
        {pool: float(usd) for pool, usd in bill(fleet, start).pools.items()},
        float(catalog().machines[MACHINE].hour) * MACHINES * DAYS * 24,
        [(each.noticed - start) / DAY for each in fleet.interruptions],
        ready,
        _machines(fleet, start),
        {name: _gone(recording) for name, recording in recordings.items()},
        sum(
            (1 - pods / PODS["shop"]) * (after - at) * DAY
            for (at, pods), (after, _) in pairwise(ready["shop"])
        ),
    )


def _gone(recording: Recording) -> int:
    return sum(segment.state == TERMINATING for segment in recording.segments)


def _machines(fleet: Fleet, start: float) -> Steps:
    """Steps: how many spot machines there are."""
    rentals = [r for r in (*fleet.past, *fleet.rentals.values()) if r.pool == "spot"]
    moments = [(max(r.begun, start), 1) for r in rentals]
    moments += [(r.ended, -1) for r in rentals if r.ended is not None]
    there, points = 0, [(0.0, 0.0)]
    for at, more in sorted(moments):
        points.append(((at - start) / DAY, there))
        there += more
        points.append(((at - start) / DAY, there))
    return [*points, (DAYS, there)]


def text(week: Week) -> str:
    """The finding in one line: what is saved, and what is lost for it."""
    return words(
        "mix.text" if week.lost else "mix.safe_text",
        percent=100 * (1 - week.cost / week.on_demand),
        lost=week.lost,
        pods=sum(week.moved.values()),
    )


def picture(week: Week, storm: bool) -> str:
    """The machines and the pods, day by day; the bill below."""
    marks = [Mark(at, "✗", palette.REFUSED, words("mix.taken")) for at in week.interruptions]
    rows: list[Row] = [
        Lane(words("mix.interruptions"), (), marks),
        Curve(words("mix.machines"), week.machines, MACHINES, look="old"),
    ]
    for name, look in (("shop", "served"), ("batch", "new")):
        fewest = min(pods for _, pods in week.ready[name])
        lines = [(fewest, words("mix.fewest", count=fewest))] if fewest < PODS[name] else []
        said = words(f"mix.{name}")
        rows.append(Curve(said, week.ready[name], PODS[name], lines=lines, look=look))
    moments = [(STORM, words("mix.storm_now"))] if storm else []
    return timeline(
        text(week), DAYS, rows, moments=moments, key=(), unit=words("mix.days"), below=_bill(week)
    )


def _bill(week: Week) -> str:
    def row(name: str, usd: float) -> list[str]:
        return [words(f"mix.{name}_cost"), f"{usd:.2f}", f"{100 * usd / week.on_demand:.0f} %"]

    rows = [row(name, week.pools.get(name, 0.0)) for name in ("base", "spot")]
    rows += [row("week", week.cost), row("on_demand", week.on_demand)]
    return table([words("mix.cost"), "USD", words("mix.share")], rows, right=(1, 2))


class CapacityMix(Story[Week]):
    """How many machines are spot ones, where the important pods go, and whether a bad day comes."""

    spot: ipywidgets.SelectionSlider
    shop: ipywidgets.Dropdown
    storm: ipywidgets.Dropdown

    def __init__(self) -> None:
        shares = [(f"{100 * spot / MACHINES:.0f} %", spot) for spot in range(MACHINES + 1)]
        places = {place: words(f"mix.{place}") for place in ("anywhere", "base")}
        storms = {True: words("mix.all"), False: words("mix.none")}
        super().__init__(
            spot=ipywidgets.SelectionSlider(
                options=shares, value=MACHINES - 1, description=words("mix.spot"), **SETTINGS
            ),
            shop=pick(words("mix.where"), places, "anywhere"),
            storm=pick(words("mix.storm"), storms, True),
        )

    def tell(self, **values: Any) -> Week:
        return run(**values)

    def say(self, told: Week) -> str:
        return text(told)

    def show(self, told: Week) -> str:
        said = "\n".join(f"# {name}\n{dedent(wishes(name, self.shop.value))}" for name in PODS)
        return picture(told, self.storm.value) + yaml(said)
