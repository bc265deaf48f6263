"""`kubectl describe`: an object, and what belongs to it, in words.

One module for each family of kinds. A describer gets a `Description` to write to and the object
as JSON; it joins by a row in `DESCRIBERS`. What has none is described field by field.

Source: `staging/src/k8s.io/kubectl/pkg/describe/describe.go`.
"""

from __future__ import annotations

from collections.abc import Callable

from kubecourse.tools.kubectl.describe.configuration import (
    describe_config_map,
    describe_limit_range,
    describe_namespace,
    describe_quota,
    describe_secret,
)
from kubecourse.tools.kubectl.describe.description import Description, Json, Source
from kubecourse.tools.kubectl.describe.generic import describe_anything
from kubecourse.tools.kubectl.describe.node import describe_node
from kubecourse.tools.kubectl.describe.pod import describe_pod
from kubecourse.tools.kubectl.describe.services import describe_endpoint_slice, describe_service
from kubecourse.tools.kubectl.describe.workloads import (
    describe_daemon_set,
    describe_deployment,
    describe_replica_set,
    describe_stateful_set,
)

__all__ = ["DESCRIBERS", "Description", "Source", "describe"]

DESCRIBERS: dict[tuple[str, str], Callable[[Description, Json], None]] = {
    ("", "ConfigMap"): describe_config_map,
    ("", "LimitRange"): describe_limit_range,
    ("", "Namespace"): describe_namespace,
    ("", "Node"): describe_node,
    ("", "Pod"): describe_pod,
    ("", "ResourceQuota"): describe_quota,
    ("", "Secret"): describe_secret,
    ("", "Service"): describe_service,
    ("apps", "DaemonSet"): describe_daemon_set,
    ("apps", "Deployment"): describe_deployment,
    ("apps", "ReplicaSet"): describe_replica_set,
    ("apps", "StatefulSet"): describe_stateful_set,
    ("discovery.k8s.io", "EndpointSlice"): describe_endpoint_slice,
}
"""By group and kind."""


def describe(obj: Json, source: Source, show_events: bool = True) -> str:
    """An object in words. Raises ApiError where what belongs to it cannot be read."""
    group, slash, _ = obj["apiVersion"].partition("/")
    describer = DESCRIBERS.get((group if slash else "", obj["kind"]), describe_anything)
    description = Description(source, show_events)
    describer(description, obj)
    return str(description)
