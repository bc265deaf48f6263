"""`kubectl logs`, `exec`, `port-forward`: into the containers of pods, through the API.

The real kubectl asks the API server, which asks the node's kubelet; so does this, without the
wires. Errors are worded as they arrive at kubectl.
Sources: `staging/src/k8s.io/kubectl/pkg/cmd/util/podcmd/podcmd.go`,
`…/pkg/polymorphichelpers/logsforobject.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from kubecourse.api import codec
from kubecourse.api.errors import ApiError
from kubecourse.api.resources import BY_KIND
from kubecourse.clock import START
from kubecourse.control_plane.apiserver.pod_access import UNANSWERED, PodAccess
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.connection import WATCH_LIMIT, Connection
from kubecourse.tools.kubectl.describe.formatters import label_selector
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.podspecs import pod_spec
from kubecourse.tools.kubectl.resources import Info, Selection, from_arguments

Json = dict[str, Any]

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
DIAL_TIMEOUT = 30.0
"""Seconds after which the API server gives up to reach a node."""
PODS = BY_KIND["v1", "Pod"]
SELECTED_TAIL = 10
"""Lines of each pod where a selector chooses them and --tail is not given."""
FOLLOW = 60.0
"""Virtual seconds that -f stays where nothing ends it."""


# --- choosing


def choose(pod: Json, name: str) -> tuple[str, str]:
    """A container's name, or that of the default one, and what kubectl says about the choice.

    Raises KubectlError for a name that the pod does not have.
    """
    own = container_names(pod)
    if name:
        if name not in own:
            raise KubectlError(f"container {name} is not valid for pod {pod['metadata']['name']}")
        return name, ""
    annotated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if annotated in own:
        return str(annotated), ""
    main = len(pod["spec"].get("containers") or [])
    listed = [*own[:main], *(f"{name} (init)" for name in own[main:])]
    said = f'Defaulted container "{own[0]}" out of: {", ".join(listed)}' if len(own) > 1 else ""
    return own[0], said


def container_names(pod: Json) -> list[str]:
    """All containers of a pod, those that run before the others last."""
    keys = ("containers", "initContainers")
    return [container["name"] for key in keys for container in pod["spec"].get(key) or []]


def named_pods(inv: Invocation, name: str) -> tuple[Info, list[Json]]:
    """The object of a POD or TYPE/NAME, and its pods, the fittest first."""
    info = from_arguments(inv, [name if "/" in name else f"pod/{name}"])[0]
    return info, pods_of(inv.connection, info)


def pods_of(connection: Connection, info: Info) -> list[Json]:
    """The pod itself, or the pods that a workload or Service selects, the fittest first."""
    if info.object["kind"] == "Pod":
        return [info.object]
    kind = info.object["kind"]
    selector = (info.object.get("spec") or {}).get("selector")
    if not selector:
        raise KubectlError(f"cannot get the logs from {kind}: it selects no pods")
    if kind == "Service":
        selector = {"matchLabels": selector}
    found = connection.list(PODS, info.namespace, labels=label_selector(selector))
    if not found:
        raise KubectlError(f"timed out waiting for the condition: no pods match {info}")
    return sorted(found, key=_fitness)


def _fitness(pod: Json) -> tuple[Any, ...]:
    """Scheduled, running, ready and old pods come before others."""
    status = pod.get("status") or {}
    phases = {"Running": 0, "Unknown": 1, "Pending": 2}
    ready = any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in status.get("conditions") or []
    )
    return (
        not pod["spec"].get("nodeName"),
        phases.get(status.get("phase", ""), 3),
        not ready,
        pod["metadata"]["creationTimestamp"],
        pod["metadata"]["name"],
    )


# --- reaching the node


@contextmanager
def access(connection: Connection, pod: Json) -> Iterator[PodAccess]:
    """The way into a pod; who asks a machine that does not answer waits for that long."""
    kubelets = getattr(connection.cluster, "kubelets", {})
    try:
        yield PodAccess(connection.server, codec.decode(pod, "core/v1.Pod")[0], kubelets)
    except ApiError as error:
        if error.message.endswith(UNANSWERED):
            connection.clock.advance(DIAL_TIMEOUT)
        raise


def find_run(connection: Connection, pod: Json, name: str, previous: bool = False) -> Any | None:
    """The container in the runtime whose log can be read; None while its pod has no node.

    Raises ApiError for a container that has not started, or whose node does not answer.
    """
    with access(connection, pod) as way:
        return way.logged(choose(pod, name)[0], previous)


def running(connection: Connection, pod: Json, name: str) -> tuple[Any, Any]:
    """A container that a command can be run in, and its runtime. Raises KubectlError, ApiError."""
    phase = (pod.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise KubectlError(
            f"cannot exec into a container in a completed pod; current phase is {phase}"
        )
    with access(connection, pod) as way:
        try:
            found = way.running(name)
            return way.kubelet().runtime, found
        except ApiError as error:
            if error.reason == "InternalError":
                raise KubectlError(error.message) from None
            raise


# --- logs


@command("logs")
def logs(inv: Invocation) -> None:
    """Print what containers wrote; with -f also what they write from now on."""
    runs: list[tuple[str, Any]] = []
    for pod in _pods(inv):
        for name in _containers(inv, pod):
            found = find_run(inv.connection, pod, name, inv.flags["previous"])
            prefix = f"[pod/{pod['metadata']['name']}/{name}] " if inv.flags["prefix"] else ""
            runs += [(prefix, found)] if found else []
    tail, since = inv.flags["tail"], inv.flags["since"]
    if tail == -1 and inv.flags["selector"] and "tail" not in inv.changed:
        tail = SELECTED_TAIL
    for prefix, found in runs:
        begin = inv.connection.clock.now - since if since else 0.0
        lines = [line for line in found.log if line[0] >= begin]
        for line in lines[-tail:] if tail > 0 else lines[: None if tail else 0]:
            _print_line(inv, prefix, *line)
    if inv.flags["follow"]:
        _follow(inv, runs)


def _pods(inv: Invocation) -> list[Json]:
    """The pods whose logs are wanted. Raises KubectlError."""
    args, selector = inv.args, inv.flags["selector"]
    if selector:
        infos = from_arguments(inv, ["pods"], Selection.of(inv))
        if not infos:
            inv.error(f"No resources found in {inv.namespace} namespace.")
        return [info.object for info in infos]
    if len(args) == 2:
        inv.flags["container"] = args[1]
    if inv.flags["all-containers"] and inv.flags["container"]:
        name = inv.flags["container"]
        raise KubectlError(
            f"--all-containers=true should not be specified with container name {name}"
        )
    try:
        pods = named_pods(inv, args[0])[1]
    except ApiError as error:
        if error.reason != "NotFound":
            raise
        problem = f"error from server (NotFound): {error.message}"
        raise KubectlError(f'{problem} in namespace "{inv.namespace}"') from None
    if len(pods) > 1 and not inv.flags["all-pods"]:
        inv.error(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}")
        return pods[:1]
    return pods


def _containers(inv: Invocation, pod: Json) -> list[str]:
    if inv.flags["all-containers"]:
        return container_names(pod)
    name, said = choose(pod, inv.flags["container"])
    if said:
        inv.error(said)
    return [name]


def _print_line(inv: Invocation, prefix: str, when: float, text: str) -> None:
    time = START + timedelta(seconds=when)
    stamp = f"{time:%Y-%m-%dT%H:%M:%S.%f}000Z " if inv.flags["timestamps"] else ""
    inv.write(f"{prefix}{stamp}{text}")


def _follow(inv: Invocation, live: list[tuple[str, Any]]) -> None:
    """Let time pass until the containers have ended, or a minute has."""
    clock = inv.connection.clock
    seen = [len(container.log) for _, container in live]

    def grown() -> bool:
        pairs = zip(live, seen, strict=True)
        return any(len(c.log) > count or not c.running for (_, c), count in pairs)

    end = round(clock.now + FOLLOW, 6)  # as the clock counts
    while clock.now < end and any(container.running for _, container in live):
        clock.wait_for(grown, end - clock.now)
        for index, (prefix, container) in enumerate(live):
            for line in container.log[seen[index] :]:
                _print_line(inv, prefix, *line)
            seen[index] = len(container.log)


# --- exec


@command("exec")
def execute(inv: Invocation) -> int:
    """Run a command in a container; its exit code is kubectl's."""
    before = inv.dash if inv.dash is not None else len(inv.args)
    words, wanted = inv.args[:before], inv.args[before:]
    if not wanted:
        raise KubectlError("you must specify at least one command for the container")
    pod = named_pods(inv, words[0])[1][0]
    container, said = choose(pod, inv.flags["container"])
    if said and not inv.flags["quiet"]:
        inv.error(said)
    if inv.flags["stdin"] and (inv.stdin or inv.flags["tty"]):
        inv.warn(
            "simulated containers read no standard input: say all after --, as in sh -c 'ls /'"
        )
    runtime, found = running(inv.connection, pod, container)
    result = runtime.exec(found, wanted)
    if result.seconds > WATCH_LIMIT:
        raise KubectlError("the command does not end; the real kubectl would go on waiting for it")
    inv.connection.clock.advance(result.seconds)
    inv.write(result.stdout)
    if result.stderr:
        inv.complain(result.stderr)
    if result.code:
        inv.error(f"command terminated with exit code {result.code}")
    return result.code


# --- port-forward

EPHEMERAL = range(32768, 61000)
"""Ports that Linux gives to who asks for any."""


@command("port-forward")
def port_forward(inv: Invocation) -> None:
    """Make ports of a pod reachable as ports of this machine, for `cluster.request`.

    The real command stays until it is interrupted. Here it returns at once and the ports stay
    until the pod is gone.
    """
    info, (pod, *_) = named_pods(inv, inv.args[0])
    phase = (pod.get("status") or {}).get("phase")
    if phase != "Running":
        raise KubectlError(
            f"unable to forward port because pod is not running. Current status={phase}"
        )
    pairs = [_pair(inv, text, info, pod) for text in inv.args[1:]]
    network = getattr(inv.connection.cluster, "network", None)
    if network is None:
        raise KubectlError("there is no network to forward ports in")
    metadata = pod["metadata"]
    for local, remote in pairs:
        network.forward(local, metadata["namespace"], metadata["name"], remote)
        for host in inv.flags["address"] or ("127.0.0.1", "[::1]"):
            host = "127.0.0.1" if host == "localhost" else host
            inv.print(f"Forwarding from {host}:{local} -> {remote}")


def _pair(inv: Invocation, text: str, info: Info, pod: Json) -> tuple[int, int]:
    """A local port (any that is free, for `:80`), and the pod's port behind it."""
    local, colon, remote = text.partition(":")
    remote = remote if colon else local
    port, target = _remote(remote, info, pod)
    if colon and not local:
        return inv.connection.clock.rng(f"kubectl/port-forward/{text}").choice(EPHEMERAL), target
    local = local if colon else str(port)
    if not local.isdigit():
        problem = f'strconv.ParseUint: parsing "{local}": invalid syntax'
        raise KubectlError(f"error parsing local port '{local}': {problem}")
    return int(local), target


def _remote(text: str, info: Info, pod: Json) -> tuple[int, int]:
    """A port of the object, and the pod's behind it: a Service's port is led to its target."""
    if info.object["kind"] == "Service":
        for port in info.object["spec"].get("ports") or []:
            if text in (str(port["port"]), port.get("name")):
                target = port.get("targetPort", port["port"])
                found = target if isinstance(target, int) else _named_port(pod, target)
                if found is not None:
                    return port["port"], found
        if text.isdigit():
            raise KubectlError(f"Service {info.name} does not have a service port {text}")
        raise KubectlError(f"Service '{info.name}' does not have a named port '{text}'")
    found = int(text) if text.isdigit() else _named_port(pod, text)
    if found is None:
        raise KubectlError(f"Pod '{pod['metadata']['name']}' does not have a named port '{text}'")
    return found, found


def _named_port(pod: Json, name: str) -> int | None:
    for container in pod_spec(pod).get("containers") or []:
        for port in container.get("ports") or []:
            if port.get("name") == name:
                return int(port["containerPort"])
    return None


# --- what simulated containers cannot do


@command("attach")
@command("debug")
def look_for_pod(inv: Invocation) -> None:
    """There is no terminal to attach to, and ephemeral containers are not simulated."""
    named_pods(inv, inv.args[0])
    raise KubectlError(
        "simulated containers have no terminal: `kubectl logs -f` shows the same"
        if inv.path.endswith("attach")
        else "no containers can be added to a simulated pod: look into it with `kubectl exec`,"
        " or run a pod beside it with `kubectl run`"
    )
