"""How much of a resource a container wants, as a function of time: what simulated programs do.

A workload says it in annotations of its pods, which a real cluster would not look at:

    kubecourse.dev/cpu: sine(200m, 800m, 10m)
    kubecourse.dev/memory: 60Mi + leak(0, 100Ki)
    kubecourse.dev/cpu-per-request: 20ms
    kubecourse.dev/memory.sidecar: 30Mi

They mean the pod's first container, or the one that is named after the dot. `FORMS` lists what can
be written. Every demand is made of straight pieces, so what comes of it can be worked out instead
of waited for.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from operator import add, ge, lt, mul, sub
from pathlib import Path
from typing import Any

import msgspec

from kubecourse.api.quantity import QuantityError, parse_quantity

PREFIX = "kubecourse.dev/"
RESOURCES = ("cpu", "memory", "disk")
PER_REQUEST = "cpu-per-request"
NEVER = math.inf
_CHORDS = 48
"""Straight pieces that a sine's period is drawn with."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_CALL = re.compile(r"(\w+)\((.*)\)", re.DOTALL)


class DemandError(ValueError):
    """A text is not a demand; the message says what would be."""


@dataclass(frozen=True)
class Curve:
    """Straight pieces: from `times[i]` on it is `values[i]` and changes by `slopes[i]` a second.

    Times are in seconds from 0. After `period` it begins again.
    """

    times: Sequence[float]
    values: Sequence[float]
    slopes: Sequence[float]
    period: float = NEVER

    @cached_property
    def _tops(self) -> Sequence[float]:
        """The highest value of each piece."""
        if not self.sloped:
            return self.values
        ends = [*self.times[1:], self.period]
        return [
            v if s <= 0 else v + s * (end - t)
            for t, v, s, end in zip(self.times, self.values, self.slopes, ends, strict=True)
        ]

    @cached_property
    def _areas(self) -> Sequence[float]:
        """The integral from 0 to each piece's beginning, and over a period if there is one."""
        ends = [*self.times[1:], self.period] if self.period < NEVER else self.times[1:]
        if not self.sloped:
            steps = map(mul, map(sub, ends, self.times), self.values)
            return array("d", accumulate(steps, initial=0.0))
        pieces = zip(self.times, self.values, self.slopes, ends, strict=False)
        return [0.0, *accumulate((e - t) * (v + s * (e - t) / 2) for t, v, s, e in pieces)]

    @cached_property
    def peak(self) -> float:
        """The most that it ever is."""
        return max(self._tops)

    def _place(self, t: float) -> tuple[float, int, float]:
        """When the present round began, the piece, and the seconds since that began."""
        begun = t - t % self.period if self.period < NEVER else 0.0
        index = bisect_right(self.times, t - begun) - 1
        return begun, index, t - begun - self.times[index]

    def at(self, t: float) -> float:
        """The value, `t` seconds after the beginning."""
        _, index, since = self._place(t)
        return self.values[index] + self.slopes[index] * since

    def area(self, t: float) -> float:
        """The integral from 0 to `t`."""
        begun, i, since = self._place(t)
        rounds = begun / self.period * self._areas[-1] if begun else 0.0
        return rounds + self._areas[i] + since * (self.values[i] + self.slopes[i] * since / 2)

    def piece(self, t: float) -> tuple[float, float, float]:
        """The value, how it changes, and when this piece ends."""
        begun, i, since = self._place(t)
        end = self.times[i + 1] if i + 1 < len(self.times) else self.period
        return self.values[i] + self.slopes[i] * since, self.slopes[i], begun + end

    def areas(self, times: Sequence[float]) -> list[float]:
        """`area` at each of some times, which only grow."""
        if self.period < NEVER or self.sloped:
            return [self.area(t) for t in times]
        first, last = (bisect_right(self.times, t) - 1 for t in (times[0], times[-1]))
        part = slice(first, last + 1)
        starts = self.times[part]
        one_each = len(starts) == len(times) and all(map(ge, times, starts))
        if one_each and all(map(lt, times, starts[1:])):
            # A trace of seconds, asked for each second.
            since = map(mul, map(sub, times, starts), self.values[part])
            return list(map(add, self._areas[part], since))
        pieces = zip(starts, self.values[part], self._areas[part], strict=True)
        ends = iter([*starts[1:], NEVER])
        found, end = [], -NEVER
        for t in times:
            while t >= end:
                start, value, area = next(pieces)
                end = next(ends)
            found.append(area + (t - start) * value)
        return found

    @cached_property
    def sloped(self) -> bool:
        """Whether it changes within pieces too."""
        return any(self.slopes)

    def breaks(self, a: float, b: float) -> list[float]:
        """When pieces begin between two times."""
        if self.period == NEVER:
            return list(self.times[bisect_right(self.times, a) : bisect_left(self.times, b)])
        begun, i, _ = self._place(a)
        found = [begun + t for t in self.times[i + 1 :]]
        while (begun := begun + self.period) < b:
            found += [begun + t for t in self.times]
        return [t for t in found if a < t < b]

    def most(self, a: float, b: float) -> float:
        """A value that it does not exceed from `a` to `b`."""
        if b - a >= self.period:
            return self.peak
        (begun, first, _), (again, last, since) = self._place(a), self._place(b)
        tops = self._tops
        if tops[last] == NEVER:
            return max((*tops[first:last], self.values[last] + self.slopes[last] * since))
        return max(tops[first : last + 1] if begun == again else [*tops[first:], *tops[: last + 1]])


@dataclass(frozen=True)
class Demand:
    """The sum of some curves; a constant besides. `text` is how it was written."""

    constant: float = 0.0
    curves: tuple[Curve, ...] = ()
    text: str = field(default="", compare=False)

    @cached_property
    def peak(self) -> float:
        """The most that it ever is; infinite if it grows for ever."""
        return self.constant + sum(curve.peak for curve in self.curves)

    def at(self, t: float) -> float:
        """How much is wanted `t` seconds after the beginning."""
        return self.constant + sum(curve.at(t) for curve in self.curves)

    def area(self, t: float) -> float:
        """The integral from 0 to `t`: for CPU, the seconds of computing."""
        return self.constant * t + sum(curve.area(t) for curve in self.curves)

    def integral(self, a: float, b: float) -> float:
        """The integral from `a` to `b`."""
        return self.area(b) - self.area(a)

    def areas(self, times: Sequence[float]) -> list[float]:
        """`area` at each of some times, which only grow."""
        parts = [curve.areas(times) for curve in self.curves]
        if self.constant or not parts:
            parts.append([self.constant * t for t in times])
        return parts[0] if len(parts) == 1 else [sum(row) for row in zip(*parts, strict=True)]

    def piece(self, t: float) -> tuple[float, float, float]:
        """How much is wanted, how that changes, and until when it goes on so."""
        value, slope, end = self.constant, 0.0, NEVER
        for curve in self.curves:
            v, s, e = curve.piece(t)
            value, slope, end = value + v, slope + s, min(end, e)
        return value, slope, end

    def most(self, a: float, b: float) -> float:
        """An amount that is not exceeded from `a` to `b`."""
        return self.constant + sum(curve.most(a, b) for curve in self.curves)


NOTHING = Demand()


# --- reading what is written


def seconds(text: str) -> float:
    """A duration such as `250ms`, `10s` or `1m30s`, in seconds. Raises DemandError."""
    if not _DURATION.fullmatch(text):
        raise DemandError(f"{text!r} is not a duration: write one such as 250ms, 10s, 5m or 1m30s")
    parts = re.findall(r"([\d.]+)(ms|[smhd])", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


@lru_cache(maxsize=1 << 16)
def _amount(text: str) -> float:
    try:
        value = parse_quantity(text).nano / 10**9
    except QuantityError:
        raise DemandError(
            f"{text!r} is not an amount: write one such as 500m or 64Mi, or {_known()}"
        ) from None
    if value < 0:
        raise DemandError(f"{text!r} is less than nothing")
    return value


def _positive(text: str) -> float:
    if not (value := seconds(text)):
        raise DemandError(f"{text!r} is no time at all")
    return value


def _ramp(low: str, high: str, time: str) -> Curve:
    a, b, length = _amount(low), _amount(high), _positive(time)
    return Curve((0.0, length), (a, b), ((b - a) / length, 0.0))


def _leak(start: str, each_second: str) -> Curve:
    return Curve((0.0,), (_amount(start),), (_amount(each_second),))


def _sine(low: str, high: str, period: str) -> Curve:
    a, b, length = _amount(low), _amount(high), _positive(period)
    middle, half, step = (a + b) / 2, (b - a) / 2, length / _CHORDS
    points = [middle - half * math.cos(2 * math.pi * n / _CHORDS) for n in range(_CHORDS + 1)]
    slopes = [(y - x) / step for x, y in pairwise(points)]
    return Curve([n * step for n in range(_CHORDS)], points[:-1], slopes, length)


def _burst(low: str, high: str, period: str, length: str) -> Curve:
    whole, part = _positive(period), _positive(length)
    if part >= whole:
        raise DemandError(f"a burst of {length} does not fit into {period}")
    return Curve((0.0, whole - part), (_amount(low), _amount(high)), (0.0, 0.0), whole)


def _steps(first: str, *rest: str) -> Curve:
    if len(rest) % 2:
        raise DemandError("steps are value, time, value, time, …, and a value that stays")
    times = [0.0, *accumulate(map(_positive, rest[::2]))]
    return Curve(times, [_amount(first), *map(_amount, rest[1::2])], [0.0] * len(times))


def _trace(path: str) -> Curve:
    place = Path(path)
    try:
        return _read_trace(path, place.stat().st_mtime_ns)
    except OSError as error:
        raise DemandError(f"{path}: {error.strerror}") from None


@lru_cache(maxsize=64)
def _read_trace(path: str, changed: int) -> Curve:
    """A file's lines `SECONDS,VALUE`. It is read again when it has changed."""
    text = Path(path).read_text().rstrip("\n")
    # A JSON object is what a day of seconds is read from soonest.
    pairs = text.replace(",", '":"').replace("\n", '","')
    try:
        rows = msgspec.json.decode(f'{{"{pairs}"}}', type=dict[float, str])
    except msgspec.DecodeError:
        rows = {}
    times = array("d", rows)
    if not times or times[0] < 0 or not all(map(lt, times, times[1:])):
        rows = _read_lines(path, text)
        times = array("d", rows)
    amounts = {value: _amount(value.strip()) for value in dict.fromkeys(rows.values())}
    values = [amounts[value] for value in rows.values()]
    if times[0] > 0:
        times.insert(0, 0.0)
        values.insert(0, 0.0)
    return Curve(times, values, [0.0] * len(times))


def _read_lines(path: str, text: str) -> dict[float, str]:
    """The same with a heading, empty lines and a time twice, of which the last counts."""
    rows, last = {0.0: "0"}, 0.0
    for number, line in enumerate(text.split("\n"), 1):
        time, comma, value = line.partition(",")
        try:
            when = float(time) if line else last
        except ValueError:
            if number == 1:
                continue  # the names of the columns
            when = -1.0
        if not last <= when < NEVER or (line and not comma):
            raise DemandError(f"{path}, line {number}: not SECONDS,VALUE in order of time")
        if line:
            last = when
            rows[when] = value
    return rows


FORMS: dict[str, tuple[Callable[..., Curve], int, str]] = {
    # what makes it, how many words it needs (-1: any number), how it is written
    "ramp": (_ramp, 3, "ramp(50Mi, 400Mi, 120s)"),
    "sine": (_sine, 3, "sine(200m, 800m, 10m)"),
    "leak": (_leak, 2, "leak(50Mi, 1Mi)"),
    "burst": (_burst, 4, "burst(100m, 2, 60s, 5s)"),
    "steps": (_steps, -1, "steps(100m, 60s, 800m, 30s, 100m)"),
    "trace": (_trace, 1, "trace(load.csv)"),
}


def _known() -> str:
    *most, last = (form for _, _, form in FORMS.values())
    return f"{', '.join(most)} or {last}"


def parse(text: str) -> Demand:
    """A demand as it is written: an amount, a form of `FORMS`, or some joined by `+`.

    Raises DemandError.
    """
    constant, curves = 0.0, []
    for term in _terms(text):
        call = _CALL.fullmatch(term)
        if call is None:
            constant += _amount(term)
            continue
        name, words = call[1], [word.strip() for word in call[2].split(",")]
        make, count, form = FORMS.get(name, (None, 0, ""))
        if make is None:
            raise DemandError(f"{name!r} is not known: write {_known()}")
        if count not in (-1, len(words)):
            raise DemandError(f"{term!r} has {len(words)} values where {form} has {count}")
        curves.append(make(*words))
    return Demand(constant, tuple(curves), text)


def _terms(text: str) -> Iterator[str]:
    """The parts of a sum."""
    for term in re.split(r"\+(?![^(]*\))", text):
        yield term.strip()


# --- a pod's annotations

Declared = dict[str, Demand]
"""What a container declares: a demand by resource; what a request costs is a constant."""


def read_annotations(annotations: Mapping[str, str] | None) -> Iterator[tuple[str, str, str, Any]]:
    """Each that declares a demand: its key, container (empty: the first), resource, and demand.

    In place of a demand that cannot be read there is the DemandError.
    """
    for key, text in sorted((annotations or {}).items()):
        resource, _, container = key.removeprefix(PREFIX).partition(".")
        if not key.startswith(PREFIX) or resource not in (*RESOURCES, PER_REQUEST):
            continue
        try:
            cost = resource == PER_REQUEST
            yield key, container, resource, Demand(seconds(text)) if cost else parse(text)
        except DemandError as error:
            yield key, container, resource, error


def declared(annotations: Mapping[str, str] | None) -> dict[str, Declared]:
    """What a pod's annotations declare, by container; what cannot be read is left out."""
    found: dict[str, Declared] = {}
    for _, container, resource, demand in read_annotations(annotations):
        if isinstance(demand, Demand):
            found.setdefault(container, {})[resource] = demand
    return found


def problems(annotations: Mapping[str, str] | None) -> list[tuple[str, str]]:
    """The annotations that cannot be read, each with what is wrong."""
    read = read_annotations(annotations)
    return [(key, str(found)) for key, _, _, found in read if isinstance(found, DemandError)]
