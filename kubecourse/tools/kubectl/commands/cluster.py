"""What the cluster is: `kubectl version`, `cluster-info`, `api-resources`, `config` and `top`."""

from __future__ import annotations

from typing import Any

from kubecourse.api import yaml
from kubecourse.api.jsonpath import go_json
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.output import align_rows, printer_for

Json = dict[str, Any]

CLIENT, KUSTOMIZE = "v1.33.0", "v5.6.0"
"""The versions whose words the embedded kubectl speaks."""


@command("version")
def version(inv: Invocation) -> None:
    """Print the versions of client and server, and warn where they are too far apart."""
    form = inv.flags["output"]
    major, minor, _ = CLIENT.lstrip("v").split(".")
    client = {"major": major, "minor": minor, "gitVersion": CLIENT}
    both: Json = {"clientVersion": client, "kustomizeVersion": KUSTOMIZE}
    if not form:
        inv.print(f"Client Version: {CLIENT}")
        inv.print(f"Kustomize Version: {KUSTOMIZE}")
    if not inv.flags["client"]:
        both["serverVersion"] = inv.connection.request("GET", "/version")
    if form:
        return inv.write(yaml.dump(both) if form == "yaml" else f"{go_json(both, indent=2)}\n")
    if server := both.get("serverVersion"):
        inv.print(f"Server Version: {server['gitVersion']}")
        if abs(int(server["minor"].rstrip("+")) - int(minor)) > 1:
            inv.warn(
                f"version difference between client ({major}.{minor}) and server"
                f" ({server['major']}.{server['minor']}) exceeds the supported minor version skew"
                " of +/-1"
            )
    return None


@command("cluster-info")
def cluster_info(inv: Invocation) -> None:
    """Say where the control plane is, if it is there."""
    inv.connection.reach("/api")
    inv.print(f"Kubernetes control plane is running at {inv.connection.url}")
    inv.print()
    inv.print("To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.")


# --- what is served


@command("api-versions")
def api_versions(inv: Invocation) -> None:
    """List them, sorted."""
    for name in sorted(_versions(inv)):
        inv.print(name)


def _versions(inv: Invocation) -> dict[str, str]:
    """Where each version of each group is served, in the order of discovery."""
    found = {name: f"/api/{name}" for name in inv.connection.request("GET", "/api")["versions"]}
    for served in inv.connection.request("GET", "/apis")["groups"]:
        for each in served["versions"]:
            found[each["groupVersion"]] = f"/apis/{each['groupVersion']}"
    return found


@command("api-resources")
def api_resources(inv: Invocation) -> None:
    """List resource types by group and name."""
    form, by = inv.flags["output"], inv.flags["sort-by"]
    found = [
        {**row, "api": api, "group": api.rpartition("/")[0]}
        for api, path in _versions(inv).items()
        for row in inv.connection.request("GET", path)["resources"]
        if "/" not in row["name"]
    ]
    preferred: dict[tuple[str, str], Json] = {}
    for row in found:
        preferred.setdefault((row["group"], row["name"]), row)
    rows = [row for row in preferred.values() if _is_wanted(inv, row)]
    rows.sort(key=lambda row: (row[by] if by else row["group"], "" if by else row["name"]))
    if form == "name":
        for row in rows:
            inv.print(f"{row['name']}.{row['group']}" if row["group"] else row["name"])
        return
    headers = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", "VERBS", "CATEGORIES"]
    cells = [] if inv.flags["no-headers"] else [headers]
    cells += [
        [
            row["name"],
            ",".join(row.get("shortNames", ())),
            row["api"],
            "true" if row["namespaced"] else "false",
            row["kind"],
            ",".join(row["verbs"]),
            ",".join(row.get("categories", ())),
        ]
        for row in rows
    ]
    inv.write(align_rows([line if form == "wide" else line[:5] for line in cells]))


def _is_wanted(inv: Invocation, row: Json) -> bool:
    given = inv.flags
    return not (
        ("namespaced" in inv.changed and row["namespaced"] != given["namespaced"])
        or ("api-group" in inv.changed and row["group"] != given["api-group"])
        or set(given["verbs"]) - set(row["verbs"])
        or set(given["categories"]) - set(row.get("categories", ()))
    )


# --- the one context that an embedded cluster has, and its namespace


@command("config current-context")
def current_context(inv: Invocation) -> None:
    """Its name."""
    inv.print(inv.connection.context)


@command("config get-contexts")
def get_contexts(inv: Invocation) -> None:
    """A table of one line."""
    connection = inv.connection
    namespace = "" if connection.namespace == "default" else connection.namespace
    if inv.flags["output"] == "name":
        return inv.print(connection.context)
    headers = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]
    row = ["*", connection.context, connection.context, connection.user, namespace]
    return inv.write(align_rows([row] if inv.flags["no-headers"] else [headers, row]))


@command("config set-context")
def set_context(inv: Invocation) -> None:
    """Remember the namespace for the commands that follow."""
    connection = inv.connection
    name = inv.args[0] if inv.args else connection.context
    if name != connection.context:
        raise KubectlError(f'an embedded cluster has one context, "{connection.context}"')
    if inv.namespace_given:
        connection.namespace = inv.flags["namespace"] or "default"
    inv.print(f'Context "{name}" modified.')


@command("config use-context")
def use_context(inv: Invocation) -> None:
    """There is no other."""
    if inv.args[0] != inv.connection.context:
        raise KubectlError(f'no context exists with the name: "{inv.args[0]}"')
    inv.print(f'Switched to context "{inv.args[0]}".')


@command("config view")
def view(inv: Invocation) -> None:
    """The configuration as a kubeconfig file would have it."""
    connection = inv.connection
    context = {"cluster": connection.context, "user": connection.user}
    if connection.namespace != "default":
        context["namespace"] = connection.namespace
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{"name": connection.context, "cluster": {"server": connection.url}}],
        "contexts": [{"name": connection.context, "context": context}],
        "current-context": connection.context,
        "users": [{"name": connection.user, "user": {}}],
    }
    printer = printer_for(inv) or yaml.dump
    inv.write(printer(config))
