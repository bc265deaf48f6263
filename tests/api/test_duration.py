"""Lengths of time as kubectl shows them."""

import pytest

from kubecourse.api.duration import human_duration

SHOWN = [
    (-2, "<invalid>"), (-1.5, "0s"), (0, "0s"), (0.9, "0s"), (119, "119s"), (120, "2m"),
    (125, "2m5s"), (599, "9m59s"), (600, "10m"), (3 * 3600 - 1, "179m"), (3 * 3600, "3h"),
    (3 * 3600 + 20 * 60, "3h20m"), (8 * 3600, "8h"), (48 * 3600 - 1, "47h"), (48 * 3600, "2d"),
    (50 * 3600, "2d2h"), (8 * 86400, "8d"), (729 * 86400, "729d"), (730 * 86400, "2y"),
    (740 * 86400, "2y10d"), (9 * 365 * 86400, "9y"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), SHOWN)
def test_a_duration_is_shown_in_one_or_two_units(seconds, text):
    assert human_duration(seconds) == text
