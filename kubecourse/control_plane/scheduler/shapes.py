"""Finds the shape of a pod: by what it shares with others, else by what it says."""

from __future__ import annotations

from typing import Any

import msgspec

from kubecourse.api.memo import IdentityMemo
from kubecourse.control_plane.scheduler.cache import Cache, labels_of
from kubecourse.control_plane.scheduler.framework import Plugin
from kubecourse.control_plane.scheduler.owners import Owners
from kubecourse.control_plane.scheduler.shape import Shape

MOST_SHAPES = 128
MOST_PODS = 4096


class Shapes:
    """The shapes of the pods that were scheduled lately."""

    def __init__(self, plugins: list[Plugin], cache: Cache, owners: Owners) -> None:
        self._plugins = plugins
        self._cache = cache
        self._owners = owners
        self._version = owners.version
        self._by_identity: dict[tuple[Any, ...], tuple[Any, Any, Shape]] = {}
        self._by_content: dict[tuple[Any, ...], Shape] = {}
        self._spec_key: IdentityMemo[tuple[Any, ...]] = IdentityMemo(self._read)

    def of(self, pod: Any) -> Shape:
        """The shape of a pod."""
        if self._version != self._owners.version:
            self._version = self._owners.version
            self._by_identity.clear()
        metadata = pod.metadata
        owners = metadata.ownerReferences
        key = (
            id(pod.spec),
            id(metadata.labels),
            metadata.namespace,
            owners[0].uid if owners else "",
        )
        found = self._by_identity.get(key)
        if found is not None and found[0] is pod.spec and found[1] is metadata.labels:
            return found[2]
        shape = self._by_reading(pod)
        if len(self._by_identity) >= MOST_PODS:
            del self._by_identity[next(iter(self._by_identity))]
        self._by_identity[key] = (pod.spec, metadata.labels, shape)
        return shape

    def _by_reading(self, pod: Any) -> Shape:
        key = (
            pod.metadata.namespace,
            tuple(sorted(labels_of(pod).items())),
            str(self._owners.selector(pod)),
            self._spec_key(pod.spec),
        )
        shape = self._by_content.pop(key, None)
        if shape is None:
            shape = Shape(pod, self._plugins, self._cache)
            if len(self._by_content) >= MOST_SHAPES:
                del self._by_content[next(iter(self._by_content))]
        self._by_content[key] = shape
        return shape

    def _read(self, spec: Any) -> tuple[Any, ...]:
        """All of a spec that any plugin looks at."""
        containers = [*(spec.initContainers or ()), *(spec.containers or ())]
        asked = [spec.affinity, spec.tolerations, spec.topologySpreadConstraints, spec.volumes]
        return (
            self._cache.footprint(spec),
            tuple(container.image for container in containers),
            spec.nodeName,
            tuple(sorted((spec.nodeSelector or {}).items())),
            msgspec.json.encode(asked),
        )
