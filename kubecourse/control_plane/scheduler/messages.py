"""The words in which the scheduler says that a pod cannot go anywhere.

Source: `pkg/scheduler/framework/types.go` (FitError), `pkg/apis/core/validation/events.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubecourse.control_plane.scheduler.framework import Verdict

NO_NODES = "no nodes available to schedule pods"
GATED = "Scheduling is blocked due to non-empty scheduling gates"
LONGEST = 1024
"""Characters that an event's text may have."""


def unavailable(total: int, refusals: Mapping[Verdict, int]) -> str:
    """The sum of all refusals, verdicts and how many nodes each is about.

    Such as `0/3 nodes are available: 1 Insufficient memory, 2 …`; a node may give several reasons.
    """
    counted: dict[str, int] = {}
    for verdict, nodes in refusals.items():
        for reason in verdict.reasons:
            counted[reason] = counted.get(reason, 0) + nodes
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    return f"0/{total} nodes are available:{f' {listed}.' if listed else ''}"


def rejected(total: int, message: str) -> str:
    """A plugin refused the pod before it looked at any node.

    The plugin for devices then finds nothing prepared for it, and says so.
    """
    return f"0/{total} nodes are available: {message}. not found"


def shortened(message: str) -> str:
    """A message cut to what an event may hold."""
    return message if len(message) <= LONGEST else message[: LONGEST - 4] + " ..."
