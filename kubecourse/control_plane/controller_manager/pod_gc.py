"""Removes pods that nobody else will: of nodes that are gone, never scheduled, or long finished.

Source: `pkg/controller/podgc/gc_controller.go`. There the whole list is looked through every 20
seconds; here each pod and node is put on the list when it becomes suspicious.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ignoring
from kubecourse.client.informer import Key, by_node, key_of
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.pods import FINISHED

core = models.core_v1

PERIOD = 20.0
QUARANTINE = 40.0
"""Seconds from the first look at a pod whose node is gone until it is removed."""
THRESHOLD = 12_500
"""How many finished pods are kept."""
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


class PodGarbageCollector(ManagedController):
    """Looks at suspicious pods, every 20 seconds."""

    name = "pod-garbage-collector-controller"

    def listen(self) -> None:
        self.objects = self.follow(core.Pod, self._pod_changed, by_node)
        self._nodes = self.follow(core.Node, self._node_changed)

    def forget(self) -> None:
        self._finished: dict[Key, Any] = {}

    def _next_round(self) -> float:
        return (math.floor(self.clock.now / PERIOD) + 1) * PERIOD - self.clock.now

    def _pod_changed(self, old: Any, new: Any) -> None:
        if new is None:
            self._finished.pop(key_of(old), None)
            return
        if new.status.phase in FINISHED:
            self._finished[key_of(new)] = new
            if len(self._finished) > THRESHOLD:
                self.queue.add_after(("", ""), self._next_round())
        node, deleted = new.spec.nodeName, new.metadata.deletionTimestamp is not None
        if deleted and (not node or self._is_out_of_service(node)):
            self.queue.add_after(key_of(new), self._next_round())
        elif node and (old is None or not old.spec.nodeName) and not self._nodes.get(None, node):
            self._suspect(new)

    def _suspect(self, pod: Any) -> None:
        self.queue.add_after(key_of(pod), self._next_round() + QUARANTINE)

    def _node_changed(self, old: Any, new: Any) -> None:
        name = (new or old).metadata.name
        if new is None:
            for pod in self.objects.indexed(by_node, name):
                self._suspect(pod)
        elif self._is_out_of_service(name):
            for pod in self.objects.indexed(by_node, name):
                self.queue.add_after(key_of(pod), self._next_round())

    def _is_out_of_service(self, name: str) -> bool:
        node = self._nodes.get(None, name)
        return (
            node is not None
            and any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints or ())
            and not conditions.is_true(node.status.conditions, "Ready")
        )

    def reconcile(self, key: Key) -> None:
        if key == ("", ""):
            excess = len(self._finished) - THRESHOLD
            for pod in sorted(self._finished.values(), key=_age)[: max(excess, 0)]:
                self._remove(pod, f"more than {THRESHOLD} pods have finished")
        else:
            super().reconcile(key)

    def sync(self, pod: Any) -> None:
        node, terminating = pod.spec.nodeName, pod.metadata.deletionTimestamp is not None
        if not node:
            if terminating:
                self._remove(pod, "terminating and never scheduled")
        elif self._nodes.get(None, node) is None:
            gone = conditions.status_with(
                pod, self.clock.utc(), "DisruptionTarget", "True", "DeletionByPodGC",
                "PodGC: node no longer exists",
            )  # fmt: skip
            self._remove(replace(pod, status=gone), f"node {node} no longer exists")
        elif terminating and self._is_out_of_service(node):
            self._remove(pod, f"terminating, and node {node} is out of service")

    def _remove(self, pod: Any, why: str) -> None:
        """Mark a pod that has not ended as failed, and delete it without waiting."""
        self.note(key_of(pod), f"{why}: delete")
        with ignoring("NotFound"):
            if pod.status.phase not in FINISHED:
                status = replace(pod.status, phase="Failed")
                self.client.update_status(replace(pod, status=status))
            self.discard(pod, grace_period=0)


def _age(pod: Any) -> tuple[bool, Any, str]:
    return (pod.status.reason != "Evicted", pod.metadata.creationTimestamp, pod.metadata.name)
