from kubecourse.api.duration import go_duration
from kubecourse.node.kubelet.backoff import Backoff


def test_it_doubles_from_ten_seconds_to_five_minutes() -> None:
    backoff, now, delays = Backoff(), 0.0, []
    for _ in range(8):
        backoff.grow(now, now)
        delays.append(backoff.delay)
        now += backoff.delay
    assert delays == [10, 20, 40, 80, 160, 300, 300, 300]


def test_it_counts_from_the_end_of_what_failed() -> None:
    backoff = Backoff()
    assert not backoff.waiting(5, 5)
    backoff.grow(0, 0)
    assert backoff.waiting(16.9, 7)
    assert not backoff.waiting(17, 7)


def test_ten_quiet_minutes_and_it_is_forgotten() -> None:
    backoff = Backoff()
    for _ in range(4):
        backoff.grow(0, 0)
    assert not backoff.waiting(601, 601)
    backoff.grow(601, 601)
    assert backoff.delay == 10


def test_durations_are_written_as_go_writes_them() -> None:
    written = {
        0: "0s", 0.812: "812ms", 1: "1s", 1.5: "1.5s", 10: "10s", 80: "1m20s", 160: "2m40s",
        300: "5m0s", 3661.25: "1h1m1.25s",
    }  # fmt: skip
    assert {seconds: go_duration(seconds) for seconds in written} == written
