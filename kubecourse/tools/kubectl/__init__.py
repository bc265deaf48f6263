"""The embedded kubectl: the words, columns and exit codes of the real client, in this process.

`run(cluster, "get pods -o wide")` returns an `Output(stdout, stderr, code)`. Everything goes
through the API server's REST interface, as it does for the real client.

How it is put together:

- `cli.py`: the command tree and its flags as data, pflag's parsing, cobra's error texts, help.
- `invocation.py`: what a running command holds: arguments, flags, connection, output.
- `connection.py`: requests to the API server, and virtual time for commands that wait.
- `resources.py`: the objects that arguments name: `po web-1`, `deploy/web svc/web`, `-l`, `-f`.
- `output.py`: tables, `-o yaml|json|name|jsonpath=…|custom-columns=…`, and the line that commands
  which change something print (`deployment.apps/web scaled`).
- `failure.py`: how errors are worded on stderr, and their exit codes.
- `commands/<name>.py`: one command each.

A command joins by being a module of `commands` that defines `COMMAND`; nothing else needs to
know of it. The module is called as the command (`api-resources` is `api_resources.py`)::

    def run(inv: Invocation) -> None:
        for info in resources.from_arguments(inv, inv.args, selector=inv.flags["selector"]):
            ...                                  # info.resource, .namespace, .name, .object
            inv.connection.patch(info.resource, info.namespace, info.name, {"spec": …})
            output.print_result(inv, info, "scaled")

    COMMAND = Command(
        name="scale",
        use="scale --replicas=COUNT TYPE NAME",
        short="Set a new size for a deployment, replica set, …",
        flags=(Flag("replicas", type="int", required=True, help="…"), *flags.OUTPUT),
        run=run,
    )

Subcommands (`rollout status`, `set image`, `create configmap`) are Commands in `children`. A
command returns nothing, or an exit code; it raises `KubectlError` (`error: …`), `usage_error` or
lets an `ApiError` pass.
"""

from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.main import Output, run

__all__ = ["Connection", "Output", "run"]
