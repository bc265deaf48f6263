"""`kubectl api-resources`: what kinds there are, their short names, and where they are served.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/apiresources/apiresources.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.tabwriter import align

HEADERS = ("NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND")
WIDE = (*HEADERS, "VERBS", "CATEGORIES")
PADDING = 3


def run(inv: Invocation) -> None:
    """List resource types by group and name."""
    if inv.args:
        raise inv.usage_error(f"unexpected arguments: [{' '.join(inv.args)}]")
    form = inv.flags["output"]
    if form not in ("", "wide", "name"):
        raise KubectlError(f"--output {form} is not available")
    rows = [row for row in discovered(inv) if _wanted(inv, row)]
    rows.sort(key=_order(inv.flags["sort-by"]))
    if form == "name":
        for row in rows:
            inv.print(f"{row['name']}.{row['group']}" if row["group"] else row["name"])
        return
    lines = [] if inv.flags["no-headers"] else ["\t".join(WIDE if form == "wide" else HEADERS)]
    lines += [_line(row, form == "wide") for row in rows]
    if lines:
        inv.write(align("\n".join(lines), PADDING, 6) + "\n")


def discovered(inv: Invocation) -> list[dict[str, Any]]:
    """Every resource as discovery tells it, with its group and version; no subresources."""
    versions = inv.connection.request("GET", "/api")["versions"]
    paths = [("", version, f"/api/{version}") for version in versions]
    for group in inv.connection.request("GET", "/apis")["groups"]:
        paths += [
            (group["name"], version["version"], f"/apis/{version['groupVersion']}")
            for version in group["versions"]
        ]
    return [
        {**row, "group": group, "version": version}
        for group, version, path in paths
        for row in inv.connection.request("GET", path)["resources"]
        if "/" not in row["name"]
    ]


def _wanted(inv: Invocation, row: dict[str, Any]) -> bool:
    flags = inv.flags
    if "namespaced" in inv.changed and row["namespaced"] != flags["namespaced"]:
        return False
    if "api-group" in inv.changed and row["group"] != flags["api-group"]:
        return False
    if any(verb not in row["verbs"] for verb in flags["verbs"]):
        return False
    return all(category in row.get("categories", ()) for category in flags["categories"])


def _order(by: str) -> Any:
    if by not in ("", "name", "kind"):
        raise KubectlError("--sort-by accepts only name or kind")
    if by:
        return lambda row: row[by]
    return lambda row: (row["group"], row["name"])


def _line(row: dict[str, Any], wide: bool) -> str:
    api_version = f"{row['group']}/{row['version']}" if row["group"] else row["version"]
    cells = [
        row["name"],
        ",".join(row.get("shortNames", ())),
        api_version,
        "true" if row["namespaced"] else "false",
        row["kind"],
    ]
    if wide:
        cells += [",".join(row["verbs"]), ",".join(row.get("categories", ()))]
    return "\t".join(cells)


COMMAND = Command(
    name="api-resources",
    use="api-resources",
    short="Print the supported API resources on the server",
    flags=(
        Flag("output", "o", help="wide, or name."),
        Flag("namespaced", type="bool", default=True, help="Only those in, or not in, namespaces."),
        Flag("api-group", help="Only those of this group."),
        Flag("verbs", type="strings", help="Only those that have these verbs."),
        Flag("categories", type="strings", help="Only those of these categories."),
        Flag("sort-by", help="name, or kind."),
        Flag("no-headers", type="bool", help="Leave the headers out."),
        Flag("cached", type="bool", help="Nothing is cached here."),
    ),
    run=run,
)
