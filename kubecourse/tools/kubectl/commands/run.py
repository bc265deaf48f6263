"""`kubectl run`: one pod from a few flags; `kubectl expose`: a Service for what is there.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/run/run.go`, `…/pkg/cmd/expose/expose.go`,
`…/pkg/generate/versioned/`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubecourse.node.runtime.references import InvalidReference, parse_reference
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.commands.create import (
    environment,
    generated,
    label_pairs,
    new_object,
    number,
)
from kubecourse.tools.kubectl.commands.set import pod_spec
from kubecourse.tools.kubectl.containers import find_run
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.manifests import info_of
from kubecourse.tools.kubectl.resources import Info, from_flags
from kubecourse.tools.kubectl.watching import Test, wait_until

Json = dict[str, Any]


@command("run")
def run(inv: Invocation) -> int | None:
    """Create the pod; with -i or --attach stay until it ends, with --rm remove it then."""
    attached = inv.flags["attach"] or inv.flags["stdin"]
    if inv.flags["stdin"] and inv.stdin:
        inv.warn("simulated containers read no standard input: the pod gets none")
    try:
        parse_reference(inv.flags["image"])
    except InvalidReference as error:
        raise KubectlError(f'Invalid image name "{inv.flags["image"]}": {error}') from None
    pod = _pod(inv)
    if not attached:
        generated(inv, pod)
    if inv.flags["expose"]:
        port = int(inv.flags["port"])
        service = new_object(inv, "Service", pod["metadata"]["name"])
        ports = [{"protocol": "TCP", "port": port, "targetPort": port}]
        service["spec"] = {"ports": ports, "selector": pod["metadata"]["labels"]}
        generated(inv, service | {"status": {"loadBalancer": {}}})
    return _attach(inv, info_of(inv, pod)) if attached else None


def _pod(inv: Invocation) -> Json:
    given, (name, *words) = inv.flags, inv.args
    labels = label_pairs(given["labels"]) or {"run": name}
    annotations = label_pairs(",".join(given["annotations"]))
    optional: Json = {
        "command" if given["command"] else "args": words,
        "ports": [{"containerPort": number(given["port"])}] if given["port"] else None,
        "env": environment(given["env"]),
    }
    container = {"name": name, "image": given["image"]}
    container |= {key: value for key, value in optional.items() if value} | {"resources": {}}
    if given["image-pull-policy"]:
        container["imagePullPolicy"] = given["image-pull-policy"]
    if given["stdin"]:
        container |= {"stdin": True, "stdinOnce": True} | ({"tty": True} if given["tty"] else {})
    pod = new_object(inv, "Pod", name, labels=labels)
    if annotations:
        pod["metadata"]["annotations"] = annotations
    policies = {"restartPolicy": given["restart"], "dnsPolicy": "ClusterFirst"}
    return pod | {"spec": {"containers": [container], **policies}, "status": {}}


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
    inv.write("".join(text for _, text in found.lines))
    code = found.container.exit_code or 0
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


# --- expose

EXPOSABLE = ("Deployment", "Pod", "ReplicaSet", "ReplicationController", "Service")


@command("expose")
def expose(inv: Invocation) -> None:
    """Create a Service for each object."""
    # --selector says what the Service selects, not what is exposed.
    for info in from_flags(replace(inv, flags={**inv.flags, "selector": ""})):
        if info.object["kind"] not in EXPOSABLE:
            group = info.resource.group
            kind = f"{info.object['kind']}.{group}" if group else info.object["kind"]
            raise KubectlError(f"cannot expose a {kind}")
        generated(inv, _service(inv, info), "exposed")


def _service(inv: Invocation, info: Info) -> Json:
    obj, given = info.object, inv.flags
    name = given["name"] or info.name[:63]
    selector = label_pairs(given["selector"]) if given["selector"] else _selector(obj)
    ports = _ports(obj, given["port"], given["protocol"])
    if not ports and given["cluster-ip"] != "None":
        raise KubectlError("couldn't find port via --port flag or introspection")
    target = given["target-port"]
    target = int(target) if target.isdigit() else target
    rows: list[Json] = []
    for count, (port, protocol) in enumerate(ports, 1):
        row: Json = {"name": f"port-{count}"} if len(ports) > 1 else {}
        rows.append(row | {"protocol": protocol, "port": port, "targetPort": target or port})
    spec: Json = {
        "ports": rows,
        "selector": selector,
        "clusterIP": given["cluster-ip"],
        "type": given["type"],
        "sessionAffinity": given["session-affinity"],
        "loadBalancerIP": given["load-balancer-ip"],
        "externalIPs": [given["external-ip"]] if given["external-ip"] else None,
    }
    spec = {key: value for key, value in spec.items() if value}
    labels = label_pairs(given["labels"]) or obj["metadata"].get("labels")
    service = new_object(inv, "Service", name, labels=labels)
    return service | {"spec": spec, "status": {"loadBalancer": {}}}


def _selector(obj: Json) -> dict[str, str]:
    """The labels that find an object's pods. Raises KubectlError."""
    kind = obj["kind"]
    if kind == "Pod":
        selector = obj["metadata"].get("labels")
        problem = "the pod has no labels and cannot be exposed"
    else:
        selector = obj["spec"].get("selector") or {}
        problem = "the service has no pod selector set"
        if kind in ("Deployment", "ReplicaSet"):
            problem = f"invalid {kind.lower()}: no selectors"
            if expressions := selector.get("matchExpressions"):
                problem = f'couldn\'t convert expressions - "{expressions}" to map-based selector'
                problem, selector = f"{problem} format", {}
            selector = selector.get("matchLabels")
    if not selector:
        introspection = "couldn't retrieve selectors via --selector flag or introspection"
        raise KubectlError(f"{introspection}: {problem}")
    return dict(selector)


def _ports(obj: Json, given: str, protocol: str) -> list[tuple[int, str]]:
    """Ports and their protocols: those given, or those that the object says it has."""
    if obj["kind"] == "Service":
        present = [(p["port"], p.get("protocol", "TCP")) for p in obj["spec"].get("ports") or []]
    else:
        present = [
            (port["containerPort"], port.get("protocol", "TCP"))
            for container in pod_spec(obj).get("containers") or []
            for port in container.get("ports") or []
        ]
    if not given:
        return [(port, protocol or own) for port, own in dict.fromkeys(present)]
    known = dict(present)
    numbers = [number(text) for text in given.split(",")]
    return [(port, protocol or known.get(port, "TCP")) for port in numbers]


# --- autoscale


@command("autoscale")
def autoscale(inv: Invocation) -> None:
    """Create an autoscaler for each object."""
    least, most, cpu = (inv.flags[name] for name in ("min", "max", "cpu-percent"))
    for info in from_flags(inv):
        resource, kind = info.resource, info.object["kind"]
        if "scale" not in resource.subresources:
            version = resource.api_version if resource.group else f"/{resource.version}"
            raise KubectlError(
                f"cannot autoscale a {kind}: could not find scale subresource for {version},"
                f" Resource={resource.plural} in discovery information"
            )
        target = {"kind": kind, "name": info.name, "apiVersion": resource.api_version}
        spec: Json = {"scaleTargetRef": target, "maxReplicas": most}
        if least > 0:
            spec["minReplicas"] = least
        if cpu >= 0:
            usage = {"type": "Utilization", "averageUtilization": cpu}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": usage}}]
        name = inv.flags["name"] or info.name
        autoscaler = new_object(inv, "HorizontalPodAutoscaler", name, "autoscaling/v2")
        status = {"desiredReplicas": 0, "currentMetrics": None}
        generated(inv, autoscaler | {"spec": spec, "status": status}, "autoscaled")
