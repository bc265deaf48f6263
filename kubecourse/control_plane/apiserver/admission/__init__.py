"""Admission: what may still change or refuse a request after it was understood.

Plugins that change objects are functions `admit(server, operation, resource, new, old, options)`
that return the object; those that refuse are `check` functions with the same arguments. One
file each, in the order in which the real server runs them.
Source: `pkg/kubeapiserver/options/plugins.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.admission import (
    default_storage_class,
    default_toleration_seconds,
    limit_ranger,
    namespace_lifecycle,
    priority,
    resource_quota,
    service_account,
    storage_object_in_use_protection,
    taint_nodes_by_condition,
)
from kubecourse.control_plane.apiserver.request import Options

Admit = Callable[[Any, str, Resource, Any, Any, Options], Any]
Check = Callable[[Any, str, Resource, Any, Any, Options], None]

MUTATING: tuple[Admit, ...] = (
    namespace_lifecycle.admit,
    limit_ranger.admit,
    service_account.admit,
    taint_nodes_by_condition.admit,
    priority.admit,
    default_toleration_seconds.admit,
    default_storage_class.admit,
    storage_object_in_use_protection.admit,
)
VALIDATING: tuple[Check, ...] = (
    namespace_lifecycle.check,
    limit_ranger.check,
    service_account.check,
    priority.check,
    resource_quota.check,
)


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Pass an object through every mutating plugin."""
    for plugin in MUTATING:
        new = plugin(server, operation, resource, new, old, options)
    return new


def check(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> None:
    """Ask every validating plugin; the first that minds raises ApiError."""
    for plugin in VALIDATING:
        plugin(server, operation, resource, new, old, options)
