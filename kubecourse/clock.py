"""Virtual time: one queue of things to happen, one clock that jumps from each to the next.

Nothing in the simulation waits and nothing reads the wall clock. A cluster's components ask the
clock to call them later; `advance`, `settle` and `wait_for` make it later. Events at the same
time happen in the order in which they were asked for, so the same seed gives the same history on
every machine.

Timers hold bound methods and plain arguments, never closures: a cluster can then be copied.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""What the clock shows at virtual second 0, a Monday morning, in every cluster."""


class Timer:
    """One thing that will happen. `cancel()` and it will not."""

    __slots__ = ("action", "args", "background", "seq", "when")

    def __init__(
        self, when: float, seq: int, action: Callable[..., Any], args: tuple[Any, ...], background: bool
    ) -> None:
        self.when = when
        self.seq = seq
        self.action: Callable[..., Any] | None = action
        self.args = args
        self.background = background

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.seq) < (other.when, other.seq)

    @property
    def pending(self) -> bool:
        """Whether it is still to happen."""
        return self.action is not None


class Heartbeat:
    """Something that happens every `period` seconds and changes nothing that matters while all is well.

    Its action is called with the number of beats since the last call. That is 1 while other
    things are happening. When nothing else happens for a long time the clock calls it once for
    the whole stretch, so an idle cluster costs next to nothing.
    """

    __slots__ = ("action", "due", "period", "seq", "stopped")

    def __init__(self, due: float, seq: int, period: float, action: Callable[[int], Any]) -> None:
        self.due = due
        self.seq = seq
        self.period = period
        self.action = action
        self.stopped = False

    def __lt__(self, other: Heartbeat) -> bool:
        return (self.due, self.seq) < (other.due, other.seq)

    def stop(self) -> None:
        """Never beat again."""
        self.stopped = True


class Clock:
    """The time of one cluster, in seconds since it began, and everything that is still to happen.

    `seed` decides everything that is random: `rng(name)` gives each part of the simulation its
    own source, so that one drawing more does not change what another draws.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.now = 0.0
        self._queue: list[Timer] = []
        self._beats: list[Heartbeat] = []
        self._seq = 0
        self._foreground = 0
        self._second = -1
        self._shown = START

    # --- reading it

    def utc(self) -> datetime:
        """The time of day in whole seconds, as Kubernetes' timestamps have it."""
        second = int(self.now)
        if second != self._second:
            self._second = second
            self._shown = START + timedelta(seconds=second)
        return self._shown

    def utc_precise(self) -> datetime:
        """The time of day in microseconds, as leases and events have it."""
        return START + timedelta(seconds=self.now)

    def seconds(self, moment: datetime) -> float:
        """A time of day as seconds on this clock."""
        return (moment - START).total_seconds()

    def rng(self, name: str) -> random.Random:
        """A source of randomness for the part of the simulation of that name."""
        return random.Random(f"{self.seed}/{name}")

    # --- asking for something to happen

    def call_at(
        self, when: float, action: Callable[..., Any], *args: Any, background: bool = False
    ) -> Timer:
        """Call `action(*args)` at virtual second `when`, or at once if that has passed.

        A background timer does not keep `settle` waiting: retries and upkeep that go on for ever.
        """
        self._seq += 1
        timer = Timer(max(round(when, 6), self.now), self._seq, action, args, background)
        if not background:
            self._foreground += 1
        heappush(self._queue, timer)
        return timer

    def call_later(
        self, delay: float, action: Callable[..., Any], *args: Any, background: bool = False
    ) -> Timer:
        """Call `action(*args)` in `delay` virtual seconds."""
        return self.call_at(self.now + delay, action, *args, background=background)

    def cancel(self, timer: Timer | None) -> None:
        """Make a timer not happen. Nothing to do if it has happened, or is None."""
        if timer is not None and timer.action is not None:
            timer.action = None
            if not timer.background:
                self._foreground -= 1

    def every(self, period: float, action: Callable[[int], Any], first: float | None = None) -> Heartbeat:
        """Call `action(beats)` every `period` seconds, the first time in `first` (or `period`)."""
        self._seq += 1
        delay = period if first is None else first
        beat = Heartbeat(round(self.now + delay, 6), self._seq, period, action)
        heappush(self._beats, beat)
        return beat

    # --- making it later

    def advance(self, seconds: float) -> None:
        """Let exactly that many virtual seconds pass."""
        if seconds < 0:
            raise ValueError("time only goes forward: advance() takes a positive number of seconds")
        end = round(self.now + seconds, 6)
        while self._step(end):
            pass
        self.now = end

    def settle(self, limit: float = 3600.0) -> bool:
        """Run until nothing but heartbeats and retries is left to happen.

        Returns False if that was not so after `limit` virtual seconds.
        """
        end = self.now + limit
        while self._foreground:
            if not self._step(end):
                self.now = end
                return False
        return True

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Run until `condition()` holds; False if it did not within `timeout` virtual seconds."""
        end = round(self.now + timeout, 6)
        while not condition():
            if not self._step(end):
                self.now = end
                return condition()
        return True

    def _step(self, end: float) -> bool:
        """Let the next thing happen; False if nothing does until `end`."""
        queue = self._queue
        while queue and queue[0].action is None:
            heappop(queue)
        until = min(queue[0].when, end) if queue else end
        if self._beats and self._beats[0].due <= until:
            self._beat(until)
            return True
        if not queue or queue[0].when > end:
            return False
        timer = heappop(queue)
        self.now = timer.when
        action, timer.action = timer.action, None
        if not timer.background:
            self._foreground -= 1
        assert action is not None
        action(*timer.args)
        return True

    def _beat(self, until: float) -> None:
        """Let every heartbeat due by `until` beat once for all its beats so far, in order of time."""
        due: list[tuple[float, int, Heartbeat, int]] = []
        beats = self._beats
        while beats and beats[0].due <= until:
            beat = heappop(beats)
            if beat.stopped:
                continue
            count = int((until - beat.due) // beat.period) + 1
            due.append((round(beat.due + (count - 1) * beat.period, 6), beat.seq, beat, count))
        due.sort()
        for index, (when, _, beat, count) in enumerate(due):
            beat.due = round(when + beat.period, 6)
            if beat.stopped:
                continue
            heappush(beats, beat)
            self.now = max(self.now, when)
            beat.action(count)
            if self._queue and self._queue[0].when < until:
                self._put_back(due[index + 1 :])
                return

    def _put_back(self, rest: list[tuple[float, int, Heartbeat, int]]) -> None:
        """Something new is to happen before the rest beat: give back the beats that lie after it."""
        at = self._queue[0].when
        for when, _, beat, count in rest:
            after = min(int(max(0.0, when - at) // beat.period), count - 1)
            beat.due = round(when - after * beat.period, 6)
            self._beats.append(beat)
        heapify(self._beats)
