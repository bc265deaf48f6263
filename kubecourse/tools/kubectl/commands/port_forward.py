"""`kubectl port-forward`."""

from __future__ import annotations

from typing import Any

from kubecourse.tools.kubectl import podspecs, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.containers import pods_of
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]

EPHEMERAL = range(32768, 61000)
"""Ports that Linux gives to who asks for any."""


def run(inv: Invocation) -> None:
    """Make ports of a pod reachable as ports of this machine, for `cluster.request`.

    The real command stays until it is interrupted. Here it returns at once and the ports stay
    until the pod is gone.
    """
    if len(inv.args) < 2:
        raise inv.usage_error("TYPE/NAME and list of ports are required for port-forward")
    name = inv.args[0] if "/" in inv.args[0] else f"pod/{inv.args[0]}"
    info = resources.from_arguments(inv, [name])[0]
    pod = pods_of(inv.connection, info)[0]
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
    port = _remote(remote, info, pod)
    if colon and not local:
        return inv.connection.clock.rng(f"kubectl/port-forward/{text}").choice(EPHEMERAL), port
    here = local if colon else str(_number(remote, info) or port)
    if not here.isdigit():
        problem = f'strconv.ParseUint: parsing "{here}": invalid syntax'
        raise KubectlError(f"error parsing local port '{here}': {problem}")
    return int(here), port


def _number(text: str, info: Info) -> int | None:
    """A port given by number, or by the name that a Service has for it."""
    if text.isdigit():
        return int(text)
    if info.object["kind"] == "Service":
        return next(
            (p["port"] for p in info.object["spec"]["ports"] if p.get("name") == text), None
        )
    return None


def _remote(text: str, info: Info, pod: Json) -> int:
    """The container's port: a Service's port is led to its target. Raises KubectlError."""
    if info.object["kind"] == "Service":
        return _target(text, info, pod)
    if text.isdigit():
        return int(text)
    found = _named_port(pod, text)
    if found is None:
        raise KubectlError(f"Pod '{pod['metadata']['name']}' does not have a named port '{text}'")
    return found


def _target(text: str, info: Info, pod: Json) -> int:
    number = _number(text, info)
    for port in info.object["spec"].get("ports") or []:
        if port["port"] == number:
            target = port.get("targetPort", port["port"])
            found = target if isinstance(target, int) else _named_port(pod, target)
            if found is not None:
                return found
    if text.isdigit():
        raise KubectlError(f"Service {info.name} does not have a service port {text}")
    raise KubectlError(f"Service '{info.name}' does not have a named port '{text}'")


def _named_port(pod: Json, name: str) -> int | None:
    for container in podspecs.pod_spec(pod).get("containers") or []:
        for port in container.get("ports") or []:
            if port.get("name") == name:
                return int(port["containerPort"])
    return None


COMMAND = Command(
    name="port-forward",
    use="port-forward TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT"
    " [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
    short="Forward one or more local ports to a pod",
    group="Troubleshooting and Debugging Commands",
    flags=(
        Flag("address", type="strings", help="Addresses to listen on; localhost where not given."),
        Flag(
            "pod-running-timeout", type="duration", default=60.0, help="How long to wait for a pod."
        ),
    ),
    run=run,
)
