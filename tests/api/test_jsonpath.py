"""kubectl's JSONPath. What is expected was printed by kubectl 1.32 for the same templates."""

from typing import Any

import pytest

from kubecourse.api import jsonpath

POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {"name": "web-1", "labels": {"app": "web", "example.com/tier": "front"}},
    "spec": {
        "containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "<y>:2"}],
        "tolerations": [{"key": "k", "tolerationSeconds": 300}, {"key": "l"}],
        "enableServiceLinks": True,
    },
}
LIST = {"kind": "List", "items": [POD, {**POD, "metadata": {"name": "web-2"}}]}


def show(template: str, obj: Any = POD) -> str:
    return jsonpath.execute(jsonpath.parse(template), obj)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{.metadata.name}", "web-1"),
        ("{ .metadata.name }", "web-1"),
        ("{$.metadata.name}{@.kind}", "web-1Pod"),
        ("name is {.metadata.name}.", "name is web-1."),
        (".metadata.name", ".metadata.name"),
        ("{.spec.containers[*].name}", "a b"),
        ("{.spec.containers[0].name}{.spec.containers[-1].name}", "ab"),
        ("{.spec.containers[0:1].name}|{.spec.containers[:1].name}", "a|a"),
        ("{.spec.containers[1:].name}", "b"),
        ("{.spec.containers[0:2:2].name}", "a"),
        ("{.spec.containers[*]['name','image']}", "a b x:1 <y>:2"),
        ("{.metadata.labels}", '{"app":"web","example.com/tier":"front"}'),
        ("{.metadata.labels.example\\.com/tier}", "front"),
        ("{.metadata.labels['example\\.com/tier']}", "front"),
        ("{.metadata['name']}", "web-1"),
        ("{.spec.containers[1]}", '{"image":"\\u003cy\\u003e:2","name":"b"}'),
        ("{.spec.enableServiceLinks}", "true"),
        ('{.spec.containers[?(@.name=="b")].image}', "<y>:2"),
        ("{.spec.containers[?(@.name!='b')].image}", "x:1"),
        ("{.spec.tolerations[?(@.tolerationSeconds>=300)].key}", "k"),
        ("{.spec.tolerations[?(@.tolerationSeconds)].key}", "k"),
        ("{.spec.tolerations[?(@.x=1)].key}", ""),
        ("{..image}", "x:1 <y>:2"),
        ('{"a\\tb"}{3}{true}{-2.5}', "a\tb3true-2.5"),
        ("{.nope}{.nope.more[0]}", ""),
    ],
)  # fmt: skip
def test_a_template(template: str, text: str) -> None:
    assert show(template) == text


def test_a_range() -> None:
    template = (
        '{range .items[*]}{.metadata.name}:{range .spec.containers[*]} {.name}{end}{"\\n"}{end}'
    )
    assert show(template, LIST) == "web-1: a b\nweb-2: a b\n"
    assert show("{range .items[*]}{.metadata.name}", LIST) == "web-1web-2"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.metadata.name", "unclosed action"),
        ("{.items[}", "unterminated array"),
        ("{.items[a]}", "invalid array index a"),
        ('{"x}', "unterminated quoted string"),
        ("{(x)}", "unrecognized character in action: U+0028 '('"),
        ('{.items[?(@.x=~"y")]}', "unrecognized character in action: U+007E '~'"),
    ],
)
def test_what_cannot_be_read(template: str, message: str) -> None:
    with pytest.raises(jsonpath.JSONPathError) as refused:
        jsonpath.parse(template)
    assert str(refused.value) == f"error parsing jsonpath {template}, {message}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.spec.containers[9]}", "array index out of bounds: index 9, length 2"),
        ("{.spec.containers[-3]}", "array index out of bounds: index -1, length 2"),
        ("{.metadata[0]}", "map[string]interface {} is not array or slice"),
        ("{.metadata.name[?(@.x)]}", "web-1 is not array or slice and cannot be filtered"),
        ("{foo}", "unrecognized identifier foo"),
        ("{end}", "not in range, nothing to end"),
        ("{.spec.tolerations[?(@.key>1)]}", "incompatible types for comparison"),
    ],
)
def test_what_does_not_fit_the_object(template: str, message: str) -> None:
    with pytest.raises(jsonpath.JSONPathError) as refused:
        show(template)
    assert f"Error executing template: {message}. Printing more" in str(refused.value)
    assert 'object given to jsonpath engine was:\n\t\tmap[string]interface {}{"kind":"Pod",' in str(
        refused.value
    )
