"""JSON merge patch."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.patch import PatchError, merge_patch
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
def test_merging_twice_is_merging_once(a, b):
    once = merge_patch(a, b)
    assert same(merge_patch(once, b), once)
