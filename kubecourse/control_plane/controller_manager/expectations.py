"""What a controller has done and not yet seen come back.

A controller's cache is a moment behind its own writes. It notes what it created and deleted and
touches nothing until its cache shows it, or until it has waited too long.
Source: `pkg/controller/controller_utils.go` (ControllerExpectations).
"""

from __future__ import annotations

from collections.abc import Iterable

TIMEOUT = 300.0
"""Seconds after which a controller no longer waits."""


class Expectations:
    """Those of one owner."""

    __slots__ = ("_creations", "_deletions", "_since")

    def __init__(self) -> None:
        self._creations = 0
        self._deletions: set[str] = set()
        self._since = 0.0

    def satisfied(self, now: float) -> bool:
        """Whether everything was seen, or waited for too long; nothing is awaited then."""
        if (self._creations > 0 or self._deletions) and now - self._since <= TIMEOUT:
            return False
        self._creations = 0
        self._deletions.clear()
        return True

    def expect_creations(self, count: int, now: float) -> None:
        """So many objects are about to be created."""
        self._creations += count
        self._since = now

    def expect_deletions(self, names: Iterable[str], now: float) -> None:
        """These objects are about to be deleted."""
        self._deletions.update(names)
        self._since = now

    def creation_seen(self, count: int = 1) -> None:
        """So many of the created objects have appeared, or will not."""
        self._creations -= count

    def deletion_seen(self, name: str) -> None:
        """One of the deleted objects is going or gone, or was not deleted after all."""
        self._deletions.discard(name)
