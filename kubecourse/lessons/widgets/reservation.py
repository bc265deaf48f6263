"""How much of a node its provider keeps, by its published formula, over the size of the node."""

from __future__ import annotations

import ipywidgets
import plotly.graph_objects as go

from kubecourse.cloud import GIB, PROVIDERS, Prices, allocatable, prices
from kubecourse.cloud.prices import Provider
from kubecourse.cloud.reservation import MAX_PODS
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import choice, table
from kubecourse.lessons.widgets.hosting import Chart, cited, labels, plot, words

SIZES = (4, 8, 16, 32, 64, 128, 256)
"""GiB of memory; a node has a core for every 4 GiB."""
LINES = {
    "GKE": (palette.NEW, "solid", "circle"),
    "EKS": (palette.OLD, "dash", "square"),
    "AKS": (palette.GREY, "dot", "diamond"),
}
TITLE_SIZE = 16
"""GiB of the node that the title speaks of."""


def kept(provider: Provider, resource: str, memory: int, pods: int) -> float:
    """The percentage of a node's cpu or memory that pods cannot request."""
    cores = memory / 4
    room = allocatable(provider, cores, memory * GIB, pods)
    if resource == "cpu":
        return 100 - 100 * room.cpu / (1000 * cores)
    return 100 - 100 * room.memory / (memory * GIB)


def figure(resource: str, pods: int) -> go.Figure:
    """A line for each provider."""
    chart = plot(text(resource, pods), 320)
    ends, most = [], 0.0
    for provider in PROVIDERS:
        colour, dash, symbol = LINES[provider]
        shares = [kept(provider, resource, size, pods) for size in SIZES]
        most = max(most, *shares)
        ends.append((shares[-1], provider, colour))
        chart.add_scatter(
            x=list(range(len(SIZES))),
            y=shares,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 3},
            marker={"symbol": symbol, "size": 8},
            hovertemplate=f"{provider}: %{{y:.1f}} %<extra></extra>",
        )
    labels(chart, len(SIZES) - 1, ends, 1.1 * most)
    chart.update_xaxes(
        title_text=words("reservation.size"),
        tickvals=list(range(len(SIZES))),
        ticktext=[str(size) for size in SIZES],
    )
    chart.update_yaxes(title_text=words("reservation.share"), range=[0, 1.1 * most])
    return chart


def text(resource: str, pods: int) -> str:
    """The picture in one line: what each keeps of one size of node."""
    shares = ", ".join(
        f"{provider} {kept(provider, resource, TITLE_SIZE, pods):.1f} %" for provider in PROVIDERS
    )
    return words("reservation.finding", cores=TITLE_SIZE / 4, memory=TITLE_SIZE, shares=shares)


class ReservationCurve(Chart):
    """Memory or cpu, and how many pods a node may run."""

    def __init__(self, table: Prices | None = None) -> None:
        self.formulas = (table or prices()).formulas
        super().__init__(
            resource=choice(
                words("reservation.resource"), [("memory", "memory"), ("cpu", "cpu")], "memory"
            ),
            pods=ipywidgets.IntSlider(
                value=MAX_PODS, min=10, max=250, step=10, description=words("reservation.pods")
            ),
        )

    resource: ipywidgets.Dropdown
    pods: ipywidgets.IntSlider

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return text(self.resource.value, self.pods.value)

    def figure(self) -> go.Figure:
        """The picture, as the controls stand."""
        return figure(self.resource.value, self.pods.value)

    def html(self) -> str:
        """The same as numbers."""
        rows = [
            [
                f"{size / 4:g} CPU, {size} GiB",
                *(
                    f"{kept(each, self.resource.value, size, self.pods.value):.1f} %"
                    for each in PROVIDERS
                ),
            ]
            for size in SIZES
        ]
        call = f'allocatable("GKE", cores=4, memory=16 * GIB, max_pods={self.pods.value})'
        numbers = table([words("reservation.node"), *PROVIDERS], rows, right=(1, 2, 3))
        published = cited((each for found in self.formulas.values() for each in found), "published")
        return f"{numbers}<code>{call}</code>{published}"
