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
from itertools import compress, islice
from operator import add, itemgetter
from typing import Any, NamedTuple

from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import Part, Plugin, Verdict

MIN_FEASIBLE = 100
MIN_PERCENT = 5


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
    """The classes of the nodes being scored, as one part sees them."""

    __slots__ = ("_classes", "_index", "_numbers", "size")

    def __init__(self, classes: list[NodeClass], numbers: list[int], index: int) -> None:
        self._classes = classes
        self._numbers = numbers
        self._index = index
        self.size = len(numbers)

    def count(self, summary: Any) -> int:
        index = self._index
        return sum(
            self._numbers.count(found.number)
            for found in self._classes
            if found.summaries[index] == summary
        )


class Shape:
    """What the plugins say of each node about pods like the one it was made of."""

    def __init__(self, pod: Any, plugins: list[Plugin], cache: Cache) -> None:
        self._pod = pod
        self._plugins = plugins
        self._cache = cache
        self._epoch = -1
        self._affinities = -1
        self._seen = 0
        self._checks: list[Part] = []
        self._scores: list[tuple[int, Part]] = []
        self._summed: list[Part] = []
        self._judges: list[tuple[int, Part]] = []
        self._ranks: list[tuple[int, int, Part]] = []
        self._numbers: list[int] = []
        self._points: list[int] = []
        self._classes: dict[Any, NodeClass] = {}
        self._by_number: list[NodeClass] = []

    # --- keeping up

    def refresh(self) -> None:
        """Ask again about the nodes that changed since last time. Raises Rejected."""
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
        if len(self._classes) > 64 + 4 * self._alive:
            self._rebuild()

    @property
    def _alive(self) -> int:
        return sum(found.nodes > 0 for found in self._by_number)

    def _rebuild(self) -> None:
        cache = self._cache
        order = cache.order
        self._prepare()
        self._epoch = cache.epoch
        self._affinities = cache.affinities
        self._seen = cache.forgotten + len(cache.changes)
        self._classes = {}
        self._by_number = []
        self._numbers = []
        self._points = []
        for info in order:
            found, points = self._ask(info)
            found.nodes += 1
            self._numbers.append(found.number)
            self._points.append(points)

    def _prepare(self) -> None:
        self._checks, self._scores, self._summed = [], [], []
        self._judges, self._ranks = [], []
        for plugin in self._plugins:
            part = plugin.prepare(self._pod, self._cache)
            if part is None:
                continue
            if part.checks:
                self._checks.append(part)
            if part.scores:
                self._scores.append((plugin.weight, part))
            if part.judges or part.ranks:
                index = len(self._summed)
                self._summed.append(part)
                if part.judges:
                    self._judges.append((index, part))
                if part.ranks:
                    self._ranks.append((index, plugin.weight, part))

    def _ask(self, info: NodeInfo) -> tuple[NodeClass, int]:
        """A node's class, and its points by the plugins that look at the node alone."""
        for part in self._checks:
            verdict = part.check(info)
            if verdict is not None:
                # It takes no pod of this shape, but may count for where others can go.
                known = [part.summary(info) if part.counts else None for part in self._summed]
                return self._class(verdict, tuple(known)), 0
        points = 0
        for weight, part in self._scores:
            points += weight * part.score(info)
        return self._class(None, tuple([part.summary(info) for part in self._summed])), points

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
        self._points[position] = points
        before = self._numbers[position]
        if before != found.number:
            self._by_number[before].nodes -= 1
            found.nodes += 1
            self._numbers[position] = found.number

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
        """Why a node is refused, or None. Raises Rejected."""
        self.refresh()
        found = self._by_number[self._numbers[info.position]]
        return self._verdict(found, self._surveys() if self._judges else {})

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
        `blocked` are the positions of nodes that are kept for others. Raises Rejected.
        """
        self.refresh()
        order = self._cache.order
        total = len(order)
        wanted = feasible_wanted(total)
        surveys = self._surveys() if self._judges or self._ranks else {}
        refused = [
            found.number
            for found in self._by_number
            if found.nodes and self._verdict(found, surveys) is not None
        ]
        stop = start + wanted
        if not refused and not blocked and stop <= total:
            numbers, points = self._numbers[start:stop], self._points[start:stop]
            places: Sequence[int] = range(start, stop)
            processed = wanted
        else:
            fits = [True] * len(self._by_number)
            for number in refused:
                fits[number] = False
            turned = self._numbers[start:] + self._numbers[:start]
            flags = [fits[number] for number in turned]
            for position in blocked:
                flags[(position - start) % total] = False
            picks = list(islice(compress(range(total), flags), wanted))
            if not picks:
                return None
            processed = picks[-1] + 1 if len(picks) == wanted else total
            numbers = [turned[pick] for pick in picks]
            places = [(start + pick) % total for pick in picks]
            points = [self._points[place] for place in places]
        return Choice(order[places[self._best(numbers, points, surveys)]], processed)

    def _best(self, numbers: list[int], points: list[int], surveys: dict[int, Any]) -> int:
        """Which of the candidates to take, given their classes and points."""
        if len(numbers) == 1:
            return 0
        if self._ranks:
            present = [self._by_number[number] for number in sorted(set(numbers))]
            bonus = self._bonuses(present, numbers, surveys)
            if bonus:
                points = list(map(add, points, map(bonus.__getitem__, numbers)))
        return first_of_best(points)

    def _bonuses(
        self, present: list[NodeClass], numbers: list[int], surveys: dict[int, Any]
    ) -> dict[int, int]:
        """The points that each class gets from the parts that rank; empty if it is all the same."""
        bonus: dict[int, int] = {}
        if len(present) == 1:
            return bonus
        for index, weight, part in self._ranks:
            distinct = list(dict.fromkeys([found.summaries[index] for found in present]))
            if len(distinct) == 1:
                continue
            raw = part.raw(surveys.get(index), distinct, _Window(present, numbers, index))
            scores = dict(zip(distinct, part.normalize(raw), strict=True))
            for found in present:
                gain = weight * scores[found.summaries[index]]
                bonus[found.number] = bonus.get(found.number, 0) + gain
        return bonus
