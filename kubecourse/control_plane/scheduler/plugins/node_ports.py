"""A port of the node can be given to one pod only.

Source: `pkg/scheduler/framework/plugins/nodeports/node_ports.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.footprint import Port
from kubecourse.control_plane.scheduler.framework import ClusterEvent, Part, Plugin, Verdict


class _Part(Part):
    checks = True
    refusal = Verdict("NodePorts", ("node(s) didn't have free ports for the requested pod ports",))

    def __init__(self, ports: tuple[Port, ...]) -> None:
        self._ports = ports

    def check(self, info: NodeInfo) -> Verdict | None:
        if info.ports and any(info.port_taken(port) for port in self._ports):
            return self.refusal
        return None


class NodePorts(Plugin):
    """Refuses nodes where a host port that the pod asks for is in use."""

    name = "NodePorts"

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        ports = cache.footprint(pod.spec).ports
        return _Part(ports) if ports else None

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        if event.kind == "pod":
            return event.new is None and bool(cache.footprint(event.old.spec).ports)
        return event.new is not None and event.old is None
