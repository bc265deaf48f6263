"""Why a pod is where it is, or why it is pending, as data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class PluginScore:
    """One plugin's score of a node: as it counts, scaled to 0–100, and times the plugin's weight.

    `raw` is None where the plugin does not score the node.
    """

    raw: int | None
    normalized: int
    weighted: int


@dataclass(slots=True)
class NodeDecision:
    """What was found about one node. `refused_by` and `reasons` are empty if the pod fits."""

    node: str
    refused_by: str = ""
    reasons: tuple[str, ...] = ()
    resolvable: bool = False
    scores: dict[str, PluginScore] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether no plugin refused it."""
        return not self.refused_by

    @property
    def total(self) -> int:
        """The sum of the weighted scores."""
        return sum(score.weighted for score in self.scores.values())


@dataclass(slots=True)
class Decision:
    """Why a pod would go where it would go, as things stand.

    `node`: where it is, if it has a node. `best`: where it would go now, among all nodes.
    `message`: why it goes nowhere, in the scheduler's words. `nodes`: in the order in which the
    scheduler looks at them.
    """

    namespace: str
    name: str
    node: str
    best: str
    message: str
    nodes: list[NodeDecision]
