"""A rollout with and without a readiness probe: what clients see of it."""

from __future__ import annotations

from typing import Any

import ipywidgets

from kubecourse.lessons.recording import READY
from kubecourse.lessons.widgets import rollout
from kubecourse.lessons.widgets.rollout import PROBE, Rollout
from kubecourse.lessons.widgets.story import Story, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import Lane, Requests, Row, Span, timeline

IMAGES = {"well": "hello:2", "dies": "hello:2-dies"}
"""What the new version does. The keys name messages."""


def picture(played: Rollout) -> str:
    """A row for each pod, coloured by what it is doing; requests by second underneath."""
    pods: dict[str, list[Span]] = {}
    for segment in played.segments:
        look = segment.state
        if look == READY:
            look = "old" if segment.revision == played.old else "new"
        span = Span(segment.start, segment.end or 0.0, look, words(f"look.{look}"))
        pods.setdefault(segment.pod, []).append(span)
    rows: list[Row] = [Lane(pod.rpartition("-")[2], spans) for pod, spans in pods.items()]
    rows.append(Requests(words("rate"), played.served, played.failed))
    end = max(played.seconds, 1)
    begun = [(played.begun, "kubectl set image")]
    return timeline(rollout.text(played), end, rows, moments=begun)


class RolloutUnderTraffic(Story[Rollout]):
    """Whether pods have a readiness probe, how long they start, what the new version does."""

    probe: ipywidgets.Dropdown
    start_up: ipywidgets.IntSlider
    min_ready_seconds: ipywidgets.IntSlider
    version: ipywidgets.Dropdown

    def __init__(self) -> None:
        probes = {each: words(f"rollout.{'with' if each else 'without'}") for each in (False, True)}
        versions = {each: words(f"rollout.{each}") for each in IMAGES}
        super().__init__(
            probe=pick("readinessProbe", probes, False),
            start_up=slider(words("start_up"), 5, 0, 15),
            min_ready_seconds=slider("minReadySeconds", 0, 0, 15),
            version=pick(words("rollout.version"), versions, "well"),
        )

    def tell(self, **values: Any) -> Rollout:
        return rollout.play(
            max_surge=1,
            max_unavailable=0,
            min_ready_seconds=values["min_ready_seconds"],
            image=IMAGES[values["version"]],
            start_up=float(values["start_up"]),
            probe=values["probe"],
            after=20.0,
        )

    def say(self, told: Rollout) -> str:
        return rollout.text(told)

    def show(self, told: Rollout) -> str:
        probe = f"template:\n    spec:\n      containers:\n      - name: hello\n        {PROBE}"
        lines = ("spec:", f"  minReadySeconds: {self.min_ready_seconds.value}")
        return picture(told) + yaml("\n".join([*lines, f"  {probe}" if self.probe.value else ""]))
