"""Defaults of the core group, pods aside. Source: `pkg/apis/core/v1/defaults.go`."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults.fill import fill, listed, put, within
from kubecourse.control_plane.apiserver.defaults.pod import amounts

core = models.core_v1

CLIENT_IP_SECONDS = 10800
NAME_LABEL = "kubernetes.io/metadata.name"


def namespace(obj: Any) -> Any:
    """A namespace carries its name as a label."""
    metadata = obj.metadata
    labels = metadata.labels or {}
    if not metadata.name or labels.get(NAME_LABEL) == metadata.name:
        return obj
    labels = {**labels, NAME_LABEL: metadata.name}
    return replace(obj, metadata=replace(metadata, labels=labels))


def node(obj: Any) -> Any:
    """What a node has is what pods may use, unless it says otherwise."""
    status = obj.status
    if status is None or not (status.capacity or status.allocatable):
        return obj
    status = within(status, capacity=amounts, allocatable=amounts)
    return put(obj, status=fill(status, allocatable=status.capacity))


def secret(obj: Any) -> Any:
    """`stringData` is written in plain text and kept encoded, among the rest."""
    obj = fill(obj, type="Opaque")
    if not obj.stringData:
        return obj
    encoded = {key: b64encode(text.encode()).decode() for key, text in obj.stringData.items()}
    return replace(obj, data={**(obj.data or {}), **encoded}, stringData=None)


# --- services


def _service_port(port: Any) -> Any:
    port = fill(port, protocol="TCP")
    return port if port.targetPort not in (None, 0, "") else replace(port, targetPort=port.port)


def _is_reached_from_outside(spec: Any) -> bool:
    return spec.type in ("NodePort", "LoadBalancer") or bool(
        spec.type == "ClusterIP" and spec.externalIPs
    )


def _sticky(config: Any) -> Any:
    client = core.ClientIPConfig(timeoutSeconds=CLIENT_IP_SECONDS)
    if config is None or config.clientIP is None:
        return core.SessionAffinityConfig(clientIP=client)
    return put(config, clientIP=fill(config.clientIP, timeoutSeconds=CLIENT_IP_SECONDS))


def _service_spec(spec: Any) -> Any:
    spec = fill(spec, sessionAffinity="None", type="ClusterIP")
    if spec.clusterIP and not spec.clusterIPs:
        spec = replace(spec, clusterIPs=[spec.clusterIP])
    if spec.sessionAffinity == "ClientIP":
        spec = put(spec, sessionAffinityConfig=_sticky(spec.sessionAffinityConfig))
    elif spec.sessionAffinity == "None":
        spec = put(spec, sessionAffinityConfig=None)
    spec = within(spec, ports=listed(_service_port))
    if _is_reached_from_outside(spec):
        spec = fill(spec, externalTrafficPolicy="Cluster")
    if spec.type in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec = fill(spec, internalTrafficPolicy="Cluster")
    if spec.type == "LoadBalancer":
        spec = fill(spec, allocateLoadBalancerNodePorts=True)
    return spec


def _ingress_point(point: Any) -> Any:
    return fill(point, ipMode="VIP") if point.ip else point


def _balancer(status: Any) -> Any:
    return within(status, ingress=listed(_ingress_point))


def service(obj: Any) -> Any:
    """Defaults of a Service."""
    obj = put(obj, spec=_service_spec(obj.spec or core.ServiceSpec()))
    return within(obj, status=lambda status: within(status, loadBalancer=_balancer))
