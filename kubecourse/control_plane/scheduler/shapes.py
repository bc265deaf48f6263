"""Finds the shape of a pod: by what it shares with others, else by what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kubecourse.api.memo import IdentityMemo
from kubecourse.control_plane.scheduler.cache import Cache, labels_of
from kubecourse.control_plane.scheduler.footprint import footprint
from kubecourse.control_plane.scheduler.framework import Plugin
from kubecourse.control_plane.scheduler.shape import Shape

MOST_SHAPES = 128
MOST_PODS = 4096


class Shapes:
    """The shapes of the pods that were scheduled lately."""

    def __init__(self, rules: Sequence[type[Plugin]], cache: Cache) -> None:
        self._rules = rules
        self._cache = cache
        self._version = cache.owners.version
        self._by_identity: dict[tuple[Any, ...], tuple[Any, Any, Shape]] = {}
        self._by_content: dict[tuple[Any, ...], Shape] = {}
        self._spec_key: IdentityMemo[tuple[Any, ...]] = IdentityMemo(_asked)

    def of(self, pod: Any) -> Shape:
        """The shape of a pod."""
        if self._version != self._cache.owners.version:
            self._version = self._cache.owners.version
            self._by_identity.clear()
        metadata = pod.metadata
        spec, labels, owners = pod.spec, metadata.labels, metadata.ownerReferences
        key = (id(spec), id(labels), metadata.namespace, owners[0].uid if owners else "")
        found = self._by_identity.get(key)
        if found is not None and found[0] is spec and found[1] is labels:
            return found[2]
        shape = self._by_reading(pod)
        if len(self._by_identity) >= MOST_PODS:
            del self._by_identity[next(iter(self._by_identity))]
        self._by_identity[key] = (spec, labels, shape)
        return shape

    def _by_reading(self, pod: Any) -> Shape:
        key = (
            pod.metadata.namespace,
            tuple(sorted(labels_of(pod).items())),
            str(self._cache.owners.selector(pod)),
            self._spec_key(pod.spec),
        )
        shape = self._by_content.pop(key, None)
        if shape is None:
            shape = Shape(pod, self._rules, self._cache)
            if len(self._by_content) >= MOST_SHAPES:
                del self._by_content[next(iter(self._by_content))]
        self._by_content[key] = shape
        return shape


def _asked(spec: Any) -> tuple[Any, ...]:
    """All of a spec that any plugin looks at."""
    containers = [*(spec.initContainers or ()), *(spec.containers or ())]
    return (
        footprint(spec),
        tuple(container.image for container in containers),
        spec.nodeName,
        tuple(sorted((spec.nodeSelector or {}).items())),
        msgspec.json.encode([spec.affinity, spec.tolerations, spec.topologySpreadConstraints]),
    )
