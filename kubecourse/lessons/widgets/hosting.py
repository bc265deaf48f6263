"""What the pictures about the cost of hosting share: money, sources, labels, redrawing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from kubecourse.cloud.prices import Source
from kubecourse.lessons import messages, palette
from kubecourse.lessons.widgets.drawn import button, table
from kubecourse.lessons.widgets.panel import STYLE, Panel, redraw
from kubecourse.stack import large_frame

WIDE: Any = {"description_width": "initial"}


def words(key: str, **values: object) -> str:
    """A message of this area."""
    return messages.text(f"costs.{key}", **values)


def money(amount: Decimal) -> str:
    """US dollars to the cent, without their sign: plotly sees a formula between two of them."""
    return f"{amount:,.2f} USD"


def dated(source: Source) -> str:
    """A source as a link with its date, or that it is an example."""
    if source.example:
        return words("example")
    when = source.date.isoformat() if source.date else words("undated")
    return f'<a href="{escape(source.url)}">{escape(source.title)}</a> ({when})'


def cited(sources: Iterable[Source], head: str = "sources") -> str:
    """Sources as a list, each once, below a message."""
    lines = dict.fromkeys(dated(each) for each in sources)
    items = "".join(f"<li>{each}</li>" for each in lines)
    return f'<div class="note">{words(head)}<ul>{items}</ul></div>'


def bill(head: str, rows: Mapping[str, Sequence[Decimal | None]], columns: Sequence[str]) -> str:
    """Parts of bills side by side, and their totals, to the cent."""
    cells = [
        [words(f"parts.{part}"), *("" if each is None else money(each) for each in amounts)]
        for part, amounts in rows.items()
    ]
    totals = [
        sum((each for each in column if each), Decimal(0))
        for column in zip(*rows.values(), strict=True)
    ]
    last = [f"<b>{each}</b>" for each in (words("total"), *map(money, totals))]
    return table([head, *columns], [*cells, last], right=range(1, len(columns) + 1))


def labels(chart: go.Figure, x: float, ends: Sequence[tuple[float, str, str]], most: float) -> None:
    """Write beside the end of each line (height, words, colour) what it is, none on another.

    `most` is the height of the picture in units of its axis.
    """
    free = -most
    for y, text, colour in sorted(ends):
        free = max(y, free)
        chart.add_annotation(
            x=x,
            y=free,
            text=f"<span style='color:{colour}'>■</span> {text}",
            showarrow=False,
            xanchor="left",
            xshift=6,
        )
        free += most * 0.09


class Chart(Panel):
    """Controls, a plot of what they choose, and its numbers as a table with their sources.

    A subclass has `text`, `figure` and `html`; its figures all have the same traces.
    """

    @large_frame
    def __init__(self, **controls: ipywidgets.Widget) -> None:
        self._first = {control: control.value for control in controls.values()}
        for name, control in controls.items():
            setattr(self, name, control)
            control.style, control.continuous_update = WIDE, False
            control.observe(self._moved, "value")
        self.picture = go.FigureWidget(self.figure())
        self.numbers = ipywidgets.HTML(self._numbers())
        reset = button(messages.text("widgets.reset"), self._reset)
        super().__init__([*controls.values(), reset], self.picture, self.numbers)

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        raise NotImplementedError

    def figure(self) -> go.Figure:
        """The picture, as the controls stand."""
        raise NotImplementedError

    def html(self) -> str:
        """The same as numbers."""
        raise NotImplementedError

    def _numbers(self) -> str:
        return f'{STYLE}<div class="kubecourse-picture">{self.html()}</div>'

    def _moved(self, _: object) -> None:
        redraw(self.picture, self.figure())
        self.numbers.value = self._numbers()

    def _reset(self, _: object) -> None:
        for control, value in self._first.items():
            control.value = value


def plot(title: str, height: int, **layout: Any) -> go.Figure:
    """An empty picture with its finding as title."""
    return go.Figure(layout=palette.LAYOUT | {"height": height, "title_text": title} | layout)
