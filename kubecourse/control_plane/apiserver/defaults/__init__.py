"""Defaults: what a client left out is written in before anything is stored.

`DEFAULTS` has one pure function per kind, from an object to an object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults import apps, batch, core, discovery, pod, policy

DEFAULTS: dict[type[Any], Callable[[Any], Any]] = {
    models.apps_v1.DaemonSet: apps.daemon_set,
    models.apps_v1.Deployment: apps.deployment,
    models.apps_v1.ReplicaSet: apps.replica_set,
    models.apps_v1.StatefulSet: apps.stateful_set,
    models.autoscaling_v2.HorizontalPodAutoscaler: policy.autoscaler,
    models.batch_v1.CronJob: batch.cron_job,
    models.batch_v1.Job: batch.job,
    models.core_v1.LimitRange: policy.limit_range,
    models.core_v1.Namespace: core.namespace,
    models.core_v1.Node: core.node,
    models.core_v1.PersistentVolume: policy.volume,
    models.core_v1.PersistentVolumeClaim: policy.claim,
    models.core_v1.Pod: pod.pod,
    models.core_v1.ResourceQuota: policy.resource_quota,
    models.core_v1.Secret: core.secret,
    models.core_v1.Service: core.service,
    models.discovery_v1.EndpointSlice: discovery.endpoint_slice,
    models.networking_v1.NetworkPolicy: policy.network_policy,
    models.rbac_v1.ClusterRoleBinding: policy.binding,
    models.rbac_v1.RoleBinding: policy.binding,
    models.scheduling_v1.PriorityClass: policy.priority_class,
    models.storage_v1.StorageClass: policy.storage_class,
}


def default(obj: Any) -> Any:
    """The object with its defaults filled in; the same object if there are none to fill."""
    function = DEFAULTS.get(type(obj))
    return obj if function is None else function(obj)
