"""`kubectl cordon` and, in `uncordon.py`, its opposite."""

from __future__ import annotations

from dataclasses import replace

from kubecourse.tools.kubectl import flags, output, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info


def nodes(inv: Invocation) -> list[Info]:
    """The nodes that the arguments or -l name. Raises KubectlError."""
    selector = inv.flags["selector"]
    if not inv.args and not selector:
        raise inv.usage_error(f"USAGE: {inv.path.removeprefix('kubectl ')} NODE [flags]")
    if inv.args and selector:
        raise KubectlError(
            "error: cannot specify both a node name and a --selector option", bare=True
        )
    if selector:
        return resources.from_arguments(inv, ["nodes"], selector=selector)
    return resources.from_arguments(inv, ["nodes", *inv.args])


def mark(inv: Invocation, info: Info, unschedulable: bool) -> None:
    """Make a node take new pods, or not, and say so."""
    done = "cordoned" if unschedulable else "uncordoned"
    if bool(info.object["spec"].get("unschedulable")) == unschedulable:
        output.print_result(inv, info, f"already {done}")
        return
    obj = info.object
    if inv.dry_run != "client":
        patch = {"spec": {"unschedulable": True if unschedulable else None}}
        dry_run = inv.dry_run == "server"
        obj = inv.connection.patch(info.resource, None, info.name, patch, dry_run=dry_run)
    output.print_result(inv, replace(info, object=obj), done)


def run(inv: Invocation) -> None:
    """No new pods on these nodes."""
    for info in nodes(inv):
        mark(inv, info, True)


COMMAND = Command(
    name="cordon",
    use="cordon NODE",
    short="Mark node as unschedulable",
    group="Cluster Management Commands",
    flags=(*flags.SELECTOR, *flags.DRY_RUN, Flag("output", "o", help="Output format.")),
    run=run,
)
