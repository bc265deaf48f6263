"""What one run of a container wants and gets: its demands over time, and the kernel's counters."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import floor, inf
from operator import itemgetter, sub, truediv
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.api import quantity
from kubecourse.api.demand import Demand
from kubecourse.api.memo import memo
from kubecourse.node.resources import cpu

if TYPE_CHECKING:
    from kubecourse.clock import Timer
    from kubecourse.node.runtime.container import Container

MOST_COUNTS = 8192
THIN = 60.0
"""Seconds between the counts that stay of long ago."""
_time = itemgetter(0)


class Term(NamedTuple):
    """A demand that holds for a while, its own time beginning then."""

    begin: float
    end: float
    demand: Demand


class Timeline:
    """The demands for one resource, those that are over as well. Times are virtual seconds."""

    __slots__ = ("_past", "now")

    def __init__(self) -> None:
        self.now: list[Term] = []
        self._past: list[Term] = []

    def add(self, demand: Demand, begin: float) -> Term:
        """Something is wanted from now on."""
        term = Term(begin, inf, demand)
        self.now.append(term)
        return term

    def end(self, term: Term, end: float) -> None:
        """It is wanted no more."""
        if term in self.now:
            self.now.remove(term)
            self._past.append(term._replace(end=end))

    @property
    def moves(self) -> bool:
        """Whether it changes by itself."""
        return any(term.demand.curves for term in self.now)

    @property
    def peak(self) -> float:
        """The most that it can come to as things are."""
        return sum(term.demand.peak for term in self.now)

    def _terms(self, t: float) -> list[Term]:
        """Those that count at a time."""
        found = self.now
        if self._past and t < self._past[-1].end:
            found = [*(p for p in self._past if p.end > t), *found]
        return [term for term in found if term.begin <= t]

    def at(self, t: float) -> float:
        """How much is wanted at a time."""
        return sum(term.demand.at(t - term.begin) for term in self._terms(t))

    def area(self, t: float) -> float:
        """The integral up to a time, from the beginning of it all."""
        terms = (term for term in (*self._past, *self.now) if term.begin <= t)
        return sum(term.demand.area(min(t, term.end) - term.begin) for term in terms)

    def areas(self, times: Sequence[float]) -> list[float]:
        """`area` at each of some times, which only grow."""
        if begin_of := self._alone(times):
            begin, demand = begin_of
            return demand.areas([t - begin for t in times])
        return [self.area(t) for t in times]

    def amounts(self, times: Sequence[float]) -> list[float]:
        """`at` for each of some times, which only grow."""
        if begin_of := self._alone(times):
            begin, demand = begin_of
            if not demand.curves:
                return [demand.constant] * len(times)
            return [demand.at(t - begin) for t in times]
        return [self.at(t) for t in times]

    def _alone(self, times: Sequence[float]) -> tuple[float, Demand] | None:
        """The one demand of all these times and its beginning; None if there are others."""
        if self._past or len(self.now) != 1 or self.now[0].begin > times[0]:
            return None
        return self.now[0].begin, self.now[0].demand

    # What follows is asked of times since the present demands began.

    def averages(self, times: Sequence[float]) -> list[float]:
        """What is wanted on average between each two of some times."""
        terms = [d.areas([t - begin for t in times]) for begin, _, d in self.now if d.peak]
        areas = [sum(row) for row in zip(*terms, strict=True)] if len(terms) != 1 else terms[0]
        if not terms:
            return [0.0] * (len(times) - 1)
        return list(map(truediv, map(sub, areas[1:], areas), map(sub, times[1:], times)))

    def changes(self, a: float, b: float) -> list[float] | None:
        """When it changes between two times; None if it does so all the time."""
        curves = [(begin, curve) for begin, _, d in self.now for curve in d.curves]
        if any(curve.sloped for _, curve in curves):
            return None
        return [begin + t for begin, curve in curves for t in curve.breaks(a - begin, b - begin)]

    def most(self, a: float, b: float) -> float:
        """An amount that is not exceeded from `a` to `b`."""
        return sum(term.demand.most(a - term.begin, b - term.begin) for term in self.now)

    def piece(self, t: float) -> tuple[float, float, float]:
        """How much is wanted, how that changes, and until when it goes on so."""
        value, slope, end = 0.0, 0.0, inf
        for begin, _, demand in self.now:
            v, s, e = demand.piece(t - begin)
            value, slope, end = value + v, slope + s, min(end, begin + e)
        return value, slope, end


class Counts(NamedTuple):
    """What the kernel has counted up to a time: cores wanted in vain, times seconds; throttling."""

    time: float
    unmet: float = 0.0
    throttled: float = 0.0
    periods: float = 0.0


class Limits(NamedTuple):
    """What a container's resources mean to the kernel: cores, shares, bytes."""

    cores: float
    shares: int
    memory: float
    disk: float


@memo
def limits_of(spec: Any) -> Limits:
    """The limits of a container's spec; infinite where it has none."""
    requests = (spec.resources.requests if spec.resources is not None else None) or {}
    limits = (spec.resources.limits if spec.resources is not None else None) or {}
    bounds = [quantity.value(limits[name]) if name in limits else inf
              for name in ("memory", "ephemeral-storage")]  # fmt: skip
    asked = quantity.milli(requests.get("cpu", limits.get("cpu", "0")))
    return Limits(cpu.limit(quantity.milli(limits.get("cpu", "0"))), cpu.shares(asked), *bounds)


class Load:
    """One run of a container as the kernel sees it.

    `number` counts its starts from 0. `declared` are the demands that its annotations or its image
    make, `working` that of the requests that have come. `cost`: seconds of computing that each of
    them costs; `rate`: cores that there are for them; `work`: seconds of computing not yet begun;
    `free_at`: when all that has come will be done. `counted` are `Counts` at some times, as bare
    tuples for there may be thousands: they grow evenly from one to the next, then stay.
    """

    __slots__ = (
        "begun", "container", "cost", "counted", "cpu", "declared", "disk", "ended", "free_at",
        "limits", "memory", "number", "rate", "timer", "work", "working",
    )  # fmt: skip

    def __init__(self, container: Container, begun: float) -> None:
        self.container = container
        self.limits = limits_of(container.spec)
        self.begun = begun
        self.ended = inf
        self.number = 0
        self.cpu, self.memory, self.disk = Timeline(), Timeline(), Timeline()
        self.counted: list[tuple[float, float, float, float]] = []
        self.cost = self.rate = self.work = self.free_at = 0.0
        self.declared: list[tuple[Timeline, Term]] = []
        self.working: list[tuple[Timeline, Term]] = []
        self.timer: Timer | None = None

    def timeline(self, resource: str) -> Timeline:
        """Its demands for `cpu`, `memory` or `disk`."""
        found: Timeline = getattr(self, resource)
        return found

    @property
    def patient_until(self) -> float:
        """Until when people wait for what it does."""
        return self.begun + self.container.patience

    def missed(
        self, begin: float, end: float, unmet: float, throttled: float, periods: float
    ) -> None:
        """It wanted more than it got between two times, after those that it was told of before."""
        counted = self.counted
        time, u, t, p = counted[-1] if counted else (-inf, 0.0, 0.0, 0.0)
        if time < begin:
            counted.append((begin, u, t, p))
        counted.append((end, u + unmet, t + throttled, p + periods))
        if len(counted) > MOST_COUNTS:
            self._thin()

    def counts(self, t: float) -> Counts:
        """What has been counted up to a time."""
        return self._counts([t])[0] if self.counted else Counts(t)

    def _counts(self, times: Sequence[float]) -> list[Counts]:
        """`counts` at each of some times, which only grow."""
        found, counted = [], self.counted
        place, last = 0, len(counted)
        for t in times:
            place = bisect_right(counted, t, place, key=_time)
            if not place:
                found.append(Counts(t))
                continue
            begin, *counts = counted[place - 1]
            if place < last:
                end, *ends = counted[place]
                part = (t - begin) / (end - begin)
                counts = [a + (b - a) * part for a, b in zip(counts, ends, strict=True)]
            found.append(Counts(t, *counts))
        return found

    def column(self, field: str, times: Sequence[float]) -> list[float]:
        """A field of its use at each of some times while it ran, which only grow."""
        none = [0.0] * len(times)
        if field == "memory":
            most, memory = self.limits.memory, self.memory.amounts(times)
            return [min(amount, most) for amount in memory] if most < inf else memory
        if field == "periods":
            return [whole((t - self.begun) * cpu.PERIODS) for t in times if self.periodic] or none
        counts = self._counts(times) if self.counted else []
        if field == "cpu_seconds":
            areas = self.cpu.areas(times)
            return [a - c.unmet for a, c in zip(areas, counts, strict=True)] if counts else areas
        if field == "throttled_periods":
            return [whole(c.periods) for c in counts] or none
        return [c.throttled for c in counts] or none

    @property
    def periodic(self) -> bool:
        """Whether its quota's periods are counted: there is one, and it may compute."""
        return self.limits.cores < inf and self.cpu.peak > 0

    def had(self, t: float) -> float:
        """Cores that it had at a past time.

        If it wanted more: on average over the stretch in which that was so.
        """
        place = bisect_right(self.counted, t, key=_time)
        if 0 < place < len(self.counted):
            (begin, before, *_), (end, after, *_) = self.counted[place - 1 : place + 1]
            if after > before:
                wanted = self.cpu.area(end) - self.cpu.area(begin)
                return (wanted - (after - before)) / (end - begin)
        return self.cpu.at(t)

    def _thin(self) -> None:
        """Of the older half of the counts keep those of one moment a minute."""
        half = len(self.counted) // 2
        kept = [self.counted[0]]
        for counts in self.counted[:half]:
            if counts[0] >= kept[-1][0] + THIN:
                kept.append(counts)
        self.counted[:half] = kept

    def cpu_seconds(self, t: float) -> float:
        """Seconds of computing up to a time."""
        return self.cpu.area(t) - self.counts(t).unmet


ROUNDING = 1e-6


def whole(amount: float) -> int:
    """What is complete of it, in spite of rounding."""
    return floor(amount + ROUNDING)


def crossing(timelines: Sequence[Timeline], level: float, start: float, end: float) -> float | None:
    """When the sum of some demands first exceeds a level between two times; None if it does not."""
    window = start
    while window < end:
        until = min(window + WINDOW, end)
        if sum(timeline.most(window, until) for timeline in timelines) > level:
            t = window
            while t < until:
                pieces = [timeline.piece(t) for timeline in timelines]
                total, slope = sum(p[0] for p in pieces), sum(p[1] for p in pieces)
                if total > level:
                    return t
                ends = min(until, *(p[2] for p in pieces))
                # A byte more than the level, so that it is exceeded in spite of rounding.
                if slope > 0 and t + (level + 1 - total) / slope < ends:
                    return t + (level + 1 - total) / slope
                t = max(ends, t + STEP)
        window = until
    return None


WINDOW = 600.0
"""Seconds that are looked at together; most of them need no closer look."""
STEP = 1e-6
"""The least that time goes on."""
