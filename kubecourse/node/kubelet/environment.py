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
    for source in spec.envFrom or ():
        for cls, reference in (
            (core.ConfigMap, source.configMapRef),
            (core.Secret, source.secretRef),
        ):
            if reference is not None:
                held = references.find(client, cls, reference.name, namespace)
                prefix = source.prefix or ""
                for key, value in (references.contents(held) if held is not None else {}).items():
                    variables[prefix + key] = value
    for variable in spec.env or ():
        if variable.valueFrom is None:
            variables[variable.name] = expand(variable.value or "", variables)
            continue
        taken = _value_from(client, pod, spec, sandbox, variable.valueFrom)
        if taken is not None:
            variables[variable.name] = taken
    return variables


def _value_from(client: Client, pod: Any, spec: Any, sandbox: Any, source: Any) -> str | None:
    namespace = pod.metadata.namespace
    for cls, key in ((core.ConfigMap, source.configMapKeyRef), (core.Secret, source.secretKeyRef)):
        if key is not None:
            held = references.find(client, cls, key.name, namespace)
            return references.contents(held).get(key.key) if held is not None else None
    if source.fieldRef is not None:
        return field(pod, sandbox, source.fieldRef.fieldPath)
    if source.resourceFieldRef is not None:
        return _resource(pod, spec, source.resourceFieldRef)
    return None


def field(pod: Any, sandbox: Any, path: str) -> str:
    """What the downward API says of a pod: `metadata.labels['app']`, `status.podIP`, …."""
    metadata = pod.metadata
    for holder, values in (("labels", metadata.labels), ("annotations", metadata.annotations)):
        if path.startswith(f"metadata.{holder}['"):
            return str((values or {}).get(path.partition("['")[2].removesuffix("']"), ""))
    match path:
        case "metadata.name":
            return str(metadata.name)
        case "metadata.namespace":
            return str(metadata.namespace)
        case "metadata.uid":
            return str(metadata.uid)
        case "spec.nodeName":
            return str(pod.spec.nodeName)
        case "spec.serviceAccountName":
            return pod.spec.serviceAccountName or "default"
        case "status.podIP" | "status.podIPs":
            return str(sandbox.ip)
        case "status.hostIP" | "status.hostIPs":
            return pod.status.hostIP or ""
    return ""


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
