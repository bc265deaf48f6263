"""`kubectl annotate`."""

from __future__ import annotations

from typing import Any

from kubecourse.tools.kubectl import flags
from kubecourse.tools.kubectl.changing import send_patch, targets
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.labeling import existing, parse_annotations, resources_and_pairs
from kubecourse.tools.kubectl.resources import Info


def run(inv: Invocation) -> None:
    """Set and remove annotations."""
    args, pairs = resources_and_pairs(inv.args, "annotation")
    wanted, removed = parse_annotations(pairs)
    if not args and not inv.flags["filename"]:
        raise KubectlError(
            "one or more resources must be specified as <resource> <name> or <resource>/<name>"
        )
    if not wanted and not removed and not inv.flags["list"]:
        raise KubectlError("at least one annotation update is required")
    errors: list[Exception] = []
    for info in targets(inv, args):
        try:
            _annotate(inv, info, wanted, removed)
        except KubectlError as error:
            errors.append(error)
    raise_all(errors)


def _annotate(inv: Invocation, info: Info, wanted: dict[str, str], removed: list[str]) -> None:
    present = info.object["metadata"].get("annotations") or {}
    if inv.flags["list"]:
        for key in sorted(present):
            inv.print(f"{key}={present[key]}")
        return
    if not inv.flags["overwrite"] and (clashes := existing(present, wanted)):
        raise KubectlError(
            "--overwrite is false but found the following declared annotation(s): "
            + "; ".join(clashes)
        )
    left = {key: value for key, value in present.items() if key not in removed} | wanted
    changes: dict[str, Any] = {**dict.fromkeys(removed), **wanted}
    local = {**info.object, "metadata": {**info.object["metadata"], "annotations": left}}
    patch = {"metadata": {"annotations": changes}}
    send_patch(inv, info, patch, "annotated", kind="merge", local=local)


COMMAND = Command(
    name="annotate",
    use="annotate [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N"
    " [--resource-version=version]",
    short="Update the annotations on a resource",
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
        Flag("list", type="bool", help="Print the annotations there are."),
        Flag("overwrite", type="bool", help="Let new values win."),
    ),
    run=run,
)
