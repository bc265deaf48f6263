"""What comes with a request besides its object."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubecourse.api.patch.owners import Owners


@dataclass(slots=True)
class Options:
    """The options of a write, and the warnings that its answer will carry.

    `manager`: who becomes the owner of what is changed; `force`: even of what others applied.
    `owners`: all owners after the write, where the request has worked them out. `dry_run`: do
    everything but store. `grace_period` in seconds, `propagation` (Background, Foreground,
    Orphan), `uid` and `resource_version` (preconditions) are for deletions. `validation` says
    what to do with unknown fields: Strict, Warn or Ignore. `warnings` are shown to the client as
    `Warning:` headers.
    """

    manager: str = ""
    dry_run: bool = False
    grace_period: int | None = None
    propagation: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    warnings: list[str] = field(default_factory=list)
    validation: str = "Warn"
    force: bool = False
    owners: Owners | None = None

    def warn(self, message: str) -> None:
        """Tell the client something without refusing the request."""
        if message not in self.warnings:
            self.warnings.append(message)
