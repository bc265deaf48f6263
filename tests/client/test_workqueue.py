"""Work queues: each key once, failures later and later, and the loop that works them off."""

from typing import Any

from kubecourse.api.errors import bad_request
from kubecourse.client import Controller, Result
from kubecourse.clock import Clock


class Worker(Controller):
    """Does what a script says for each key, and writes down when."""

    def __init__(self, clock: Clock, script: dict[str, list[Any]] | None = None) -> None:
        super().__init__(clock)
        self.script = script or {}
        self.done: list[tuple[float, str]] = []

    def reconcile(self, key: Any) -> Result | None:
        self.done.append((round(self.clock.now, 3), key))
        steps = self.script.get(key)
        step = steps.pop(0) if steps else None
        if isinstance(step, Exception):
            raise step
        return step


def test_a_key_that_waits_twice_is_looked_at_once() -> None:
    clock = Clock()
    worker = Worker(clock)
    worker.start()
    for key in ("a", "b", "a"):
        worker.queue.add(key)
    clock.settle()
    assert worker.done == [(0, "a"), (0, "b")]


def test_nothing_is_done_before_the_start_and_after_the_stop() -> None:
    clock = Clock()
    worker = Worker(clock)
    worker.queue.add("a")
    clock.settle()
    assert worker.done == []
    worker.start()
    clock.settle()
    assert worker.done == [(0, "a")]
    worker.queue.add_after("b", 5)
    worker.stop()
    clock.advance(10)
    assert worker.done == [(0, "a")]


def test_a_result_asks_to_be_called_again() -> None:
    clock = Clock()
    worker = Worker(clock, {"a": [Result(after=5)]})
    worker.start()
    worker.queue.add("a")
    clock.settle()
    assert worker.done == [(0, "a"), (5, "a")]


def test_of_two_later_times_the_earlier_counts() -> None:
    clock = Clock()
    worker = Worker(clock)
    worker.start()
    worker.queue.add_after("a", 9)
    worker.queue.add_after("a", 3)
    worker.queue.add_after("a", 6)
    clock.settle()
    assert worker.done == [(3, "a")]


def test_failures_are_tried_again_after_delays_that_double() -> None:
    clock = Clock()
    worker = Worker(clock, {"a": [bad_request("no")] * 4})
    worker.start()
    worker.queue.add("a")
    clock.settle()
    assert [time for time, _ in worker.done] == [0, 0.005, 0.015, 0.035, 0.075]


def test_what_never_succeeds_keeps_nobody_waiting() -> None:
    clock = Clock()
    worker = Worker(clock, {"a": [bad_request("no")] * 1000})
    worker.start()
    worker.queue.add("a")
    assert clock.settle()
    assert clock.now < 10
