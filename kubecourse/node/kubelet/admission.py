"""Whether a pod that was assigned to this node can run on it.

A scheduler sees to that; a pod bound by hand is checked only here.
Source: `pkg/kubelet/lifecycle/predicate.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api.memo import memo
from kubecourse.api.placement import (
    Amounts,
    RequiredNodes,
    amounts,
    requests_of,
    taints_of,
    tolerated,
)
from kubecourse.node.machine import Machine

COUNTED = ("cpu", "memory", "ephemeral-storage")
EVERYWHERE = "0.0.0.0"
Port = tuple[str, int, str]
"""A port of the node: protocol, number, and the address that it is taken on."""


_required_nodes = memo(RequiredNodes)


@memo
def _host_ports(spec: Any) -> list[Port]:
    """The node's own ports that a pod takes."""
    return [
        (port.protocol or "TCP", port.hostPort, port.hostIP or EVERYWHERE)
        for container in spec.containers
        for port in container.ports or ()
        if port.hostPort
    ]


def _clash(one: Port, other: Port) -> bool:
    return one[:2] == other[:2] and (one[2] == other[2] or EVERYWHERE in (one[2], other[2]))


def _unsuited(predicate: str, why: str) -> tuple[str, str]:
    return predicate, f"Predicate {predicate} failed: {why}"


class Allocation:
    """What the pods on a node have been given."""

    __slots__ = ("_machine", "_ports", "capacity", "pods", "used")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.capacity = amounts(machine.allocatable)
        self.used = dict.fromkeys(COUNTED, 0)
        self.pods: dict[str, Amounts] = {}
        self._ports: dict[str, list[Port]] = {}

    def add(self, pod: Any) -> None:
        """A pod has been let in."""
        asked = self.pods[pod.metadata.uid] = requests_of(pod.spec)
        for name in COUNTED:
            self.used[name] += asked.get(name, 0)
        if ports := _host_ports(pod.spec):
            self._ports[pod.metadata.uid] = ports

    def remove(self, pod: Any) -> None:
        """A pod has ended. Nothing to do if that is known."""
        self._ports.pop(pod.metadata.uid, None)
        asked = self.pods.pop(pod.metadata.uid, {})
        for name in COUNTED:
            self.used[name] -= asked.get(name, 0)

    def refuse(self, pod: Any, node: Any) -> tuple[str, str] | None:
        """Why a pod cannot run here, as reason and message; None if it can.

        `node` has the labels and taints of now; it is None where nobody knows them.
        """
        spec = pod.spec
        asked = {"pods": 1, **requests_of(spec)}
        used = {"pods": len(self.pods), **self.used}
        for name in ("pods", *COUNTED):
            wanted = asked.get(name, 0)
            if wanted and wanted + used[name] > self.capacity[name]:
                known = f"requested: {wanted}, used: {used[name]}, capacity: {self.capacity[name]}"
                return f"OutOf{name}", f"Node didn't have enough resource: {name}, {known}"
        required = _required_nodes(spec)
        labels = (node.metadata.labels or {}) if node is not None else self._machine.all_labels
        if not (required.anything or required.matches(self._machine.name, labels)):
            why = "node(s) didn't match Pod's node affinity/selector"
            return _unsuited("NodeAffinity", why)
        taken = [port for ports in self._ports.values() for port in ports]
        if any(_clash(mine, theirs) for mine in _host_ports(spec) for theirs in taken):
            why = "node(s) didn't have free ports for the requested pod ports"
            return _unsuited("NodePorts", why)
        for taint in taints_of(node) if node is not None else ():
            if taint.effect == "NoExecute" and not tolerated(spec.tolerations, taint):
                return _unsuited("TaintToleration", "node(s) had untolerated taint(s)")
        return None
