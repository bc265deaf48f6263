"""`kubectl config`: the one context that an embedded cluster has, and its namespace."""

from __future__ import annotations

from typing import Any

from kubecourse.api import yaml
from kubecourse.tools.kubectl import output
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation

SERVER = "https://127.0.0.1:6443"
"""Where the control plane says that it is. Nothing listens there unless the cluster is served."""


def kubeconfig(inv: Invocation) -> dict[str, Any]:
    """The configuration as a kubeconfig file would have it."""
    connection = inv.connection
    context = {"cluster": connection.context, "user": connection.user}
    if connection.namespace != "default":
        context["namespace"] = connection.namespace
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{"name": connection.context, "cluster": {"server": SERVER}}],
        "contexts": [{"name": connection.context, "context": context}],
        "current-context": connection.context,
        "users": [{"name": connection.user, "user": {}}],
    }


def _view(inv: Invocation) -> None:
    config = kubeconfig(inv)
    form = inv.flags["output"] or "yaml"
    if form == "yaml":
        return inv.write(yaml.dump(config))
    printer = output.printer_for(inv)
    assert printer is not None
    return inv.write(printer(config))


def _current_context(inv: Invocation) -> None:
    inv.print(inv.connection.context)


def _get_contexts(inv: Invocation) -> None:
    connection = inv.connection
    namespace = "" if connection.namespace == "default" else connection.namespace
    if inv.flags["output"] == "name":
        return inv.print(connection.context)
    rows = (
        [] if inv.flags["no-headers"] else [["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]]
    )
    rows.append(["*", connection.context, connection.context, connection.user, namespace])
    return inv.write(output.align_rows(rows))


def _use_context(inv: Invocation) -> None:
    if len(inv.args) != 1:
        raise KubectlError(f"accepts 1 arg(s), received {len(inv.args)}")
    if inv.args[0] != inv.connection.context:
        raise KubectlError(f'no context exists with the name: "{inv.args[0]}"')
    inv.print(f'Switched to context "{inv.args[0]}".')


def _set_context(inv: Invocation) -> None:
    connection = inv.connection
    if not inv.args and not inv.flags["current"]:
        raise inv.usage_error("you must specify a non-empty context name or --current")
    name = inv.args[0] if inv.args else connection.context
    if name != connection.context:
        raise KubectlError(f'an embedded cluster has one context, "{connection.context}"')
    if "namespace" in inv.changed:
        connection.namespace = inv.flags["namespace"] or "default"
    inv.print(f'Context "{name}" modified.')


COMMAND = Command(
    name="config",
    short="Modify kubeconfig files",
    group="Settings Commands",
    children=(
        Command(
            "current-context",
            _current_context,
            "config current-context",
            "Display the current-context",
        ),
        Command(
            "get-contexts",
            _get_contexts,
            "config get-contexts",
            "Describe one or many contexts",
            flags=(
                Flag("no-headers", type="bool", help="Leave the headers out."),
                Flag("output", "o", help="name."),
            ),
        ),
        Command(
            "set-context",
            _set_context,
            "config set-context [NAME | --current] [--namespace=namespace]",
            "Set a context entry in kubeconfig",
            flags=(Flag("current", type="bool", help="The current context."),),
        ),
        Command(
            "use-context",
            _use_context,
            "config use-context CONTEXT_NAME",
            "Set the current-context",
        ),
        Command(
            "view",
            _view,
            "config view",
            "Display merged kubeconfig settings",
            flags=(
                Flag("output", "o", help="yaml, json, jsonpath=…"),
                Flag("template", help="Template for jsonpath output."),
                Flag("minify", type="bool", help="Only what the current context uses."),
                Flag("flatten", type="bool", help="As one self-contained file."),
                Flag("raw", type="bool", help="With secrets; there are none here."),
            ),
        ),
    ),
)
