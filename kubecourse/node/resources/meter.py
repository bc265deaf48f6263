"""Who uses how much of a machine, and what the kernel does when it is too much.

Nothing is done while time passes. What containers got is worked out when somebody asks, or when
something changes; and since demands are made of straight pieces, the next moment at which memory
runs out is known beforehand. Only where CPU is short or limited are there steps to be gone
through: from one change of a demand to the next, or seconds if there are many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, repeat
from math import ceil, inf
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.api import quantity
from kubecourse.api.demand import NOTHING, PER_REQUEST, RESOURCES, Demand
from kubecourse.clock import Clock, Timer
from kubecourse.node.resources import cpu
from kubecourse.node.resources.load import (
    ROUNDING,
    WINDOW,
    Limits,
    Load,
    Term,
    Timeline,
    crossing,
    whole,
)
from kubecourse.node.resources.memory import oom_score, oom_score_adj

if TYPE_CHECKING:
    from kubecourse.node.machine import Machine
    from kubecourse.node.runtime.container import Container

AHEAD = 3600.0
"""Seconds that are looked ahead for memory running out."""
BEAT = 1.0
"""Seconds over which the work of requests is spread."""
MOST_RUNS = 20
"""Runs of one container that are remembered."""
MOST_CORES, MOST_BYTES = 1e6, 1e15
"""What counts for a demand that grows for ever."""
TOGETHER = 10
"""Steps of a second that are remembered as one."""
Key = tuple[str, str]
Wish = tuple[Timeline, Term]
"""A demand that counts, and where."""


class Usage(NamedTuple):
    """What a container uses at a moment, and what it has used since its start.

    `run` counts its starts from 0. `demand` and `cpu` are cores wanted and had; `memory` (working
    set) and `disk` (its own layer and logs) are bytes. The rest are counters as cAdvisor has them.
    """

    time: float
    run: int
    demand: float
    cpu: float
    memory: float
    disk: float
    cpu_seconds: float
    periods: int
    throttled_periods: int
    throttled_seconds: float


class NodeUsage(NamedTuple):
    """What a machine's containers and its system use at a moment: cores and bytes."""

    time: float
    cpu: float
    memory: float
    memory_available: float
    disk: float
    disk_available: float
    oom_kills: int


class Meter:
    """The kernel of one machine, as far as it counts and divides.

    `levels` are amounts of used memory, ascending, and the last is all there is; `reached` is told
    when another is exceeded, and when disk is wanted. `told` hears of a container that was killed
    for want of the machine's memory. `images` says how much disk those take.
    """

    __slots__ = (
        "_above", "_calm", "_clock", "_fixed", "_over", "_peaks", "_settled", "_timer", "capacity",
        "cores", "disk", "images", "levels", "oom_kills", "reached", "running", "runs", "system",
        "told",
    )  # fmt: skip

    def __init__(self, clock: Clock, machine: Machine) -> None:
        self._clock = clock
        self.cores = quantity.milli(machine.cpu) / 1000
        self.capacity = quantity.value(machine.memory)
        self.disk = quantity.value(machine.storage)
        self.system = min(quantity.value(machine.system_memory), self.capacity // 4)
        self.images: Callable[[], float] | None = None
        self.levels: tuple[float, ...] = (self.capacity,)
        self.reached: Callable[[], Any] | None = None
        self.told: Callable[[Container], Any] | None = None
        self.oom_kills = 0
        self.running: dict[Key, Load] = {}
        self.runs: dict[Key, list[Load]] = {}
        self._settled = clock.now
        self._peaks = [0.0, 0.0]  # of CPU and memory, if all came together
        self._over = 0  # how many may want more CPU than their limit
        self._calm = True
        self._above = 0
        self._timer: Timer | None = None

    # --- what happens

    def begin(self, load: Load) -> None:
        """A container starts."""
        key = (load.container.sandbox.uid, load.container.name)
        runs = self.runs.setdefault(key, [])
        load.number = runs[-1].number + 1 if runs else 0
        runs.append(load)
        del runs[:-MOST_RUNS]
        self._settle()
        self.running[key] = load
        self.declare(load)

    def declare(self, load: Load) -> None:
        """A container wants from now on what it now declares."""
        declared = load.container.demands
        load.cost = declared.get(PER_REQUEST, NOTHING).constant
        begin = {name: declared[name] for name in RESOURCES if name in declared}
        load.declared = self.want(load, begin, load.declared)

    def want(self, load: Load, begin: Mapping[str, Demand], end: Iterable[Wish] = ()) -> list[Wish]:
        """From now on some demands count, by resource, and others do so no more."""
        if load.ended < inf:
            return []
        self._settle()
        now = self._clock.now
        self._count(load, -1)
        for timeline, term in end:
            timeline.end(term, now)
        timelines = {name: load.timeline(name) for name in begin}
        wishes = [(timelines[name], timelines[name].add(begin[name], now)) for name in begin]
        self._count(load, 1)
        self._changed(load)
        if "disk" in begin and self.reached is not None:
            self.reached()
        return wishes

    def end(self, load: Load) -> None:
        """A container has ended: its memory is free."""
        self._settle()
        load.ended = self._clock.now
        self._clock.cancel(load.timer)
        self._count(load, -1)
        key = (load.container.sandbox.uid, load.container.name)
        if self.running.get(key) is load:
            del self.running[key]
        self._changed()

    def forget(self, uid: str) -> None:
        """A pod is gone: nobody asks for its containers any more."""
        for key in [key for key in self.runs if key[0] == uid]:
            del self.runs[key]

    def _count(self, load: Load, sign: int) -> None:
        peak = load.cpu.peak
        self._peaks[0] += sign * min(peak, MOST_CORES)
        self._peaks[1] += sign * min(load.memory.peak, MOST_BYTES)
        self._over += sign * (peak > load.limits.cores)

    def _changed(self, load: Load | None = None) -> None:
        """Demands are not what they were: CPU may be short, memory may run out."""
        was_calm = self._calm
        self._calm = not self._over and self._peaks[0] <= self.cores + ROUNDING
        if was_calm and not self._calm:
            for each in list(self.running.values()):
                each.container.changed()
        if load is not None and (load.timer or load.memory.peak > load.limits.memory):
            self._watch(load)
        if self._above or self._timer is not None or self._most_memory() > self.levels[0]:
            self.watch()

    def _most_memory(self) -> float:
        return self.system + self._peaks[1]

    # --- CPU

    def _settle(self) -> None:
        """Count what everybody has got until now."""
        now, start = self._clock.now, self._settled
        if not self._calm:
            while start < now:
                end = min(start + WINDOW, now)
                self._divide(start, end)
                start = end
        self._settled = now

    def _divide(self, a: float, b: float) -> None:
        """Count what everybody gets from `a` to `b`, between which only demands change."""
        loads = list(self.running.values())
        limits = [load.limits.cores for load in loads]
        most = [load.cpu.most(a, b) for load in loads]
        if sum(map(min, most, limits)) > self.cores:
            self._share_out(loads, a, b)
            return
        # Nobody is in the way of another: at most a limit is.
        for load, wanted, limit in zip(loads, most, limits, strict=True):
            if wanted > limit:
                self._share_out([load], a, b)

    def _share_out(self, loads: list[Load], a: float, b: float) -> None:
        """Share out the CPU among some who may want more than they get."""
        times, group = _changes([load.cpu for load in loads], a, b)
        lengths = [end - begin for begin, end in pairwise(times)]
        wanted = [load.cpu.averages(times) for load in loads]
        limits = [load.limits.cores for load in loads]
        capped = [
            wants if limit == inf else [want if want < limit else limit for want in wants]
            for wants, limit in zip(wanted, limits, strict=True)
        ]
        shares, levels, level = [load.limits.shares for load in loads], [], 0.0
        for row in zip(*capped, strict=True):
            levels.append(cpu.water_level(self.cores, row, shares, level))
            level = levels[-1] if levels[-1] < inf else level
        groups = [slice(n, n + group) for n in range(0, len(lengths), group)]
        spans = list(zip(groups, times[::group], [*times[group::group], b], strict=False))
        for load, wants in zip(loads, wanted, strict=True):
            unmet, throttled, periods = _missed(load.limits, lengths, wants, levels)
            for each, begin, end in spans:
                if missed := sum(unmet[each]):
                    load.missed(begin, end, missed, sum(throttled[each]), sum(periods[each]))

    def _now(self, greedy: Load | None = None) -> tuple[list[Load], cpu.Split]:
        """How the CPU is divided at this moment, or would be if one wanted all."""
        now, loads = self._clock.now, list(self.running.values())
        demands = [self.cores if load is greedy else load.cpu.at(now) for load in loads]
        limits = [load.limits.cores for load in loads]
        shares = [load.limits.shares for load in loads]
        return loads, cpu.share_out(self.cores, demands, limits, shares)

    # --- requests

    def is_steady(self, load: Load) -> bool:
        """Whether a container answers as fast as before until CPU is short."""
        return self._calm and not load.cost

    def serve(self, load: Load, latency: float) -> float:
        """A request has come: the seconds until it is answered.

        `latency` is what it takes besides computing.
        """
        if not load.cost:
            return latency if self._calm else latency * self._slowness(load)
        now, limit = self._clock.now, load.limits.cores
        if not load.working and not load.work:
            load.rate = self._could_have(load)
            self._clock.call_later(BEAT, self._work, load, background=True)
        load.work += load.cost
        load.free_at = max(load.free_at, now) + load.cost / load.rate
        if load.rate < limit - ROUNDING:  # others are in the way
            return latency + max(load.free_at - now, load.cost / min(load.rate, 1.0))
        # A quota can be used up at once, and then it must wait for the next.
        queue = load.free_at - now - cpu.PERIOD
        return latency + max(queue, cpu.service_time(load.cost, limit))

    def _work(self, load: Load) -> None:
        """What has come in a second is computed in the next; what was too much stays."""
        if load.ended < inf:
            return
        self._settle()
        now, ended = self._clock.now, load.working
        for _, term in ended:
            unmet = load.counts(now).unmet - load.counts(term.begin).unmet
            load.work += min(unmet, term.demand.constant * BEAT)
        load.rate = self._could_have(load)
        amount = min(load.work, self.cores * BEAT)
        load.work -= amount
        load.working = self.want(load, {"cpu": Demand(amount / BEAT)} if amount else {}, ended)
        if load.working:
            self._clock.call_later(BEAT, self._work, load, background=True)

    def _could_have(self, load: Load) -> float:
        """Cores that a container would get for requests if it wanted all."""
        work = sum(term.demand.constant for _, term in load.working)
        loads, split = self._now(load)
        had = split.used[loads.index(load)]
        return max(had - load.cpu.at(self._clock.now) + work, had / 100)

    def _slowness(self, load: Load) -> float:
        """How many times as long everything takes, because it gets less than it wants."""
        loads, split = self._now()
        had = split.used[loads.index(load)]
        return max(load.cpu.at(self._clock.now) / had, 1.0) if had else 1.0

    # --- memory

    def memory(self, now: float) -> float:
        """Bytes that are in use on the machine."""
        return self.system + sum(load.memory.at(now) for load in self.running.values())

    def _watch(self, load: Load) -> None:
        """See when a container exceeds its limit."""
        clock, memory = self._clock, load.memory
        clock.cancel(load.timer)
        load.timer = None
        if memory.peak <= load.limits.memory:
            return
        until = clock.now + AHEAD
        when = crossing([memory], load.limits.memory, clock.now, until)
        if when is None:
            load.timer = clock.call_at(until, self._watch, load, background=True)
        else:
            late = when > load.patient_until
            load.timer = clock.call_at(_after(when), self._exceeded, load, background=late)

    def _exceeded(self, load: Load) -> None:
        """A container wants more memory than its limit: the kernel kills it."""
        self.oom_kills += 1
        load.container.out_of_memory()

    def watch(self) -> None:
        """See when the machine's memory comes to the next level; tell if it has."""
        clock, loads = self._clock, self.running.values()
        clock.cancel(self._timer)
        self._timer = None
        used = self.memory(clock.now)
        above = self._exceeds(used)
        if above > self._above or (above == len(self.levels) and loads):
            self._timer = clock.call_later(0.0, self._reached)
            return
        self._above = above
        if above == len(self.levels) or self._most_memory() <= self.levels[above]:
            return
        moving = [load.memory for load in loads if load.memory.moves]
        still = used - sum(memory.at(clock.now) for memory in moving)
        until = clock.now + AHEAD
        when = crossing(moving, self.levels[above] - still, clock.now, until)
        if when is None:
            self._timer = clock.call_at(until, self.watch, background=True)
        else:
            late = when > max(load.patient_until for load in loads)
            self._timer = clock.call_at(_after(when), self._reached, background=late)

    def _exceeds(self, used: float) -> int:
        """How many levels an amount of memory exceeds."""
        return sum(used > level for level in self.levels)

    def _reached(self) -> None:
        self._timer = None
        before, self._above = self._above, self._exceeds(self.memory(self._clock.now))
        if self._above == len(self.levels):
            self._kill()
        elif self._above > before and self.reached is not None:
            self.reached()
        self.watch()

    def _kill(self) -> None:
        """There is no memory left: the kernel kills the container with the highest score."""
        now, capacity = self._clock.now, self.capacity
        loads = [load for load in self.running.values() if load.memory.at(now) > 0]
        if not loads:
            return
        victim = max(loads, key=lambda load: oom_score(
            load.memory.at(now),
            oom_score_adj(load.container.sandbox.spec, load.container.spec, capacity), capacity,
        ))  # fmt: skip
        self.oom_kills += 1
        victim.container.out_of_memory()
        if self.told is not None:
            self.told(victim.container)

    # --- reading

    def usage(self, uid: str, name: str, at: float | None = None) -> Usage | None:
        """What a container used at a time (None: now); None if it did not run then."""
        self._clock.enter()
        self._settle()
        t = self._clock.now if at is None else at
        load = self._run(uid, name, t)
        return None if load is None else self._usage(load, t, self._given(t))

    def series(
        self, uid: str, name: str, start: float, end: float, step: float = 1.0
    ) -> list[Usage]:
        """The same at each step between two times, where it ran."""
        count = whole((min(end, self._clock.now) - start) / step) + 1
        rows = (self.usage(uid, name, start + n * step) for n in range(max(count, 0)))
        return [row for row in rows if row is not None]

    def samples(
        self,
        uid: str,
        name: str,
        start: float,
        end: float,
        step: float,
        fields: Sequence[str] = ("cpu_seconds", "memory"),
    ) -> list[tuple[float, ...]]:
        """The least of it, for who asks often: time, run, and some fields that grow or stay."""
        self._clock.enter()
        self._settle()
        count = whole((min(end, self._clock.now) - start) / step) + 1
        times = [start + n * step for n in range(max(count, 0))]
        found: list[tuple[float, ...]] = []
        for load in self.runs.get((uid, name), ()):
            own = times[bisect_left(times, load.begun) : bisect_left(times, load.ended)]
            if own:
                columns = [load.column(field, own) for field in fields]
                found += zip(own, repeat(load.number), *columns, strict=False)
        return found

    def node(self, at: float | None = None) -> NodeUsage:
        """What everything on the machine used at a time (None: now)."""
        self._clock.enter()
        self._settle()
        t = self._clock.now if at is None else at
        given, loads = self._given(t), (self._run(*key, t) for key in self.runs)
        rows = [self._usage(load, t, given) for load in loads if load is not None]
        memory = self.system + sum(row.memory for row in rows)
        disk = sum(row.disk for row in rows) + (self.images() if self.images else 0.0)
        return NodeUsage(
            t, sum(row.cpu for row in rows), memory, max(self.capacity - memory, 0.0),
            disk, max(self.disk - disk, 0.0), self.oom_kills,
        )  # fmt: skip

    def _run(self, uid: str, name: str, t: float) -> Load | None:
        """The run of a container that went on at a time."""
        runs = reversed(self.runs.get((uid, name), ()))
        return next((load for load in runs if load.begun <= t < load.ended), None)

    def _given(self, t: float) -> dict[Load, float]:
        """The cores that each has at this very moment, where that must be worked out."""
        if self._calm or t < self._settled:
            return {}
        loads, split = self._now()
        return dict(zip(loads, split.used, strict=True))

    def _usage(self, load: Load, t: float, given: Mapping[Load, float]) -> Usage:
        demand, counts = load.cpu.at(t), load.counts(t)
        had = given[load] if load in given else load.had(t)
        return Usage(
            time=t,
            run=load.number,
            demand=demand,
            cpu=min(max(had, 0.0), load.limits.cores),
            memory=min(load.memory.at(t), load.limits.memory),
            disk=load.disk.at(t) + load.container.written,
            cpu_seconds=load.cpu_seconds(t),
            periods=whole((t - load.begun) * cpu.PERIODS) if load.periodic else 0,
            throttled_periods=whole(counts.periods),
            throttled_seconds=counts.throttled,
        )


def _missed(
    limits: Limits, lengths: Sequence[float], wanted: Sequence[float], levels: Sequence[float]
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """In each step: the computing that one wants in vain, throttled seconds and periods."""
    limit, share, steps = limits.cores, limits.shares, zip(lengths, wanted, levels, strict=True)
    if limit == inf:
        none = [0.0] * len(lengths)
        return [n * (w - v * share) if w > v * share else 0.0 for n, w, v in steps], none, none
    unmet, throttled, periods = [], [], []
    for length, want, level in steps:
        rate = level * share
        if rate > want:
            rate = want
        late = rate > limit
        unmet.append(length * (want - (limit if late else rate)))
        throttled.append(length * cpu.throttled_seconds(rate, limit) if late else 0.0)
        periods.append(length * cpu.PERIODS if late else 0.0)
    return unmet, throttled, periods


def _changes(timelines: Iterable[Timeline], a: float, b: float) -> tuple[list[float], int]:
    """The times from `a` to `b` at which demands change, and how many steps make one mark.

    If there are more changes than seconds, or some demand changes all the time: the seconds.
    """
    known: set[float] = set()
    for timeline in timelines:
        times = timeline.changes(a, b)
        known.update(times or ())
        if times is None or len(known) > b - a:
            return [*(a + n for n in range(ceil(b - a - ROUNDING))), b], TOGETHER
    return [a, *sorted(known), b], 1


def _after(when: float) -> float:
    """The first microsecond from which something is so: times are rounded to them."""
    return ceil(when * 1e6) / 1e6
