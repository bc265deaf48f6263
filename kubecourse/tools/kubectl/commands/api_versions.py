"""`kubectl api-versions`: the groups and versions that are served."""

from __future__ import annotations

from kubecourse.tools.kubectl.cli import Command
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> None:
    """List them, sorted."""
    if inv.args:
        raise inv.usage_error(f"unexpected arguments: [{' '.join(inv.args)}]")
    found = list(inv.connection.request("GET", "/api")["versions"])
    for group in inv.connection.request("GET", "/apis")["groups"]:
        found += [version["groupVersion"] for version in group["versions"]]
    for version in sorted(found):
        inv.print(version)


COMMAND = Command(
    name="api-versions",
    use="api-versions",
    short='Print the supported API versions on the server, in the form of "group/version"',
    run=run,
)
