"""The embedded kubectl: the words, columns and exit codes of the real client, in this process.

`run(cluster, "get pods -o wide")` returns an `Output(stdout, stderr, code)`. Everything goes
through the API server's REST interface, as it does for the real client.

How it is put together:

- `help.txt`: every command with its usage, flags and what it objects to; `cli.py` makes the tree of
  commands of it, `flags.py` reads command lines.
- `invocation.py`: what a running command holds: arguments, flags, connection, output.
- `connection.py`: requests to the API server; `watching.py`: letting virtual time pass.
- `resources.py`: the objects that arguments name: `po web-1`, `deploy/web svc/web`, `-l`;
  `manifests.py`: those in the files of `-f`; `podspecs.py`: the pods inside of objects.
- `output.py`: `-o yaml|json|name|jsonpath=…|custom-columns=…`, and the line that commands
  which change something print (`deployment.apps/web scaled`).
- `changing.py`: sending what changes; `generating.py`: objects from flags; `failure.py`: how errors
  are worded, and their exit codes.
- `commands/`: the commands, a module for those of one kind; `describe/`: objects in words, by
  `layouts.txt`.

A command is a function with a place in the tree::

    @command("scale")
    def scale(inv: Invocation) -> None:
        for info in from_flags(inv):             # info.resource, .namespace, .name, .object
            send_patch(inv, info, {"spec": …}, "scaled")

A command returns nothing, or an exit code; it raises `KubectlError` (`error: …`), `usage_error` or
lets an `ApiError` pass.
"""

from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.main import Output, run, shown

__all__ = ["Connection", "Output", "run", "shown"]
