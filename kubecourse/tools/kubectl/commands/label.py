"""`kubectl label`."""

from __future__ import annotations

from typing import Any

from kubecourse.tools.kubectl import flags
from kubecourse.tools.kubectl.changing import send_patch, targets
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.labeling import existing, parse_labels, resources_and_pairs
from kubecourse.tools.kubectl.output import print_result
from kubecourse.tools.kubectl.resources import Info


def run(inv: Invocation) -> None:
    """Set and remove labels."""
    args, pairs = resources_and_pairs(inv.args, "label")
    wanted, removed = parse_labels(pairs)
    if not args and not inv.flags["filename"]:
        raise KubectlError(
            "one or more resources must be specified as <resource> <name> or <resource>/<name>"
        )
    if not wanted and not removed and not inv.flags["list"]:
        raise KubectlError("at least one label update is required")
    errors: list[Exception] = []
    for info in targets(inv, args):
        try:
            _label(inv, info, wanted, removed)
        except KubectlError as error:
            errors.append(error)
    raise_all(errors)


def _label(inv: Invocation, info: Info, wanted: dict[str, str], removed: list[str]) -> None:
    present = info.object["metadata"].get("labels") or {}
    if inv.flags["list"]:
        for key in sorted(present):
            inv.print(f"{key}={present[key]}")
        return
    if not inv.flags["overwrite"] and (clashes := existing(present, wanted)):
        raise KubectlError(f"{'; '.join(clashes)}, and --overwrite is false")
    for key in removed:
        if key not in present:
            inv.write(f'label "{key}" not found.\n')
    left = {key: value for key, value in present.items() if key not in removed} | wanted
    if left == present:
        print_result(inv, info, "not labeled")
        return
    done = "labeled" if inv.flags["overwrite"] or wanted else "unlabeled"
    changes: dict[str, Any] = {key: None for key in removed if key in present}
    changes |= wanted
    local = {**info.object, "metadata": {**info.object["metadata"], "labels": left}}
    send_patch(inv, info, {"metadata": {"labels": changes}}, done, kind="merge", local=local)


COMMAND = Command(
    name="label",
    use="label [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N"
    " [--resource-version=version]",
    short="Update the labels on a resource",
    group="Settings Commands",
    flags=(
        *flags.FILENAME,
        *flags.SELECTOR,
        *flags.FIELD_SELECTOR,
        *flags.ALL_NAMESPACES,
        *flags.OUTPUT,
        *flags.DRY_RUN,
        *flags.FIELD_MANAGER,
        Flag("all", type="bool", help="All objects of the types, in the namespace."),
        Flag("list", type="bool", help="Print the labels there are."),
        Flag("overwrite", type="bool", help="Let new values win."),
    ),
    run=run,
)
