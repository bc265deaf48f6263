"""A pod may ask for a way to run containers that the cluster has; this one has only the usual.

Source: `plugin/pkg/admission/runtimeclass/admission.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.request import Options


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Refuse a pod that names a RuntimeClass: there are none."""
    name = new.spec.runtimeClassName
    if name is not None:
        why = f'pod rejected: RuntimeClass "{name}" not found'
        raise errors.forbidden("pods", "", new.metadata.name, why)
    return new
