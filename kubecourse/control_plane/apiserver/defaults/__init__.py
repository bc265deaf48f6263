"""Defaults: what a client left out is written in before anything is stored.

`DEFAULTS` has one pure function per kind, from an object to an object.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults import core, pod, workloads
from kubecourse.control_plane.apiserver.defaults.fill import Function

DEFAULTS: dict[type[Any], Function] = {
    models.apps_v1.DaemonSet: workloads.DAEMON_SET,
    models.apps_v1.Deployment: workloads.DEPLOYMENT,
    models.apps_v1.ReplicaSet: workloads.REPLICA_SET,
    models.apps_v1.StatefulSet: workloads.STATEFUL_SET,
    models.autoscaling_v2.HorizontalPodAutoscaler: core.AUTOSCALER,
    models.batch_v1.CronJob: workloads.CRON_JOB,
    models.batch_v1.Job: workloads.job,
    models.core_v1.LimitRange: core.LIMIT_RANGE,
    models.core_v1.Namespace: core.namespace,
    models.core_v1.Node: core.NODE,
    models.core_v1.PersistentVolume: core.PERSISTENT_VOLUME,
    models.core_v1.PersistentVolumeClaim: core.PERSISTENT_VOLUME_CLAIM,
    models.core_v1.Pod: pod.POD,
    models.core_v1.ResourceQuota: core.RESOURCE_QUOTA,
    models.core_v1.Secret: core.secret,
    models.core_v1.Service: core.SERVICE,
    models.discovery_v1.EndpointSlice: core.ENDPOINT_SLICE,
    models.networking_v1.NetworkPolicy: core.NETWORK_POLICY,
    models.rbac_v1.ClusterRoleBinding: core.BINDING,
    models.rbac_v1.RoleBinding: core.BINDING,
    models.scheduling_v1.PriorityClass: core.PRIORITY_CLASS,
    models.storage_v1.StorageClass: core.STORAGE_CLASS,
}


def default(obj: Any) -> Any:
    """The object with its defaults filled in; the same object if there are none to fill."""
    function = DEFAULTS.get(type(obj))
    return obj if function is None else function(obj)
