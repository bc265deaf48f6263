"""`kubectl top`, which needs the metrics API that this cluster does not have."""

from __future__ import annotations

from kubecourse.tools.kubectl import flags
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> None:
    """As on a real cluster without metrics-server."""
    raise KubectlError("Metrics API not available")


_FLAGS = (
    *flags.SELECTOR,
    *flags.FIELD_SELECTOR,
    *flags.ALL_NAMESPACES,
    Flag("containers", type="bool", help="Each container of a pod."),
    Flag("sort-by", help="cpu or memory."),
    Flag("no-headers", type="bool", help="Leave the headings out."),
)

COMMAND = Command(
    name="top",
    use="top",
    short="Display resource (CPU/memory) usage",
    group="Cluster Management Commands",
    children=(
        Command(
            name="node",
            aliases=("nodes", "no"),
            use="top node [NAME | -l label]",
            short="Display resource (CPU/memory) usage of nodes",
            flags=_FLAGS,
            run=run,
        ),
        Command(
            name="pod",
            aliases=("pods", "po"),
            use="top pod [NAME | -l label]",
            short="Display resource (CPU/memory) usage of pods",
            flags=_FLAGS,
            run=run,
        ),
    ),
)
