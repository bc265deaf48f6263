"""A new node carries the taint not-ready until it has said that it is ready.

Source: `plugin/pkg/admission/nodetaint/admission.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.request import Options

NOT_READY = models.core_v1.Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule")


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Add the taint to nodes being created."""
    spec = new.spec or models.core_v1.NodeSpec()
    if any(t.key == NOT_READY.key and t.effect == NOT_READY.effect for t in spec.taints or ()):
        return new
    return replace(new, spec=replace(spec, taints=[*(spec.taints or []), NOT_READY]))
