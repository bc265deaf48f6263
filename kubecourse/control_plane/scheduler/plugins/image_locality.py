"""A node that has the pod's images already is better, unless few nodes have them.

Source: `pkg/scheduler/framework/plugins/imagelocality/image_locality.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import MAX_SCORE, Part, Plugin, Window

MIB = 1024 * 1024
LEAST = 23 * MIB
MOST = 1000 * MIB


def normalized(image: str) -> str:
    """An image's name with its tag."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"


class _Part(Part):
    fixed = True
    ranks = True

    def __init__(self, images: list[str], cache: Cache) -> None:
        self._images = images
        self._cache = cache

    def facts(self, info: NodeInfo) -> tuple[str, ...]:
        """Those of the pod's images that the node has."""
        there = info.images
        return tuple(image for image in self._images if image in there) if there else ()

    def raw(
        self, survey: Any, summaries: Sequence[tuple[str, ...]], window: Window
    ) -> list[int | None]:
        return [self._score(images) for images in summaries]

    def _score(self, images: tuple[str, ...]) -> int:
        total = 0
        for image in images:
            have = self._cache.images[image]
            size = next(iter(have.values()))
            total += int(size * (len(have) / len(self._cache.order)))
        most = MOST * len(self._images)
        return MAX_SCORE * (min(max(total, LEAST), most) - LEAST) // (most - LEAST)

    def normalize(self, scores: Sequence[int | None]) -> list[int]:
        return [score or 0 for score in scores]


class ImageLocality(Plugin):
    """Prefers nodes with the images of the pod's containers."""

    name = "ImageLocality"
    weight = 1

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        containers = [*(pod.spec.initContainers or ()), *(pod.spec.containers or ())]
        return _Part([normalized(c.image) for c in containers if c.image], cache)
