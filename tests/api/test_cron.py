"""Schedules of CronJobs, read and refused as the real parser does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.cron import CronError, parse

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * *", NOON + timedelta(minutes=1)),
        ("*/15 * * * *", NOON + timedelta(minutes=15)),
        ("30 9 * * *", datetime(2026, 1, 6, 9, 30, tzinfo=UTC)),
        ("0 0 * * sun", datetime(2026, 1, 11, tzinfo=UTC)),
        ("0 0 1 feb *", datetime(2026, 2, 1, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("@hourly", NOON + timedelta(hours=1)),
        ("5/20 * * * *", NOON + timedelta(minutes=5)),
        ("0 12 13 * fri", datetime(2026, 1, 9, 12, tzinfo=UTC)),  # a Friday or a 13th
    ],
)
def test_the_next_time(schedule: str, expected: datetime) -> None:
    assert parse(schedule).next(NOON) == expected


def test_some_days_never_come() -> None:
    assert parse("0 0 30 2 *").next(NOON) is None


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("every minute", "expected exactly 5 fields, found 2: [every minute]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("9-5 * * * *", "beginning of range (9) beyond end of range (5): 9-5"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("@often", "unrecognized descriptor: @often"),
        (
            "a * * * *",
            'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax',
        ),
    ],
)
def test_what_is_no_schedule(schedule: str, message: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(schedule)
    assert str(caught.value) == message


@given(
    st.integers(0, 365 * 24 * 3600).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    st.sampled_from(["*/7 * * * *", "3 */5 * * *", "0 0 * * 1-5", "59 23 31 * *"]),
)
def test_the_next_time_is_later_and_has_none_before_it(moment: datetime, text: str) -> None:
    schedule = parse(text)
    following = schedule.next(moment)
    assert following is not None and following > moment
    assert schedule.next(following - timedelta(minutes=1)) == following
