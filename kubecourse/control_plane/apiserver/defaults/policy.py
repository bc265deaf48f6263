"""Defaults of quotas, limits, priorities, storage and autoscalers.

Sources: `pkg/apis/core/v1/defaults.go`, `pkg/apis/scheduling/v1/defaults.go`,
`pkg/apis/storage/v1/defaults.go`, `pkg/apis/autoscaling/v2/defaults.go`,
`pkg/apis/networking/v1/defaults.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults.fill import fill, listed, put, within
from kubecourse.control_plane.apiserver.defaults.pod import amounts, claim_spec

autoscaling = models.autoscaling_v2


def _limits(item: Any) -> Any:
    """A maximum is also the default limit; that, or the minimum, the default request."""
    if item.type != "Container":
        return item
    limits = {**(item.max or {}), **(item.default or {})}
    requests = {**(item.min or {}), **limits, **(item.defaultRequest or {})}
    return put(
        item,
        default=item.default if limits == (item.default or {}) else limits,
        defaultRequest=item.defaultRequest if requests == (item.defaultRequest or {}) else requests,
    )


def limit_range(obj: Any) -> Any:
    """Defaults of a LimitRange."""
    return within(obj, spec=lambda spec: within(spec, limits=listed(_limits)))


def resource_quota(obj: Any) -> Any:
    """Defaults of a ResourceQuota."""
    return within(obj, spec=lambda spec: within(spec, hard=amounts))


def priority_class(obj: Any) -> Any:
    """Defaults of a PriorityClass."""
    return fill(obj, preemptionPolicy="PreemptLowerPriority")


def claim(obj: Any) -> Any:
    """Defaults of a PersistentVolumeClaim."""
    return within(obj, spec=claim_spec)


def volume(obj: Any) -> Any:
    """Defaults of a PersistentVolume."""
    return within(obj, spec=_volume_spec)


def _volume_spec(spec: Any) -> Any:
    spec = fill(spec, persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    return within(spec, hostPath=lambda source: fill(source, type=""))


def storage_class(obj: Any) -> Any:
    """Defaults of a StorageClass."""
    return fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


_CPU = autoscaling.MetricSpec(
    type="Resource",
    resource=autoscaling.ResourceMetricSource(
        name="cpu",
        target=autoscaling.MetricTarget(type="Utilization", averageUtilization=80),
    ),
)


def autoscaler(obj: Any) -> Any:
    """Defaults of a HorizontalPodAutoscaler: at least one pod, 80 % of the requested CPU."""
    return within(obj, spec=lambda spec: fill(spec, minReplicas=1, metrics=[_CPU]))


def _policy_spec(spec: Any) -> Any:
    spec = within(spec, ingress=listed(_with_protocols), egress=listed(_with_protocols))
    return fill(spec, policyTypes=["Ingress", "Egress"] if spec.egress else ["Ingress"])


def _with_protocols(rule: Any) -> Any:
    return within(rule, ports=listed(lambda port: fill(port, protocol="TCP")))


def network_policy(obj: Any) -> Any:
    """Defaults of a NetworkPolicy."""
    return within(obj, spec=_policy_spec)


_RBAC = "rbac.authorization.k8s.io"


def _subject(subject: Any) -> Any:
    return fill(subject, apiGroup=_RBAC) if subject.kind in ("User", "Group") else subject


def binding(obj: Any) -> Any:
    """Defaults of a RoleBinding or ClusterRoleBinding."""
    return within(
        obj, subjects=listed(_subject), roleRef=lambda ref: put(ref, apiGroup=ref.apiGroup or _RBAC)
    )
