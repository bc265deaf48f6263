"""Validation: what the server refuses, field by field, in its words.

A kind joins by a row in `KINDS`: what is asked of a new object and of a changed one, in the
language of `rules`. Metadata is asked the same of all. A status is what components report, and
is taken as it is.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

from kubecourse.api.errors import FieldError
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation import (
    autoscaling,
    batch,
    core,
    metadata,
    networking,
    pod,
    pod_update,
    policy,
    rbac,
    service,
    volumes,
    workloads,
)
from kubecourse.control_plane.apiserver.validation.rules import (
    IMMUTABLE,
    Change,
    Errors,
    Rule,
    struct,
)
from kubecourse.control_plane.apiserver.validation.warnings import warnings

__all__ = ["KINDS", "Rules", "validate", "validate_update", "warnings"]


class Rules(NamedTuple):
    """What is asked of objects of one kind, besides their metadata.

    A changed object is asked what a new one is; besides, `fixed` fields may not change, and
    `before` or after that a `change` is looked at. `update` replaces all of this.
    """

    create: Rule | None = None
    fixed: tuple[str, ...] = ()
    before: Change | None = None
    change: Change | None = None
    update: Change | None = None
    looks: int = 1
    """How often the server looks at a changed object, finding the same each time."""
    looks_again: bool = True
    """Whether a change is also held to what is asked of a new object's metadata."""


def _spec(rule: Rule) -> Rule:
    return struct(("spec", rule))


_SELECTOR = ("spec.selector",)

KINDS: dict[str, Rules] = {
    "ConfigMap": Rules(core.config_map, before=core.config_map_change),
    "CronJob": Rules(batch.CRON_JOB, looks_again=False),
    "DaemonSet": Rules(_spec(workloads.DAEMON_SET), _SELECTOR, looks_again=False),
    "Deployment": Rules(_spec(workloads.DEPLOYMENT), _SELECTOR, looks_again=False),
    "EndpointSlice": Rules(networking.endpoint_slice, update=networking.endpoint_slice_update),
    "Event": Rules(core.event),
    "HorizontalPodAutoscaler": Rules(_spec(autoscaling.AUTOSCALER)),
    "Ingress": Rules(networking.ingress),
    "Job": Rules(batch.JOB, change=batch.job_change, looks_again=False),
    "Lease": Rules(_spec(core.LEASE), looks_again=False),
    "LimitRange": Rules(_spec(policy.LIMIT_RANGE)),
    "NetworkPolicy": Rules(_spec(networking.NETWORK_POLICY)),
    "Node": Rules(core.node, change=core.node_change, looks=2),
    "PersistentVolume": Rules(_spec(volumes.VOLUME)),
    "PersistentVolumeClaim": Rules(_spec(volumes.CLAIM), change=volumes.claim_change),
    "Pod": Rules(pod.pod, update=pod_update.pod_update),
    "PodDisruptionBudget": Rules(_spec(policy.BUDGET)),
    "PriorityClass": Rules(policy.PRIORITY_CLASS, update=policy.priority_class_update),
    "ClusterRole": Rules(rbac.CLUSTER_ROLE),
    "ClusterRoleBinding": Rules(rbac.CLUSTER_ROLE_BINDING, change=rbac.binding_change),
    "Role": Rules(rbac.ROLE),
    "RoleBinding": Rules(rbac.ROLE_BINDING, change=rbac.binding_change),
    "ReplicaSet": Rules(_spec(workloads.REPLICA_SET), _SELECTOR, looks=2),
    "ResourceQuota": Rules(_spec(policy.QUOTA), change=policy.quota_change),
    "Secret": Rules(core.secret, before=core.secret_change),
    "Service": Rules(_spec(service.SERVICE), before=service.service_change),
    "StatefulSet": Rules(
        _spec(workloads.STATEFUL_SET), change=workloads.stateful_set_change, looks_again=False
    ),
    "StorageClass": Rules(volumes.STORAGE_CLASS, update=volumes.storage_class_update),
}
_NO_RULES = Rules()


def validate(resource: Resource, obj: Any) -> list[FieldError]:
    """What is wrong with a new object, in the server's order."""
    out = Errors()
    metadata.create(resource, obj.metadata, out)
    create = KINDS.get(resource.kind, _NO_RULES).create
    if create is not None:
        create(obj, out)
    return out


def validate_update(
    resource: Resource, new: Any, old: Any, subresource: str = ""
) -> list[FieldError]:
    """What is wrong with an object that is to replace another."""
    out = Errors()
    rules = KINDS.get(resource.kind, _NO_RULES)
    metadata.update(new.metadata, old.metadata, rules.looks_again and not subresource, out)
    if subresource == "status":
        return out
    if rules.update is not None:
        rules.update(new, old, out)
    elif rules.create is not None and _differ(new, old):
        _update(rules, rules.create, new, old, out)
    return out


def _differ(new: Any, old: Any) -> bool:
    """Whether anything that a client says of an object, besides its metadata, was replaced."""
    return any(
        getattr(new, name) is not getattr(old, name)
        for name in new.__struct_fields__
        if name not in ("metadata", "status")
    )


def _update(rules: Rules, create: Rule, new: Any, old: Any, out: Errors) -> None:
    if rules.before is not None:
        rules.before(new, old, out)
    found = Errors()
    create(new, found)
    out += list(found) * rules.looks
    for path in rules.fixed:
        value = attrgetter(path)(new)
        if value != attrgetter(path)(old):
            out.invalid(path, value, IMMUTABLE)
    if rules.change is not None:
        rules.change(new, old, out)
