"""A plot drawn by hand: lines, bands and bars on one pair of axes, with their names at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from kubecourse.lessons.widgets import svg
from kubecourse.lessons.widgets.drawn import room
from kubecourse.lessons.widgets.panel import INK, picture
from kubecourse.lessons.widgets.timeline import LOOKS, hatch

LEFT, RIGHT, TOP, LINE, UNDER = 56, 500, 10, 15, 40
"""Pixels: where the axes are, a line of text, and what is below the horizontal one."""
Point = tuple[float, float]


class Axis(NamedTuple):
    """What is counted, from 0 to `end`, and where it is written on the axis."""

    words: str
    end: float
    ticks: Sequence[tuple[float, str]]


class Frame(NamedTuple):
    """From amounts to pixels. What is higher than the picture lies at its upper edge."""

    x: Callable[[float], float]
    y: Callable[[float], float]


class Layer(Protocol):
    """Something on the axes. `name` is written at its end, beside a sample of `stroke`."""

    @property
    def name(self) -> str: ...
    @property
    def stroke(self) -> str: ...
    @property
    def end(self) -> float: ...
    def draw(self, frame: Frame) -> Iterator[str]: ...


class Line(NamedTuple):
    """Points joined; `dash` and `dots` tell it in grey as well."""

    name: str
    points: Sequence[Point]
    colour: str
    dash: str = ""
    dots: bool = False
    width: float = 2

    @property
    def stroke(self) -> str:
        dashes = f' stroke-dasharray="{self.dash}"' if self.dash else ""
        return f'fill="none" style="stroke: {self.colour}" stroke-width="{self.width}"{dashes}'

    @property
    def end(self) -> float:
        return self.points[-1][1]

    def draw(self, frame: Frame) -> Iterator[str]:
        places = [(frame.x(at), frame.y(value)) for at, value in self.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{path}" {self.stroke}/>'
        for x, y in places if self.dots else ():
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" style="fill: {self.colour}"/>'


class Band(NamedTuple):
    """What is between two lines: (at, low, high)."""

    name: str
    points: Sequence[tuple[float, float, float]]
    colour: str

    @property
    def stroke(self) -> str:
        return f'style="stroke: {self.colour}" stroke-width="10" stroke-opacity="0.35"'

    @property
    def end(self) -> float:
        return self.points[-1][2]

    def draw(self, frame: Frame) -> Iterator[str]:
        around = [(at, low) for at, low, _ in self.points]
        around += [(at, high) for at, _, high in reversed(self.points)]
        path = " ".join(f"{frame.x(at):.1f},{frame.y(value):.1f}" for at, value in around)
        yield f'<polygon points="{path}" style="fill: {self.colour}" fill-opacity="0.35"/>'


class Bars(NamedTuple):
    """Boxes (at, low, high, hint) of a width, in a look of `LOOKS`."""

    name: str
    boxes: Sequence[tuple[float, float, float, str]]
    look: str
    width: float = 0.5

    @property
    def stroke(self) -> str:
        return f'style="stroke: {LOOKS[self.look].colour}" stroke-width="10"'

    @property
    def end(self) -> float:
        _, low, high, _ = self.boxes[-1]
        return (low + high) / 2

    def draw(self, frame: Frame) -> Iterator[str]:
        colour, pattern, _ = LOOKS[self.look]
        for at, low, high, hint in self.boxes:
            left, top = frame.x(at - self.width / 2), frame.y(high)
            width, height = frame.x(at + self.width / 2) - left, frame.y(low) - top
            yield svg.rect(left, top, width, height, colour, hint)
            yield hatch(left, top, width, height, pattern)


def chart(
    title: str, x: Axis, y: Axis, layers: Sequence[Layer], *, height: int = 220, below: str = ""
) -> str:
    """Layers on axes, the first at the back, as HTML; `below` is HTML that belongs to them."""
    bottom = TOP + LINE + height

    def across(at: float) -> float:
        return LEFT + (RIGHT - LEFT) * at / x.end

    def up(value: float) -> float:
        return bottom - height * min(max(value / y.end, 0.0), 1.0)

    frame = Frame(across, up)
    shapes = [svg.text(0, TOP, y.words), svg.line(LEFT, bottom, RIGHT, bottom, INK)]
    for value, words in y.ticks:
        shapes.append(svg.line(LEFT - 4, up(value), LEFT, up(value), INK))
        shapes.append(svg.text(LEFT - 8, up(value) + 4, words, "end"))
    for at, words in x.ticks:
        shapes.append(svg.text(across(at), bottom + 16, words, "middle"))
    shapes.append(svg.text((LEFT + RIGHT) / 2, bottom + 34, x.words, "middle"))
    for layer in layers:
        shapes += layer.draw(frame)
    shapes += _names(layers, frame, bottom)
    return picture(title, svg.drawing(title, bottom + UNDER, shapes) + below)


def _names(layers: Sequence[Layer], frame: Frame, bottom: float) -> Iterator[str]:
    """What each layer is, at its end, none on another."""
    named = sorted((each for each in layers if each.name), key=lambda each: frame.y(each.end))
    lines = [_lines(each.name) for each in named]
    left = sum(map(len, lines))
    free = float(TOP + LINE)
    for layer, words in zip(named, lines, strict=True):
        at = min(max(frame.y(layer.end), free), bottom - LINE * (left - 1))
        yield f'<path d="M{RIGHT + 6} {at:.1f}h16" {layer.stroke}/>'
        for number, each in enumerate(words):
            yield svg.text(RIGHT + 28, at + 4 + LINE * number, each)
        free, left = at + LINE * len(words) + 2, left - len(words)


def _lines(words: str, most: float = 120) -> list[str]:
    """Words in lines that fit beside the plot."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and 0.85 * room(longer) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def ticks(end: float, unit: str = "") -> list[tuple[float, str]]:
    """Round amounts from 0 to `end`, about five."""
    step = 10 ** len(str(int(end / 5))) / 10 if end >= 5 else 1
    step *= next(each for each in (1, 2, 5, 10) if end / (step * each) <= 6)
    return [(n * step, f"{n * step:g}{unit}") for n in range(int(end / step + 1e-9) + 1)]
