"""Every plugin asked about every node, plainly: why a pod goes where it goes, or nowhere.

This is the scheduling cycle as the real one runs it, without anything remembered. It answers
`explain`, serves pods that name their nodes, and is what the fast way is tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import Part, Plugin, Verdict
from kubecourse.control_plane.scheduler.shape import first_of_best


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


class _Nodes:
    """The candidates as one part sees them; `Window` of the framework."""

    def __init__(self, summaries: Sequence[Any]) -> None:
        self._summaries = summaries
        self.size = len(summaries)

    def count(self, summary: Any) -> int:
        return self._summaries.count(summary)


class Evaluation:
    """One pod against the nodes as they are."""

    def __init__(self, pod: Any, plugins: list[Plugin], cache: Cache) -> None:
        self._cache = cache
        self._parts: list[tuple[Plugin, Part, Any]] = []
        for plugin in plugins:
            part = plugin.prepare(pod, cache)
            if part is not None:
                self._parts.append((plugin, part, self._survey(part)))

    def _survey(self, part: Part) -> Any:
        if not part.counts or not (part.judges or part.ranks):
            return None
        census: dict[Any, int] = {}
        for info in self._cache.order:
            summary = part.summary(info, part.facts(info))
            census[summary] = census.get(summary, 0) + 1
        return part.survey(census)

    def verdict(self, info: NodeInfo) -> Verdict | None:
        """The first plugin's refusal of a node, or None."""
        for _, part, survey in self._parts:
            verdict = part.check(info) if part.checks else None
            if verdict is None and part.judges:
                verdict = part.judge(survey, part.summary(info, part.facts(info)))
            if verdict is not None:
                return verdict
        return None

    def scores(self, candidates: Sequence[NodeInfo]) -> list[dict[str, PluginScore]]:
        """Each plugin's score of each candidate."""
        found: list[dict[str, PluginScore]] = [{} for _ in candidates]
        for plugin, part, survey in self._parts:
            if part.ranks:
                summaries = [part.summary(info, part.facts(info)) for info in candidates]
                raw = part.raw(survey, summaries, _Nodes(summaries))
                normalized = part.normalize(raw)
            elif part.scores:
                normalized = [part.score(info) for info in candidates]
                raw = list(normalized)
            else:
                continue
            for scores, before, after in zip(found, raw, normalized, strict=True):
                scores[plugin.name] = PluginScore(before, after, plugin.weight * after)
        return found

    def best(self, candidates: Sequence[NodeInfo]) -> NodeInfo:
        """The candidate that is taken."""
        if len(candidates) == 1:
            return candidates[0]
        totals = [sum(s.weighted for s in scores.values()) for scores in self.scores(candidates)]
        return candidates[first_of_best(totals)]

    def decide(self) -> tuple[str, list[NodeDecision]]:
        """The best of all nodes, '' if none fits, and what was found about each."""
        nodes = []
        candidates = []
        for info in self._cache.order:
            verdict = self.verdict(info)
            if verdict is None:
                candidates.append(info)
                nodes.append(NodeDecision(info.name))
            else:
                nodes.append(
                    NodeDecision(info.name, verdict.plugin, verdict.reasons, verdict.resolvable)
                )
        fitting = [node for node in nodes if node.fits]
        for node, scores in zip(fitting, self.scores(candidates), strict=True):
            node.scores = scores
        best = fitting[first_of_best([node.total for node in fitting])].node if fitting else ""
        return best, nodes
