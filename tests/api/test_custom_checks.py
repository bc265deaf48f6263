"""What the schema of a custom resource forbids."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from kubecourse.api.custom_checks import problems


class Thing(msgspec.Struct):
    """A custom object."""

    metadata: Any = None
    spec: Any = None


def said(schema: dict[str, Any], spec: Any) -> list[str]:
    """What is wrong with an object whose spec has such a schema."""
    openapi = {"type": "object", "properties": {"spec": schema}}
    return [
        str(problem) for problem in problems(SimpleNamespace(openapi=openapi), Thing(spec=spec))
    ]


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("date-time", "2026-01-05T09:00:00Z", "tomorrow"),
        ("date", "2026-01-05", "2026-13-05"),
        ("duration", "1h30m", "forever"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "fd00::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("byte", "aGk=", "hi!"),
        ("hostname", "db.example.com", "-"),
        ("email", "a@example.com", "a"),
        ("uri", "https://example.com/x", "not a link"),
        ("mac", "00:1b:63:84:45:e6", "00:1b"),
    ],
)
def test_texts_have_formats(form: str, right: str, wrong: str) -> None:
    schema = {"type": "string", "format": form}
    assert said(schema, right) == []
    why = f'spec in body must be of type {form}: "{wrong}"'
    assert said(schema, wrong) == [f'spec: Invalid value: "{wrong}": {why}']


def test_a_format_that_nobody_knows_is_no_format() -> None:
    assert said({"type": "string", "format": "colour-of-the-sky"}, "!") == []


ONE = {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}


def test_one_of_several_schemas_fits() -> None:
    what = '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). '
    assert said(ONE, {"a": 1}) == []
    assert said(ONE, {"a": 1, "b": 2}) == [what + "Found 2 valid alternatives"]
    assert said(ONE, {}) == [what + "Found none valid", "spec.a: Required value"]


def test_some_all_or_none_of_several_schemas_fit() -> None:
    some = {"type": "object", "anyOf": ONE["oneOf"]}
    every = {"type": "object", "allOf": ONE["oneOf"]}
    neither = {"type": "object", "not": {"required": ["a"]}}
    text = '<nil>: Invalid value: "": "spec" must'
    assert said(some, {"b": 1}) == said(every, {"a": 1, "b": 2}) == said(neither, {"b": 1}) == []
    assert said(some, {})[0] == f"{text} validate at least one schema (anyOf)"
    assert said(every, {"a": 1})[0] == f"{text} validate all the schemas (allOf)"
    assert said(neither, {"a": 1}) == [f"{text} not validate the schema (not)"]


def test_a_number_or_a_text_is_either() -> None:
    either = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    schema = {**either, "x-kubernetes-int-or-string": True}
    assert said(schema, 80) == said(schema, "80%") == []


def test_sets_and_maps_have_nothing_twice() -> None:
    a_set = {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}
    assert said(a_set, ["a", "b"]) == []
    assert said(a_set, ["a", "b", "a"]) == ['spec[2]: Duplicate value: "a"']
    properties = {"name": {"type": "string"}, "protocol": {"type": "string", "default": "TCP"}}
    a_map = {
        "type": "array",
        "items": {"type": "object", "properties": properties},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name", "protocol"],
    }
    assert said(a_map, [{"name": "a"}, {"name": "a", "protocol": "UDP"}]) == []
    assert said(a_map, [{"name": "a"}, {"name": "a", "protocol": "TCP"}]) == [
        'spec[1]: Duplicate value: {"name":"a","protocol":"TCP"}'
    ]


def test_an_object_within_another_says_of_which_kind_it_is() -> None:
    schema = {"type": "object", "x-kubernetes-embedded-resource": True}
    assert said(schema, {"apiVersion": "v1", "kind": "Pod"}) == []
    assert said(schema, {"kind": "Pod"}) == ["spec.apiVersion: Required value: must not be empty"]


def test_rules_that_nobody_asked_are_spoken_of() -> None:
    rules = [{"rule": "self.a < self.b"}]
    schema = {"type": "object", "required": ["a"], "x-kubernetes-validations": rules}
    assert said(schema, {"a": 1}) == []
    assert said(schema, {}) == [
        "spec.a: Required value",
        '<nil>: Invalid value: "null": some validation rules were not checked because the object '
        "was invalid; correct the existing errors to complete validation",
    ]
