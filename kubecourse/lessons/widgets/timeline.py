"""What happened, over time: rows of spans, of requests by second, of a number and its limits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor
from typing import Any, NamedTuple, Protocol

from kubecourse.lessons import messages, palette
from kubecourse.lessons.recording import FAILED, PENDING, READY, RUNNING, TERMINATING
from kubecourse.lessons.widgets import svg
from kubecourse.lessons.widgets.drawn import room
from kubecourse.lessons.widgets.panel import picture

LABELS, TRACK, GAP, HEAD = 132, 488, 6, 18
"""Pixels: names of rows, what is beside them, between rows, and above the first."""
RIGHT, INK, DASH = LABELS + TRACK, "currentColor", "5 3"
"""The end of the track; how lines are drawn, and limits."""
CLOSE = 14
"""Pixels from one name of a limit to the next below it, or they are side by side."""
PAPER = (
    "currentColor; paint-order: stroke; stroke-width: 4px; stroke: var(--jp-layout-color0, white)"
)
"""How words are written over lines."""
NEVER = float("inf")
SECONDS, AMOUNTS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300), (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Steps of an axis of time, and of another."""


class Look(NamedTuple):
    """How a thing is drawn: its colour, its pattern (told in grey as well), and text on it."""

    colour: str
    pattern: str = ""
    ink: str = "black"


LOOKS: Mapping[str, Look] = {
    state: Look(palette.STATE[state], palette.PATTERN[state])
    for state in (READY, RUNNING, PENDING, TERMINATING, FAILED)
} | {
    "old": Look(palette.OLD),
    "new": Look(palette.NEW, "", "white"),
    "served": Look(palette.SERVED),
    "failed": Look(palette.REFUSED, "\\"),
}


class Span(NamedTuple):
    """Something that lasted, in a look of `LOOKS`. `words` are in it if they fit.

    If they do not, they are behind it where it is the only one of its row, and else a hint.
    """

    start: float
    end: float
    look: str
    words: str = ""


class Mark(NamedTuple):
    """Something that happened at once: one letter, black on a colour."""

    at: float
    sign: str
    colour: str
    words: str = ""


class Track:
    """Something that is one thing after another, and becomes spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    @property
    def goes_on(self) -> bool:
        """Whether it is something now."""
        return bool(self.spans) and self.spans[-1].end == NEVER

    def set(self, at: float, look: str, words: str = "") -> None:
        """From now on it is this; nothing, if `look` is empty."""
        if self.goes_on:
            last = self.spans[-1]
            if (last.look, last.words) == (look, words):
                return
            self.spans[-1] = last._replace(end=at)
        if look:
            self.spans.append(Span(at, NEVER, look, words))


class Scale(NamedTuple):
    """From the axis to pixels."""

    end: float

    def x(self, at: float) -> float:
        return LABELS + TRACK * min(max(at / self.end, 0.0), 1.0)


class Row(Protocol):
    """One row of the picture."""

    @property
    def label(self) -> str: ...
    @property
    def height(self) -> int: ...
    def draw(self, top: float, scale: Scale) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Lane:
    """Spans, one after the other, and marks on them."""

    label: str
    spans: Sequence[Span] = ()
    marks: Sequence[Mark] = ()
    height: int = 18

    @property
    def looks(self) -> Iterable[str]:
        return (span.look for span in self.spans)

    def draw(self, top: float, scale: Scale) -> Iterator[str]:
        alone = len(self.spans) == 1 and not self.marks
        for span in self.spans:
            yield from _box(span, scale.x(span.start), scale.x(span.end), top, self.height, alone)
        for mark in self.marks:
            x, low = scale.x(mark.at), top + self.height
            yield f"<g><title>{escape(mark.words)}</title>"
            yield svg.rect(x - 6, top + 2, 12, self.height - 4, mark.colour)
            yield svg.text(x, low - 5, mark.sign, "middle", 'class="on"') + "</g>"


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of each second: those that were answered, and above them those that failed."""

    label: str
    served: Sequence[int]
    failed: Sequence[int]
    height: int = 48
    looks = ("served", "failed")

    def draw(self, top: float, scale: Scale) -> Iterator[str]:
        most = max([1, *map(sum, zip(self.served, self.failed, strict=True))])
        yield _end(top + 10, str(most))
        for second, pair in enumerate(zip(self.served, self.failed, strict=True)):
            left, right = scale.x(second), scale.x(second + 1)
            width, low = right - left - 0.5 * (right - left > 3), top + self.height
            hint = f"{second} s: {pair[0]} {_say('served')}, {pair[1]} {_say('failed')}"
            yield f"<g><title>{escape(hint)}</title>"
            for number, look in zip(pair, ("served", "failed"), strict=True):
                tall = self.height * number / most
                low -= tall
                yield svg.rect(left, low, width, tall, LOOKS[look].colour)
            yield "</g>"


@dataclass(frozen=True, slots=True)
class Curve:
    """A number over time, from 0 to `top`; `lines` are the limits that it has, with their names."""

    label: str
    points: Sequence[tuple[float, float]]
    top: float
    unit: str = ""
    lines: Sequence[tuple[float, str]] = ()
    look: str = "new"
    height: int = 72

    def draw(self, top: float, scale: Scale) -> Iterator[str]:
        bottom = top + self.height

        def y(value: float) -> float:
            return bottom - self.height * min(value / self.top, 1.0)

        path = " ".join(f"{scale.x(at):.1f},{y(value):.1f}" for at, value in self.points)
        first, last = (scale.x(self.points[n][0]) for n in (0, -1))
        colour = LOOKS[self.look].colour
        around = f"{first:.1f},{bottom} {path} {last:.1f},{bottom}"
        yield f'<polygon points="{around}" fill="{colour}" fill-opacity="0.25"/>'
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield _end(top + 10, f"{self.top:g} {self.unit}")
        yield _end(bottom, "0")
        right, above, beside = float(RIGHT), -NEVER, 0.0
        for value, said in sorted(self.lines, reverse=True):
            yield svg.line(LABELS, y(value), RIGHT, y(value), INK, dash=DASH)
            at = y(value) - 3 if y(value) - 3 > top + 8 else y(value) + 12
            right = right - beside if at - above < CLOSE else RIGHT
            yield svg.text(right, at, said, "end", fill=PAPER)
            above, beside = at, 0.9 * room(said) + 12


def timeline(
    title: str,
    end: float,
    rows: Sequence[Row],
    *,
    moments: Iterable[tuple[float, str]] = (),
    key: Collection[str] | None = None,
    unit: str = "",
    below: str = "",
) -> str:
    """A picture of rows on one axis from 0 to `end`, as HTML.

    `moments` are dashed lines through all rows, with words above. `key` are the looks that are
    explained; if not given, all that occur. The axis counts virtual seconds, or else a `unit`.
    `below` is HTML that belongs to the picture.
    """
    scale, top, shapes = Scale(end), HEAD, list[str]()
    for row in rows:
        shapes.append(svg.text(0, top + row.height / 2 + 4, row.label))
        shapes += row.draw(top, scale)
        top += row.height + GAP
    for at, words in moments:
        x, anchor = scale.x(at), "end" if at > 0.8 * end else "start"
        shapes.append(svg.line(x, HEAD - 4, x, top - GAP, INK, dash=DASH))
        shapes.append(svg.text(x, 10, words, anchor))
    shapes += _axis(scale, top, unit)
    if key is None:
        key = {look for row in rows for look in getattr(row, "looks", ())}
    note = f'<div class="note">{explained(key)}</div>'
    return picture(title, svg.drawing(title, top + 34, shapes) + note + below)


def _axis(scale: Scale, top: float, unit: str) -> Iterator[str]:
    steps = AMOUNTS if unit else SECONDS
    step = next((each for each in steps if scale.end / each <= 10), steps[-1])
    yield svg.line(LABELS, top, RIGHT, top, INK)
    for number in range(int(scale.end / step) + 1):
        x = scale.x(number * step)
        yield svg.line(x, top, x, top + 4, INK)
        yield svg.text(x, top + 16, f"{number * step:g}", "middle")
    yield svg.text(LABELS + TRACK / 2, top + 30, unit or messages.text("widgets.seconds"), "middle")


def _box(
    span: Span, left: float, right: float, top: float, height: int, alone: bool
) -> Iterator[str]:
    width, look = right - left, LOOKS[span.look]
    if width <= 0:
        return
    yield f"<g><title>{escape(span.words)}</title>"
    yield svg.rect(left, top, width, height, look.colour)
    yield hatch(left, top, width, height, look.pattern)
    if 0.9 * room(span.words) < width - 6:
        halo = f"{look.ink}; paint-order: stroke; stroke: {look.colour}; stroke-width: 4px"
        yield svg.text(left + 4, top + height - 5, span.words, fill=halo)
    elif alone and right + 0.9 * room(span.words) < RIGHT:
        yield svg.text(right + 4, top + height - 5, span.words)
    yield "</g>"


def hatch(left: float, top: float, width: float, height: float, pattern: str) -> str:
    """White lines over a box: rising, falling, both, or dotted."""
    lines = []
    for start in range(-int(height), int(width), 7):
        begin, end = max(start, 0.0), min(start + height, width)
        if begin < end:
            lines.append((begin, begin - start, end, end - start))
    down = "".join(
        f"M{left + a:.1f} {top + b:.1f}L{left + c:.1f} {top + d:.1f}" for a, b, c, d in lines
    )
    up = "".join(
        f"M{left + a:.1f} {top + height - b:.1f}L{left + c:.1f} {top + height - d:.1f}"
        for a, b, c, d in lines
    )
    drawn = {"/": up, "\\": down, "x": up + down, ".": up}.get(pattern, "")
    dots = ' stroke-dasharray="1.5 4"' if pattern == "." else ""
    look = f'fill="none" stroke="white" stroke-opacity="0.8"{dots}'
    return f'<path d="{drawn}" {look}/>' if drawn else ""


def explained(looks: Collection[str]) -> str:
    """What looks mean, in the order of `LOOKS`: little boxes and words."""
    pieces = []
    for look in (each for each in LOOKS if each in looks):
        colour, pattern, _ = LOOKS[look]
        box = svg.rect(0, 1, 14, 12, colour) + hatch(0, 1, 14, 12, pattern)
        drawn = f'<svg width="14" height="13" aria-hidden="true">{box}</svg>'
        pieces.append(f'<span style="white-space: nowrap">{drawn} {escape(_say(look))}</span>')
    return " &nbsp; ".join(pieces)


def _say(look: str) -> str:
    return messages.text(f"resources_widgets.look.{look}")


def _end(y: float, said: str) -> str:
    """A number at the left of its row."""
    return svg.text(LABELS - 6, y, said, "end")


def by_second(rows: Iterable[Any], start: float, seconds: float) -> tuple[list[int], list[int]]:
    """How many requests of a traffic were answered, and how many failed, in each second."""
    served, failed = [0] * int(seconds), [0] * int(seconds)
    for row in rows:
        second = floor(row.time - start + 1e-6)
        if 0 <= second < int(seconds):
            (served if row.ok else failed)[second] += 1
    return served, failed
