"""Pods of one shape, and what every plugin says of every node about them, kept up to date.

The pods of a replica set differ in name only. Of one pod to the next only the node that the
last one went to has changed, so a shape asks its plugins again about changed nodes alone.

Nodes about which all plugins know the same (`Part.summary`) form a class: a few classes, of
which the plugins are asked, stand for thousands of nodes. A choice is then a few passes over
plain lists of numbers. `explain.py` asks every plugin about every node afresh; tests hold the
two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import Any, NamedTuple

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import Part, Plugin, Verdict

MIN_FEASIBLE = 100
MIN_PERCENT = 5

POINTS = 16
MASK = (1 << POINTS) - 1
"""A node's code is the number of its class, then so many bits for its points."""


def feasible_wanted(nodes: int) -> int:
    """How many nodes that fit are enough, of so many.

    Source: `pkg/scheduler/schedule_one.go` (numFeasibleNodesToFind).
    """
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
    return itemgetter(*_preorder(size))


def first_of_best(scores: Sequence[int]) -> int:
    """Which of the nodes the real scheduler picks, given their scores.

    It makes a heap of the list and takes its root. Of equal scores that is the one that comes
    first in the heap's tree, not always the first of the list.
    Source: `pkg/scheduler/schedule_one.go` (newSortedNodeScores), Go's `container/heap`.
    """
    size = len(scores)
    if size < 3:
        return 0 if size == 1 or scores[0] >= scores[1] else 1
    ordered = _in_preorder(size)(scores)
    return _preorder(size)[ordered.index(max(ordered))]


class Choice(NamedTuple):
    """The node for a pod, and how many nodes were looked at to find it."""

    node: NodeInfo
    processed: int


class NodeClass:
    """Nodes that are equal to all plugins: all refused alike, or all of the same summaries."""

    __slots__ = ("nodes", "number", "summaries", "verdict")

    def __init__(self, number: int, verdict: Verdict | None, summaries: tuple[Any, ...]) -> None:
        self.number = number
        self.verdict = verdict
        self.summaries = summaries
        self.nodes = 0


class _Window:
    """The nodes being scored, as one part sees them."""

    __slots__ = ("_classes", "_codes", "_index", "size")

    def __init__(self, classes: list[NodeClass], codes: list[int], index: int) -> None:
        self._classes = classes
        self._codes = codes
        self._index = index
        self.size = len(codes)

    def count(self, summary: Any) -> int:
        index = self._index
        meant = {c.number for c in self._classes if c.summaries[index] == summary}
        return sum([code >> POINTS in meant for code in self._codes])


Known = tuple[int, Verdict | None, list[Any]]
"""What follows from a node object: its version, a refusal, and each summed part's facts."""

UNKNOWN: Known = (-1, None, [])


def _first_refusal(parts: list[Part], info: NodeInfo) -> Verdict | None:
    for part in parts:
        verdict = part.check(info)
        if verdict is not None:
            return verdict
    return None


class Shape:
    """What the plugins say of each node about pods like the one it was made of."""

    def __init__(self, pod: Any, plugins: list[Plugin], cache: Cache) -> None:
        self._pod = pod
        self._plugins = plugins
        self._cache = cache
        self._epoch = -1
        self._affinities = -1
        self._seen = 0
        self._footprint = 0
        self._fixed_checks: list[Part] = []
        self._checks: list[Part] = []
        self._scores: list[tuple[int, Part]] = []
        self._summed: list[Part] = []
        self._moving: list[tuple[int, Part]] = []
        self._judges: list[tuple[int, Part]] = []
        self._ranks: list[tuple[int, int, Part]] = []
        self._known: list[Known] = []
        self._codes: list[int] = []
        self._refused = 0
        self._limit = 0
        self._classes: dict[Any, NodeClass] = {}
        self._by_number: list[NodeClass] = []

    # --- keeping up

    def refresh(self) -> None:
        """Ask again about the nodes that changed since last time."""
        cache = self._cache
        changes = cache.changes
        if (
            self._epoch != cache.epoch
            or self._affinities != cache.affinities
            or self._seen < cache.forgotten
        ):
            self._rebuild()
            return
        newest = cache.forgotten + len(changes)
        if self._seen == newest:
            return
        if newest - self._seen == 1:
            self._update(cache.order[changes[-1]])
        else:
            order = cache.order
            for position in dict.fromkeys(changes[self._seen - cache.forgotten :]):
                self._update(order[position])
        self._seen = newest
        if len(self._by_number) > self._limit:
            self._rebuild()

    def _rebuild(self) -> None:
        cache = self._cache
        order = cache.order
        self._prepare()
        self._epoch = cache.epoch
        self._affinities = cache.affinities
        self._seen = cache.forgotten + len(cache.changes)
        self._classes = {}
        self._by_number = []
        self._known = [UNKNOWN] * len(order)
        self._codes = []
        self._refused = 0
        for info in order:
            found, points = self._ask(info)
            found.nodes += 1
            self._refused += found.verdict is not None
            self._codes.append(found.number << POINTS | points)
        # Classes of which no node is left pile up; now and then it is worth to begin anew.
        self._limit = 64 + 4 * len(self._by_number)

    def _prepare(self) -> None:
        self._fixed_checks, self._checks, self._scores = [], [], []
        self._summed, self._moving, self._judges, self._ranks = [], [], [], []
        self._footprint = self._cache.footprint.number(self._pod.spec)
        for plugin in self._plugins:
            part = plugin.prepare(self._pod, self._cache)
            if part is None:
                continue
            if part.checks:
                (self._fixed_checks if part.fixed else self._checks).append(part)
            if part.scores:
                self._scores.append((plugin.weight, part))
            if part.judges or part.ranks:
                index = len(self._summed)
                self._summed.append(part)
                if not part.fixed:
                    self._moving.append((index, part))
                if part.judges:
                    self._judges.append((index, part))
                if part.ranks:
                    self._ranks.append((index, plugin.weight, part))

    def _ask(self, info: NodeInfo) -> tuple[NodeClass, int]:
        """A node's class, and its points by the plugins that look at the node alone."""
        version, verdict, facts = self._known[info.position]
        if version != info.version:
            verdict = _first_refusal(self._fixed_checks, info)
            facts = [part.facts(info) for part in self._summed]
            self._known[info.position] = (info.version, verdict, facts)
        points = 0
        if verdict is None:
            answer = info.scratch.get(self._footprint)
            if answer is None:
                answer = info.scratch[self._footprint] = self._ask_of_pods(info)
            verdict, points = answer
        # A node that takes no pod of this shape may still count for where others can go.
        if self._moving:
            facts = facts.copy()
            for index, part in self._moving:
                facts[index] = part.summary(info, facts[index])
        return self._class(verdict, tuple(facts)), points

    def _ask_of_pods(self, info: NodeInfo) -> tuple[Verdict | None, int]:
        """What follows from what a node's pods take: why it is refused, else its points."""
        verdict = _first_refusal(self._checks, info)
        points = 0
        if verdict is None:
            for weight, part in self._scores:
                points += weight * part.score(info)
        return verdict, points

    def _class(self, verdict: Verdict | None, summaries: tuple[Any, ...]) -> NodeClass:
        key = summaries if verdict is None else (verdict, summaries)
        found = self._classes.get(key)
        if found is None:
            found = self._classes[key] = NodeClass(len(self._by_number), verdict, summaries)
            self._by_number.append(found)
        return found

    def _update(self, info: NodeInfo) -> None:
        position = info.position
        found, points = self._ask(info)
        before = self._by_number[self._codes[position] >> POINTS]
        self._codes[position] = found.number << POINTS | points
        if before is not found:
            before.nodes -= 1
            found.nodes += 1
            self._refused += (found.verdict is not None) - (before.verdict is not None)

    # --- refusing

    def _surveys(self) -> dict[int, Any]:
        """What each part that counts needs to know of all nodes, by the part's index."""
        surveys: dict[int, Any] = {}
        for index, part in enumerate(self._summed):
            if part.counts:
                census: dict[Any, int] = {}
                for found in self._by_number:
                    if found.nodes:
                        summary = found.summaries[index]
                        census[summary] = census.get(summary, 0) + found.nodes
                surveys[index] = part.survey(census)
        return surveys

    def _verdict(self, found: NodeClass, surveys: dict[int, Any]) -> Verdict | None:
        if found.verdict is not None:
            return found.verdict
        for index, part in self._judges:
            verdict = part.judge(surveys.get(index), found.summaries[index])
            if verdict is not None:
                return verdict
        return None

    def verdict(self, info: NodeInfo) -> Verdict | None:
        """Why a node is refused, or None."""
        self.refresh()
        found = self._by_number[self._codes[info.position] >> POINTS]
        return self._verdict(found, self._surveys() if self._judges else {})

    def verdicts(self) -> list[Verdict | None]:
        """Why each node is refused, or None, in the order of nodes."""
        self.refresh()
        surveys = self._surveys() if self._judges else {}
        by_number = [
            self._verdict(found, surveys) if found.nodes else None for found in self._by_number
        ]
        return [by_number[code >> POINTS] for code in self._codes]

    def refusals(self) -> dict[Verdict, int]:
        """How many nodes are refused, by why."""
        surveys = self._surveys() if self._judges else {}
        counted: dict[Verdict, int] = {}
        for found in self._by_number:
            if found.nodes:
                verdict = self._verdict(found, surveys)
                if verdict is not None:
                    counted[verdict] = counted.get(verdict, 0) + found.nodes
        return counted

    # --- choosing

    def choose(self, start: int, blocked: Sequence[int] = ()) -> Choice | None:
        """The node for a pod of this shape, looking from place `start` on; None if all refuse.

        As in the real scheduler enough nodes that fit are enough, and the best of them is taken.
        `blocked` are the positions of nodes that are kept for others.
        """
        self.refresh()
        order = self._cache.order
        wanted = feasible_wanted(len(order))
        stop = start + wanted
        surveys = self._surveys() if self._judges or self._ranks else {}
        if not self._judges and not self._refused and not blocked:
            codes = self._codes[start:stop] + self._codes[: max(stop - len(order), 0)]
            return Choice(order[(start + self._best(codes, surveys)) % len(order)], wanted)
        places = self._fitting(start, wanted, surveys, blocked)
        if not places:
            return None
        codes = [self._codes[place] for place in places]
        processed = len(order)
        if len(places) == wanted:
            processed = (places[-1] - start) % len(order) + 1
        return Choice(order[places[self._best(codes, surveys)]], processed)

    def _fitting(
        self, start: int, wanted: int, surveys: dict[int, Any], blocked: Sequence[int]
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
        """Which of the candidates to take, given their classes and points."""
        size = len(codes)
        if size == 1:
            return 0
        distinct = sorted(set(codes))
        present = [
            self._by_number[number] for number in dict.fromkeys([c >> POINTS for c in distinct])
        ]
        bonus = self._bonuses(present, codes, surveys) if self._ranks else {}
        totals = [(code & MASK) + bonus.get(code >> POINTS, 0) for code in distinct]
        highest = max(totals)
        ordered = _in_preorder(size)(codes)
        best = [code for code, total in zip(distinct, totals, strict=True) if total == highest]
        return _preorder(size)[min([ordered.index(code) for code in best])]

    def _bonuses(
        self, present: list[NodeClass], codes: list[int], surveys: dict[int, Any]
    ) -> dict[int, int]:
        """The points that each class gets from the parts that rank; empty if it is all the same."""
        bonus: dict[int, int] = {}
        if len(present) == 1:
            return bonus
        for index, weight, part in self._ranks:
            distinct = list(dict.fromkeys([found.summaries[index] for found in present]))
            if len(distinct) == 1:
                continue
            raw = part.raw(surveys.get(index), distinct, _Window(present, codes, index))
            scores = dict(zip(distinct, part.normalize(raw), strict=True))
            for found in present:
                gain = weight * scores[found.summaries[index]]
                bonus[found.number] = bonus.get(found.number, 0) + gain
        return bonus
