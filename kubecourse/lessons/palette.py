"""One meaning, one colour, everywhere. Okabe and Ito's palette, readable by colour-blind people."""

from __future__ import annotations

from typing import Any

from kubecourse.lessons.recording import FAILED, PENDING, READY, RUNNING, TERMINATING

SERVED = "#009E73"
REFUSED = "#D55E00"
OLD = "#56B4E9"
NEW = "#0072B2"
DESIRED = "#0072B2"
LIMIT = "#000000"

STATE = {
    READY: "#009E73",
    RUNNING: "#E69F00",
    PENDING: "#999999",
    TERMINATING: "#CC79A7",
    FAILED: "#D55E00",
}
"""A pod's state to its colour."""

PATTERN = {READY: "", RUNNING: "/", PENDING: ".", TERMINATING: "x", FAILED: "\\"}
"""A pod's state to its pattern, so that it can be told in grey as well."""

WIDTH = 640
"""Pixels; a laptop shows text and picture together."""

GREY = "#767676"
GREY_RGB = "rgb(118, 118, 118)"
"""Text and lines of plots where the theme is not known: readable on white, and nearly on black."""

AXIS: dict[str, Any] = {
    "showgrid": False,
    "zeroline": False,
    "showline": True,
    "linecolor": GREY,
    "ticks": "outside",
    "tickcolor": GREY,
}

LAYOUT: dict[str, Any] = {
    "width": WIDTH,
    "template": "none",
    "xaxis": AXIS,
    "yaxis": AXIS,
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "system-ui, sans-serif", "size": 13, "color": GREY},
    "title": {"x": 0, "xref": "paper", "font": {"size": 15}},
    "margin": {"l": 56, "r": 110, "t": 44, "b": 44},
    "showlegend": False,
    "hovermode": "closest",
}
"""What all figures share."""


def shade(colour: str, share: float) -> str:
    """A colour (#RRGGBB) that lets what is below shine through; `share` 1 is all of it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {share:.2f})"
