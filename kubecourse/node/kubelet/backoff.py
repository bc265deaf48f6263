"""Waiting longer each time: between a container's restarts, between tries to pull an image.

Source: `staging/src/k8s.io/client-go/util/flowcontrol/backoff.go`.
"""

from __future__ import annotations

INITIAL = 10.0
MAXIMUM = 300.0


class Backoff:
    """One key's delay: 10 s, doubled each time up to 300 s, forgotten after 600 quiet seconds."""

    __slots__ = ("delay", "updated")

    def __init__(self) -> None:
        self.delay = 0.0
        self.updated = 0.0

    def waiting(self, now: float, since: float | None = None) -> bool:
        """Whether the delay, counted from `since` or the last time it grew, has not passed."""
        begun = self.updated if since is None else since
        return self._remembered(now if since is None else since) and now - begun < self.delay

    def grow(self, since: float, now: float) -> None:
        """Something went wrong at `since` and is now tried again: wait longer next time."""
        self.delay = min(self.delay * 2, MAXIMUM) if self._remembered(since) else INITIAL
        self.updated = now

    def _remembered(self, now: float) -> bool:
        return bool(self.delay) and now - self.updated <= 2 * MAXIMUM
