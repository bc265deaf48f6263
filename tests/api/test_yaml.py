"""YAML as Kubernetes reads and prints it; expected is what kubectl 1.32 and v1.36.2 did."""

import math
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api import yaml, yaml_printing

# --- reading


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True),
        ("N", False),
        ("yes", True),
        ("Off", False),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("'null'", "null"),
        ('"y"', "y"),
        ("017", 15),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("+1", 1),
        ("-5", -5),
        ("089", 89),
        ("1.5", 1.5),
        ("3.0", 3),
        ("1e3", 1000),
        (".5", 0.5),
        ("1.", 1),
        ("1e", "1e"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("1.2.3", "1.2.3"),
        ("-", [None]),
        ("64Mi", "64Mi"),
        ("18446744073709551615", 2**64 - 1),
        ("99999999999999999999999", 1e23),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!binary aGk=", "hi"),
        ("{1: a, true: b, null: c, 1.5: d}", {"1": "a", "true": "b", "null": "c", "1.5": "d"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: 1\n---\nb: 2", {"a": 1}),
    ],
)
def test_a_value(text: str, value: Any) -> None:
    assert yaml.load(text) == value
    assert type(yaml.load(text)) is type(value)


def test_infinity_is_a_number() -> None:
    assert yaml.load("-.inf") == -math.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c\n", "yaml: mapping values are not allowed in this context"),
        (
            "kind: Deployment\n metadata:\n",
            "yaml: line 2: mapping values are not allowed in this context",
        ),
        ("a:\n\tb: c\n", "yaml: line 2: found character that cannot start any token"),
        ("a: [1\nb: 2\n", "yaml: line 1: did not find expected ',' or ']'"),
        ("- a\nb: c", "yaml: line 1: did not find expected '-' indicator"),
        ("a: *x", "yaml: unknown anchor 'x' referenced"),
        ("a: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
        ("[" * 300, "yaml: exceeded max depth of 200"),
        ("a: \x01", "yaml: control characters are not allowed"),
        ("? [a]\n: b", 'yaml: invalid map key: []interface {}{"a"}'),
    ],
)
def test_what_cannot_be_read_is_refused_in_gos_words(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError) as refused:
        yaml.load(text)
    assert str(refused.value) == message


def test_a_bomb_of_aliases_is_refused() -> None:
    levels = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for this, last in zip("bcdefghi", "abcdefgh", strict=True):
        levels.append(f"{this}: &{this} [{','.join([f'*{last}'] * 9)}]")
    with pytest.raises(yaml.YAMLError, match="document contains excessive aliasing"):
        yaml.load("\n".join(levels))


def test_keys_given_twice_are_noted_and_the_last_counts() -> None:
    value, problems = yaml.load_noting("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert value == {"a": 3, "b": {"c": 2}}
    assert problems == ['line 2: key "c" already set in map', 'line 3: key "a" already set in map']
    assert yaml.strict_problem(problems).startswith("yaml: unmarshal errors:\n  line 2: key ")


def test_a_file_has_documents() -> None:
    text = "---\n# nothing\n---\na: 1\n--- # more\nb: |\n  x\n\n---\n\n"
    assert [yaml.load(part) for part in yaml.documents(text)] == [{"a": 1}, {"b": "x\n"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c\n", "yaml: mapping values are not allowed in this context"),
        ("a:\n\tb: c\n", "yaml: line 2: found character that cannot start any token"),
        ("a: [1\nb: 2\n", "yaml: line 1: did not find expected ',' or ']'"),
    ],
)
def test_without_libyaml_the_messages_are_the_same(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml as pyyaml

    monkeypatch.setattr(yaml, "_LOADER", pyyaml.SafeLoader)
    with pytest.raises(yaml.YAMLError) as refused:
        yaml.load(text)
    assert str(refused.value) == message


# --- printing

LONG = (
    "0/6 nodes are available: 6 node(s) didn't match Pod's node affinity/selector. no new claims "
    "to deallocate, preemption: 0/6 nodes are available."
)
TEXTS = {
    "a": LONG,
    "b": "no colon text which is long enough to be wrapped at the right margin of eighty or so",
    "c": " lead",
    "d": "12:30:45",
    "e": "2024-01-01",
    "f": "two\nlines",
    "g": "trail \nspace",
    "h": " lead\nspace",
    "i": "0o17",
    "j": "1e3",
    "k": ".5",
    "l": "- x",
    "m": "a: b",
    "n": "a #b",
    "o": "=",
    "p": "<<",
    "q": "tab\there",
    "r": "한글",
    "s": "\x01",
    "t": '"',
    "u": "it's",
    "v": "",
    "w": "~",
    "x": "0b11",
    "y": "1.",
    "z": "a\n",
    "aa": "\n",
    "ab": "a\n\n",
    "ac": ".inf",
    "ad": "017",
    "ae": "089",
    "af": "0x",
    "ag": "+1",
    "ah": "1e",
    "ai": "!x",
    "aj": "%x",
    "ak": "@x",
    "al": "a,b",
    "am": "{a}",
    "an": "?",
    "ao": "-",
    "ap": "\U0001f600",
    "aq": "\u00a0",
    "ar": "trailing ",
    "as": "\u2028x",
    "a2": "1_000",
    "a10": "y",
    "at": "no",
    "au": "null",
    "av": "0.1.2",
}


@pytest.mark.requires_kubectl
def test_texts_are_quoted_and_folded_as_kubectl_does() -> None:
    kubectl = shutil.which("kubectl")
    assert kubectl is not None
    literals = [f"--from-literal={key}={value}" for key, value in TEXTS.items()]
    command = [kubectl, "create", "configmap", "x", "--dry-run=client", "-o", "yaml", *literals]
    real = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    value = {"kind": "ConfigMap", "apiVersion": "v1", "data": TEXTS, "metadata": {"name": "x"}}
    assert yaml.dump(value) == real.replace("  creationTimestamp: null\n", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, {"b": None}]}, "a:\n- 1\n- b: null\n"),
        ({"a": {}, "b": [], "c": ""}, 'a: {}\nb: []\nc: ""\n'),
        ({"a": "true", "b": True, "c": "5", "d": 1.5}, 'a: "true"\nb: true\nc: "5"\nd: 1.5\n'),
        ({"a": "x\ny\n"}, "a: |\n  x\n  y\n"),
        ([], "[]\n"),
        ("x", "x\n"),
    ],
)
def test_a_dumped_value(value: Any, text: str) -> None:
    assert yaml.dump(value) == text


def test_keys_are_sorted_with_their_numbers_in_order() -> None:
    keys = ["a10", "a2", "a01", "a-b", "a", "A", "b", "a.b", "1", "10", "9", "a0", "a00"]
    found = [key for key, _ in yaml_printing.sorted_items(dict.fromkeys(keys))]
    assert found == ["1", "9", "10", "A", "a", "a-b", "a.b", "a0", "a00", "a01", "a2", "a10", "b"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t -:#'\"0"))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


@given(VALUES)
def test_what_is_printed_is_read_back(value: Any) -> None:
    assert yaml.load(yaml.dump(value)) == value
