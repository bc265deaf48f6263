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
    default_toleration_seconds,
    namespace_lifecycle,
    priority,
    service_account,
    taint_nodes_by_condition,
)
from kubecourse.control_plane.apiserver.request import Options

Admit = Callable[[Any, str, Resource, Any, Any, Options], Any]
Check = Callable[[Any, str, Resource, Any, Any, Options], None]

MUTATING: tuple[Admit, ...] = (
    namespace_lifecycle.admit,
    service_account.admit,
    taint_nodes_by_condition.admit,
    priority.admit,
    default_toleration_seconds.admit,
)
VALIDATING: tuple[Check, ...] = (namespace_lifecycle.check, priority.check)


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
