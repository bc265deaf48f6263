"""`kubectl exec`."""

from __future__ import annotations

from kubecourse.tools.kubectl import resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.connection import WATCH_LIMIT
from kubecourse.tools.kubectl.containers import choose, pods_of, running
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation


def run(inv: Invocation) -> int:
    """Run a command in a container; its exit code is kubectl's."""
    before = inv.dash if inv.dash is not None else len(inv.args)
    words, command = inv.args[:before], inv.args[before:]
    if not words:
        raise inv.usage_error("pod, type/name or --filename must be specified")
    if len(words) > 1:
        raise inv.usage_error(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead"
        )
    if not command:
        raise inv.usage_error("you must specify at least one command for the container")
    name = words[0] if "/" in words[0] else f"pod/{words[0]}"
    info = resources.from_arguments(inv, [name])[0]
    pod = pods_of(inv.connection, info)[0]
    container, said = choose(pod, inv.flags["container"])
    if said and not inv.flags["quiet"]:
        inv.error(said)
    if inv.flags["stdin"] and inv.stdin:
        inv.warn("simulated containers read no standard input: the command gets none")
    found = running(inv.connection, pod, container)
    result = found.kubelet.runtime.exec(found.container, command)
    if result.seconds > WATCH_LIMIT:
        raise KubectlError("the command does not end; the real kubectl would go on waiting for it")
    inv.connection.clock.advance(result.seconds)
    inv.write(result.stdout)
    if result.stderr:
        inv.err.append(result.stderr)
    if result.code:
        inv.error(f"command terminated with exit code {result.code}")
    return result.code


COMMAND = Command(
    name="exec",
    use="exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
    short="Execute a command in a container",
    group="Troubleshooting and Debugging Commands",
    flags=(
        Flag("container", "c", help="The container."),
        Flag("stdin", "i", type="bool", help="Pass stdin to the container."),
        Flag("tty", "t", type="bool", help="Stdin is a terminal."),
        Flag("quiet", "q", type="bool", help="Print only what the command writes."),
        Flag(
            "pod-running-timeout", type="duration", default=60.0, help="How long to wait for a pod."
        ),
    ),
    run=run,
)
