"""`kubectl expose`: a Service for what is there."""

from __future__ import annotations

from typing import Any

from kubecourse.tools.kubectl import flags, generators, podspecs, resources
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.commands.create import generated, namespace_of
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]

LONGEST_NAME = 63
WITH_SELECTOR = ("Deployment", "ReplicaSet")
EXPOSABLE = ("Deployment", "Pod", "ReplicaSet", "ReplicationController", "Service")


def run(inv: Invocation) -> None:
    """Create a Service for each object."""
    if inv.flags["filename"]:
        infos = [info.refreshed(inv.connection) for info in resources.from_files(inv)]
    else:
        infos = resources.from_arguments(inv, inv.args)
    for info in infos:
        if info.object["kind"] not in EXPOSABLE:
            resource = info.resource
            shown = f'{{"{resource.group}" "{resource.version}" "{resource.plural}"}}'
            raise KubectlError(f"cannot expose a {shown}")
        service = _service(inv, info)
        generated(inv, service, "exposed")


def _service(inv: Invocation, info: Info) -> Json:
    obj, given = info.object, inv.flags
    name = given["name"] or info.name[:LONGEST_NAME]
    selector = generators.pairs(given["selector"]) if given["selector"] else _selector(obj)
    ports = _ports(obj, given["port"], given["protocol"])
    headless = given["cluster-ip"] == "None"
    if not ports and not headless:
        raise KubectlError("couldn't find port via --port flag or introspection")
    target = given["target-port"]
    rows: list[Json] = []
    for number, (port, protocol) in enumerate(ports, 1):
        row: Json = {"name": f"port-{number}"} if len(ports) > 1 else {}
        row |= {"protocol": protocol, "port": port, "targetPort": port}
        if target:
            row["targetPort"] = int(target) if target.isdigit() else target
        rows.append(row)
    spec: Json = {"ports": rows} if rows else {}
    spec["selector"] = selector
    for flag, field in (
        ("cluster-ip", "clusterIP"),
        ("type", "type"),
        ("session-affinity", "sessionAffinity"),
        ("load-balancer-ip", "loadBalancerIP"),
    ):
        if given[flag]:
            spec[field] = given[flag]
    if given["external-ip"]:
        spec["externalIPs"] = [given["external-ip"]]
    labels = generators.pairs(given["labels"]) if given["labels"] else obj["metadata"].get("labels")
    service = generators.new_object("Service", name, namespace_of(inv), labels=labels)
    return {**service, "spec": spec, "status": {"loadBalancer": {}}}


def _selector(obj: Json) -> dict[str, str]:
    """The labels that find an object's pods. Raises KubectlError."""
    missing = "couldn't retrieve selectors via --selector flag or introspection: "
    if obj["kind"] == "Pod":
        labels = obj["metadata"].get("labels")
        if not labels:
            raise KubectlError(f"{missing}the pod has no labels and cannot be exposed")
        return dict(labels)
    selector = obj["spec"].get("selector") or {}
    if obj["kind"] not in WITH_SELECTOR:
        if not selector:
            raise KubectlError(f"{missing}the service has no pod selector set")
        return dict(selector)
    if selector.get("matchExpressions"):
        raise KubectlError(
            f"{missing}couldn't convert expressions - "
            f'"{selector["matchExpressions"]}" to map-based selector format'
        )
    if not selector.get("matchLabels"):
        raise KubectlError(f"{missing}invalid {obj['kind'].lower()}: no selectors")
    return dict(selector["matchLabels"])


def _ports(obj: Json, given: str, protocol: str) -> list[tuple[int, str]]:
    """Ports and their protocols: those given, or those that the object says it has."""
    if obj["kind"] == "Service":
        present = [(p["port"], p.get("protocol", "TCP")) for p in obj["spec"].get("ports") or []]
    else:
        present = [
            (port["containerPort"], port.get("protocol", "TCP"))
            for container in podspecs.pod_spec(obj).get("containers") or []
            for port in container.get("ports") or []
        ]
    if not given:
        return [(port, protocol or own) for port, own in dict.fromkeys(present)]
    known = dict(present)
    ports = []
    for text in given.split(","):
        if not text.isdigit():
            raise KubectlError(f'strconv.Atoi: parsing "{text}": invalid syntax')
        ports.append((int(text), protocol or known.get(int(text), "TCP")))
    return ports


COMMAND = Command(
    name="expose",
    use="expose (-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP]"
    " [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service]"
    " [--type=type]",
    short="Take a replication controller, service, deployment or pod and expose it as a new"
    " Kubernetes service",
    group="Basic Commands (Beginner)",
    flags=(
        *flags.FILENAME,
        *flags.OUTPUT,
        *flags.DRY_RUN,
        *flags.FIELD_MANAGER,
        Flag("port", help="The port to serve on; the object's own where not given."),
        Flag("protocol", help="TCP, UDP or SCTP."),
        Flag("target-port", help="Name or number of the container's port."),
        Flag("name", help="The name of the service; the object's where not given."),
        Flag("type", help="ClusterIP, NodePort or LoadBalancer."),
        Flag("selector", help="Labels of the pods; the object's where not given."),
        Flag("labels", "l", help="Labels of the service."),
        Flag("cluster-ip", help="Its cluster IP; None for a headless service."),
        Flag("external-ip", help="An address besides."),
        Flag("load-balancer-ip", help="The load balancer's address."),
        Flag("session-affinity", help="None or ClientIP."),
        Flag("save-config", type="bool", help="Note the configuration for a later apply."),
    ),
    run=run,
)
