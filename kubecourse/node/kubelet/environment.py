"""A container's environment: what the pod gives it, and what Kubernetes adds.

Source: `pkg/kubelet/kubelet_pods.go` (makeEnvironmentVariables), `pkg/kubelet/envvars/envvars.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubecourse.api import models, quantity
from kubecourse.client import Client
from kubecourse.node.kubelet import references
from kubecourse.node.runtime.container import expand

core = models.core_v1

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
API_SERVER = ("10.96.0.1", "443")


def make(client: Client, pod: Any, spec: Any, sandbox: Any) -> dict[str, str]:
    """All variables of a container, in the order in which `env` prints them."""
    variables = {"PATH": PATH, "HOSTNAME": sandbox.hostname, "HOME": "/root"}
    namespace = pod.metadata.namespace
    variables["KUBERNETES_SERVICE_HOST"], variables["KUBERNETES_SERVICE_PORT"] = API_SERVER
    if pod.spec.enableServiceLinks is not False:
        variables |= dict(_services(client.list(core.Service, namespace)))
    taken: dict[str, str] = {}
    for reference in references.variables(spec):
        held = references.contents(client, reference, namespace) or {}
        if reference.items:
            taken |= {name: held[key] for key, name in reference.items if key in held}
        else:
            variables |= {reference.where + key: value for key, value in held.items()}
    for variable in spec.env or ():
        name, source = variable.name, variable.valueFrom
        if source is None:
            variables[name] = expand(variable.value or "", variables)
        elif source.fieldRef is not None:
            variables[name] = _field(pod, sandbox, source.fieldRef.fieldPath)
        elif source.resourceFieldRef is not None:
            variables[name] = _resource(pod, spec, source.resourceFieldRef)
        elif name in taken:
            variables[name] = taken[name]
    return variables


def _field(pod: Any, sandbox: Any, path: str) -> str:
    """What the downward API says of a pod: `metadata.labels['app']`, `status.podIP`, …."""
    if path in ("status.podIP", "status.podIPs"):
        return str(sandbox.ip)  # its status may not say so yet
    names, _, key = path.replace("IPs", "IP").partition("['")
    value = pod
    for name in names.split("."):
        value = getattr(value, name, None)
    if key:
        value = (value or {}).get(key.removesuffix("']"))
    return str(value or "")


def _resource(pod: Any, spec: Any, reference: Any) -> str:
    """A container's own request or limit, in units of the divisor, rounded up."""
    kind, _, name = reference.resource.partition(".")
    container = next((c for c in pod.spec.containers if c.name == reference.containerName), spec)
    amounts = (getattr(container.resources, kind, None) if container.resources else None) or {}
    amount = quantity.parse_quantity(amounts.get(name, "0")).nano
    divisor = quantity.parse_quantity(reference.divisor or "1").nano or 1_000_000_000
    return str(-(-amount // divisor))


def _services(services: list[Any]) -> Iterator[tuple[str, str]]:
    """The variables that tell of Services: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR`, …."""
    for service in services:
        ip = service.spec.clusterIP
        if not ip or ip == "None" or not service.spec.ports:
            continue
        name = service.metadata.name.upper().replace("-", "_")
        yield f"{name}_SERVICE_HOST", ip
        yield f"{name}_SERVICE_PORT", str(service.spec.ports[0].port)
        for index, port in enumerate(service.spec.ports):
            if port.name:
                yield f"{name}_SERVICE_PORT_{port.name.upper().replace('-', '_')}", str(port.port)
            protocol = port.protocol or "TCP"
            url = f"{protocol.lower()}://{ip}:{port.port}"
            if index == 0:
                yield f"{name}_PORT", url
            prefix = f"{name}_PORT_{port.port}_{protocol}"
            yield prefix, url
            yield f"{prefix}_PROTO", protocol.lower()
            yield f"{prefix}_PORT", str(port.port)
            yield f"{prefix}_ADDR", ip
