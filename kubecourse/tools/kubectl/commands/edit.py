"""`kubectl edit`, which needs a terminal."""

from __future__ import annotations

from kubecourse.tools.kubectl import flags
from kubecourse.tools.kubectl.cli import Command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> None:
    """There is no editor to open in a notebook."""
    raise KubectlError(
        "no editor can be opened here: print the object with `kubectl get -o yaml`, change the"
        " text, and give it back with `kubectl apply -f -`"
    )


COMMAND = Command(
    name="edit",
    use="edit (RESOURCE/NAME | -f FILENAME)",
    short="Edit a resource on the server",
    group="Basic Commands (Intermediate)",
    flags=(*flags.FILENAME, *flags.OUTPUT),
    run=run,
)
