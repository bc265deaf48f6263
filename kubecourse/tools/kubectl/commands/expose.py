"""`kubectl expose`, `create service`, `autoscale`: what stands before pods, and how many there are.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/{expose,autoscale}`, `…/create/create_service.go`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.generating import (
    generated,
    label_pairs,
    new_object,
    number,
    present,
)
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.podspecs import pod_spec
from kubecourse.tools.kubectl.resources import Info, from_flags

Json = dict[str, Any]


def service(inv: Invocation, name: str, spec: Json, labels: Json, done: str = "created") -> None:
    """A Service."""
    obj = new_object(inv, "Service", name, labels=labels)
    generated(inv, obj | {"spec": present(spec), "status": {"loadBalancer": {}}}, done)


@command("create service clusterip")
@command("create service externalname")
@command("create service loadbalancer")
@command("create service nodeport")
def create_service(inv: Invocation) -> None:
    """A Service of the type that the command names."""
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    given, labels = inv.flags.get, {"app": inv.args[0]}
    spec = {
        "ports": [_tcp_port(text, given("node-port") or 0) for text in inv.flags["tcp"]],
        "selector": labels,
        "clusterIP": given("clusterip"),
        "type": next(each for each in types if inv.path.endswith(each.lower())),
        "externalName": given("external-name"),
    }
    if not spec["ports"] and spec["clusterIP"] != "None" and not spec["externalName"]:
        raise KubectlError("at least one tcp port specifier must be provided")
    service(inv, inv.args[0], spec, labels)


def _tcp_port(text: str, node_port: int) -> Json:
    """`port` or `port:targetPort`."""
    outer, inner = [*text.split(":"), ""][:2]
    port = number(outer, "ParseUint")
    if not 0 <= port <= 65535:
        raise KubectlError(f'strconv.ParseUint: parsing "{outer}": value out of range')
    target: int | str = port if not inner else int(inner) if inner.isdigit() else inner
    name = text.replace(":", "-")
    found = {"name": name, "protocol": "TCP", "port": port, "targetPort": target}
    return {**found, "nodePort": node_port} if node_port else found


EXPOSABLE = ("Deployment", "Pod", "ReplicaSet", "ReplicationController", "Service")


@command("expose")
def expose(inv: Invocation) -> None:
    """Create a Service for each object."""
    # --selector says what the Service selects, not what is exposed.
    for info in from_flags(replace(inv, flags={**inv.flags, "selector": ""})):
        if info.object["kind"] not in EXPOSABLE:
            kind = ".".join(filter(None, (info.object["kind"], info.resource.group)))
            raise KubectlError(f"cannot expose a {kind}")
        _expose(inv, info)


def _expose(inv: Invocation, info: Info) -> None:
    obj, given = info.object, inv.flags
    selector = label_pairs(given["selector"]) if given["selector"] else _selector(obj)
    ports = _ports(obj, given["port"], given["protocol"])
    if not ports and given["cluster-ip"] != "None":
        raise KubectlError("couldn't find port via --port flag or introspection")
    target = given["target-port"]
    target = int(target) if target.isdigit() else target
    rows = []
    for count, (port, protocol) in enumerate(ports, 1):
        row: Json = {"name": f"port-{count}"} if len(ports) > 1 else {}
        rows.append(row | {"protocol": protocol, "port": port, "targetPort": target or port})
    flags = {"clusterIP": "cluster-ip", "type": "type"}
    spec = {"ports": rows, "selector": selector} | {key: given[f] for key, f in flags.items()}
    labels = label_pairs(given["labels"]) or obj["metadata"].get("labels")
    service(inv, given["name"] or info.name[:63], spec, labels, "exposed")


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
