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
    """How long a pod may stay under these taints: 0 not at all, None for ever."""
    limits: list[float] = []
    for taint in taints:
        matching = [t for t in pod.spec.tolerations or () if tolerates(t, taint)]
        if not matching:
            return 0.0
        limits += [
            max(float(t.tolerationSeconds), 0.0)
            for t in matching
            if t.tolerationSeconds is not None
        ]
    return min(limits) if limits else None


class TaintEvictionController(ManagedController):
    """Deletes pods from nodes that they do not, or no longer, tolerate."""

    name = "taint-eviction-controller"

    def listen(self) -> None:
        self._nodes = self.follow(core.Node, self._node_changed)
        self._pods = self.follow(core.Pod, self._pod_changed, by_node)
        self._marked: dict[Key, Timer] = {}

    def forget(self) -> None:
        for timer in self._marked.values():
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
        timer = self._marked.get(key)
        if pod is None or pod.metadata.deletionTimestamp is not None:
            self.clock.cancel(self._marked.pop(key, None))
            return
        node = self._nodes.get(None, pod.spec.nodeName or "")
        taints = _evicting(node) if node is not None else []
        limit = seconds_tolerated(pod, taints) if taints else None
        if limit is None:
            if timer is not None:
                self.clock.cancel(self._marked.pop(key))
                message = f"Cancelling deletion of Pod {'/'.join(key)}"
                self.recorder.normal(pod, "TaintManagerEviction", message)
        elif timer is None:
            since = max(
                (self.clock.seconds(t.timeAdded) for t in taints if t.timeAdded), default=0.0
            )
            due = max(since, self.clock.now - limit) + limit
            self._marked[key] = self.clock.call_at(due, self._evict, key)

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
