"""Validation: what the server refuses, field by field, in its words.

A kind joins by a row in `KINDS`: what is asked of a new object, of a changed one, and of a
changed status. Metadata is asked the same of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kubecourse.api.errors import FieldError
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation import (
    apps,
    batch,
    core,
    discovery,
    meta,
    networking,
    pod,
    pod_update,
    policy,
    service,
    storage,
    workloads,
)
from kubecourse.control_plane.apiserver.validation.checks import Errors
from kubecourse.control_plane.apiserver.validation.warnings import warnings

__all__ = ["KINDS", "Rules", "validate", "validate_update", "warnings"]


class Rules(NamedTuple):
    """What is asked of objects of one kind, besides their metadata."""

    create: Callable[[Any, Errors], None] | None = None
    update: Callable[[Any, Any, Errors], None] | None = None
    status: Callable[[Any, Any, Errors], None] | None = None
    looks_again: bool = True
    """Whether a change is also held to what is asked of a new object's metadata."""


KINDS: dict[str, Rules] = {
    "ConfigMap": Rules(core.config_map, core.config_map_update),
    "CronJob": Rules(batch.cron_job, batch.cron_job_update, looks_again=False),
    "DaemonSet": Rules(workloads.daemon_set, workloads.daemon_set_update, looks_again=False),
    "Deployment": Rules(
        apps.deployment, apps.deployment_update, apps.deployment_status_update, False
    ),
    "EndpointSlice": Rules(discovery.endpoint_slice, discovery.endpoint_slice_update),
    "Event": Rules(core.event, core.event_update),
    "HorizontalPodAutoscaler": Rules(policy.autoscaler, policy.autoscaler_update),
    "Ingress": Rules(networking.ingress, networking.ingress_update),
    "Job": Rules(batch.job, batch.job_update, batch.job_status_update, False),
    "Lease": Rules(core.lease, core.lease_update, looks_again=False),
    "LimitRange": Rules(policy.limit_range, policy.limit_range_update),
    "Namespace": Rules(status=core.namespace_status_update),
    "NetworkPolicy": Rules(networking.network_policy, networking.network_policy_update),
    "Node": Rules(core.node, core.node_update, core.node_status_update),
    "PersistentVolume": Rules(storage.volume, storage.volume_update),
    "PersistentVolumeClaim": Rules(storage.claim, storage.claim_update),
    "Pod": Rules(pod.pod, pod_update.pod_update, pod_update.pod_status_update),
    "PodDisruptionBudget": Rules(policy.budget, policy.budget_update),
    "PriorityClass": Rules(policy.priority_class, policy.priority_class_update),
    "ReplicaSet": Rules(apps.replica_set, apps.replica_set_update, apps.replica_set_status_update),
    "ResourceQuota": Rules(policy.quota, policy.quota_update),
    "Secret": Rules(core.secret, core.secret_update),
    "Service": Rules(service.service, service.service_update, service.service_status_update),
    "StatefulSet": Rules(workloads.stateful_set, workloads.stateful_set_update, looks_again=False),
    "StorageClass": Rules(storage.storage_class, storage.storage_class_update),
}
_NO_RULES = Rules()


def validate(resource: Resource, obj: Any) -> list[FieldError]:
    """What is wrong with a new object, in the server's order."""
    out: Errors = []
    meta.create(resource, obj.metadata, out)
    rules = KINDS.get(resource.kind, _NO_RULES)
    if rules.create is not None:
        rules.create(obj, out)
    return out


def validate_update(
    resource: Resource, new: Any, old: Any, subresource: str = ""
) -> list[FieldError]:
    """What is wrong with an object that is to replace another."""
    out: Errors = []
    rules = KINDS.get(resource.kind, _NO_RULES)
    meta.update(new.metadata, old.metadata, rules.looks_again and not subresource, out)
    check = rules.status if subresource == "status" else rules.update
    if check is not None:
        check(new, old, out)
    return out
