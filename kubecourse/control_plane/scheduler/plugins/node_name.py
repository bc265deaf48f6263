"""A pod that names its node goes nowhere else.

Source: `pkg/scheduler/framework/plugins/nodename/node_name.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import ClusterEvent, Part, Plugin, Verdict


class _Part(Part):
    fixed = True
    checks = True
    refusal = Verdict(
        "NodeName", ("node(s) didn't match the requested node name",), resolvable=False
    )

    def __init__(self, name: str) -> None:
        self._name = name

    def check(self, info: NodeInfo) -> Verdict | None:
        return None if info.name == self._name else self.refusal


class NodeName(Plugin):
    """Refuses every node but the one in `spec.nodeName`."""

    name = "NodeName"

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        return _Part(pod.spec.nodeName) if pod.spec.nodeName else None

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        return event.kind == "node" and event.old is None
