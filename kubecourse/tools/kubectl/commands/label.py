"""`kubectl label`, `annotate`, `taint`: arguments such as `app=web tier-` set and remove entries.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go` (GetResourcesAndPairs, ParsePairs),
`…/kubectl/pkg/cmd/{label,annotate,taint}`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubecourse.api import names
from kubecourse.tools.kubectl.changing import send_patch
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError, each
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import print_result
from kubecourse.tools.kubectl.resources import Info, Selection, from_arguments, from_flags

Json = dict[str, Any]
Pairs = tuple[dict[str, str], list[str]]
"""What to set, and what to remove."""

NO_RESOURCES = "one or more resources must be specified as <resource> <name> or <resource>/<name>"


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


# --- labels and annotations


def parse_labels(specs: list[str]) -> Pairs:
    """What `kubectl label` is to set and to remove. Raises KubectlError."""
    wanted: dict[str, str] = {}
    removed: list[str] = []
    for spec in specs:
        key, equals, value = spec.partition("=")
        if not equals and spec.endswith("-"):
            removed.append(spec[:-1])
            continue
        if not equals or "=" in value:
            raise KubectlError(f"{'invalid' if equals else 'unknown'} label spec: {spec}")
        if problems := names.validate_label_value(value):
            quoted = spec.replace("\\", "\\\\").replace('"', '\\"')
            raise KubectlError(f'invalid label value: "{quoted}": {";".join(problems)}')
        wanted[key] = value
    return _checked(wanted, removed, "a label")


def parse_annotations(specs: list[str]) -> Pairs:
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
    return _checked(wanted, removed, "an annotation")


def _checked(wanted: dict[str, str], removed: list[str], what: str) -> Pairs:
    if any(key in wanted for key in removed):
        raise KubectlError(f"can not both modify and remove {what} in the same command")
    return wanted, removed


def _change(
    inv: Invocation,
    what: str,
    parse: Callable[[list[str]], Pairs],
    change: Callable[[Invocation, Info, dict[str, str], Pairs], None],
) -> None:
    """Parse the pairs, and change each object, or with --list show what it has."""
    args, specs = resources_and_pairs(inv.args, what)
    pairs = parse(specs)
    if not args and not inv.flags["filename"]:
        raise KubectlError(NO_RESOURCES)
    if not specs and not inv.flags["list"]:
        raise KubectlError(f"at least one {what} update is required")

    def change_one(info: Info) -> None:
        present = info.object["metadata"].get(f"{what}s") or {}
        if not inv.flags["list"]:
            return change(inv, info, present, pairs)
        for key in sorted(present):
            inv.print(f"{key}={present[key]}")
        return None

    each(from_flags(inv, args), change_one)


def _clashes(inv: Invocation, present: dict[str, str], wanted: dict[str, str]) -> str:
    """The entries that are there already with another value, if they may not be overwritten."""
    return "; ".join(
        f"'{key}' already has a value ({present[key]})"
        for key, value in wanted.items()
        if not inv.flags["overwrite"] and present.get(key, value) != value
    )


@command("label")
def label(inv: Invocation) -> None:
    """Set and remove labels."""
    _change(inv, "label", parse_labels, _label)


def _label(inv: Invocation, info: Info, present: dict[str, str], pairs: Pairs) -> None:
    wanted, removed = pairs
    if clashes := _clashes(inv, present, wanted):
        raise KubectlError(f"{clashes}, and --overwrite is false")
    for key in removed:
        if key not in present:
            inv.write(f'label "{key}" not found.\n')
    left = {key: value for key, value in present.items() if key not in removed} | wanted
    if left == present:
        print_result(inv, info, "not labeled")
        return
    done = "labeled" if inv.flags["overwrite"] or wanted else "unlabeled"
    changes = {key: None for key in removed if key in present} | wanted
    send_patch(inv, info, {"metadata": {"labels": changes}}, done, kind="merge")


@command("annotate")
def annotate(inv: Invocation) -> None:
    """Set and remove annotations."""
    _change(inv, "annotation", parse_annotations, _annotate)


def _annotate(inv: Invocation, info: Info, present: dict[str, str], pairs: Pairs) -> None:
    wanted, removed = pairs
    if clashes := _clashes(inv, present, wanted):
        raise KubectlError(
            f"--overwrite is false but found the following declared annotation(s): {clashes}"
        )
    patch = {"metadata": {"annotations": dict.fromkeys(removed) | wanted}}
    send_patch(inv, info, patch, "annotated", kind="merge")


# --- taints


@dataclass(frozen=True)
class Taint:
    """A taint, or (without effect or value) what to remove: all taints of the key."""

    key: str
    value: str = ""
    effect: str = ""

    def json(self) -> Json:
        """As it stands in a node."""
        taint = {"key": self.key, "effect": self.effect}
        return {**taint, "value": self.value} if self.value else taint

    def matches(self, taint: Json) -> bool:
        """Whether a node's taint is one of those to remove."""
        return taint["key"] == self.key and self.effect in ("", taint["effect"])


def parse_taints(specs: list[str]) -> tuple[list[Taint], list[Taint]]:
    """What `kubectl taint` is to add and to remove. Raises KubectlError."""
    added: list[Taint] = []
    removed: list[Taint] = []
    for spec in specs:
        taint = _parse_taint(spec.removesuffix("-"), removing=spec.endswith("-"))
        if spec.endswith("-"):
            removed.append(taint)
        elif any((taint.key, taint.effect) == (other.key, other.effect) for other in added):
            raise KubectlError(f"duplicated taints with the same key and effect: {spec}")
        else:
            added.append(taint)
    return added, removed


def _parse_taint(spec: str, removing: bool) -> Taint:
    pair, colon, effect = spec.partition(":")
    key, equals, value = pair.partition("=")
    if ":" in effect or "=" in value or (not colon and not removing):
        raise KubectlError(f"invalid taint spec: {spec}")
    if colon and effect not in ("NoSchedule", "NoExecute", "PreferNoSchedule"):
        raise KubectlError(
            f"invalid taint effect: {effect}, unsupported taint effect\n"
            "See 'kubectl taint -h' for help and examples"
        )
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
    clashes = [new.key for new in added if any(map(new.matches, present))]
    if clashes and not overwrite:
        raise KubectlError(
            f"node {node['metadata']['name']} already has {','.join(clashes)} taint(s)"
            " with same effect(s) and --overwrite is false"
        )
    kept = [old for old in present if not any(new.matches(old) for new in added)]
    merged = [*(new.json() for new in added), *kept]
    for gone in removed:
        if not any(map(gone.matches, merged)):
            shown = f"{gone.key}:{gone.effect}" if gone.effect else gone.key
            raise KubectlError(f'taint "{shown}" not found')
    left = [old for old in merged if not any(gone.matches(old) for gone in removed)]
    grew, shrank = len(merged) != len(present), len(left) != len(merged)
    if overwrite or (grew and shrank):
        return left, "modified"
    return left, "tainted" if grew else "untainted"


@command("taint")
def taint(inv: Invocation) -> None:
    """Add and remove taints."""
    words, specs = _split(inv.args)
    selection = Selection.of(inv)
    if not words:
        raise KubectlError(NO_RESOURCES)
    if words[0].lower() not in ("node", "nodes", "no"):
        raise KubectlError(f"invalid resource type {words[0]}, only node types are supported")
    if not specs:
        raise KubectlError("at least one taint update is required")
    if len(words) < 2 and not selection.everything and not selection.labels:
        raise KubectlError(
            "at least one resource name must be specified since 'all' parameter is not set"
        )
    added, removed = parse_taints(specs)
    each(from_arguments(inv, words, selection), partial(_taint, inv, added, removed))


def _taint(inv: Invocation, added: list[Taint], removed: list[Taint], info: Info) -> None:
    taints, done = changed_taints(info.object, added, removed, inv.flags["overwrite"])
    send_patch(inv, info, {"spec": {"taints": taints or None}}, done, kind="merge")


def _split(args: list[str]) -> tuple[list[str], list[str]]:
    """Nodes, and taints after them: they have a colon, an equals sign or a minus at the end."""
    for place, word in enumerate(args):
        if ":" in word or "=" in word:
            return args[:place], args[place:]
    return resources_and_pairs(args, "taint")
