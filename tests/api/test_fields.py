"""Field selectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.fields import (
    FieldRequirement,
    FieldSelector,
    FieldSelectorError,
    parse_field_selector,
)


def test_what_a_selected_object_has_for_certain():
    selector = parse_field_selector("metadata.name==web-1,status.phase!=Running")
    assert selector.exact == {"metadata.name": "web-1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("b=1,a", "invalid selector: 'b=1,a'; can't understand 'a'"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        (r"a=\b", r"invalid field selector: invalid escape sequence: \b"),
        ("a=\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_messages_are_the_servers(text, message):
    with pytest.raises(FieldSelectorError) as error:
        parse_field_selector(text)
    assert str(error.value) == message


fields = st.from_regex(r"[a-z]+(\.[a-z]+)?", fullmatch=True)
terms = st.builds(FieldRequirement, fields, st.sampled_from(["=", "!="]), st.text(max_size=5))


@given(st.lists(terms, max_size=3))
def test_what_is_written_reads_back(requirements):
    again = parse_field_selector(str(FieldSelector(tuple(requirements))))
    assert sorted(map(str, again.requirements)) == sorted(map(str, requirements))
    assert again.empty == (not requirements)
