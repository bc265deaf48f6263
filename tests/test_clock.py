"""Virtual time: what happens when, what settles, and that skipped heartbeats lose nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.clock import Clock


class Log:
    """Writes down what was called, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lines: list[tuple[float, object]] = []

    def write(self, what: object) -> None:
        self.lines.append((self.clock.now, what))


def test_things_happen_in_order_of_time_then_of_asking() -> None:
    clock = Clock()
    log = Log(clock)
    clock.call_later(2, log.write, "second")
    clock.call_later(1, log.write, "first")
    clock.call_later(2, log.write, "third")
    clock.advance(5)
    assert log.lines == [(1, "first"), (2, "second"), (2, "third")]


def test_advance_ends_exactly_then() -> None:
    clock = Clock()
    clock.call_later(31, print)
    clock.advance(30)
    assert clock.now == 30


def test_time_only_goes_forward() -> None:
    with pytest.raises(ValueError, match="forward"):
        Clock().advance(-1)


def test_settle_waits_for_what_must_happen_and_not_for_retries() -> None:
    clock = Clock()
    log = Log(clock)
    clock.call_later(10, log.write, "once")
    clock.call_later(20, log.write, "retry", background=True)
    assert clock.settle()
    assert log.lines == [(10, "once")]
    assert clock.now == 10


def test_settle_gives_up_and_says_so() -> None:
    clock = Clock()
    clock.call_later(100, print)
    assert not clock.settle(limit=50)
    assert clock.now == 50


def test_wait_for_stops_at_once_when_the_condition_holds() -> None:
    clock = Clock()
    log = Log(clock)
    for second in (1, 2, 3):
        clock.call_later(second, log.write, second)
    assert clock.wait_for(lambda: len(log.lines) == 2, timeout=10)
    assert clock.now == 2
    assert not clock.wait_for(lambda: len(log.lines) == 9, timeout=10)
    assert clock.now == 12


def test_a_cancelled_timer_does_not_happen_and_keeps_nobody_waiting() -> None:
    clock = Clock()
    log = Log(clock)
    timer = clock.call_later(10, log.write, "never")
    assert clock.pending(timer)
    clock.cancel(timer)
    clock.cancel(timer)
    assert clock.settle()
    assert (clock.now, log.lines, clock.pending(timer)) == (0, [], False)


def test_the_same_seed_draws_the_same_numbers_for_each_name() -> None:
    assert Clock(7).rng("a").random() == Clock(7).rng("a").random()
    assert Clock(7).rng("a").random() != Clock(7).rng("b").random()
    assert Clock(7).rng("a").random() != Clock(8).rng("a").random()


def test_the_time_of_day_has_whole_seconds() -> None:
    clock = Clock()
    clock.advance(90.75)
    assert clock.utc().isoformat() == "2026-01-05T09:01:30+00:00"
    assert clock.seconds(clock.utc_precise()) == 90.75


class Pulse:
    """Counts its beats."""

    def __init__(self, log: Log, name: str) -> None:
        self.log = log
        self.name = name
        self.beats = 0
        self.calls = 0

    def beat(self, beats: int) -> None:
        self.beats += beats
        self.calls += 1
        self.log.write(self.name)


def test_an_idle_day_is_a_few_calls() -> None:
    clock = Clock()
    pulse = Pulse(Log(clock), "pulse")
    clock.every(10, pulse.beat)
    clock.advance(86_400)
    assert pulse.beats == 8640
    assert pulse.calls < 20
    assert pulse.log.lines[-1] == (86_400, "pulse")


def test_heartbeats_keep_nobody_waiting() -> None:
    clock = Clock()
    clock.every(10, Pulse(Log(clock), "pulse").beat)
    assert clock.settle()
    assert clock.now == 0


def test_a_stopped_heartbeat_is_silent() -> None:
    clock = Clock()
    pulse = Pulse(Log(clock), "pulse")
    beat = clock.every(10, pulse.beat)
    clock.advance(10)
    clock.cancel(beat)
    clock.advance(100)
    assert pulse.beats == 1


class Starter:
    """Asks for something to happen when it first beats."""

    def __init__(self, log: Log, delay: float) -> None:
        self.log = log
        self.delay = delay
        self.started = False

    def beat(self, beats: int) -> None:
        if not self.started:
            self.started = True
            self.log.clock.call_later(self.delay, self.log.write, "started")


def test_what_a_heartbeat_starts_comes_before_later_beats() -> None:
    clock = Clock()
    log = Log(clock)
    clock.every(10, Starter(log, 1).beat, first=4)
    pulse = Pulse(log, "pulse")
    clock.every(7, pulse.beat)
    clock.advance(100)
    assert log.lines[0] == (5, "started")
    assert [time for time, _ in log.lines] == sorted(time for time, _ in log.lines)
    assert pulse.beats == 14


def test_after_a_heartbeat_begins_or_ends_no_other_is_skipped_for_a_while() -> None:
    clock = Clock()
    log = Log(clock)
    clock.every(50, Pulse(log, "pulse").beat)
    clock.advance(1000)
    assert [time for time, _ in log.lines] == [50, 100, 1000]
    clock.cancel(clock.every(10, Pulse(log, "other").beat))
    clock.advance(1000)
    assert [time for time, _ in log.lines[3:]] == [1050, 1100, 2000]


@given(
    periods=st.lists(st.integers(1, 20), max_size=4),
    events=st.lists(st.integers(0, 200), max_size=8),
    steps=st.lists(st.integers(0, 60), min_size=1, max_size=8),
)
def test_no_beat_is_lost_or_added_however_time_is_cut(
    periods: list[int], events: list[int], steps: list[int]
) -> None:
    clock = Clock()
    log = Log(clock)
    pulses = [Pulse(log, f"every {period}") for period in periods]
    for period, pulse in zip(periods, pulses, strict=True):
        clock.every(period, pulse.beat)
    for event in events:
        clock.call_at(event, log.write, "event")
    for step in steps:
        clock.advance(step)
    end = sum(steps)
    assert clock.now == end
    assert [pulse.beats for pulse in pulses] == [end // period for period in periods]
    assert [time for time, _ in log.lines] == sorted(time for time, _ in log.lines)
    happened = [time for time, what in log.lines if what == "event"]
    assert happened == sorted(event for event in events if event <= end)
