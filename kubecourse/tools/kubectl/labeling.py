"""Arguments such as `app=web tier-` that set and remove entries: labels, annotations, taints.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go` (GetResourcesAndPairs, ParsePairs),
`…/kubectl/pkg/cmd/label/label.go`, `…/taint/utils.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubecourse.api import names
from kubecourse.tools.kubectl.failure import KubectlError

Json = dict[str, Any]

EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")


def resources_and_pairs(args: list[str], what: str) -> tuple[list[str], list[str]]:
    """Split arguments into objects, and the pairs after them. Raises KubectlError."""
    resources: list[str] = []
    pairs: list[str] = []
    for word in args:
        is_pair = ("=" in word and word[0] != "=") or (word.endswith("-") and word != "-")
        if is_pair:
            pairs.append(word)
        elif pairs:
            raise KubectlError(f"all resources must be specified before {what} changes: {word}")
        else:
            resources.append(word)
    return resources, pairs


def parse_labels(specs: list[str]) -> tuple[dict[str, str], list[str]]:
    """What `kubectl label` is to set and to remove. Raises KubectlError."""
    wanted: dict[str, str] = {}
    removed: list[str] = []
    for spec in specs:
        if "=" in spec:
            key, _, value = spec.partition("=")
            if "=" in value:
                raise KubectlError(f"invalid label spec: {spec}")
            if problems := names.validate_label_value(value):
                raise KubectlError(f"invalid label value: {_quoted(spec)}: {';'.join(problems)}")
            wanted[key] = value
        elif spec.endswith("-"):
            removed.append(spec[:-1])
        else:
            raise KubectlError(f"unknown label spec: {spec}")
    return _checked(wanted, removed, "label")


def parse_annotations(specs: list[str]) -> tuple[dict[str, str], list[str]]:
    """What `kubectl annotate` is to set and to remove. Raises KubectlError."""
    wanted: dict[str, str] = {}
    removed: list[str] = []
    wrong: list[str] = []
    for spec in specs:
        key, equals, value = spec.partition("=")
        if equals and key:
            wanted[key] = value
        elif spec.endswith("-") and spec != "-" and not equals:
            removed.append(spec[:-1])
        else:
            wrong.append(spec)
    if wrong:
        raise KubectlError(f"invalid annotation format: {', '.join(wrong)}")
    return _checked(wanted, removed, "annotation")


def _checked(
    wanted: dict[str, str], removed: list[str], what: str
) -> tuple[dict[str, str], list[str]]:
    if any(key in wanted for key in removed):
        article = "an" if what[0] in "aeiou" else "a"
        raise KubectlError(f"can not both modify and remove {article} {what} in the same command")
    return wanted, removed


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def existing(present: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """The entries that are there already with another value."""
    return [
        f"'{key}' already has a value ({present[key]})"
        for key, value in wanted.items()
        if key in present and present[key] != value
    ]


# --- taints


@dataclass(frozen=True)
class Taint:
    """A taint, or (without effect or value) what to remove: all taints of the key."""

    key: str
    value: str = ""
    effect: str = ""

    def json(self) -> Json:
        taint = {"key": self.key, "effect": self.effect}
        return {**taint, "value": self.value} if self.value else taint


def parse_taints(specs: list[str]) -> tuple[list[Taint], list[Taint]]:
    """What `kubectl taint` is to add and to remove. Raises KubectlError."""
    added: list[Taint] = []
    removed: list[Taint] = []
    seen: set[tuple[str, str]] = set()
    for spec in specs:
        taint = _parse_taint(spec.removesuffix("-"), removing=spec.endswith("-"))
        if spec.endswith("-"):
            removed.append(taint)
            continue
        if not taint.effect:
            raise KubectlError(f"invalid taint spec: {spec}")
        if (taint.key, taint.effect) in seen:
            raise KubectlError(f"duplicated taints with the same key and effect: {spec}")
        seen.add((taint.key, taint.effect))
        added.append(taint)
    return added, removed


def _parse_taint(spec: str, removing: bool) -> Taint:
    pair, colon, effect = spec.partition(":")
    key, equals, value = pair.partition("=")
    if ":" in effect or "=" in value or (not colon and not removing):
        raise KubectlError(f"invalid taint spec: {spec}")
    if colon and effect not in EFFECTS:
        raise KubectlError(f"invalid taint effect: {effect}, unsupported taint effect")
    problems = names.is_qualified_name(key)
    if equals:
        problems = problems or names.validate_label_value(value)
    if problems:
        raise KubectlError(f"invalid taint spec: {spec}, {'; '.join(problems)}")
    return Taint(key, value, effect)


def changed_taints(
    node: Json, added: list[Taint], removed: list[Taint], overwrite: bool
) -> tuple[list[Json], str]:
    """A node's taints after the change, and the word for it: tainted, untainted, modified.

    Raises KubectlError for taints that are there already, or are not there.
    """
    present = node["spec"].get("taints") or []
    there = {(old["key"], old["effect"]) for old in present}
    clashes = [new.key for new in added if (new.key, new.effect) in there]
    if clashes and not overwrite:
        raise KubectlError(
            f"node {node['metadata']['name']} already has {','.join(clashes)} taint(s)"
            " with same effect(s) and --overwrite is false"
        )
    replaced = {(new.key, new.effect) for new in added}
    kept = [old for old in present if (old["key"], old["effect"]) not in replaced]
    merged = [*(new.json() for new in added), *kept]
    for each in removed:
        if not any(_matches(each, old) for old in merged):
            shown = f"{each.key}:{each.effect}" if each.effect else each.key
            raise KubectlError(f'taint "{shown}" not found')
    left = [old for old in merged if not any(_matches(each, old) for each in removed)]
    grew, shrank = len(merged) != len(present), len(left) != len(merged)
    if overwrite or (grew and shrank):
        return left, "modified"
    return left, "tainted" if grew else "untainted"


def _matches(removed: Taint, old: Json) -> bool:
    return old["key"] == removed.key and (not removed.effect or old["effect"] == removed.effect)
