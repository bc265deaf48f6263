"""Arguments that set and remove labels, annotations and taints."""

import pytest

from kubecourse.tools.kubectl.commands.label import (
    changed_taints,
    parse_pairs,
    parse_taints,
    resources_and_pairs,
)
from kubecourse.tools.kubectl.failure import KubectlError


def test_objects_come_first_and_pairs_after():
    args = ["pods", "web-1", "a=b", "c-"]
    assert resources_and_pairs(args, "label") == (["pods", "web-1"], ["a=b", "c-"])
    with pytest.raises(KubectlError, match="all resources must be specified before label changes"):
        resources_and_pairs(["pods", "a=b", "web-1"], "label")


def test_labels_are_set_with_equals_and_removed_with_minus():
    assert parse_pairs(["a=b", "c=", "d-"], "label") == ({"a": "b", "c": ""}, ["d"])


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (["a=b=c"], "invalid label spec: a=b=c"),
        (["word"], "unknown label spec: word"),
        (["a=b", "a-"], "can not both modify and remove a label in the same command"),
        (["a=-"], 'invalid label value: "a=-"'),
    ],
)
def test_labels_that_cannot_be(specs, message):
    with pytest.raises(KubectlError, match=message):
        parse_pairs(specs, "label")


def test_an_annotation_may_have_any_value():
    assert parse_pairs(["a=b=c d", "e-"], "annotation") == ({"a": "b=c d"}, ["e"])
    with pytest.raises(KubectlError, match="invalid annotation format: word"):
        parse_pairs(["word"], "annotation")


def test_taints():
    added, removed = parse_taints(["a=b:NoSchedule", "c:NoExecute", "d-", "e:NoSchedule-"])
    assert added == [
        {"key": "a", "value": "b", "effect": "NoSchedule"},
        {"key": "c", "effect": "NoExecute"},
    ]
    assert removed == [{"key": "d"}, {"key": "e", "effect": "NoSchedule"}]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("a=b", "invalid taint spec: a=b"),
        ("a=b:Never", "invalid taint effect: Never, unsupported taint effect"),
        ("a:NoSchedule:x", "invalid taint spec: a:NoSchedule:x"),
    ],
)
def test_taints_that_cannot_be(spec, message):
    with pytest.raises(KubectlError, match=message):
        parse_taints([spec])


@pytest.mark.parametrize(
    ("specs", "overwrite", "left", "word"),
    [
        (["a=1:NoSchedule"], False, ["a", "old"], "tainted"),
        (["old-"], False, [], "untainted"),
        (["a=1:NoSchedule", "old-"], False, ["a"], "modified"),
        (["old=2:NoSchedule"], True, ["old"], "modified"),
    ],
)
def test_a_change_of_taints_has_a_word(specs, overwrite, left, word):
    present = [{"key": "old", "effect": "NoSchedule"}]
    node = {"metadata": {"name": "node-1"}, "spec": {"taints": present}}
    taints, said = changed_taints(node, *parse_taints(specs), overwrite)
    assert ([taint["key"] for taint in taints], said) == (left, word)


def test_a_taint_that_is_there_must_be_overwritten_and_one_that_is_not_cannot_go():
    node = {"metadata": {"name": "n"}, "spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}}
    with pytest.raises(KubectlError, match="node n already has k taint"):
        changed_taints(node, *parse_taints(["k=2:NoExecute"]), False)
    with pytest.raises(KubectlError, match='taint "k:NoSchedule" not found'):
        changed_taints(node, *parse_taints(["k:NoSchedule-"]), False)
