"""`kubectl uncordon`."""

from __future__ import annotations

from kubecourse.tools.kubectl import flags
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.commands.cordon import mark, nodes
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> None:
    """New pods may go to these nodes again."""
    for info in nodes(inv):
        mark(inv, info, False)


COMMAND = Command(
    name="uncordon",
    use="uncordon NODE",
    short="Mark node as schedulable",
    group="Cluster Management Commands",
    flags=(*flags.SELECTOR, *flags.DRY_RUN, Flag("output", "o", help="Output format.")),
    run=run,
)
