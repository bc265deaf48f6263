"""Shapes of pictures that are drawn by hand: they scale, suit both themes, and say their names."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from kubecourse.lessons import palette

LINE = palette.GREY


def drawing(title: str, height: float, shapes: Iterable[str], width: int = palette.WIDTH) -> str:
    """Shapes as one image, whose text equivalent is its title."""
    words = escape(title)
    return (
        f'<svg viewBox="0 0 {width} {height:.0f}" width="{width}" height="{height:.0f}" role="img" '
        f'aria-label="{words}" style="max-width: 100%; overflow: visible">{"".join(shapes)}</svg>'
    )


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    fill: str = "none",
    hint: str = "",
    edge: str = "",
    look: str = "",
) -> str:
    """A rectangle; `hint` is shown where somebody points at it."""
    line = f' stroke="{edge}"' if edge else ""
    inside = f"<title>{escape(hint)}</title>" if hint else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
        f'fill="{fill}"{line} {look}>{inside}</rect>'
    )


def text(
    x: float, y: float, words: str, anchor: str = "start", look: str = "", fill: str = ""
) -> str:
    """Words; `anchor` is start, middle or end. They have the theme's colour, or `fill`."""
    colour = f' style="fill: {fill}"' if fill else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{colour} {look}>'
        f"{escape(words)}</text>"
    )


def line(
    x: float,
    y: float,
    to_x: float,
    to_y: float,
    colour: str = LINE,
    width: float = 1,
    dash: str = "",
) -> str:
    """A straight line."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="{colour}" '
        f'stroke-width="{width}" fill="none"{dashes}/>'
    )
