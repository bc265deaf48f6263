"""Whether a pod that was assigned to this node can run on it.

A scheduler sees to that; a pod bound by hand is checked only here.
Source: `pkg/kubelet/lifecycle/predicate.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import quantity
from kubecourse.api.memo import memo
from kubecourse.node.machine import Machine

COUNTED = ("cpu", "memory", "ephemeral-storage")


def _amount(resource: str, text: str) -> int:
    return quantity.milli(text) if resource == "cpu" else quantity.value(text)


@memo
def requests(spec: Any) -> dict[str, int]:
    """What a pod asks for: millicores and bytes.

    All its containers and sidecars together, or the largest step of its initialisation.
    """
    total = dict.fromkeys(COUNTED, 0)
    for container in spec.containers:
        _add(total, container)
    sidecars = dict.fromkeys(COUNTED, 0)
    largest = dict.fromkeys(COUNTED, 0)
    for container in spec.initContainers or ():
        step = dict(sidecars)
        _add(step, container)
        if container.restartPolicy == "Always":
            sidecars = step
            _add(total, container)
        largest = {name: max(largest[name], step[name]) for name in COUNTED}
    overhead = spec.overhead or {}
    return {
        name: max(total[name], largest[name]) + _amount(name, overhead.get(name, "0"))
        for name in COUNTED
    }


def _add(total: dict[str, int], container: Any) -> None:
    asked = container.resources.requests if container.resources is not None else None
    for name in COUNTED:
        if asked and name in asked:
            total[name] += _amount(name, asked[name])


class Allocation:
    """What the pods on a node have been given."""

    __slots__ = ("capacity", "pods", "used")

    def __init__(self, machine: Machine) -> None:
        self.capacity = {
            "cpu": quantity.milli(machine.cpu),
            "memory": quantity.value(machine.memory),
            "ephemeral-storage": quantity.value(machine.storage),
        }
        self.used = dict.fromkeys(COUNTED, 0)
        self.pods: dict[str, dict[str, int]] = {}

    def add(self, pod: Any) -> None:
        """A pod has been let in."""
        asked = self.pods[pod.metadata.uid] = requests(pod.spec)
        for name in COUNTED:
            self.used[name] += asked[name]

    def remove(self, pod: Any) -> None:
        """A pod has ended. Nothing to do if that is known."""
        asked = self.pods.pop(pod.metadata.uid, None)
        if asked is not None:
            for name in COUNTED:
                self.used[name] -= asked[name]


def refuse(
    allocation: Allocation, machine: Machine, pod: Any, labels: Callable[[], dict[str, str]]
) -> tuple[str, str] | None:
    """Why a pod cannot run on a node, as reason and message; None if it can.

    `labels` asks for those that the node has now.
    """
    if len(allocation.pods) + 1 > machine.pods:
        return _short("pods", 1, len(allocation.pods), machine.pods)
    asked = requests(pod.spec)
    for name in COUNTED:
        if asked[name] and asked[name] + allocation.used[name] > allocation.capacity[name]:
            return _short(name, asked[name], allocation.used[name], allocation.capacity[name])
    wanted = pod.spec.nodeSelector
    if wanted:
        found = labels()
        if any(found.get(key) != value for key, value in wanted.items()):
            return (
                "NodeAffinity",
                "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
            )
    return None


def _short(resource: str, asked: int, used: int, capacity: int) -> tuple[str, str]:
    message = (
        f"Node didn't have enough resource: {resource}, "
        f"requested: {asked}, used: {used}, capacity: {capacity}"
    )
    return f"OutOf{resource}", message
