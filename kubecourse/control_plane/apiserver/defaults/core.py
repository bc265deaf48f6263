"""Defaults of everything that makes no pods.

Sources: `defaults.go` below `pkg/apis/core/v1`, `pkg/apis/autoscaling/v2`,
`pkg/apis/discovery/v1`, `pkg/apis/networking/v1`, `pkg/apis/scheduling/v1`, `pkg/apis/storage/v1`.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults.fill import (
    Function,
    New,
    chain,
    fields,
    listed,
    when,
)
from kubecourse.control_plane.apiserver.defaults.pod import (
    CLAIM,
    HOST_PATH,
    WITH_PROTOCOL,
    amounts,
)

core = models.core_v1
_NAME_LABEL = "kubernetes.io/metadata.name"


def _namespace(obj: Any) -> Any:
    """A namespace carries its name as a label."""
    metadata = obj.metadata
    labels = metadata.labels or {}
    if not metadata.name or labels.get(_NAME_LABEL) == metadata.name:
        return obj
    labels = {**labels, _NAME_LABEL: metadata.name}
    return replace(obj, metadata=replace(metadata, labels=labels))


def _allocatable(status: Any) -> Any:
    """What a node has is what pods may use, unless it says otherwise."""
    if status.allocatable is None and status.capacity:
        return replace(status, allocatable=status.capacity)
    return status


def _secret(obj: Any) -> Any:
    """`stringData` is written in plain text and kept encoded, among the rest."""
    obj = fields(type="Opaque")(obj)
    if not obj.stringData:
        return obj
    encoded = {key: b64encode(text.encode()).decode() for key, text in obj.stringData.items()}
    return replace(obj, data={**(obj.data or {}), **encoded}, stringData=None)


# --- Services and what lies behind them


def _target(port: Any) -> Any:
    return replace(port, targetPort=port.port) if port.targetPort in (None, 0, "") else port


def _is_reached_from_outside(spec: Any) -> bool:
    by_address = spec.type == "ClusterIP" and spec.externalIPs
    return spec.type in ("NodePort", "LoadBalancer") or bool(by_address)


_FOR_HOURS = core.ClientIPConfig(timeoutSeconds=10800)
_STICKY = fields(clientIP=New(_FOR_HOURS, fields(timeoutSeconds=_FOR_HOURS.timeoutSeconds)))
_SERVICE_SPEC = chain(
    fields(
        sessionAffinity="None",
        type="ClusterIP",
        ports=listed(chain(fields(protocol="TCP"), _target)),
    ),
    when(
        lambda spec: spec.clusterIP and not spec.clusterIPs,
        lambda spec: replace(spec, clusterIPs=[spec.clusterIP]),
    ),
    when(
        lambda spec: spec.sessionAffinity == "ClientIP",
        fields(sessionAffinityConfig=New(core.SessionAffinityConfig(), _STICKY)),
    ),
    when(
        lambda spec: spec.sessionAffinity == "None" and spec.sessionAffinityConfig is not None,
        lambda spec: replace(spec, sessionAffinityConfig=None),
    ),
    when(_is_reached_from_outside, fields(externalTrafficPolicy="Cluster")),
    when(
        lambda spec: spec.type in ("NodePort", "LoadBalancer", "ClusterIP"),
        fields(internalTrafficPolicy="Cluster"),
    ),
    when(lambda spec: spec.type == "LoadBalancer", fields(allocateLoadBalancerNodePorts=True)),
)
_POINT = when(lambda point: point.ip, fields(ipMode="VIP"))
_RULES = listed(fields(ports=listed(WITH_PROTOCOL)))

# --- quotas, limits, priorities, storage, autoscalers, roles


def _limits(item: Any) -> Any:
    """A maximum is also the default limit; that, or the minimum, the default request."""
    limits = {**(item.max or {}), **(item.default or {})}
    requests = {**(item.min or {}), **limits, **(item.defaultRequest or {})}
    if limits == (item.default or {}) and requests == (item.defaultRequest or {}):
        return item
    return replace(item, default=limits or None, defaultRequest=requests or None)


autoscaling = models.autoscaling_v2
_CPU = autoscaling.MetricSpec(
    type="Resource",
    resource=autoscaling.ResourceMetricSource(
        name="cpu",
        target=autoscaling.MetricTarget(type="Utilization", averageUtilization=80),
    ),
)


def _scaling(**rows: Any) -> New:
    return New(autoscaling.HPAScalingRules(), fields(selectPolicy="Max", **rows))


def _step(kind: str, value: int) -> Any:
    return autoscaling.HPAScalingPolicy(type=kind, value=value, periodSeconds=15)


_BEHAVIOR = fields(
    scaleUp=_scaling(
        stabilizationWindowSeconds=0, policies=[_step("Pods", 4), _step("Percent", 100)]
    ),
    scaleDown=_scaling(policies=[_step("Percent", 100)]),
)

_RBAC = "rbac.authorization.k8s.io"
_OF_RBAC = fields(apiGroup=_RBAC)
_BINDING = fields(
    subjects=listed(when(lambda subject: subject.kind in ("User", "Group"), _OF_RBAC)),
    roleRef=lambda ref: ref if ref.apiGroup else replace(ref, apiGroup=_RBAC),
)

DEFAULTS: dict[type[Any], Function] = {
    autoscaling.HorizontalPodAutoscaler: fields(
        spec=fields(minReplicas=1, metrics=[_CPU], behavior=_BEHAVIOR)
    ),
    core.LimitRange: fields(
        spec=fields(limits=listed(when(lambda item: item.type == "Container", _limits)))
    ),
    core.Namespace: _namespace,
    core.Node: fields(status=chain(fields(capacity=amounts, allocatable=amounts), _allocatable)),
    core.PersistentVolume: fields(
        spec=fields(
            persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem", hostPath=HOST_PATH
        )
    ),
    core.PersistentVolumeClaim: fields(spec=CLAIM),
    core.ResourceQuota: fields(spec=fields(hard=amounts)),
    core.Secret: _secret,
    core.Service: fields(
        spec=New(core.ServiceSpec(), _SERVICE_SPEC),
        status=fields(loadBalancer=fields(ingress=listed(_POINT))),
    ),
    models.discovery_v1.EndpointSlice: fields(ports=listed(fields(name="", protocol="TCP"))),
    models.networking_v1.NetworkPolicy: fields(
        spec=chain(
            fields(ingress=_RULES, egress=_RULES),
            when(lambda spec: spec.egress, fields(policyTypes=["Ingress", "Egress"])),
            fields(policyTypes=["Ingress"]),
        )
    ),
    models.rbac_v1.ClusterRoleBinding: _BINDING,
    models.rbac_v1.RoleBinding: _BINDING,
    models.scheduling_v1.PriorityClass: fields(preemptionPolicy="PreemptLowerPriority"),
    models.storage_v1.StorageClass: fields(reclaimPolicy="Delete", volumeBindingMode="Immediate"),
}
