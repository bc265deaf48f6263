"""Field selectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.fields import (
    METADATA_FIELDS,
    FieldRequirement,
    FieldSelector,
    FieldSelectorError,
    parse_field_selector,
)

POD = {"metadata.name": "web-1", "status.phase": "Running", "spec.nodeName": ""}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("metadata.name=web-1", True),
        ("metadata.name==web-1,status.phase=Running", True),
        ("status.phase!=Running", False),
        ("spec.nodeName=", True),
        ("spec.nodeName!=", False),
        ("spec.never.heard.of=", True),
        ("", True),
    ],
)
def test_what_is_selected(text, selected):
    selector = parse_field_selector(text)
    assert selector.matches(POD) is selected
    assert selector.matches(lambda field: POD.get(field, "")) is selected


def test_only_some_fields_are_supported():
    supported = {*METADATA_FIELDS, "status.phase"}
    assert parse_field_selector("status.phase=Running", supported).exact == {
        "status.phase": "Running"
    }
    with pytest.raises(FieldSelectorError) as error:
        parse_field_selector("spec.foo=bar", supported)
    assert str(error.value) == "field label not supported: spec.foo"


def test_kinds_with_no_fields_of_their_own_say_so():
    with pytest.raises(FieldSelectorError) as error:
        parse_field_selector("spec.foo=bar", METADATA_FIELDS)
    assert str(error.value) == (
        '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


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
