"""Why a pod is where it is, or why it is pending: as data, and in the scheduler's words.

Source: `pkg/scheduler/framework/types.go` (FitError), `pkg/apis/core/validation/events.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubecourse.control_plane.scheduler.framework import Verdict

NO_NODES = "no nodes available to schedule pods"
GATED = "Scheduling is blocked due to non-empty scheduling gates"
NO_CLAIMS = "no new claims to deallocate"
"""What the plugin for devices adds to every failure of a pod, with or without devices."""
LONGEST = 1024
"""Characters that an event's text may have."""


@dataclass(slots=True)
class PluginScore:
    """One plugin's score of a node: as it counts (None: not at all), of 100, and weighted."""

    raw: int | None
    normalized: int
    weighted: int


@dataclass(slots=True)
class NodeDecision:
    """What was found about one node. `refused_by` and `reasons` are empty if the pod fits.

    `passed` are the filters that had no objection, in the order in which they were asked.
    """

    node: str
    passed: tuple[str, ...] = ()
    refused_by: str = ""
    reasons: tuple[str, ...] = ()
    resolvable: bool = False
    scores: dict[str, PluginScore] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        return not self.refused_by

    @property
    def total(self) -> int:
        return sum(score.weighted for score in self.scores.values())


@dataclass(slots=True)
class Decision:
    """Why a pod would go where it would go, as things stand.

    `node`: where it is, if it has a node. `best`: where it would go now, among all nodes.
    `message`: why it goes nowhere, in the scheduler's words. `nodes`: in the order in which the
    scheduler looks at them. `victims`: the pods that would have to go for it, from the node `room`.
    """

    namespace: str
    name: str
    node: str
    best: str
    message: str
    nodes: list[NodeDecision]
    room: str = ""
    victims: list[str] = field(default_factory=list)


def unavailable(total: int, refusals: Mapping[Verdict, int]) -> str:
    """All refusals in short: `0/3 nodes are available: 1 Insufficient memory, 2 …`."""
    counted: dict[str, int] = {}
    for verdict, nodes in refusals.items():
        for reason in verdict.reasons:
            counted[reason] = counted.get(reason, 0) + nodes
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    return f"0/{total} nodes are available:{f' {listed}.' if listed else ''}"


def no_room(total: int, refusals: Mapping[Verdict, int], preemption: str) -> str:
    """The same where no room could be made either, and why not."""
    return f"{unavailable(total, refusals)} {NO_CLAIMS}, preemption: {preemption}"


def rejected(total: int, message: str) -> str:
    """A plugin refused the pod before it looked at any node; the one for devices has a word too."""
    return f"0/{total} nodes are available: {message}. not found"


def shortened(message: str) -> str:
    """A message cut to what an event may hold."""
    return message if len(message) <= LONGEST else message[: LONGEST - 4] + " ..."
