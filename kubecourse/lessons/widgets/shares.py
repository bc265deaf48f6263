"""Two Deployments behind one Service: their share of the pods, and their share of the requests."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from kubecourse.lessons import messages, palette
from kubecourse.lessons.widgets.panel import Panel, picture, reset_button

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

COLOURS = ((palette.OLD, "black"), (palette.NEW, "white"))
"""Of the version that was there before and of the new one: their bars, and text on them."""


def bars(title: str, names: list[str], rows: dict[str, list[int]]) -> str:
    """Rows of two numbers, each as a bar divided in proportion, as HTML."""
    lines = []
    for label, numbers in rows.items():
        pieces = "".join(
            f'<div style="flex: {number} 0 0; background: {fill}; color: {ink}">{number}</div>'
            for number, (fill, ink) in zip(numbers, COLOURS, strict=True)
            if number
        )
        lines.append(f'<tr><th scope="row">{label}</th><td><div class="bar">{pieces}</div></td>')
    key = " ".join(
        f'<span style="color: {fill}" aria-hidden="true">■</span> {escape(name)}'
        for name, (fill, _) in zip(names, COLOURS, strict=True)
    )
    return picture(title, f'<table class="bars">{"</tr>".join(lines)}</tr></table>', key)


class Shares(Panel):
    """A slider for the replicas of the newer of two Deployments behind one Service.

    All on a copy of the cluster. After each move it settles, and `requests` go to the Service.
    `slider.value` can be set by code as well.
    """

    def __init__(
        self, cluster: Cluster, service: str, old: str, new: str, *, requests: int = 300
    ) -> None:
        self._cluster, self._service, self._names = cluster.fork(), service, [old, new]
        self._requests = requests
        self._first = cluster.get(f"deployment/{new}").spec.replicas
        self.slider = ipywidgets.IntSlider(
            value=self._first, min=0, max=6, continuous_update=False,
            description=messages.text("widgets.shares.slider"), style={"description_width": "8em"},
        )  # fmt: skip
        self.reset = reset_button()
        self.picture = ipywidgets.HTML()
        self.text = ""
        self.slider.observe(self._scale, "value")
        self.reset.on_click(self._reset)
        self._measure(f"get deployment {new}")
        super().__init__([self.slider, self.reset], self.picture)

    def _scale(self, change: dict[str, Any]) -> None:
        command = f"scale deployment/{self._names[1]} --replicas={change['new']}"
        self._cluster.run(command)
        self._cluster.settle()
        self._measure(command)

    def _measure(self, command: str) -> None:
        """Send requests, and count who answered."""
        traffic = self._cluster.traffic(f"http://{self._service}", rate=50)
        self._cluster.advance(self._requests / 50 - 0.01)
        traffic.stop()
        self._cluster.advance(0.1)
        mine = [set(self._cluster.pods(name)) for name in self._names]
        answered = traffic.pods()
        served = [sum(answered.get(pod, 0) for pod in pods) for pods in mine]
        pods = [len(one) for one in mine]
        self.text = messages.text(
            "widgets.shares.title", new=pods[1], all=sum(pods),
            percent=100 * served[1] / max(sum(served), 1),
        )  # fmt: skip
        rows = {
            messages.text("widgets.pods"): pods,
            messages.text("widgets.shares.requests"): served,
        }
        chart = bars(self.text, self._names, rows)
        self.picture.value = f"{chart}<code>kubectl {escape(command)}</code>"

    def _reset(self, _: object) -> None:
        self.slider.value = self._first
