"""`kubectl cp`, for which the simulated containers have no tar."""

from __future__ import annotations

from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> None:
    """Not simulated."""
    if len(inv.args) != 2:
        raise KubectlError("source and destination are required")
    raise KubectlError(
        "files cannot be copied to or from simulated containers: write them with"
        " `kubectl exec POD -- sh -c 'echo … > file'`, or mount a ConfigMap"
    )


COMMAND = Command(
    name="cp",
    use="cp <file-spec-src> <file-spec-dest>",
    short="Copy files and directories to and from containers",
    group="Troubleshooting and Debugging Commands",
    flags=(Flag("container", "c", help="The container."),),
    run=run,
)
