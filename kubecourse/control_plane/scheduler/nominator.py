"""Nodes promised to pods for which others were preempted, until these are gone.

Source: `pkg/scheduler/backend/queue/nominator.go`, `pkg/scheduler/framework/runtime/framework.go`
(RunFilterPluginsWithNominatedPods).
"""

from __future__ import annotations

from typing import Any

from kubecourse.client.informer import Key
from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.framework import Verdict
from kubecourse.control_plane.scheduler.shape import Shape


class Nominator:
    """Who was promised which node."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._promises: dict[Key, tuple[Any, str]] = {}

    def __len__(self) -> int:
        return len(self._promises)

    def promise(self, key: Key, pod: Any, node: str) -> None:
        """Keep room on a node for a pod."""
        self._promises[key] = (pod, node)

    def forget(self, key: Key) -> None:
        """A pod needs its promise no more."""
        self._promises.pop(key, None)

    def note(self, pod: Any) -> None:
        """Take over a new state of a waiting pod."""
        key = (pod.metadata.namespace, pod.metadata.name)
        promised = pod.status.nominatedNodeName if pod.status is not None else None
        if promised:
            self._promises[key] = (pod, promised)
        elif key in self._promises and self._promises[key][0].metadata.uid != pod.metadata.uid:
            del self._promises[key]

    def blocked(self, pod: Any, shape: Shape) -> dict[int, Verdict]:
        """The nodes that refuse a pod once those who were promised them have come.

        By position in the order of nodes. Only promises to pods at least as important count.
        """
        cache = self._cache
        by_node: dict[str, list[Any]] = {}
        for key, (other, node) in self._promises.items():
            if (other.spec.priority or 0) < (pod.spec.priority or 0) or key in cache.pods:
                continue
            if other.metadata.uid != pod.metadata.uid and node in cache.nodes:
                by_node.setdefault(node, []).append(other)
        found: dict[int, Verdict] = {}
        for node, others in by_node.items():
            info = cache.nodes[node]
            if info.position < 0:
                continue
            for other in others:
                cache.place(other, node)
            verdict = shape.verdict(info)
            for other in others:
                cache.remove((other.metadata.namespace, other.metadata.name))
            if verdict is not None:
                found[info.position] = verdict
        return found
