"""`kubectl logs`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kubecourse.clock import START
from kubecourse.tools.kubectl import flags, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.containers import Run, choose, container_names, find_run, pods_of
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation

Json = dict[str, Any]

USAGE = (
    "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n"
    "POD or TYPE/NAME is a required argument for the logs command"
)
SELECTED_TAIL = 10
"""Lines of each pod where a selector chooses them and --tail is not given."""
FOLLOW = 60.0
"""Virtual seconds that -f stays where nothing ends it."""


def run(inv: Invocation) -> None:
    """Print what containers wrote; with -f also what they write from now on."""
    pods = _pods(inv)
    runs: list[tuple[str, Run]] = []
    for pod in pods:
        for name in _containers(inv, pod):
            found = find_run(inv.connection, pod, name, inv.flags["previous"])
            if found is not None:
                prefix = (
                    f"[pod/{pod['metadata']['name']}/{found.name}] " if inv.flags["prefix"] else ""
                )
                runs.append((prefix, found))
    tail = inv.flags["tail"]
    if tail == -1 and inv.flags["selector"] and "tail" not in inv.changed:
        tail = SELECTED_TAIL
    for prefix, found in runs:
        lines = _since(inv, found.lines)
        for when, text in lines[-tail:] if tail > 0 else ([] if tail == 0 else lines):
            inv.write(_line(inv, prefix, when, text))
    if inv.flags["follow"]:
        _follow(inv, runs)


def _pods(inv: Invocation) -> list[Json]:
    """The pods whose logs are wanted. Raises KubectlError."""
    args, selector = inv.args, inv.flags["selector"]
    if selector:
        if args:
            raise KubectlError("only a selector (-l) or a POD name is allowed")
        infos = resources.from_arguments(inv, ["pods"], selector=selector)
        if not infos:
            inv.error(f"No resources found in {inv.namespace} namespace.")
        return [info.object for info in infos]
    if not args:
        raise inv.usage_error(USAGE)
    if len(args) > 2:
        raise inv.usage_error(USAGE)
    if len(args) == 2:
        if inv.flags["container"]:
            raise KubectlError("only one of -c or an inline [CONTAINER] arg is allowed")
        inv.flags["container"] = args[1]
    name = args[0] if "/" in args[0] else f"pod/{args[0]}"
    info = resources.from_arguments(inv, [name])[0]
    pods = pods_of(inv.connection, info)
    if len(pods) > 1 and not inv.flags["all-pods"]:
        inv.error(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}")
        return pods[:1]
    return pods


def _containers(inv: Invocation, pod: Json) -> list[str]:
    if inv.flags["all-containers"]:
        return [name.removesuffix(" (init)") for name in container_names(pod)]
    name, said = choose(pod, inv.flags["container"])
    if said:
        inv.error(said)
    return [name]


def _since(inv: Invocation, lines: list[tuple[float, str]]) -> list[tuple[float, str]]:
    since = inv.flags["since"]
    return [line for line in lines if not since or line[0] >= inv.connection.now - since]


def _line(inv: Invocation, prefix: str, when: float, text: str) -> str:
    stamp = ""
    if inv.flags["timestamps"]:
        time = START + timedelta(seconds=when)
        stamp = f"{time:%Y-%m-%dT%H:%M:%S.%f}000Z "
    return f"{prefix}{stamp}{text}"


def _follow(inv: Invocation, runs: list[tuple[str, Run]]) -> None:
    """Let time pass until the containers have ended, or a minute has."""
    seen = {id(found): len(found.lines) for _, found in runs}
    live = [(prefix, found, found.container) for prefix, found in runs]
    end = inv.connection.now + FOLLOW
    while inv.connection.now < end and any(container.running for _, _, container in live):
        inv.connection.wait_for(lambda: _grown(live, seen), end - inv.connection.now)
        for prefix, found, container in live:
            for when, text in container.log[seen[id(found)] :]:
                inv.write(_line(inv, prefix, when, text))
            seen[id(found)] = len(container.log)


def _grown(live: list[tuple[str, Run, Any]], seen: dict[int, int]) -> bool:
    return any(
        len(container.log) > seen[id(found)] or not container.running
        for _, found, container in live
    )


COMMAND = Command(
    name="logs",
    use="logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
    short="Print the logs for a container in a pod",
    group="Troubleshooting and Debugging Commands",
    flags=(
        *flags.SELECTOR,
        Flag("container", "c", help="The container."),
        Flag("all-containers", type="bool", help="All containers of the pod."),
        Flag("all-pods", type="bool", help="All pods of the workload."),
        Flag("previous", "p", type="bool", help="The run before the present one."),
        Flag("follow", "f", type="bool", help="Stay for a virtual minute and print what comes."),
        Flag("tail", type="int", default=-1, help="Only so many lines from the end."),
        Flag("since", type="duration", help="Only lines of the last 5s, 2m, 3h."),
        Flag("timestamps", type="bool", help="The time before each line."),
        Flag("prefix", type="bool", help="Pod and container before each line."),
    ),
    run=run,
)
