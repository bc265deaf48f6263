"""Replicas wanted against replicas there: a slider, and what the cluster does about it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import ipywidgets
import plotly.graph_objects as go

from kubecourse.lessons import messages, palette
from kubecourse.lessons.recording import STATES, Count, Recording
from kubecourse.lessons.widgets.panel import Panel, redraw, reset_button
from kubecourse.lessons.widgets.timeline import explained
from kubecourse.stack import large_frame

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster


WINDOW = 60.0
"""Virtual seconds that the picture shows."""


def figure(counts: Sequence[Count], start: float, now: float) -> go.Figure:
    """Pods by state, stacked, over virtual time since `start`; the number wanted is dashed."""
    times = [max(count.time - start, 0.0) for count in counts] + [now - start]
    extended = [*counts, counts[-1]]
    chart = go.Figure(layout=palette.LAYOUT | {"height": 300})
    base = 0
    wanted = messages.text("widgets.replicas.wanted")
    for state in STATES:
        numbers = [count.pods[state] for count in extended]
        colour = palette.STATE[state]
        chart.add_scatter(
            x=times,
            y=numbers,
            name=state,
            stackgroup="pods",
            line={"shape": "hv", "width": 0, "color": colour},
            fillcolor=colour,
            fillpattern={
                "shape": palette.PATTERN[state],
                "bgcolor": colour,
                "fgcolor": "white",
                "size": 6,
            },
            hovertemplate=f"%{{y}} {state}<br>%{{x:.1f}} s<extra></extra>",
        )
        if numbers[-1]:
            label(chart, now - start, base + numbers[-1] / 2, f"{numbers[-1]} {state}", colour)
            base += numbers[-1]
    chart.add_scatter(
        x=times,
        y=[count.desired for count in extended],
        name=wanted,
        mode="lines",
        line={"shape": "hv", "dash": "dash", "width": 2, "color": palette.DESIRED},
        hovertemplate=f"%{{y}} {wanted}<br>%{{x:.1f}} s<extra></extra>",
    )
    label(chart, now - start, counts[-1].desired, wanted, palette.DESIRED)
    chart.update_layout(title_text=text(counts, start))
    end = max(now - start, 1.0)
    chart.update_xaxes(
        title_text=messages.text("widgets.seconds"), range=[max(end - WINDOW, 0.0), end]
    )
    chart.update_yaxes(title_text=messages.text("widgets.pods"), rangemode="tozero", tickformat="d")
    return chart


def label(chart: go.Figure, x: float, y: float, words: str, colour: str) -> None:
    """Write beside the end of a line what it is."""
    chart.add_annotation(
        x=x,
        y=y,
        text=f"<span style='color:{colour}'>■</span> {words}",
        showarrow=False,
        xanchor="left",
        xshift=4,
    )


def text(counts: Sequence[Count], start: float) -> str:
    """The picture in one line: how many are wanted, how many are ready, since when."""
    last = counts[-1]
    ready = last.pods["Ready"]
    state = messages.text("widgets.replicas.state", desired=last.desired, ready=ready)
    if ready != last.desired or last.actual != last.desired:
        return state
    since = changed = last.time
    for count in reversed(counts):
        if count.desired != last.desired:
            break
        changed = count.time
        if count.pods["Ready"] == last.desired == count.actual:
            since = count.time
    if counts[0].time == changed:
        return state
    return messages.text(
        "widgets.replicas.later", desired=last.desired, ready=ready, seconds=since - changed
    )


class Replicas(Panel):
    """A slider for a Deployment's replicas.

    Each move is a `kubectl scale`, after which `seconds` virtual seconds pass. `slider.value`
    can be set by code as well.
    """

    @large_frame
    def __init__(
        self,
        cluster: Cluster,
        name: str,
        namespace: str = "default",
        *,
        maximum: int = 12,
        seconds: float = 15.0,
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._namespace = namespace
        self._seconds = seconds
        self._start = cluster.now
        self.recording = Recording(cluster, name, namespace)
        self._first = self.recording.counts[-1].desired
        self.slider = ipywidgets.IntSlider(
            value=self._first,
            min=0,
            max=max(maximum, self._first),
            description=messages.text("widgets.replicas.slider"),
            continuous_update=False,
        )
        self.reset = reset_button()
        self.picture = go.FigureWidget(self._figure())
        self.command = ipywidgets.HTML()
        self.slider.observe(self._scale, "value")
        self.reset.on_click(self._reset)
        self._say(f"kubectl get deployment {name}")
        super().__init__([self.slider, self.reset], self.picture, self.command)

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return text(self.recording.counts, self._start)

    def _figure(self) -> go.Figure:
        return figure(self.recording.counts, self._start, self._cluster.now)

    def _scale(self, change: dict[str, int]) -> None:
        command = f"scale deployment/{self._name} --replicas={change['new']}"
        if self._namespace != "default":
            command += f" -n {self._namespace}"
        output = self._cluster.run(command)
        self._cluster.advance(self._seconds)
        self._say(f"kubectl {command}", output.stderr)
        redraw(self.picture, self._figure())

    def _reset(self, _: object) -> None:
        self._start = self._cluster.now
        self.recording.counts[:-1] = []
        if self.slider.value == self._first:
            redraw(self.picture, self._figure())
        self.slider.value = self._first

    def _say(self, command: str, problem: str = "") -> None:
        states = [
            state for state in STATES if any(count.pods[state] for count in self.recording.counts)
        ]
        key = f'<div style="font-size: 12px">{explained(states)}</div>'
        self.command.value = f"{key}<code>{escape(command)}</code> {escape(problem)}"
