"""`kubectl label`, `annotate`, `taint`: arguments such as `app=web tier-` set and remove entries.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go` (GetResourcesAndPairs, ParsePairs),
`…/kubectl/pkg/cmd/{label,annotate,taint}`.
"""

from __future__ import annotations

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
        if ("=" in word and word[0] != "=") or (word.endswith("-") and word != "-"):
            pairs.append(word)
        elif pairs:
            raise KubectlError(f"all resources must be specified before {what} changes: {word}")
        else:
            resources.append(word)
    return resources, pairs


# --- labels and annotations


def parse_pairs(specs: list[str], what: str) -> Pairs:
    """What `kubectl label` or `annotate` is to set and to remove. Raises KubectlError."""
    wanted: dict[str, str] = {}
    removed: list[str] = []
    wrong: list[str] = []
    for spec in specs:
        key, equals, value = spec.partition("=")
        if not equals and spec.endswith("-") and spec != "-":
            removed.append(spec[:-1])
        elif what == "annotation" and not (equals and key):
            wrong.append(spec)
        else:
            if what == "label":
                _check_label(spec, equals, value)
            wanted[key] = value
    if wrong:
        raise KubectlError(f"invalid annotation format: {', '.join(wrong)}")
    if any(key in wanted for key in removed):
        a = "a label" if what == "label" else "an annotation"
        raise KubectlError(f"can not both modify and remove {a} in the same command")
    return wanted, removed


def _check_label(spec: str, equals: str, value: str) -> None:
    if not equals or "=" in value:
        raise KubectlError(f"{'invalid' if equals else 'unknown'} label spec: {spec}")
    if problems := names.validate_label_value(value):
        quoted = spec.replace("\\", "\\\\").replace('"', '\\"')
        raise KubectlError(f'invalid label value: "{quoted}": {";".join(problems)}')


@command("label")
@command("annotate")
def label(inv: Invocation) -> None:
    """Set and remove entries of each object, or with --list show what it has."""
    what, change = "label", _label
    if inv.path.endswith("annotate"):
        what, change = "annotation", _annotate
    args, specs = resources_and_pairs(inv.args, what)
    pairs = parse_pairs(specs, what)
    if not args and not inv.flags["filename"]:
        raise KubectlError(NO_RESOURCES)
    if not specs and not inv.flags["list"]:
        raise KubectlError(f"at least one {what} update is required")

    def change_one(info: Info) -> None:
        present = info.object["metadata"].get(f"{what}s") or {}
        if inv.flags["list"]:
            inv.write("".join(f"{key}={present[key]}\n" for key in sorted(present)))
        else:
            change(inv, info, present, *pairs)

    each(from_flags(inv, args), change_one)


def _clashes(inv: Invocation, present: dict[str, str], wanted: dict[str, str]) -> str:
    """The entries that are there already with another value, if they may not be overwritten."""
    return "; ".join(
        f"'{key}' already has a value ({present[key]})"
        for key, value in wanted.items()
        if not inv.flags["overwrite"] and present.get(key, value) != value
    )


def _label(
    inv: Invocation, info: Info, present: dict[str, str], wanted: dict[str, str], removed: list[str]
) -> None:
    if clashes := _clashes(inv, present, wanted):
        raise KubectlError(f"{clashes}, and --overwrite is false")
    for key in removed:
        if key not in present:
            inv.print(f'label "{key}" not found.')
    left = {key: value for key, value in present.items() if key not in removed} | wanted
    if left == present:
        return print_result(inv, info, "not labeled")
    done = "labeled" if inv.flags["overwrite"] or wanted else "unlabeled"
    changes = {key: None for key in removed if key in present} | wanted
    return send_patch(inv, info, {"metadata": {"labels": changes}}, done, kind="merge")


def _annotate(
    inv: Invocation, info: Info, present: dict[str, str], wanted: dict[str, str], removed: list[str]
) -> None:
    if clashes := _clashes(inv, present, wanted):
        raise KubectlError(
            f"--overwrite is false but found the following declared annotation(s): {clashes}"
        )
    patch = {"metadata": {"annotations": dict.fromkeys(removed) | wanted}}
    send_patch(inv, info, patch, "annotated", kind="merge")


# --- taints; what is to be removed may be without effect or value: all taints of the key


def parse_taints(specs: list[str]) -> tuple[list[Json], list[Json]]:
    """What `kubectl taint` is to add and to remove. Raises KubectlError."""
    added: list[Json] = []
    removed: list[Json] = []
    for spec in specs:
        taint = _parse_taint(spec.removesuffix("-"), removing=spec.endswith("-"))
        if spec.endswith("-"):
            removed.append(taint)
        elif any(_matches(taint, other) for other in added):
            raise KubectlError(f"duplicated taints with the same key and effect: {spec}")
        else:
            added.append(taint)
    return added, removed


def _parse_taint(spec: str, removing: bool) -> Json:
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
    taint = {"key": key, "effect": effect, "value": value}
    return {name: text for name, text in taint.items() if text}


def _matches(meant: Json, taint: Json) -> bool:
    """Whether a taint is one of those that are meant."""
    return taint["key"] == meant["key"] and meant.get("effect") in (None, taint["effect"])


def changed_taints(
    node: Json, added: list[Json], removed: list[Json], overwrite: bool
) -> tuple[list[Json], str]:
    """A node's taints after the change, and the word for it: tainted, untainted, modified.

    Raises KubectlError for taints that are there already, or are not there.
    """
    present = node["spec"].get("taints") or []
    clashes = [new["key"] for new in added if any(_matches(new, old) for old in present)]
    if clashes and not overwrite:
        raise KubectlError(
            f"node {node['metadata']['name']} already has {','.join(clashes)} taint(s)"
            " with same effect(s) and --overwrite is false"
        )
    merged = added + [old for old in present if not any(_matches(new, old) for new in added)]
    for gone in removed:
        if not any(_matches(gone, taint) for taint in merged):
            shown = ":".join(filter(None, (gone["key"], gone.get("effect"))))
            raise KubectlError(f'taint "{shown}" not found')
    left = [old for old in merged if not any(_matches(gone, old) for gone in removed)]
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


def _taint(inv: Invocation, added: list[Json], removed: list[Json], info: Info) -> None:
    taints, done = changed_taints(info.object, added, removed, inv.flags["overwrite"])
    send_patch(inv, info, {"spec": {"taints": taints or None}}, done, kind="merge")


def _split(args: list[str]) -> tuple[list[str], list[str]]:
    """Nodes, and taints after them: they have a colon, an equals sign or a minus at the end."""
    for place, word in enumerate(args):
        if ":" in word or "=" in word:
            return args[:place], args[place:]
    return resources_and_pairs(args, "taint")
