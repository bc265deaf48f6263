"""`kubectl run`: one pod, from a few flags."""

from __future__ import annotations

from typing import Any

from kubecourse.node.runtime.references import InvalidReference, parse_reference
from kubecourse.tools.kubectl import flags, generators, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.commands.create import generated, namespace_of
from kubecourse.tools.kubectl.containers import find_run
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.watching import Test, wait_until

Json = dict[str, Any]

RESTART = ("Always", "OnFailure", "Never")
PULL = ("", "Always", "IfNotPresent", "Never")


def run(inv: Invocation) -> int | None:
    """Create the pod; with -i or --attach stay until it ends, with --rm remove it then."""
    if not inv.args or inv.dash == 0:
        raise inv.usage_error("NAME is required for run")
    name, words = inv.args[0], inv.args[1:]
    given = inv.flags
    attached = given["attach"] or given["stdin"]
    if given["stdin"] and inv.stdin:
        inv.warn("simulated containers read no standard input: the pod gets none")
    _check(inv, attached)
    pod = generators.pod(
        name,
        given["image"],
        labels=generators.pairs(given["labels"]),
        annotations=generators.pairs(",".join(given["annotations"])),
        env=generators.environment(given["env"]),
        port=given["port"],
        words=words,
        as_command=given["command"],
        pull_policy=given["image-pull-policy"],
        restart=given["restart"],
    )
    if given["stdin"]:
        container = pod["spec"]["containers"][0]
        container |= {"stdin": True, "stdinOnce": True} | ({"tty": True} if given["tty"] else {})
    if namespace := namespace_of(inv):
        pod["metadata"]["namespace"] = namespace
    if not attached:
        generated(inv, pod)
    if given["expose"]:
        _expose(inv, pod)
    return _attach(inv, resources.info_of(inv, pod)) if attached else None


def _check(inv: Invocation, attached: bool) -> None:
    """Raise KubectlError for flags that do not go together."""
    given = inv.flags
    problem = ""
    if given["rm"] and not attached:
        problem = "--rm should only be used for attached containers"
    elif given["tty"] and not given["stdin"]:
        problem = "-i/--stdin is required for containers with -t/--tty=true"
    elif given["restart"] not in RESTART:
        problem = f"invalid restart policy: {given['restart']}"
    elif given["image-pull-policy"] not in PULL:
        problem = f"invalid image pull policy: {given['image-pull-policy']}"
    elif given["expose"] and not given["port"]:
        problem = "--port must be set when exposing a service"
    if problem:
        raise inv.usage_error(problem)
    try:
        parse_reference(given["image"])
    except InvalidReference as error:
        raise KubectlError(f'Invalid image name "{given["image"]}": {error}') from None


def _expose(inv: Invocation, pod: Json) -> None:
    port = int(inv.flags["port"])
    name = pod["metadata"]["name"]
    labels = pod["metadata"]["labels"]
    service = generators.new_object("Service", name, namespace_of(inv))
    service["spec"] = {
        "ports": [{"protocol": "TCP", "port": port, "targetPort": port}],
        "selector": labels,
    }
    generated(inv, {**service, "status": {"loadBalancer": {}}})


def _attach(inv: Invocation, info: Info) -> int:
    """Create the pod, print what it writes until it ends, and hand on its exit code."""
    connection = inv.connection
    place = (info.resource, info.namespace, info.name)
    connection.create(info.resource, info.namespace, info.object)
    started = wait_until(connection, info, _is_past("Pending"), inv.flags["pod-running-timeout"])
    if not started[0]:
        _remove(inv, info)
        raise KubectlError("timed out waiting for the condition")
    wait_until(connection, info, _is_past("Pending", "Running"), inv.flags["timeout"])
    found = find_run(connection, connection.get(*place), "")
    assert found is not None  # it has started, so it has a node
    inv.write("".join(text for _, text in found.lines))
    code = found.container.exit_code or 0
    _remove(inv, info)
    return code


def _is_past(*phases: str) -> Test:
    """Whether a pod is in none of these phases any more."""
    return lambda pod: pod is None or pod.get("status", {}).get("phase") not in phases


def _remove(inv: Invocation, info: Info) -> None:
    if inv.flags["rm"]:
        inv.connection.delete(info.resource, info.namespace, info.name, propagation="Background")
        if not inv.flags["quiet"]:
            inv.print(f"{info.quoted} deleted")


COMMAND = Command(
    name="run",
    use='run NAME --image=image [--env="key=value"] [--port=port] [--dry-run=server|client]'
    " [--overrides=inline-json] [--command] -- [COMMAND] [args...]",
    short="Run a particular image on the cluster",
    group="Basic Commands (Beginner)",
    flags=(
        Flag("image", required=True, help="The image for the container to run."),
        *flags.OUTPUT,
        *flags.DRY_RUN,
        *flags.FIELD_MANAGER,
        Flag("labels", "l", help="Labels of the pod, instead of run=NAME."),
        Flag("annotations", type="array", help="Annotations of the pod; may be repeated."),
        Flag("env", type="array", help="Environment variables; may be repeated."),
        Flag("port", help="The port that the container serves."),
        Flag("expose", type="bool", help="A Service for --port too."),
        Flag("command", type="bool", help="What follows -- is the command, not its arguments."),
        Flag("image-pull-policy", help="Always, IfNotPresent or Never."),
        Flag("restart", default="Always", help="Always, OnFailure or Never."),
        Flag("stdin", "i", type="bool", help="Stay attached until the pod ends."),
        Flag("tty", "t", type="bool", help="A terminal, with -i."),
        Flag("attach", type="bool", help="Stay attached until the pod ends."),
        Flag("quiet", "q", type="bool", help="Print only what the pod writes."),
        Flag("rm", type="bool", help="Delete the pod when it has ended."),
        Flag(
            "pod-running-timeout",
            type="duration",
            default=60.0,
            help="How long it may take to start.",
        ),
        Flag("timeout", type="duration", default=3600.0, help="How long to stay attached."),
        Flag("save-config", type="bool", help="Note the configuration for a later apply."),
    ),
    run=run,
)
