"""A quota and the extra zero: how much of it is used, and where one reads that it was too much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

import ipywidgets

from kubecourse.api import quantity
from kubecourse.cluster import Cluster
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import table
from kubecourse.lessons.widgets.story import Story, applied, keep, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import Lane, Span, timeline

QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {{name: team}}
spec:
  hard:
    pods: "{pods}"
    requests.cpu: "{cpu}"
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      containers:
      - {{name: shop, image: "kubecourse/hello:1.0", resources: {{requests: {{{request}}}}}}}
"""
WAIT = 5.0
"""Virtual seconds until everybody has said what there is to say."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of so many replicas: of each resource `used`, `wanted` and `hard`; who said what.

    Amounts are pods, or millicores. `said` is by place: what kubectl printed, the Deployment's
    numbers and condition, the ReplicaSet's latest event, how many pods there are.
    """

    amounts: dict[str, tuple[int, int, int]]
    ready: int
    wanted: int
    said: dict[str, str]
    refused: str


def run(replicas: int, pods: int, cpu: int, request: str) -> Outcome:
    """Apply a quota, and a Deployment of so many replicas that each request so much CPU."""
    cluster = Cluster(nodes=12)
    applied(cluster, QUOTA.format(pods=pods, cpu=cpu))
    cluster.settle()
    asked = f"cpu: {request}" if request else ""
    printed = applied(cluster, DEPLOYMENT.format(replicas=replicas, request=asked))
    cluster.advance(WAIT)
    quota, deployment = cluster.get("resourcequota/team"), cluster.get("deployment/shop")
    wanted = {"pods": replicas, "requests.cpu": replicas * quantity.milli(request or "0")}
    amounts = {}
    hard, used = quota.status.hard, quota.status.used
    for name in hard:
        count = int if name == "pods" else quantity.milli
        amounts[name] = (count(used[name]), wanted[name], count(hard[name]))
    failure = [c.message for c in deployment.status.conditions if c.type == "ReplicaFailure"]
    events = [e for e in cluster.list("events") if e.reason == "FailedCreate"]
    latest = max(events, key=_last, default=None)
    ready = deployment.status.readyReplicas or 0
    phases = [pod.status.phase for pod in cluster.list("pods")]
    counted = ", ".join(f"{phases.count(each)} {each}" for each in ("Running", "Pending"))
    said = {
        "apply": printed,
        "deployment": f"READY {ready}/{replicas}",
        "condition": f"ReplicaFailure: {failure[0]}" if failure else "",
        "event": f"FailedCreate: {latest.message}" if latest else "",
        "pods": counted,
        "quota": ", ".join(f"{name}: {used[name]}/{hard[name]}" for name in hard),
    }
    return Outcome(amounts, ready, replicas, said, failure[0] if failure else "")


def _last(event: object) -> str:
    return str(getattr(event, "lastTimestamp", "") or getattr(event, "eventTime", ""))


def text(outcome: Outcome) -> str:
    """The finding in one line: how many pods there are, and which line of the quota is why not."""
    values = {"wanted": outcome.wanted, "there": outcome.amounts["pods"][0]}
    if not outcome.refused:
        return words("quota.fits", **values)
    if "must specify" in outcome.refused:
        return words("quota.unsaid", **values)
    limits = re.search(r"limited: (.*)$", outcome.refused)
    return words("quota.short", limit=limits[1] if limits else "", **values)


def _row(place: str, said: str) -> list[str]:
    """What one reads in a place; where the failure shows, in the colour of failures."""
    colour = palette.REFUSED if place in ("condition", "event") else "inherit"
    said = f'<span style="color: {colour}">{escape(said or "–")}</span>'
    return [keep(words(f"quota.{place}")), said]


def picture(outcome: Outcome) -> str:
    """A bar for each resource, used and refused, in percent of what is allowed; who says what."""
    rows, most = [], 100.0
    for name, (used, wanted, hard) in outcome.amounts.items():
        unit = "" if name == "pods" else "m"
        share, whole = 100 * used / hard, 100 * wanted / hard
        there = words("quota.used", used=f"{used}{unit}", hard=f"{hard}{unit}")
        refused = words("quota.refused", count=f"{wanted - used}{unit}")
        spans = [Span(0, share, "served", there), Span(share, whole, "failed", refused)]
        rows.append(Lane(name, spans, height=24))
        most = max(most, whole)
    return timeline(
        text(outcome),
        1.05 * most,
        rows,
        moments=[(100.0, "hard")],
        key=(),
        unit=words("quota.percent"),
        below=table(
            [words("quota.place"), words("quota.said")],
            [_row(place, said) for place, said in outcome.said.items()],
        ),
    )


class QuotaMeter(Story[Outcome]):
    """Replicas, what a quota allows, what each pod requests."""

    replicas: ipywidgets.IntSlider
    pods: ipywidgets.IntSlider
    cpu: ipywidgets.IntSlider
    request: ipywidgets.Dropdown

    def __init__(self) -> None:
        requests = {"": words("unsaid"), "100m": "100m", "250m": "250m", "500m": "500m"}
        super().__init__(
            replicas=slider("replicas", 30, 1, 60),
            pods=slider("hard: pods", 10, 1, 60),
            cpu=slider("hard: requests.cpu", 4, 1, 16),
            request=pick(words("quota.request"), requests, "250m"),
        )

    def tell(self, **values: object) -> Outcome:
        return run(**values)  # type: ignore[arg-type]

    def say(self, told: Outcome) -> str:
        return text(told)

    def show(self, told: Outcome) -> str:
        manifest = QUOTA.format(pods=self.pods.value, cpu=self.cpu.value)
        command = f"kubectl scale deployment/shop --replicas={told.wanted}"
        return f"{picture(told)}{yaml(manifest)}<code>{command}</code>"
