"""Defaults: what a client left out is written in before anything is stored.

`DEFAULTS` has one pure function per kind, from an object to an object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import models
from kubecourse.control_plane.apiserver.defaults import apps, core, discovery, pod

DEFAULTS: dict[type[Any], Callable[[Any], Any]] = {
    models.apps_v1.Deployment: apps.deployment,
    models.apps_v1.ReplicaSet: apps.replica_set,
    models.core_v1.Namespace: core.namespace,
    models.core_v1.Node: core.node,
    models.core_v1.Pod: pod.pod,
    models.core_v1.Secret: core.secret,
    models.core_v1.Service: core.service,
    models.discovery_v1.EndpointSlice: discovery.endpoint_slice,
}


def default(obj: Any) -> Any:
    """The object with its defaults filled in; the same object if there are none to fill."""
    function = DEFAULTS.get(type(obj))
    return obj if function is None else function(obj)
