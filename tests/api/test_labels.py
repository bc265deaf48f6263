"""Label selectors, as text and as objects."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.labels import (
    EVERYTHING,
    NOTHING,
    Selector,
    SelectorError,
    format_label_selector,
    parse_selector,
    requirement,
    selector_from_label_selector,
    selector_from_map,
)
from tests.oracles import oracle

ORACLE = oracle("label_selectors")


def label_selector(matchLabels=None, *expressions):
    """A LabelSelector; each expression is (key, operator, *values)."""
    items = [
        SimpleNamespace(key=key, operator=operator, values=values or None)
        for key, operator, *values in expressions
    ]
    return SimpleNamespace(matchLabels=matchLabels, matchExpressions=items or None)


# --- text


@pytest.mark.parametrize("text", ORACLE["valid"])
def test_reads_and_writes_back(text):
    assert str(parse_selector(text)) == text.replace(" ", "")


@pytest.mark.parametrize("text", ORACLE["invalid"])
def test_refused(text):
    with pytest.raises(SelectorError):
        parse_selector(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("x==a==b", "found '==', expected: ',' or 'end of string'"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        ("x,", "found '', expected: identifier after ','"),
        (")", "found ')', expected: !, identifier, or 'end of string'"),
        ("x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"),
        ("x in a", "unable to parse requirement: found 'a' expected: '('"),
        ("x in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("x in (,=)", "unable to parse requirement: found '=', expected: ',', or identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        (
            "x<a",
            'unable to parse requirement: values[0]: Invalid value: "a": '
            "for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ],
)
def test_messages_are_the_servers(text, message):
    with pytest.raises(SelectorError) as error:
        parse_selector(text)
    assert str(error.value) == message


def test_a_bad_key_has_no_path_and_a_bad_value_has_one():
    with pytest.raises(
        SelectorError, match=r'^unable to parse requirement: <nil>: Invalid value: "-a"'
    ):
        parse_selector("-a=b")
    with pytest.raises(
        SelectorError, match=r'requirement: values\[0\]\[x\]: Invalid value: "a\|\|y"'
    ):
        parse_selector("x=a||y=b")
    with pytest.raises(
        SelectorError, match=r"requirement: \[values\[0\]\[x\]: .*, values\[1\]\[x\]: "
    ):
        parse_selector("x in (-a,-b)")


@pytest.mark.parametrize(
    ("text", "selected", "passed_over"),
    [
        ("app=web", [{"app": "web"}, {"app": "web", "x": "y"}], [{"app": "db"}, {}, None]),
        ("app==web", [{"app": "web"}], [{}]),
        ("app!=web", [{"app": "db"}, {}, None], [{"app": "web"}]),
        ("app in (web,db)", [{"app": "db"}], [{"app": "x"}, {}]),
        ("app notin (web,db)", [{"app": "x"}, {}], [{"app": "db"}]),
        ("app", [{"app": ""}], [{}]),
        ("!app", [{}, None], [{"app": ""}]),
        ("app=", [{"app": ""}], [{}, {"app": "web"}]),
        ("app in ()", [{"app": ""}], [{}]),
        ("app in (,web)", [{"app": ""}, {"app": "web"}], [{"app": "db"}]),
        ("n>5", [{"n": "6"}], [{"n": "5"}, {"n": "x"}, {}]),
        ("n<5", [{"n": "-1"}], [{"n": "5"}, {}]),
        ("in in (in),notin", [{"in": "in", "notin": ""}], [{"in": "in"}]),
        ("a=1,b!=2,!c", [{"a": "1"}, {"a": "1", "b": "3"}], [{"a": "1", "b": "2"}, {"b": "1"}]),
        ("", [{}, None, {"app": "web"}], []),
    ],
)
def test_what_is_selected(text, selected, passed_over):
    selector = parse_selector(text)
    assert [labels for labels in selected if not selector.matches(labels)] == []
    assert [labels for labels in passed_over if selector.matches(labels)] == []


def test_written_in_one_order():
    assert str(parse_selector(" z , a in ( c , b ) ")) == "a in (b,c),z"


def test_what_an_index_can_look_up():
    assert parse_selector("a=1,b in (2),c in (3,4),d").exact == {"a": "1", "b": "2"}


# --- objects


def test_no_selector_selects_nothing_and_an_empty_one_everything():
    assert selector_from_label_selector(None) is NOTHING
    assert not NOTHING.matches({}) and not NOTHING.empty
    assert selector_from_label_selector(label_selector()) is EVERYTHING
    assert EVERYTHING.matches({}) and EVERYTHING.empty
    assert NOTHING != EVERYTHING


def test_labels_and_expressions_must_all_hold():
    obj = label_selector({"app": "web"}, ("tier", "In", "a", "b"), ("old", "DoesNotExist"))
    selector = selector_from_label_selector(obj)
    assert selector.matches({"app": "web", "tier": "a"})
    assert not selector.matches({"app": "web"})
    assert not selector.matches({"app": "web", "tier": "a", "old": ""})
    assert selector_from_label_selector(obj) is selector  # worked out once


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (label_selector({"app": "web"}, ("tier", "In", "b", "a")), "app=web,tier in (a,b)"),
        (label_selector(None, ("x", "Exists"), ("y", "NotIn", "1")), "x,y notin (1)"),
        (label_selector(None, ("x", "DoesNotExist")), "!x"),
        (label_selector(), "<none>"),
        (None, "<none>"),
        (label_selector(None, ("x", "Equals", "1")), "<error>"),
    ],
)
def test_as_kubectl_prints_it(obj, text):
    assert format_label_selector(obj) == text


def test_the_operators_of_an_object_are_checked():
    with pytest.raises(SelectorError) as error:
        selector_from_label_selector(label_selector(None, ("tier", "Equals", "a")))
    assert str(error.value) == '"Equals" is not a valid label selector operator'
    with pytest.raises(SelectorError, match="values set can't be empty"):
        selector_from_label_selector(label_selector(None, ("tier", "In")))
    with pytest.raises(SelectorError, match="values set must be empty for exists"):
        selector_from_label_selector(label_selector(None, ("tier", "Exists", "a")))


def test_a_service_selects_by_a_map():
    selector = selector_from_map({"b": "2", "a": "1"})
    assert str(selector) == "a=1,b=2"
    assert selector == parse_selector("a=1,b=2")
    assert selector_from_map(None) is EVERYTHING


# --- laws

words = st.from_regex(r"[a-z]([-a-z0-9_.]{0,5}[a-z0-9])?", fullmatch=True)
values = words | st.just("")
requirements = st.one_of(
    st.builds(requirement, words, st.sampled_from(["exists", "!"])),
    st.builds(requirement, words, st.sampled_from(["=", "==", "!="]), st.tuples(values)),
    st.builds(
        requirement,
        words,
        st.sampled_from(["in", "notin"]),
        st.sets(values, min_size=1, max_size=3).map(sorted),
    ),
    st.builds(
        requirement, words, st.sampled_from(["gt", "lt"]), st.tuples(st.integers(0, 99).map(str))
    ),
)
selectors = st.lists(requirements, max_size=4).map(Selector)
labels = st.dictionaries(words, values, max_size=4)


@given(selectors, labels)
def test_what_is_written_reads_back(selector, some_labels):
    again = parse_selector(str(selector))
    assert str(again) == str(selector)
    assert again.matches(some_labels) == selector.matches(some_labels)


@given(selectors, labels)
def test_all_requirements_must_hold(selector, some_labels):
    each = [Selector([one]).matches(some_labels) for one in selector.requirements]
    assert selector.matches(some_labels) == all(each)
