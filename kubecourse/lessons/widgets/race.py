"""Two images of one program on their way to machines: what a compiler left inside costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import plotly.graph_objects as go

from kubecourse.containers.shown import size
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import button, words
from kubecourse.lessons.widgets.panel import Panel, redraw
from kubecourse.stack import large_frame

if TYPE_CHECKING:
    from kubecourse.containers.images import Anatomy

SPEEDS = (10, 50, 100, 500, 1000)
"""Mbit/s."""
MOST = 50
"""Layers that are drawn on their own; a stage has few."""


def seconds(count: float, speed: float, machines: int) -> float:
    """How long so many bytes take to so many machines, one after the other over one line."""
    return count * 8 / (speed * 1e6) * machines


def figure(images: tuple[Anatomy, Anatomy], speed: float, machines: int) -> go.Figure:
    """A bar for each image, as long as it is under way, a piece for each layer."""
    chart = go.Figure(layout=palette.LAYOUT | {"height": 220, "barmode": "stack", "bargap": 0.4})
    names = [image.name.removeprefix("kubecourse-").removesuffix(":latest") for image in images]
    for name, image, colour in zip(names, images, (palette.OLD, palette.NEW), strict=True):
        for layer in image.layers[:MOST]:
            taken = seconds(layer.bytes, speed, machines)
            chart.add_bar(
                y=[name],
                x=[taken],
                orientation="h",
                marker={"color": colour, "line": {"color": colour, "width": 1}},
                hovertemplate=f"{size(layer.bytes)}, %{{x:.2f}} s<br>"
                f"{layer.instruction[:60]}<extra></extra>",
            )
        chart.add_annotation(
            y=name,
            x=seconds(image.bytes, speed, machines),
            text=f"{size(image.bytes)}, {_time(image, speed, machines)}",
            showarrow=False,
            xanchor="left",
            xshift=6,
            font={"color": "#767676"},
        )
    chart.update_layout(title_text=text(images, speed, machines), margin_l=110, margin_r=150)
    chart.update_xaxes(title={"text": words("race.seconds"), "font_size": 13}, rangemode="tozero")
    chart.update_yaxes(autorange="reversed", ticks="", showline=False)
    return chart


def text(images: tuple[Anatomy, Anatomy], speed: float, machines: int) -> str:
    """The picture in one line: both times."""
    slow, fast = (_time(image, speed, machines) for image in images)
    return words("race.finding", slow=slow, fast=fast)


def _time(image: Anatomy, speed: float, machines: int) -> str:
    taken = seconds(image.bytes, speed, machines)
    if taken >= 120:
        return words("race.minutes", value=f"{taken / 60:.0f}")
    return words("race.short", value=f"{taken:.0f}" if taken >= 10 else f"{taken:.2g}")


class SizeRace(Panel):
    """A network and a number of machines; both images are sent to each of them."""

    @large_frame
    def __init__(self, large: Anatomy, small: Anatomy) -> None:
        self.images = (large, small)
        wide: Any = {"description_width": "initial"}
        room = {"width": "290px", "margin": "2px 20px 2px 2px"}
        self.speed = ipywidgets.SelectionSlider(
            options=[(f"{speed} Mbit/s", speed) for speed in SPEEDS],
            value=100,
            description=words("race.network"),
            continuous_update=False,
            style=wide,
            layout=room,
        )
        self.machines = ipywidgets.IntSlider(
            value=10, min=1, max=100, description=words("race.machines"), continuous_update=False,
            style=wide, layout=room,
        )  # fmt: skip
        self.picture = go.FigureWidget(self._figure())
        self.command = ipywidgets.HTML(
            "".join(f"<div><code>docker images {each.name}</code></div>" for each in self.images)
        )
        for control in (self.speed, self.machines):
            control.observe(self._moved, "value")
        controls = [self.speed, self.machines, button(words("reset"), self.reset)]
        super().__init__(controls, self.picture, self.command)

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return text(self.images, self.speed.value, self.machines.value)

    def _figure(self) -> go.Figure:
        return figure(self.images, self.speed.value, self.machines.value)

    def _moved(self, _: object) -> None:
        redraw(self.picture, self._figure())

    def reset(self, _: object = None) -> None:
        self.speed.value, self.machines.value = 100, 10
