"""The server-side printers: what `kubectl get` shows of each kind.

Columns with priority 1 are for `-o wide`. `PRINTERS` has one per kind that has columns of its
own; all others show their name and age.
Source: `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.tables import (
    cluster,
    config,
    network,
    pod,
    policy,
    storage,
    workloads,
)
from kubecourse.control_plane.apiserver.tables.columns import AGE, NAME, Column, Printer, age

GENERIC = Printer((NAME, AGE), lambda obj, now: [obj.metadata.name, age(obj, now)])

PRINTERS: dict[str, Printer] = {
    **cluster.PRINTERS,
    **config.PRINTERS,
    **network.PRINTERS,
    **pod.PRINTERS,
    **policy.PRINTERS,
    **storage.PRINTERS,
    **workloads.PRINTERS,
}


def printer(resource: Resource) -> Printer:
    """How a resource is shown."""
    return PRINTERS.get(resource.kind, GENERIC)


__all__ = ["PRINTERS", "Column", "Printer", "printer"]
