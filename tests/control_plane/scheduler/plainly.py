"""The scheduling cycle as the real one runs it: every plugin asked about every node afresh.

It remembers nothing; what the scheduler does is held against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.explain import PluginScore
from kubecourse.control_plane.scheduler.framework import Candidates, Plugin, Verdict
from kubecourse.control_plane.scheduler.shape import first_of_best


class Evaluation:
    """One pod against the nodes as they are."""

    def __init__(self, pod: Any, rules: Sequence[type[Plugin]], cache: Cache) -> None:
        self._cache = cache
        plugins = [rule(pod, cache) for rule in rules]
        self._plugins = [(plugin, self._survey(plugin)) for plugin in plugins]

    def _survey(self, plugin: Plugin) -> Any:
        if not plugin.counts or not (plugin.judges or plugin.ranks):
            return None
        infos = self._cache.order
        return plugin.survey(Counter(plugin.summary(info, plugin.facts(info)) for info in infos))

    def verdict(self, info: NodeInfo) -> Verdict | None:
        """The first plugin's refusal of a node, or None."""
        for plugin, survey in self._plugins:
            verdict = plugin.check(info) if plugin.checks else None
            if verdict is None and plugin.judges:
                verdict = plugin.judge(survey, plugin.summary(info, plugin.facts(info)))
            if verdict is not None:
                return verdict
        return None

    def scores(self, candidates: Sequence[NodeInfo]) -> list[dict[str, PluginScore]]:
        """Each plugin's score of each candidate."""
        found: list[dict[str, PluginScore]] = [{} for _ in candidates]
        for plugin, survey in self._plugins:
            raw: list[int | None]
            if plugin.ranks:
                summaries = [plugin.summary(info, plugin.facts(info)) for info in candidates]
                distinct = list(dict.fromkeys(summaries))
                given = Candidates(distinct, len(summaries), summaries.count)
                by_summary = dict(zip(distinct, plugin.raw(survey, given), strict=True))
                raw = [by_summary[summary] for summary in summaries]
                normalized = plugin.normalize(raw)
            elif plugin.scores:
                normalized = [plugin.score(info) for info in candidates]
                raw = list(normalized)
            else:
                continue
            for scores, before, after in zip(found, raw, normalized, strict=True):
                scores[plugin.name] = PluginScore(before, after, plugin.weight * after)
        return found

    def best(self, candidates: Sequence[NodeInfo]) -> NodeInfo:
        """The candidate that is taken."""
        totals = [sum(s.weighted for s in scores.values()) for scores in self.scores(candidates)]
        return candidates[first_of_best(totals)]
