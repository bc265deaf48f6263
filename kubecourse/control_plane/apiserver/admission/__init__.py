"""Admission: what may still change or refuse a request after it was understood.

Plugins take an `Attempt`: those that change objects return the new one, the others refuse by
raising ApiError. The tables say which requests each is about, in the order of the real server.
Source: `pkg/kubeapiserver/options/plugins.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.admission import (
    limit_ranger,
    namespaces,
    pod_security,
    pods,
    priority,
    resource_quota,
    service_account,
    storage,
)
from kubecourse.control_plane.apiserver.admission.attempt import Attempt
from kubecourse.control_plane.apiserver.request import Options

Plugin = Callable[[Attempt], Any]
_CLAIM = "PersistentVolumeClaim"

_MUTATING: tuple[tuple[Plugin, str, str], ...] = (
    (namespaces.admit, "CREATE", ""),
    (limit_ranger.admit, "CREATE", "Pod"),
    (service_account.admit, "CREATE", "Pod"),
    (pods.taint_new_node, "CREATE", "Node"),
    (priority.admit, "CREATE", "Pod"),
    (pods.tolerate_lost_node, "CREATE UPDATE", "Pod"),
    (storage.default_class, "CREATE", _CLAIM),
    (storage.default_ingress_class, "CREATE", "Ingress"),
    (storage.protect, "CREATE", f"PersistentVolume {_CLAIM}"),
    (pods.runtime_class, "CREATE", "Pod"),
)
_VALIDATING: tuple[tuple[Plugin, str, str], ...] = (
    (namespaces.check, "DELETE", "Namespace"),
    (limit_ranger.check, "CREATE", "Pod"),
    (limit_ranger.check, "CREATE UPDATE", _CLAIM),
    (service_account.check, "CREATE", "Pod"),
    (pod_security.check_namespace, "CREATE UPDATE", "Namespace"),
    (pod_security.check_pod, "CREATE UPDATE", "Pod"),
    (pod_security.check_template, "CREATE UPDATE", pod_security.TEMPLATED),
    (priority.check, "CREATE UPDATE", "PriorityClass"),
    (storage.resize, "UPDATE", _CLAIM),
    (resource_quota.check, "CREATE", ""),
    (resource_quota.check, "UPDATE", f"{_CLAIM} Service"),
)
"""Each plugin with the operations and the kinds that it is about; without kinds, all."""


@cache
def _concerned(chain: Any, operation: str, kind: str) -> tuple[Plugin, ...]:
    """The plugins of a chain for an operation on a kind."""
    return tuple(
        plugin
        for plugin, operations, kinds in chain
        if operation in operations.split() and (not kinds or kind in kinds.split())
    )


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Pass an object through every mutating plugin."""
    attempt = Attempt(server, operation, resource, new, old, options)
    kind = "" if resource.custom else resource.kind
    for plugin in _concerned(_MUTATING, operation, kind):
        attempt.new = plugin(attempt)
    if operation == "CREATE":
        for webhook in server.extensions.webhooks.get(kind, ()):
            attempt.new = webhook(attempt.new)
    return attempt.new


def check(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> None:
    """Ask every validating plugin; the first that minds raises ApiError."""
    attempt = Attempt(server, operation, resource, new, old, options)
    kind = "" if resource.custom else resource.kind
    for plugin in _concerned(_VALIDATING, operation, kind):
        plugin(attempt)
