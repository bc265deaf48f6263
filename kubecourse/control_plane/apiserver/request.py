"""What comes with a request besides its object."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Options:
    """The options of a write, and the warnings that its answer will carry.

    `dry_run`: do everything but store. `grace_period` in seconds, `propagation` (Background,
    Foreground, Orphan), `uid` and `resource_version` (preconditions) are for deletions.
    `warnings` are shown to the client as `Warning:` headers.
    """

    user: str = ""
    dry_run: bool = False
    grace_period: int | None = None
    propagation: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    warnings: list[str] = field(default_factory=list)

    def warn(self, message: str) -> None:
        """Tell the client something without refusing the request."""
        if message not in self.warnings:
            self.warnings.append(message)
