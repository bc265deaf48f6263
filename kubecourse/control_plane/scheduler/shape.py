"""Pods of one shape, and what every plugin says of every node about them, kept up to date.

The pods of a replica set differ in name only. Of one pod to the next only the node that the
last one went to has changed, so a shape asks its plugins again about changed nodes alone.

Nodes about which all plugins know the same (`Plugin.summary`) form a class: a few classes, of
which the plugins are asked, stand for thousands of nodes. A choice is then a few passes over
plain lists of numbers. Tests hold it against asking every plugin about every node afresh.

Source: `pkg/scheduler/schedule_one.go` (numFeasibleNodesToFind, newSortedNodeScores).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import compress
from operator import itemgetter
from typing import Any, NamedTuple

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.explain import PluginScore
from kubecourse.control_plane.scheduler.footprint import footprint
from kubecourse.control_plane.scheduler.framework import Candidates, Plugin, Verdict

MIN_FEASIBLE = 100
MIN_PERCENT = 5

POINTS = 16
MASK = (1 << POINTS) - 1
"""A node's code is the number of its class, then so many bits for its points."""


def feasible_wanted(nodes: int) -> int:
    """How many nodes that fit are enough, of so many."""
    if nodes < MIN_FEASIBLE:
        return nodes
    percent = max(50 - nodes // 125, MIN_PERCENT)
    return max(nodes * percent // 100, MIN_FEASIBLE)


@lru_cache(maxsize=256)
def _preorder(size: int) -> tuple[int, ...]:
    """The places of a binary heap of some size, each before its children, left before right."""
    found: list[int] = []
    todo = [0]
    while todo:
        place = todo.pop()
        if place < size:
            found.append(place)
            todo += (2 * place + 2, 2 * place + 1)
    return tuple(found)


@lru_cache(maxsize=256)
def _in_preorder(size: int) -> itemgetter[Any]:
    """Puts a list of some size into that order."""
    return itemgetter(*_preorder(size))


def first_of_best(scores: Sequence[int]) -> int:
    """Which of the nodes the real scheduler picks, given their scores.

    It makes a heap of the list and takes its root. Of equal scores that is the one that comes
    first in the heap's tree, not always the first of the list.
    """
    size = len(scores)
    if size < 3:
        return 0 if size == 1 or scores[0] >= scores[1] else 1
    ordered = _in_preorder(size)(scores)
    return _preorder(size)[ordered.index(max(ordered))]


@dataclass(slots=True)
class NodeClass:
    """Nodes that are equal to all plugins: all refused alike, or all of the same summaries."""

    number: int
    verdict: Verdict | None
    summaries: tuple[Any, ...]
    nodes: int = 0


class Known(NamedTuple):
    """What follows from a node object: its version, a refusal, and each summed plugin's facts."""

    version: int
    verdict: Verdict | None
    facts: tuple[Any, ...]


UNKNOWN = Known(-1, None, ())


def _first_refusal(plugins: list[Plugin], info: NodeInfo) -> Verdict | None:
    for plugin in plugins:
        verdict = plugin.check(info)
        if verdict is not None:
            return verdict
    return None


class Shape:
    """What the plugins say of each node about pods like the one it was made of."""

    def __init__(self, pod: Any, rules: Sequence[type[Plugin]], cache: Cache) -> None:
        self._pod = pod
        self._rules = rules
        self._cache = cache
        self._epoch = -1
        self._seen = self._limit = 0
        self._prepare()
        self._begin([])

    def _prepare(self) -> None:
        plugins = [rule(self._pod, self._cache) for rule in self._rules]
        self.plugins = {plugin.name: plugin for plugin in plugins}
        self._footprint = footprint(self._pod.spec)
        self._fixed_checks = [p for p in plugins if p.checks and p.fixed]
        self._checks = [p for p in plugins if p.checks and not p.fixed]
        self._scores = [p for p in plugins if p.scores]
        self._summed = [p for p in plugins if p.judges or p.ranks]
        numbered = list(enumerate(self._summed))
        self._moving = [(index, p) for index, p in numbered if not p.fixed]
        self._judges = [(index, p) for index, p in numbered if p.judges]
        self._ranks = [(index, p) for index, p in numbered if p.ranks]

    # --- keeping up

    def refresh(self) -> None:
        cache = self._cache
        changes = cache.changes
        if self._epoch != cache.epoch:
            self._prepare()
            self._rebuild()
        elif self._seen < len(changes):
            for position in dict.fromkeys(changes[self._seen :]):
                self._update(cache.order[position])
            self._seen = len(changes)
            if len(self._by_number) > self._limit:
                self._rebuild()

    def _begin(self, order: list[NodeInfo]) -> None:
        self._seen = len(self._cache.changes)
        self._classes: dict[Any, NodeClass] = {}
        self._by_number: list[NodeClass] = []
        self._known: list[Known] = [UNKNOWN] * len(order)
        self._codes: list[int] = []
        self._refused = 0

    def _rebuild(self) -> None:
        order = self._cache.order
        self._epoch = self._cache.epoch
        self._begin(order)
        for info in order:
            found, points = self._ask(info)
            found.nodes += 1
            self._refused += found.verdict is not None
            self._codes.append(found.number << POINTS | points)
        # Classes of which no node is left pile up; now and then it is worth to begin anew.
        self._limit = 64 + 4 * len(self._by_number)

    def _ask(self, info: NodeInfo) -> tuple[NodeClass, int]:
        """A node's class, and its points by the plugins that look at the node alone."""
        known = self._known[info.position]
        if known.version != info.version:
            verdict = _first_refusal(self._fixed_checks, info)
            facts = tuple([plugin.facts(info) for plugin in self._summed])
            known = self._known[info.position] = Known(info.version, verdict, facts)
        _, verdict, facts = known
        points = 0
        if verdict is None:
            answer = info.scratch.get(self._footprint)
            if answer is None:
                verdict = _first_refusal(self._checks, info)
                if verdict is None:
                    points = sum([plugin.weight * plugin.score(info) for plugin in self._scores])
                answer = info.scratch[self._footprint] = verdict, points
            verdict, points = answer
        # A node that takes no pod of this shape may still count for where others can go.
        if self._moving:
            moved = list(facts)
            for index, plugin in self._moving:
                moved[index] = plugin.summary(info, moved[index])
            facts = tuple(moved)
        return self._class(verdict, facts), points

    def _class(self, verdict: Verdict | None, summaries: tuple[Any, ...]) -> NodeClass:
        key = summaries if verdict is None else (verdict, summaries)
        found = self._classes.get(key)
        if found is None:
            found = self._classes[key] = NodeClass(len(self._by_number), verdict, summaries)
            self._by_number.append(found)
        return found

    def _update(self, info: NodeInfo) -> None:
        found, points = self._ask(info)
        before = self._class_at(info.position)
        self._codes[info.position] = found.number << POINTS | points
        if before is not found:
            before.nodes -= 1
            found.nodes += 1
            self._refused += (found.verdict is not None) - (before.verdict is not None)

    def _class_at(self, position: int) -> NodeClass:
        return self._by_number[self._codes[position] >> POINTS]

    # --- refusing

    def _surveys(self) -> dict[int, Any]:
        """What each plugin that counts needs to know of all nodes, by the plugin's index."""
        surveys: dict[int, Any] = {}
        for index, plugin in enumerate(self._summed):
            if plugin.counts:
                census: dict[Any, int] = {}
                for found in self._by_number:
                    if found.nodes:
                        summary = found.summaries[index]
                        census[summary] = census.get(summary, 0) + found.nodes
                surveys[index] = plugin.survey(census)
        return surveys

    def _verdict(self, found: NodeClass, surveys: dict[int, Any]) -> Verdict | None:
        if found.verdict is not None:
            return found.verdict
        for index, plugin in self._judges:
            verdict = plugin.judge(surveys.get(index), found.summaries[index])
            if verdict is not None:
                return verdict
        return None

    def verdict(self, info: NodeInfo) -> Verdict | None:
        self.refresh()
        surveys = self._surveys() if self._judges else {}
        return self._verdict(self._class_at(info.position), surveys)

    def verdict_alone(self, info: NodeInfo) -> Verdict | None:
        """The same, looking at no other node if that can be; nothing is remembered."""
        if self._judges:
            return self.verdict(info)
        return _first_refusal(self._fixed_checks + self._checks, info)

    def verdicts(self) -> list[Verdict | None]:
        """Why each node is refused, or None, in the order of nodes."""
        self.refresh()
        surveys = self._surveys() if self._judges else {}
        known = [self._verdict(each, surveys) if each.nodes else None for each in self._by_number]
        return [known[code >> POINTS] for code in self._codes]

    # --- choosing

    def choose(self, start: int, blocked: Collection[int] = ()) -> tuple[NodeInfo, int] | None:
        """The node for a pod of this shape, looking from place `start` on; None if all refuse.

        Also how many nodes were looked at. As in the real scheduler enough nodes that fit are
        enough, and the best of them is taken. `blocked` are the positions of nodes that are kept
        for others.
        """
        self.refresh()
        order = self._cache.order
        wanted = feasible_wanted(len(order))
        stop = start + wanted
        surveys = self._surveys() if self._judges or self._ranks else {}
        if not self._judges and not self._refused and not blocked:
            codes = self._codes[start:stop] + self._codes[: max(stop - len(order), 0)]
            return order[(start + self._best(codes, surveys)) % len(order)], wanted
        places = self._fitting(start, wanted, surveys, blocked)
        if not places:
            return None
        processed = len(order)
        if len(places) == wanted:
            processed = (places[-1] - start) % len(order) + 1
        codes = [self._codes[place] for place in places]
        return order[places[self._best(codes, surveys)]], processed

    def _fitting(
        self, start: int, wanted: int, surveys: dict[int, Any], blocked: Collection[int]
    ) -> list[int]:
        """The positions of the first nodes that fit, so many, from `start` on and round."""
        total = len(self._codes)
        fits = [
            found.nodes > 0 and self._verdict(found, surveys) is None for found in self._by_number
        ]
        places: list[int] = []
        seen = 0 if any(fits) else total
        while seen < total and len(places) < wanted:
            first = (start + seen) % total
            last = min(first + wanted, total, first + total - seen)
            codes = self._codes[first:last]
            fitting = {code: fits[code >> POINTS] for code in sorted(set(codes))}
            flags = list(map(fitting.__getitem__, codes))
            for position in blocked:
                if first <= position < last:
                    flags[position - first] = False
            places += compress(range(first, last), flags)
            seen += last - first
        return places[:wanted]

    def _best(self, codes: list[int], surveys: dict[int, Any]) -> int:
        size = len(codes)
        if size == 1:
            return 0
        distinct = sorted(set(codes))
        bonus = self._bonuses(distinct, codes, surveys) if self._ranks else {}
        totals = {code: (code & MASK) + bonus.get(code >> POINTS, 0) for code in distinct}
        highest = max(totals.values())
        ordered = _in_preorder(size)(codes)
        best = [ordered.index(code) for code, total in totals.items() if total == highest]
        return _preorder(size)[min(best)]

    def _bonuses(
        self, distinct: list[int], codes: list[int], surveys: dict[int, Any]
    ) -> dict[int, int]:
        """The points that each class gets from the plugins that rank, if not all get the same."""
        present = [self._by_number[n] for n in dict.fromkeys([c >> POINTS for c in distinct])]
        bonus = {found.number: 0 for found in present}
        for index, plugin in self._ranks if len(present) > 1 else ():
            summaries = list(dict.fromkeys([found.summaries[index] for found in present]))
            if len(summaries) > 1:
                scores = self._ranked(index, summaries, codes, surveys)
                for found in present:
                    bonus[found.number] += plugin.weight * scores[found.summaries[index]][1]
        return bonus

    def _ranked(
        self, index: int, summaries: list[Any], codes: list[int], surveys: dict[int, Any]
    ) -> dict[Any, tuple[int | None, int]]:
        """A plugin's scores, before and after normalising, by summary."""
        plugin = self._summed[index]
        candidates = Candidates(summaries, len(codes), partial(self._count, index, codes))
        raw = plugin.raw(surveys.get(index), candidates)
        return dict(zip(summaries, zip(raw, plugin.normalize(raw), strict=True), strict=True))

    def _count(self, index: int, codes: list[int], summary: Any) -> int:
        meant = [found.summaries[index] == summary for found in self._by_number]
        return sum([meant[code >> POINTS] for code in codes])

    def scores(self, places: Sequence[int]) -> list[dict[str, PluginScore]]:
        """What each plugin says of each candidate at these positions, by the plugin's name."""
        self.refresh()
        surveys = self._surveys()
        codes = [self._codes[place] for place in places]
        found: list[dict[str, PluginScore]] = [{} for _ in places]
        for plugin in self.plugins.values():
            if plugin.ranks:
                index = self._summed.index(plugin)
                summaries = [self._class_at(place).summaries[index] for place in places]
                known = self._ranked(index, list(dict.fromkeys(summaries)), codes, surveys)
                pairs = [known[summary] for summary in summaries]
            elif plugin.scores:
                alone = [plugin.score(self._cache.order[place]) for place in places]
                pairs = list(zip(alone, alone, strict=True))
            else:
                continue
            for scores, (raw, normalized) in zip(found, pairs, strict=True):
                scores[plugin.name] = PluginScore(raw, normalized, plugin.weight * normalized)
        return found
