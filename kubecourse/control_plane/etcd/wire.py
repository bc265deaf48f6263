"""The network between the members: what may happen to a message on its way."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kubecourse.clock import Clock


class Wire:
    """Delays, loses, doubles and cuts off.

    A message takes `latency` to `latency + jitter` seconds, so that with a jitter one may
    overtake another. `loss` and `duplication` are chances. Names on different `sides` do not
    reach each other, those on no side reach all. A single side is cut off from all others.
    """

    def __init__(self, clock: Clock) -> None:
        self._rng = clock.rng("etcd/wire")
        self.latency = 0.001
        self.jitter = self.loss = self.duplication = 0.0
        self.sides: tuple[frozenset[str], ...] = ()

    def connected(self, one: str, other: str) -> bool:
        """Whether messages get from one to the other."""
        if not self.sides:
            return True
        here, there = self._side(one), self._side(other)
        return here == there or (len(self.sides) > 1 and None in (here, there))

    def _side(self, name: str) -> int | None:
        return next((place for place, side in enumerate(self.sides) if name in side), None)

    def split(self, sides: Collection[Collection[str]]) -> None:
        """Cut these groups off from each other."""
        self.sides = tuple(frozenset(side) for side in sides)

    @property
    def perfect(self) -> bool:
        """Whether all that is sent arrives, once."""
        return not (self.loss or self.duplication)

    def copies(self) -> int:
        """How often the next message arrives."""
        if self.perfect:
            return 1
        if self._rng.random() < self.loss:
            return 0
        return 2 if self._rng.random() < self.duplication else 1

    def delays(self) -> Iterator[float]:
        """After how many seconds each copy of the next message arrives."""
        for _ in range(self.copies()):
            yield self.latency + (self._rng.random() * self.jitter if self.jitter else 0.0)
