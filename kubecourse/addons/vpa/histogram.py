"""A histogram that forgets: a sample counts half as much for each day that it is old.

Buckets grow by 5 %. Amounts lie in the upper end of their bucket, so they are never underestimated.
Sources: `github.com/kubernetes/autoscaler/vertical-pod-autoscaler/pkg/recommender/util/
{histogram,decaying_histogram,histogram_options}.go`, `…/model/aggregations_config.go`.
"""

from __future__ import annotations

from functools import cache
from math import ceil, exp2, floor, log

import msgspec

HALF_LIFE = 86_400.0
"""Seconds after which a sample counts half."""
GROWTH = 0.05
LEAST = 0.0001
"""A bucket with less weight is empty."""
_MOST_HALF_LIVES = 100


class Scale(msgspec.Struct, frozen=True):
    """Buckets from 0 up to `most`, the first as wide as `first`."""

    first: float
    most: float

    @property
    def buckets(self) -> int:
        """How many there are."""
        return _buckets(self)

    def bucket(self, value: float) -> int:
        """The bucket of a value."""
        if value < self.first:
            return 0
        return min(int(log(value * GROWTH / self.first + 1) / _LOG), _buckets(self) - 1)

    def start(self, bucket: int) -> float:
        """Where a bucket begins."""
        return self.first * ((1 + GROWTH) ** bucket - 1) / GROWTH


_LOG = log(1 + GROWTH)


@cache
def _buckets(scale: Scale) -> int:
    return ceil(log(scale.most * GROWTH / scale.first + 1) / _LOG) + 1


CPU = Scale(0.01, 1000.0)
"""Cores."""
MEMORY = Scale(1e7, 1e12)
"""Bytes."""


class Histogram:
    """Weights of samples by bucket, relative to the weight of a sample at `reference`."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.weights: dict[int, float] = {}
        self.reference = 0.0
        self._last = (-1.0, 0)

    def add(self, value: float, weight: float, time: float) -> None:
        """Add a sample; a negative weight takes one away that was added with the same time."""
        weight *= self._factor(time)
        before, bucket = self._last
        if value != before:  # many amounts are as the last one was
            bucket = self.scale.bucket(value)
            self._last = (value, bucket)
        before = self.weights.get(bucket, 0.0)
        if weight < 0 and -weight > before - LEAST:
            self.weights.pop(bucket, None)
        else:
            self.weights[bucket] = before + weight

    def _factor(self, time: float) -> float:
        if time > self.reference + _MOST_HALF_LIVES * HALF_LIFE:
            self._shift(floor(time / HALF_LIFE + 0.5) * HALF_LIFE)
        return exp2((time - self.reference) / HALF_LIFE)

    def _shift(self, reference: float) -> None:
        factor = exp2((self.reference - reference) / HALF_LIFE)
        self.weights = {bucket: weight * factor for bucket, weight in self.weights.items()}
        self.reference = reference

    def merge(self, other: Histogram) -> None:
        """Add all samples of another."""
        if self.reference < other.reference:
            self._shift(other.reference)
        factor = exp2((other.reference - self.reference) / HALF_LIFE)
        for bucket, weight in other.weights.items():
            self.weights[bucket] = self.weights.get(bucket, 0.0) + weight * factor

    def percentile(self, share: float) -> float:
        """The amount that this share of the weight does not exceed; 0 without samples."""
        filled = sorted(bucket for bucket, weight in self.weights.items() if weight >= LEAST)
        if not filled:
            return 0.0
        threshold, total = share * sum(self.weights.values()), 0.0
        for bucket in range(filled[0], filled[-1] + 1):
            total += self.weights.get(bucket, 0.0)
            if total >= threshold:
                break
        return self.scale.start(min(bucket + 1, self.scale.buckets - 1))
