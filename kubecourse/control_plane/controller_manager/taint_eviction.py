"""NoExecute taints drive pods from a node, at once or after as long as they tolerate it.

Source: `pkg/controller/tainteviction/taint_eviction.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.api.placement import tolerates
from kubecourse.client.informer import Key, by_node
from kubecourse.clock import Timer
from kubecourse.control_plane.controller_manager.controller import ManagedController

core = models.core_v1


def seconds_tolerated(pod: Any, taints: list[Any]) -> float | None:
    """How long a pod may stay under these taints: 0 not at all, None for ever.

    Of several tolerations of a taint the first counts.
    """
    limits: list[float] = []
    for taint in taints:
        found = next((t for t in pod.spec.tolerations or () if tolerates(t, taint)), None)
        if found is None:
            return 0.0
        if found.tolerationSeconds is not None:
            limits.append(max(float(found.tolerationSeconds), 0.0))
    return min(limits, default=None)


class TaintEvictionController(ManagedController):
    """Deletes pods from nodes that they do not, or no longer, tolerate."""

    name = "taint-eviction-controller"

    def listen(self) -> None:
        self._nodes = self.follow(core.Node, self._node_changed)
        self._pods = self.follow(core.Pod, self._pod_changed, by_node)
        self._marked: dict[Key, tuple[Any, Timer]] = {}

    def forget(self) -> None:
        for _, timer in self._marked.values():
            self.clock.cancel(timer)
        self._marked.clear()
        self._tainted: dict[str, None] = {}

    def _node_changed(self, old: Any, new: Any) -> None:
        before = self._tainted.pop((new or old).metadata.name, 0) is None
        after = new is not None and bool(_evicting(new))
        if after:
            self._tainted[new.metadata.name] = None
        if before or after:
            for pod in self._pods.indexed(by_node, (new or old).metadata.name):
                self.enqueue(None, pod)

    def _pod_changed(self, old: Any, new: Any) -> None:
        if not (self._tainted or self._marked):
            return
        if new is None or new.spec.nodeName in self._tainted:
            self.enqueue(old, new)

    def reconcile(self, key: Key) -> None:
        pod = self._pods.get(*key)
        if pod is None or pod.metadata.deletionTimestamp is not None:
            self._cancel(key)
            return
        node = self._nodes.get(None, pod.spec.nodeName or "")
        taints = _evicting(node) if node is not None else []
        limit = seconds_tolerated(pod, taints) if taints else None
        if not limit:
            self._cancel(key)
        if limit is not None and key not in self._marked:
            self._marked[key] = pod, self.clock.call_later(limit, self._evict, key)

    def _cancel(self, key: Key) -> None:
        """Nobody is to go any more, or somebody goes for another reason: say so."""
        if key in self._marked:
            pod, timer = self._marked.pop(key)
            self.clock.cancel(timer)
            message = f"Cancelling deletion of Pod {'/'.join(key)}"
            self.recorder.normal(pod, "TaintManagerEviction", message)

    def _evict(self, key: Key) -> None:
        del self._marked[key]
        pod = self._pods.get(*key)
        if pod is None or pod.metadata.deletionTimestamp is not None:
            return
        message = f"Marking for deletion Pod {'/'.join(key)}"
        self.recorder.normal(pod, "TaintManagerEviction", message)
        why = "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"
        status = conditions.status_with(pod, self.clock.utc(), "DisruptionTarget", "True", *why)
        try:
            self.client.update_status(replace(pod, status=status))
            self.discard(pod)
        except ApiError:
            self.queue.add_rate_limited(key)


def _evicting(node: Any) -> list[Any]:
    return [taint for taint in node.spec.taints or () if taint.effect == "NoExecute"]
