"""JSON merge patch."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.patch import (
    PatchError,
    create_merge_patch,
    merge_patch,
    three_way_json_merge_patch,
)
from kubecourse.api.patch.values import same


@pytest.mark.parametrize(
    ("doc", "patch", "result"),
    [  # the examples of RFC 7386 that are about objects
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging(doc, patch, result):
    before = copy.deepcopy((doc, patch))
    assert merge_patch(doc, patch) == result
    assert (doc, patch) == before


def test_a_patch_is_an_object():
    with pytest.raises(PatchError) as error:
        merge_patch({}, [1])
    assert error.value.code == 400
    assert error.value.message == (
        "error decoding patch: json: cannot unmarshal array "
        "into Go value of type map[string]interface {}"
    )


def test_apply_deletes_what_left_the_manifest_and_leaves_what_others_added():
    patch = three_way_json_merge_patch(
        original={"spec": {"a": 1, "gone": {"x": 1}}},
        modified={"spec": {"a": 2}},
        current={"spec": {"a": 1, "gone": {"x": 1}, "theirs": 3}},
    )
    assert patch == {"spec": {"a": 2, "gone": None}}


scalars = st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab", max_size=2)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(documents, documents)
def test_a_patch_made_from_two_documents_turns_one_into_the_other(a, b):
    assert same(merge_patch(a, create_merge_patch(a, b)), b)


@given(documents)
def test_no_difference_is_no_patch(a):
    assert create_merge_patch(a, copy.deepcopy(a)) == {}


@given(documents, documents)
def test_merging_twice_is_merging_once(a, b):
    once = merge_patch(a, b)
    assert same(merge_patch(once, b), once)


@given(documents, documents)
def test_apply_onto_what_was_applied_gives_what_is_applied(a, b):
    assert same(merge_patch(a, three_way_json_merge_patch(a, b, a)), b) or _holds_empties(b)


def _holds_empties(value):
    """Whether a merge patch between patches would lose something: an object left without fields."""
    if isinstance(value, dict):
        return not value or any(map(_holds_empties, value.values()))
    return False
