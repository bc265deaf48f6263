"""Admission: what may still change or refuse a request after it was understood.

Plugins that change objects are functions `admit(server, operation, resource, new, old, options)`
that return the object; those that refuse are `check` functions with the same arguments. One
file each; the tables here say which requests each is about, in the order of the real server.
Source: `pkg/kubeapiserver/options/plugins.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.admission import (
    default_storage_class,
    default_toleration_seconds,
    limit_ranger,
    namespace_lifecycle,
    persistent_volume_claim_resize,
    priority,
    resource_quota,
    runtime_class,
    service_account,
    storage_object_in_use_protection,
    taint_nodes_by_condition,
)
from kubecourse.control_plane.apiserver.request import Options

Admit = Callable[[Any, str, Resource, Any, Any, Options], Any]
"""Returns the object, or raises ApiError. What a `check` returns is of no interest."""


class Plugin(NamedTuple):
    """A plugin and the requests that it is about; without kinds, those for every kind."""

    run: Admit
    operations: str
    kinds: tuple[str, ...] = ()


class Chain:
    """Plugins in their order. Which of them a request concerns is worked out once."""

    def __init__(self, *plugins: Plugin) -> None:
        self._plugins = plugins
        self._concerned: dict[tuple[str, str], tuple[Admit, ...]] = {}

    def concerned(self, operation: str, kind: str) -> tuple[Admit, ...]:
        """The plugins for an operation (CREATE, UPDATE, DELETE) on a kind."""
        found = self._concerned.get((operation, kind))
        if found is None:
            found = self._concerned[operation, kind] = tuple(
                plugin.run
                for plugin in self._plugins
                if operation in plugin.operations.split()
                and (not plugin.kinds or kind in plugin.kinds)
            )
        return found


_CLAIM = "PersistentVolumeClaim"

MUTATING = Chain(
    Plugin(namespace_lifecycle.admit, "CREATE"),
    Plugin(limit_ranger.admit, "CREATE", ("Pod",)),
    Plugin(service_account.admit, "CREATE", ("Pod",)),
    Plugin(taint_nodes_by_condition.admit, "CREATE", ("Node",)),
    Plugin(priority.admit, "CREATE", ("Pod",)),
    Plugin(default_toleration_seconds.admit, "CREATE UPDATE", ("Pod",)),
    Plugin(default_storage_class.admit, "CREATE", (_CLAIM,)),
    Plugin(storage_object_in_use_protection.admit, "CREATE", ("PersistentVolume", _CLAIM)),
    Plugin(runtime_class.admit, "CREATE", ("Pod",)),
)
VALIDATING = Chain(
    Plugin(namespace_lifecycle.check, "DELETE", ("Namespace",)),
    Plugin(limit_ranger.check, "CREATE", ("Pod",)),
    Plugin(limit_ranger.check, "CREATE UPDATE", (_CLAIM,)),
    Plugin(service_account.check, "CREATE", ("Pod",)),
    Plugin(priority.check, "CREATE UPDATE", ("PriorityClass",)),
    Plugin(persistent_volume_claim_resize.check, "UPDATE", (_CLAIM,)),
    Plugin(resource_quota.check, "CREATE"),
    Plugin(resource_quota.check, "UPDATE", (_CLAIM, "Service")),
)


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Pass an object through every mutating plugin."""
    for plugin in MUTATING.concerned(operation, resource.kind):
        new = plugin(server, operation, resource, new, old, options)
    return new


def check(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> None:
    """Ask every validating plugin; the first that minds raises ApiError."""
    for plugin in VALIDATING.concerned(operation, resource.kind):
        plugin(server, operation, resource, new, old, options)
