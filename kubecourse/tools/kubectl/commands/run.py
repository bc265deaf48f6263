"""`kubectl run`: one pod from a few flags.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/run/run.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.node.runtime.references import InvalidReference, parse_reference
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.commands.containers import find_run
from kubecourse.tools.kubectl.commands.expose import service
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.generating import (
    environment,
    generated,
    label_pairs,
    new_object,
    number,
    present,
)
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import info_of
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.kubectl.watching import Test, wait_until

Json = dict[str, Any]


@command("run")
def run(inv: Invocation) -> int | None:
    """Create the pod; with -i or --attach stay until it ends, with --rm remove it then."""
    attached = inv.flags["attach"] or inv.flags["stdin"]
    if inv.flags["stdin"] and inv.stdin:
        inv.warn("simulated containers read no standard input: the pod gets none")
    pod = _pod(inv)
    if not attached:
        generated(inv, pod)
    if inv.flags["expose"]:
        port = int(inv.flags["port"])
        ports = [{"protocol": "TCP", "port": port, "targetPort": port}]
        spec = {"ports": ports, "selector": pod["metadata"]["labels"]}
        service(inv, pod["metadata"]["name"], spec, {})
    return _attach(inv, info_of(inv, pod)) if attached else None


def _pod(inv: Invocation) -> Json:
    """The pod of `kubectl run`. Raises KubectlError."""
    given, (name, *words) = inv.flags, inv.args
    try:
        parse_reference(given["image"])
    except InvalidReference as error:
        raise KubectlError(f'Invalid image name "{given["image"]}": {error}') from None
    labels = label_pairs(given["labels"]) or {"run": name}
    annotations = label_pairs(",".join(given["annotations"]))
    container = {
        "name": name,
        "image": given["image"],
        "command" if given["command"] else "args": words,
        "ports": [{"containerPort": number(given["port"])}] if given["port"] else None,
        "env": environment(given["env"]),
    }
    stdin = {"stdin": given["stdin"], "stdinOnce": given["stdin"], "tty": given["tty"]}
    container = present(container) | {"resources": {}}
    container |= present({"imagePullPolicy": given["image-pull-policy"], **stdin})
    made = new_object(inv, "Pod", name, labels=labels)
    made["metadata"] |= present({"annotations": annotations})
    policies = {"restartPolicy": given["restart"], "dnsPolicy": "ClusterFirst"}
    return made | {"spec": {"containers": [container], **policies}, "status": {}}


def _attach(inv: Invocation, info: Info) -> int:
    """Create the pod, print what it writes until it ends, and hand on its exit code."""
    connection = inv.connection
    connection.create(info, info.object)
    started = wait_until(connection, info, _is_past("Pending"), inv.flags["pod-running-timeout"])
    if not started[0]:
        _remove(inv, info)
        raise KubectlError("timed out waiting for the condition")
    wait_until(connection, info, _is_past("Pending", "Running"), inv.flags["timeout"])
    found = find_run(connection, connection.get(info), "")
    assert found is not None  # it has started, so it has a node
    inv.write("".join(text for _, text in found.log))
    code = found.exit_code or 0
    _remove(inv, info)
    return code


def _is_past(*phases: str) -> Test:
    """Whether a pod is in none of these phases any more."""
    return lambda pod: pod is None or pod.get("status", {}).get("phase") not in phases


def _remove(inv: Invocation, info: Info) -> None:
    if inv.flags["rm"]:
        inv.connection.delete(info)
        if not inv.flags["quiet"]:
            inv.print(f"{info.quoted} deleted")
