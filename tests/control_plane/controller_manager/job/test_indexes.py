"""Completion indexes as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.control_plane.controller_manager.job.indexes import parse, text_of


@pytest.mark.parametrize(
    ("indexes", "text"),
    [([], ""), ([3], "3"), ([0, 1], "0,1"), ([0, 1, 2], "0-2"), ([1, 3, 4, 5, 7], "1,3-5,7")],
)
def test_three_and_more_in_a_row_are_a_range(indexes: list[int], text: str):
    assert text_of(indexes) == text


@given(st.sets(st.integers(0, 200)))
def test_what_is_written_is_read_again(indexes: set[int]):
    assert parse(text_of(indexes)) == indexes
