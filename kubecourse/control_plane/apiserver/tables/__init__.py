"""The server-side printers: what `kubectl get` shows of each kind.

`PRINTERS` has one per kind that has columns of its own; all others show their name and age.
Source: `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.tables import cluster, pod, workloads
from kubecourse.control_plane.apiserver.tables.columns import AGE, NAME, Column, Printer

__all__ = ["PRINTERS", "Column", "Printer", "printer"]

PRINTERS = cluster.PRINTERS | pod.PRINTERS | workloads.PRINTERS
_GENERIC = Printer(NAME, AGE)


def printer(resource: Resource) -> Printer:
    """How a resource is shown."""
    return PRINTERS.get(resource.kind, _GENERIC)
