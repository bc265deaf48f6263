"""`kubectl version`."""

from __future__ import annotations

from kubecourse.api import yaml
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import go_json

CLIENT = "v1.33.0"
"""The version whose words the embedded kubectl speaks."""

KUSTOMIZE = "v5.6.0"
_MOST_MINORS_APART = 1


def run(inv: Invocation) -> None:
    """Print the versions of client and server, and warn where they are too far apart."""
    if inv.args:
        raise inv.usage_error(f"extra arguments: [{' '.join(inv.args)}]")
    form = inv.flags["output"]
    if form not in ("", "yaml", "json"):
        raise KubectlError("--output must be 'yaml' or 'json'")
    server = None if inv.flags["client"] else inv.connection.request("GET", "/version")
    if form:
        major, minor, _ = CLIENT.lstrip("v").split(".")
        client = {"major": major, "minor": minor, "gitVersion": CLIENT}
        both = {"clientVersion": client, "kustomizeVersion": KUSTOMIZE}
        if server is not None:
            both["serverVersion"] = server
        return inv.write(yaml.dump(both) if form == "yaml" else f"{go_json(both, indent=2)}\n")
    inv.print(f"Client Version: {CLIENT}")
    inv.print(f"Kustomize Version: {KUSTOMIZE}")
    if server is not None:
        inv.print(f"Server Version: {server['gitVersion']}")
        _warn_of_skew(inv, server)
    return None


def _warn_of_skew(inv: Invocation, server: dict[str, str]) -> None:
    apart = int(server["minor"].rstrip("+")) - int(CLIENT.split(".")[1])
    if abs(apart) > _MOST_MINORS_APART:
        client = ".".join(CLIENT.lstrip("v").split(".")[:2])
        inv.warn(
            f"version difference between client ({client}) and server "
            f"({server['major']}.{server['minor']}) exceeds the supported minor version skew of "
            f"+/-{_MOST_MINORS_APART}",
            bare=False,
        )


COMMAND = Command(
    name="version",
    use="version [--client] [--output=yaml|json]",
    short="Print the client and server version information",
    flags=(
        Flag("client", type="bool", help="The client's alone."),
        Flag("output", "o", help="yaml or json."),
    ),
    run=run,
)
