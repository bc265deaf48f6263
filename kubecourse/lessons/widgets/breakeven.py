"""A node that is always on against pay per use: from which share of the time on it is cheaper."""

from __future__ import annotations

import ipywidgets
import plotly.graph_objects as go

from kubecourse.cloud import Bill, Prices, Workload, always_on, break_even, pay_per_use, prices
from kubecourse.cloud.prices import Clusterless, Machine
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import choice
from kubecourse.lessons.widgets.hosting import Chart, bill, cited, labels, plot, words

POINTS = 50


def figure(name: str, offer: Clusterless, node: tuple[str, Bill], load: Workload) -> go.Figure:
    """US dollars a month over the share of the time that the containers run."""
    machine, fixed = node
    shares = [point / POINTS for point in range(POINTS + 1)]
    costs = [float(pay_per_use(offer, load, share).total) for share in shares]
    level, most = float(fixed.total), 1.12 * max(float(fixed.total), costs[-1])
    even = break_even(offer, load, fixed.total)
    chart = plot(text(name, even), 320, margin_r=170)
    lines = (
        (costs, name, palette.NEW, "solid"),
        ([level] * len(costs), machine, palette.OLD, "dash"),
    )
    for heights, what, colour, dash in lines:
        chart.add_scatter(
            x=[100 * share for share in shares],
            y=heights,
            mode="lines",
            line={"color": colour, "width": 3, "dash": dash},
            hovertemplate=f"{what}: %{{y:.2f}} USD, %{{x:.0f}} %<extra></extra>",
        )
    at = [] if even is None else [100 * even]
    chart.add_scatter(
        x=at,
        y=[level] * len(at),
        mode="markers+text",
        marker={"color": palette.GREY, "size": 10},
        text=[f"{each:.0f} %" for each in at],
        textposition="bottom right",
        hoverinfo="skip",
    )
    labels(chart, 100, [(costs[-1], name, palette.NEW), (level, machine, palette.OLD)], most)
    chart.update_xaxes(title_text=words("breakeven.busy"), range=[0, 100], ticksuffix=" %")
    chart.update_yaxes(title_text=words("per_month"), range=[0, most])
    return chart


def text(name: str, even: float | None) -> str:
    """The picture in one line."""
    if even is None:
        return words("breakeven.never", offer=name)
    return words("breakeven.dearer", offer=name, percent=100 * even)


class BreakEven(Chart):
    """Choose an offer, a workload and the size of the provider's node that would carry it."""

    def __init__(self, table: Prices | None = None) -> None:
        self.table = table or prices()

        def options(name: str, values: tuple[float, ...], value: float) -> ipywidgets.Dropdown:
            named = [(f"{each:g}", each) for each in values]
            return choice(words(f"breakeven.{name}"), named, value)

        offers = [(name, name) for name in self.table.clusterless]
        super().__init__(
            offer=choice(words("breakeven.offer"), offers, "Cloud Run"),
            size=options("size", (2, 4), 2),
            cores=options("cores", (0.25, 0.5, 1), 0.5),
            memory=options("memory", (0.5, 1, 2, 4), 1),
            containers=ipywidgets.IntSlider(
                value=3, min=1, max=20, description=words("breakeven.containers")
            ),
            requests=options("requests", (0, 1, 10, 100), 10),
            duty=ipywidgets.IntSlider(
                value=20, min=0, max=100, description=words("breakeven.duty")
            ),
        )

    offer: ipywidgets.Dropdown
    size: ipywidgets.Dropdown
    cores: ipywidgets.Dropdown
    memory: ipywidgets.Dropdown
    containers: ipywidgets.IntSlider
    requests: ipywidgets.Dropdown
    duty: ipywidgets.IntSlider

    @property
    def load(self) -> Workload:
        """The workload as the controls stand."""
        return Workload(
            self.cores.value, self.memory.value, self.containers.value, self.requests.value
        )

    @property
    def _offer(self) -> Clusterless:
        return self.table.clusterless[self.offer.value]

    @property
    def _machine(self) -> tuple[str, Machine]:
        """The provider's machine with so many cores."""
        return next(
            (name, machine)
            for name, machine in self.table.machines.items()
            if (machine.provider, machine.cores) == (self._offer.provider, self.size.value)
        )

    @property
    def _node(self) -> tuple[str, Bill]:
        name, machine = self._machine
        count, fixed = always_on(machine, self.load)
        return words("breakeven.node", count=count, machine=name), fixed

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return text(self.offer.value, break_even(self._offer, self.load, self._node[1].total))

    def figure(self) -> go.Figure:
        """The picture, as the controls stand."""
        return figure(self.offer.value, self._offer, self._node, self.load)

    def html(self) -> str:
        """Both bills at the chosen share of the time, and where the prices are from."""
        what, fixed = self._node
        used = pay_per_use(self._offer, self.load, self.duty.value / 100)
        parts = dict.fromkeys([*used.parts, *fixed.parts])
        rows = {part: [used.parts.get(part), fixed.parts.get(part)] for part in parts}
        columns = [f"{self.offer.value}, {self.duty.value} %", what]
        sources = cited([*self._offer.sources, *self._machine[1].sources])
        load = self.load
        call = (
            f'pay_per_use(prices().clusterless["{self.offer.value}"], '
            f"Workload({load.cores:g}, {load.memory:g}, {load.containers}, {load.requests:g}), "
            f"duty={self.duty.value / 100:g})"
        )
        return f"{bill(words('calculator.part'), rows, columns)}<code>{call}</code>{sources}"
