"""Virtual time: one queue of things to happen, one clock that jumps from each to the next.

Nothing in the simulation waits and nothing reads the wall clock. A cluster's components ask the
clock to call them later; `advance`, `settle` and `wait_for` make it later. Events at the same
time happen in the order in which they were asked for, so the same seed gives the same history on
every machine.

Timers hold bound methods and plain arguments, never closures: a cluster can then be copied.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any, NamedTuple

from kubecourse.copy_on_write import Cell
from kubecourse.fair_lock import FairLock
from kubecourse.stack import large_frame

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""What the clock shows at virtual second 0, a Monday morning, in every cluster."""
ATTENTION = 120.0
"""Virtual seconds for which every beat counts after a heartbeat has begun or ended."""


class Timer(NamedTuple):
    """Something that will happen, or did: its clock knows. `cancel` it and it will not.

    With a `period` it is a heartbeat: something that happens every so many seconds and changes
    nothing while all is well. Its action is called with the number of beats since the last call.
    That is 1 while other things are happening. When nothing else happens for a long time the
    clock calls it once for the whole stretch, so an idle cluster costs next to nothing. Whoever
    listens for others' heartbeats must not mind the silence within such a stretch: it was quiet,
    not dead. A heartbeat does not enter its cell; its action does if it changes something.
    """

    when: float
    seq: int
    action: Callable[..., Any]
    args: tuple[Any, ...]
    background: bool
    cell: Cell | None
    period: float = 0.0


class Clock:
    """The time of one cluster, in seconds since it began, and everything that is still to happen.

    `seed` decides everything that is random: `rng(name)` gives each part of the simulation its
    own source, so that one drawing more does not change what another draws.
    """

    cell: Cell | None = None

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.now = 0.0
        self.turn = FairLock()
        self._queue: list[Timer] = []
        self._beats: list[Timer] = []
        self._pending: set[int] = set()
        self._seq = 0
        self._foreground = 0
        self._attentive_until = 0.0
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

    def moment(self, seconds: float) -> datetime:
        """A virtual second as a time of day, in whole seconds."""
        return START + timedelta(seconds=int(seconds))

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
        when = round(when, 6)
        if when < self.now:
            when = self.now
        timer = Timer(when, self._seq, action, args, background, self.cell)
        if not background:
            self._foreground += 1
        self._pending.add(self._seq)
        heappush(self._queue, timer)
        return timer

    def call_later(
        self, delay: float, action: Callable[..., Any], *args: Any, background: bool = False
    ) -> Timer:
        """Call `action(*args)` in `delay` virtual seconds."""
        return self.call_at(self.now + delay, action, *args, background=background)

    def pending(self, timer: Timer | None) -> bool:
        """Whether a timer is still to happen."""
        return timer is not None and timer.seq in self._pending

    def cancel(self, timer: Timer | None) -> None:
        """Make a timer not happen. Nothing to do if it has happened, or is None."""
        if timer is not None and timer.seq in self._pending:
            self._pending.discard(timer.seq)
            if timer.period:
                self.attend()
            elif not timer.background:
                self._foreground -= 1

    def every(
        self, period: float, action: Callable[[int], Any], first: float | None = None
    ) -> Timer:
        """Call `action(beats)` every `period` seconds, the first time in `first` (or `period`)."""
        self._seq += 1
        due = round(self.now + (period if first is None else first), 6)
        beat = Timer(due, self._seq, action, (), True, self.cell, period)
        self._pending.add(self._seq)
        heappush(self._beats, beat)
        self.attend()
        return beat

    def attend(self, seconds: float = ATTENTION) -> None:
        """Skip no heartbeat for so many virtual seconds.

        So it is whenever a heartbeat begins or ends: somebody may have to notice the silence.
        """
        self._attentive_until = max(self._attentive_until, self.now + seconds)

    def enter(self) -> None:
        """Enter the cell whose clock this is, if it is one's."""
        if self.cell is not None:
            self.cell.enter()

    # --- making it later

    def advance(self, seconds: float) -> None:
        """Let exactly that many virtual seconds pass."""
        if seconds < 0:
            raise ValueError("time only goes forward: advance() takes a positive number of seconds")
        end = round(self.now + seconds, 6)
        self._run(end, None)
        self.now = max(self.now, end)

    def settle(self, limit: float = 3600.0) -> bool:
        """Run until nothing but heartbeats and retries is left to happen.

        Returns False if that was not so after `limit` virtual seconds.
        """
        return self.wait_for(self._settled, limit)

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Run until `condition()` holds; False if it did not within `timeout` virtual seconds."""
        end = round(self.now + timeout, 6)
        if self._run(end, condition):
            return True
        self.now = max(self.now, end)
        return condition()

    def _settled(self) -> bool:
        return not self._foreground

    @large_frame
    def _run(self, end: float, condition: Callable[[], bool] | None) -> bool:
        """Let things happen until `end` or until the condition holds; whether it does.

        Nearly everything that is made meanwhile stays, so looking for garbage among it is a
        waste: a quarter of the time of a large rollout. Who waits for a turn has it between two
        of the things that happen.
        """
        collecting, wanted = gc.isenabled(), self.turn.wanted
        gc.disable()
        try:
            with self.turn:
                while condition is None or not condition():
                    if wanted():
                        self.turn.pass_on()
                    elif not self._step(end):
                        return False
                return True
        finally:
            if collecting:
                gc.enable()

    def _step(self, end: float) -> bool:
        """Let the next thing happen; False if nothing does until `end`."""
        queue = self._queue
        while queue and queue[0].seq not in self._pending:
            heappop(queue)
        first = queue[0].when if queue else end
        until = min(first, end)
        if self._beats and self._beats[0].when <= until:
            self._beat(until)
            return True
        if not queue or first > end:
            return False
        self._fire()
        return True

    def _fire(self) -> None:
        """Let the first timer happen, if it has not been cancelled."""
        when, seq, action, args, background, cell, _ = heappop(self._queue)
        if seq not in self._pending:
            return
        self._pending.discard(seq)
        self.now = when
        if not background:
            self._foreground -= 1
        if cell is not None and cell.page is not None:
            cell.enter()
        action(*args)

    def _beat(self, until: float) -> None:
        """Let each heartbeat due by `until` beat once for all its beats, in order of time."""
        beats = self._beats
        if beats[0].when <= self._attentive_until:
            until = beats[0].when
        due: list[tuple[float, int, int, Timer]] = []
        while beats and beats[0].when <= until:
            beat = heappop(beats)
            if beat.seq in self._pending:
                count = int((until - beat.when) // beat.period) + 1
                last = round(beat.when + (count - 1) * beat.period, 6)
                due.append((last, beat.seq, count, beat))
        for last, _, _, beat in due:
            heappush(beats, beat._replace(when=round(last + beat.period, 6)))
        for last, seq, count, beat in sorted(due):
            # What the beats before this one have started comes first.
            while self._queue and self._queue[0].when <= last:
                self._fire()
            if seq in self._pending:
                self.now = last
                beat.action(count)


class LocalClock(Clock):
    """The same clock inside a cell."""

    __slots__ = ("cell", "whole")

    def __init__(self, clock: Clock, cell: Cell) -> None:
        self.__dict__ = clock.__dict__  # one time, seen from two places
        self.whole = clock
        self.cell = cell
