"""`kubectl taint`."""

from __future__ import annotations

from kubecourse.tools.kubectl import flags, resources
from kubecourse.tools.kubectl.changing import send_patch
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.labeling import changed_taints, parse_taints, resources_and_pairs


def run(inv: Invocation) -> None:
    """Add and remove taints."""
    words, specs = _split(inv.args)
    if not words:
        raise KubectlError("one or more resources must be specified as <resource> <name> or"
                           " <resource>/<name>")  # fmt: skip
    if words[0].lower() not in ("node", "nodes", "no"):
        raise KubectlError(f'invalid resource type {words[0]}, only ["node" "nodes"] are supported')
    if not specs:
        raise KubectlError("at least one taint update is required")
    if len(words) < 2 and not inv.flags["all"] and not inv.flags["selector"]:
        raise KubectlError(
            "at least one resource name must be specified since 'all' parameter is not set"
        )
    added, removed = parse_taints(specs)
    selector, everything = inv.flags["selector"], inv.flags["all"]
    errors: list[Exception] = []
    for info in resources.from_arguments(inv, words, selector=selector, everything=everything):
        try:
            taints, done = changed_taints(info.object, added, removed, inv.flags["overwrite"])
        except KubectlError as error:
            errors.append(error)
            continue
        local = {**info.object, "spec": {**info.object["spec"], "taints": taints}}
        send_patch(inv, info, {"spec": {"taints": taints or None}}, done, kind="merge", local=local)
    raise_all(errors)


def _split(args: list[str]) -> tuple[list[str], list[str]]:
    """Nodes, and taints after them: they have a colon, an equals sign or a minus at the end."""
    for place, word in enumerate(args):
        if ":" in word or "=" in word:
            return args[:place], args[place:]
    return resources_and_pairs(args, "taint")


COMMAND = Command(
    name="taint",
    use="taint NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
    short="Update the taints on one or more nodes",
    group="Cluster Management Commands",
    flags=(
        *flags.SELECTOR,
        *flags.OUTPUT,
        *flags.DRY_RUN,
        *flags.VALIDATE,
        *flags.FIELD_MANAGER,
        Flag("all", type="bool", help="All nodes."),
        Flag("overwrite", type="bool", help="Let new values win."),
    ),
    run=run,
)
