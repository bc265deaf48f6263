"""`kubectl describe`: an object, and what belongs to it, in words.

One module for each family of kinds. A describer gets a `Description` to write to and the object
as JSON. What has none is described field by field.

Source: `staging/src/k8s.io/kubectl/pkg/describe/describe.go`.
"""

from __future__ import annotations

from kubecourse.tools.kubectl.describe import configuration, node, pod, services, workloads
from kubecourse.tools.kubectl.describe.description import Description, Json, Source
from kubecourse.tools.kubectl.describe.generic import describe_anything

__all__ = ["Description", "Source", "describe"]

_DESCRIBERS = {
    "v1/ConfigMap": configuration.describe_config_map,
    "v1/LimitRange": configuration.describe_limit_range,
    "v1/Namespace": configuration.describe_namespace,
    "v1/Node": node.describe_node,
    "v1/Pod": pod.describe_pod,
    "v1/ResourceQuota": configuration.describe_quota,
    "v1/Secret": configuration.describe_secret,
    "v1/Service": services.describe_service,
    "apps/v1/DaemonSet": workloads.describe_daemon_set,
    "apps/v1/Deployment": workloads.describe_deployment,
    "apps/v1/ReplicaSet": workloads.describe_replica_set,
    "apps/v1/StatefulSet": workloads.describe_stateful_set,
    "discovery.k8s.io/v1/EndpointSlice": services.describe_endpoint_slice,
}


def describe(obj: Json, source: Source, show_events: bool = True) -> str:
    """An object in words. Raises ApiError where what belongs to it cannot be read."""
    describer = _DESCRIBERS.get(f"{obj['apiVersion']}/{obj['kind']}", describe_anything)
    description = Description(source, show_events)
    describer(description, obj)
    return str(description)
