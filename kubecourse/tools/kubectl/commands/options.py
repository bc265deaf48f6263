"""`kubectl options`: the flags of every command."""

from __future__ import annotations

from kubecourse.tools.kubectl import help
from kubecourse.tools.kubectl.cli import Command
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> None:
    """List them."""
    inv.write(help.options())


COMMAND = Command(
    name="options",
    run=run,
    use="options",
    short="Print the list of flags inherited by all commands",
)
