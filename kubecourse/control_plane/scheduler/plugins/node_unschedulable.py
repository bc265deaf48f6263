"""A cordoned node takes only pods that tolerate it.

Source: `pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import ClusterEvent, Part, Plugin, Verdict
from kubecourse.control_plane.scheduler.plugins.taint_toleration import tolerates

TAINT = models.core_v1.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class _Part(Part):
    fixed = True
    checks = True
    refusal = Verdict("NodeUnschedulable", ("node(s) were unschedulable",), resolvable=False)

    def __init__(self, tolerated: bool) -> None:
        self._tolerated = tolerated

    def check(self, info: NodeInfo) -> Verdict | None:
        if info.node.spec is None or not info.node.spec.unschedulable or self._tolerated:
            return None
        return self.refusal


class NodeUnschedulable(Plugin):
    """Refuses nodes marked `spec.unschedulable`."""

    name = "NodeUnschedulable"

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        return _Part(tolerates(pod.spec.tolerations, TAINT))

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        node = event.new
        return (
            event.kind == "node"
            and node is not None
            and not (node.spec and node.spec.unschedulable)
        )
