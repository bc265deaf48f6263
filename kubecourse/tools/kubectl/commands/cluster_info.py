"""`kubectl cluster-info`."""

from __future__ import annotations

from kubecourse.tools.kubectl.cli import Command
from kubecourse.tools.kubectl.commands.config import SERVER
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> None:
    """Say where the control plane is."""
    inv.print(f"Kubernetes control plane is running at {SERVER}")
    inv.print()
    inv.print("To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.")


COMMAND = Command(
    name="cluster-info",
    run=run,
    use="cluster-info",
    short="Display cluster information",
    group="Cluster Management Commands",
)
