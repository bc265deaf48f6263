"""Whether a pod that was assigned to this node can run on it.

A scheduler sees to that; a pod bound by hand is checked only here.
Source: `pkg/kubelet/lifecycle/predicate.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api.memo import memo
from kubecourse.api.placement import Amounts, RequiredNodes, amounts, pod_requests
from kubecourse.node.machine import Machine

COUNTED = ("cpu", "memory", "ephemeral-storage")
_WRONG_NODE = (
    "NodeAffinity",
    "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
)
_requests = memo(pod_requests)
_required_nodes = memo(RequiredNodes)


class Allocation:
    """What the pods on a node have been given."""

    __slots__ = ("_machine", "capacity", "pods", "used")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.capacity = amounts(machine.capacity)
        self.used = dict.fromkeys(COUNTED, 0)
        self.pods: dict[str, Amounts] = {}

    def add(self, pod: Any) -> None:
        """A pod has been let in."""
        asked = self.pods[pod.metadata.uid] = _requests(pod.spec)
        for name in COUNTED:
            self.used[name] += asked.get(name, 0)

    def remove(self, pod: Any) -> None:
        """A pod has ended. Nothing to do if that is known."""
        asked = self.pods.pop(pod.metadata.uid, {})
        for name in COUNTED:
            self.used[name] -= asked.get(name, 0)

    def refuse(self, pod: Any, labels: Callable[[], dict[str, str]]) -> tuple[str, str] | None:
        """Why a pod cannot run here, as reason and message; None if it can.

        `labels` asks for those that the node has now.
        """
        asked = {"pods": 1, **_requests(pod.spec)}
        used = {"pods": len(self.pods), **self.used}
        for name in ("pods", *COUNTED):
            wanted = asked.get(name, 0)
            if wanted and wanted + used[name] > self.capacity[name]:
                message = (
                    f"Node didn't have enough resource: {name}, "
                    f"requested: {wanted}, used: {used[name]}, capacity: {self.capacity[name]}"
                )
                return f"OutOf{name}", message
        required = _required_nodes(pod.spec)
        if required.anything or required.matches(self._machine.name, labels()):
            return None
        return _WRONG_NODE
