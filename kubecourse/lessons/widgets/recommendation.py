"""What the Vertical Pod Autoscaler makes of a week of use, beside the request that you set."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import ipywidgets
import yaml as pyyaml
from msgspec.structs import replace

from kubecourse.addons import vpa
from kubecourse.addons.vpa import policy
from kubecourse.addons.vpa.autoscaler import LEAST_CHANGE, PERIOD
from kubecourse.addons.vpa.model import DAY
from kubecourse.api import codec, models, quantity
from kubecourse.api.demand import parse
from kubecourse.api.resources import BY_KIND
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.chart import Axis, Band, Layer, Line, chart, ticks
from kubecourse.lessons.widgets.drawn import table
from kubecourse.lessons.widgets.panel import INK
from kubecourse.lessons.widgets.story import Story, pick, slider, words, yaml

core = models.core_v1

USAGES = {
    "daily": ("sine(60m, 420m, 1d)", "sine(260Mi, 480Mi, 1d)"),
    "spike": ("burst(80m, 1, 1d, 45m)", "burst(280Mi, 900Mi, 1d, 45m)"),
    "leak": ("150m", "leak(280Mi, 1250)"),
    "step": ("steps(150m, 3d12h, 700m)", "steps(300Mi, 3d12h, 800Mi)"),
}
"""Cores and bytes of a pod, as annotations of it would say them. The keys name messages."""
UNIT = {"cpu": "m", "memory": "Mi"}
DAYS, HOUR, DRAWN = 7, 3600.0, 1200.0
"""Days of the story; seconds between two recommendations, and between two points of use."""
SCALER = """
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {{name: web}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  updatePolicy: {{updateMode: "Off"}}
  resourcePolicy:
    containerPolicies:
    - {{containerName: web, controlledResources: [{resource}]}}
"""


class Week(NamedTuple):
    """A pod's samples of each minute, by resource in its unit, and the recommendation each hour."""

    used: dict[str, list[float]]
    hours: list[vpa.Recommendation]


class Advice(NamedTuple):
    """What is known of one resource on some day, in its unit.

    `hours` are time, lower bound, target and upper bound; `status` is the last as the object has
    it. `over` is the share of minutes that used more than the request, `share` what was used of it
    on average. `outside`, `off`: whether it is out of bounds, and how far from the target.
    """

    used: list[float]
    hours: list[tuple[float, float, float, float]]
    status: Any
    over: float
    share: float
    outside: bool
    off: float


@cache
def week(usage: str) -> Week:
    """Let the recommender watch one pod for a week."""
    cpu, memory = map(parse, USAGES[usage])
    history = vpa.Usage()
    observer = vpa.Observer(history)
    times = [PERIOD * minute for minute in range(int(DAYS * DAY / PERIOD) + 1)]
    used: dict[str, list[float]] = {"cpu": [], "memory": []}
    hours = []
    for (_, before), (time, area) in pairwise(zip(times, cpu.areas(times), strict=True)):
        cores, held = (area - before) / PERIOD, memory.at(time)
        observer.add(time, cores, held)
        used["cpu"].append(1000 * cores)
        used["memory"].append(held / 2**20)
        if time % HOUR == 0:
            hours.append(vpa.recommend({"web": history})["web"])
    return Week(used, hours)


def advise(usage: str, resource: str, day: int, request: int) -> Advice:
    """What the recommender says of a request after so many days of such use."""
    known = week(usage)
    used = known.used[resource][: int(day * DAY / PERIOD)]
    found = known.hours[: int(day * DAY / HOUR)]
    scale = 1 if resource == "cpu" else 2**20
    hours = [
        (n * HOUR, h.lower[resource] / scale, h.target[resource] / scale, h.upper[resource] / scale)
        for n, h in enumerate(found, start=1)
    ]
    scaler = _read(SCALER.format(resource=resource))
    status = policy.advice(scaler, "web", found[-1])
    recommended = policy.vpa.RecommendedPodResources(containerRecommendations=[status])
    scaler = replace(
        scaler, status=policy.vpa.VerticalPodAutoscalerStatus(recommendation=recommended)
    )
    asked = core.ResourceRequirements(requests={resource: f"{request}{UNIT[resource]}"})
    pod = core.Pod(spec=core.PodSpec(containers=[core.Container(name="web", resources=asked)]))
    outside, _, off = policy.urgency(scaler, pod)
    over = sum(amount > request for amount in used) / len(used)
    return Advice(used, hours, status, over, sum(used) / len(used) / request, outside, off)


def _read(manifest: str) -> Any:
    data = pyyaml.safe_load(manifest)
    return codec.decode(data, BY_KIND[data["apiVersion"], data["kind"]].schema)[0]


def text(advice: Advice, resource: str, day: int, request: int) -> str:
    """The finding in one line: the target, and what an updater would make of the request."""
    _, lower, target, upper = advice.hours[-1]
    if advice.outside:
        key = "below" if request < lower else "above"
    else:
        key = "inside" if advice.off >= LEAST_CHANGE else "near"
    amounts = {"target": target, "lower": lower, "upper": upper, "request": request}
    said = {name: f"{amount:.0f}{UNIT[resource]}" for name, amount in amounts.items()}
    return words(f"vpa.{key}", day=day, off=100 * advice.off, **said)


def picture(advice: Advice, resource: str, day: int, request: int) -> str:
    """Use, target, bounds and your request over the days; what it comes to as a table."""
    points = int(DRAWN / PERIOD)
    use = [
        (at * DRAWN / DAY, max(advice.used[at * points : (at + 1) * points]))
        for at in range(len(advice.used) // points)
    ]
    late = advice.hours[len(advice.hours) // 2 :]  # at first the upper bound is sky-high
    most = max(request, *(amount for _, amount in use), *(upper for *_, upper in late))
    band = [(at / DAY, lower, min(upper, 2 * most)) for at, lower, _, upper in advice.hours]
    target = [(at / DAY, amount) for at, _, amount, _ in advice.hours]
    layers: list[Layer] = [
        Band(words("vpa.band"), band, palette.OLD),
        Line(words("vpa.used"), use, palette.SERVED, width=1.5),
        Line(words("vpa.target"), target, palette.NEW, width=3),
        Line(words("vpa.yours"), [(0, request), (DAYS, request)], INK, "5 3"),
    ]
    days = [(float(n), str(n)) for n in range(DAYS + 1)]
    unit = UNIT[resource]
    return chart(
        text(advice, resource, day, request),
        Axis(words("vpa.days"), DAYS, days),
        Axis(words(f"vpa.{resource}"), 1.1 * most, ticks(1.1 * most, unit)),
        layers,
        below=numbers(advice, resource, request),
    )


def numbers(advice: Advice, resource: str, request: int) -> str:
    """The object's status, and how the request has done."""
    rows = [
        [f"<code>{name}</code>", _say(getattr(advice.status, name)[resource], resource)]
        for name in ("lowerBound", "target", "upperBound")
    ]
    rows.append([words("vpa.yours"), f"{request}{UNIT[resource]}"])
    rows.append([words("vpa.over"), f"{100 * advice.over:.0f} %"])
    rows.append([words("vpa.share"), f"{100 * advice.share:.0f} %"])
    return table([words("vpa.what"), words("vpa.amount")], rows)


def _say(amount: str, resource: str) -> str:
    """An amount as the object has it, and bytes in a form that can be read."""
    return amount if resource == "cpu" else f"{amount} ({quantity.value(amount) / 2**20:.0f}Mi)"


class Recommendation(Story[Advice]):
    """How a pod's use goes, of which resource, after how many days, and what it requests."""

    usage: ipywidgets.Dropdown
    resource: ipywidgets.Dropdown
    day: ipywidgets.IntSlider
    request: ipywidgets.IntSlider

    def __init__(self) -> None:
        usages, resources = ({n: words(f"vpa.{n}") for n in names} for names in (USAGES, UNIT))
        super().__init__(
            usage=pick(words("vpa.usage"), usages, "daily"),
            resource=pick(words("vpa.resource"), resources, "cpu"),
            day=slider(words("vpa.day"), DAYS, 1, DAYS),
            request=slider(words("vpa.request"), 1000, 50, 1500, 25),
        )

    def tell(self, **values: Any) -> Advice:
        return advise(**values)

    def say(self, told: Advice) -> str:
        return text(told, self.resource.value, self.day.value, self.request.value)

    def show(self, told: Advice) -> str:
        resource, request = self.resource.value, self.request.value
        drawn = picture(told, resource, self.day.value, request)
        asked = f"--requests={resource}={request}{UNIT[resource]}"
        command = f"<code>kubectl set resources deployment/web {asked}</code>"
        return drawn + yaml(SCALER.format(resource=resource)) + command
