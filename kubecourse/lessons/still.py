"""Static pictures of widgets, for pages on which nothing moves.

    still(RolloutPlayer())      # HTML: its controls as they stand, its plot, its words

`watch()` makes a notebook's kernel remember the widgets that cells show; `stills()` has the picture
of each, as the last cell left it: what a reader who scrolls back would see. A plot comes as its
data, in an element with the class `plot` and its title as text equivalent: whoever makes the page
has it drawn. A widget of a kind that is not known here brings a method `still()`.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

import ipywidgets
from plotly.basedatatypes import BaseFigure

HTML, BUTTONS = (ipywidgets.HTML, ipywidgets.HTMLMath), (ipywidgets.Button, ipywidgets.Play)


_shown: list[Any] = []


def watch() -> None:
    """Remember from now on the widgets that cells show."""
    from IPython import get_ipython

    html = get_ipython().display_formatter.formatters["text/html"]
    html.for_type(ipywidgets.Widget, _shown.append)  # and add no HTML to what is shown


def stills() -> dict[str, str]:
    """The pictures of all widgets shown, by the number of their model. Raises TypeError."""
    return {widget.model_id: still(widget) for widget in _shown}


def still(widget: Any) -> str:
    """A widget as it stands, as HTML. Raises TypeError for a kind that has no picture."""
    if isinstance(widget, BaseFigure):
        return plot(widget.to_json(), widget.layout.title.text)
    if hasattr(widget, "still"):
        return str(widget.still())
    if isinstance(widget, ipywidgets.Box):
        side_by_side = isinstance(widget, ipywidgets.HBox)
        inside = "".join(map(still, widget.children))
        return f'<div class="{"row" if side_by_side else "column"}">{inside}</div>'
    if isinstance(widget, BUTTONS):
        return ""
    if isinstance(widget, HTML):
        return f"<div>{widget.value}</div>"
    label = escape(getattr(widget, "description", ""))
    return f'<p class="control"><span>{label}</span> {_value(widget)}</p>'


def plot(figure: str, title: str | None) -> str:
    """A plot, given as plotly's JSON: its data on the page, its title as text equivalent."""
    words = re.sub(r"<[^>]*>", " ", (title or "").replace("<br>", "; "))
    return (
        f'<div class="plot" role="img" aria-label="{escape(words)}" '
        f'data-plot="{escape(figure)}"></div>'
    )


def _value(widget: Any) -> str:
    if hasattr(widget, "options"):
        labels = widget._options_labels
        chosen = widget.index if isinstance(widget.index, tuple) else (widget.index,)
        marks = (("●" if number in chosen else "○") for number in range(len(labels)))
        return "<br>".join(
            f"{mark} {escape(label)}" for mark, label in zip(marks, labels, strict=True)
        )
    if hasattr(widget, "max") and not isinstance(widget.value, tuple):
        share = (widget.value - widget.min) / (widget.max - widget.min or 1)
        return f'<i class="track" style="--at: {share:.2f}"></i> {widget.value}'
    if isinstance(getattr(widget, "value", None), bool):
        return "☑" if widget.value else "☐"
    if hasattr(widget, "value"):
        return escape(str(widget.value))
    raise TypeError(f"no static picture of a {type(widget).__name__}: give it a method still()")
