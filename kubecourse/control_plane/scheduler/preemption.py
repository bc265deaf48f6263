"""Making room: which less important pods would have to go for a pod to fit somewhere.

Sources: `pkg/scheduler/framework/preemption/preemption.go`,
`pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go`,
`pkg/scheduler/backend/queue/nominator.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from kubecourse.api import conditions
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.client.informer import Key, key_of
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo, Placed, labels_of
from kubecourse.control_plane.scheduler.explain import unavailable
from kubecourse.control_plane.scheduler.framework import Verdict
from kubecourse.control_plane.scheduler.shape import Shape

MIN_CANDIDATES = 100
MIN_PERCENT = 10

NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to a terminating pod on the nominated node."
KEEPING = (NEVER, TERMINATING)
"""Where a pod may not preempt, the node that it was promised before is still promised."""
NOT_HELPFUL = Verdict("", ("Preemption is not helpful for scheduling",))
NO_VICTIMS = Verdict("", ("No preemption victims found for incoming pod",))


@dataclass(slots=True)
class Candidate:
    """A node, and the pods that would have to leave it, the most important first."""

    node: NodeInfo
    victims: list[Any]
    violations: int


def priority(pod: Any) -> int:
    """A pod's priority."""
    return pod.spec.priority or 0


class Preemption:
    """Finds room for pods by taking less important ones away, in thought."""

    def __init__(self, cache: Cache, promises: Promises, random: Random) -> None:
        self._cache = cache
        self._promises = promises
        self._random = random

    def find(
        self, pod: Any, shape: Shape, refusals: Mapping[Verdict, int],
        blocked: Mapping[int, Verdict], budgets: list[Any], now: float,
    ) -> Candidate | str:  # fmt: skip
        """Where others could make room for a pod that every node refused, or why nowhere.

        `refusals`: how many nodes, by why; `blocked`: nodes that are kept for others, by position;
        `now`: stands for the start of pods that did not start.
        """
        if pod.spec.preemptionPolicy == "Never":
            return NEVER
        told: Counter[Verdict] = Counter()
        lowest = min(self._cache.priorities, default=priority(pod))
        if lowest >= priority(pod) or not any(verdict.resolvable for verdict in refusals):
            for verdict, nodes in refusals.items():
                told[NO_VICTIMS if verdict.resolvable else NOT_HELPFUL] += nodes
            return unavailable(told.total(), told)
        verdicts = shape.verdicts()
        for position, verdict in blocked.items():
            verdicts[position] = verdict
        order = zip(self._cache.order, verdicts, strict=True)
        possible = [info for info, verdict in order if verdict is not None and verdict.resolvable]
        promised = self._cache.nodes.get(pod.status.nominatedNodeName or "")
        if promised is not None and promised in possible and _is_being_emptied(promised, pod):
            return TERMINATING
        if len(possible) < len(verdicts):
            told[NOT_HELPFUL] = len(verdicts) - len(possible)
        candidates: list[Candidate] = []
        wanted = min(max(len(possible) * MIN_PERCENT // 100, MIN_CANDIDATES), len(possible))
        offset = self._random.randrange(len(possible))
        for info in possible[offset:] + possible[:offset]:
            found = self._on_node(pod, info, shape, budgets, now)
            if isinstance(found, Candidate):
                candidates.append(found)
                if len(candidates) >= wanted and any(not c.violations for c in candidates):
                    break
            else:
                told[found] += 1
        if candidates:
            return min(candidates, key=lambda candidate: _harm(candidate, now))
        return unavailable(len(verdicts), told)

    def _on_node(
        self, pod: Any, info: NodeInfo, shape: Shape, budgets: list[Any], now: float
    ) -> Candidate | Verdict:
        """The fewest and least important pods to take from a node, or why that does not help."""
        lower = [placed for placed in info.pods.values() if priority(placed.pod) < priority(pod)]
        if not lower:
            return NO_VICTIMS
        promised = self._promises.on(info.name, pod)
        with self._cache.without(lower):
            verdict = self._verdict(shape, info, promised)
            if verdict is not None:
                return verdict
            lower.sort(key=lambda placed: _importance(placed.pod, now))
            violating = _violating(lower, budgets)
            victims: list[Any] = []
            violations = 0
            # Those that a budget protects are the first to be let back in.
            for placed in sorted(lower, key=lambda placed: key_of(placed.pod) not in violating):
                self._cache.place(placed.pod, info.name)
                if self._verdict(shape, info, promised) is not None:
                    self._cache.remove(key_of(placed.pod))
                    victims.append(placed.pod)
                    violations += key_of(placed.pod) in violating
        victims.sort(key=lambda victim: _importance(victim, now))
        return Candidate(info, victims, violations)

    def _verdict(self, shape: Shape, info: NodeInfo, promised: list[Any]) -> Verdict | None:
        """Why a node would refuse the pod, be those who were promised it there or not."""
        verdict = shape.verdict(info)
        if verdict is None and promised:
            with self._cache.also(promised, info.name):
                verdict = shape.verdict(info)
        return verdict


def _is_being_emptied(info: NodeInfo, pod: Any) -> bool:
    """Whether pods of lower priority are leaving a node because they were preempted."""
    for placed in info.pods.values():
        other = placed.pod
        if priority(other) < priority(pod) and other.metadata.deletionTimestamp is not None:
            condition = conditions.get(other.status.conditions, "DisruptionTarget")
            if condition is not None and condition.reason == "PreemptionByScheduler":
                return True
    return False


def _started(pod: Any, now: float) -> float:
    start = pod.status.startTime if pod.status is not None else None
    return start.timestamp() if start is not None else now


def _importance(pod: Any, now: float) -> tuple[int, float]:
    """Sorts pods: higher priority first, then the longer-running."""
    return -priority(pod), _started(pod, now)


def _harm(candidate: Candidate, now: float) -> tuple[float, ...]:
    """Sorts candidates: the least harm first."""
    victims = candidate.victims
    if not victims:
        return (candidate.violations, float("-inf"))
    highest = max(priority(pod) for pod in victims)
    earliest = min(_started(pod, now) for pod in victims if priority(pod) == highest)
    total = sum(priority(pod) + 2**31 for pod in victims)
    return (candidate.violations, highest, total, len(victims), -earliest)


def _violating(lower: list[Placed], budgets: list[Any]) -> dict[Key, bool]:
    """The pods whose eviction a budget does not allow, if all of these were to go in turn."""
    allowed = [budget.status.disruptionsAllowed or 0 for budget in budgets]
    violating: dict[Key, bool] = {}
    for pod in [placed.pod for placed in lower]:
        for index, budget in enumerate(budgets):
            if _counts(budget, pod):
                allowed[index] -= 1
                if allowed[index] < 0:
                    violating[key_of(pod)] = True
    return violating


def _counts(budget: Any, pod: Any) -> bool:
    """Whether the eviction of a pod is one that a budget has to allow."""
    selector = selector_from_label_selector(budget.spec.selector)
    return (
        budget.metadata.namespace == pod.metadata.namespace
        and bool(labels_of(pod))
        and not selector.empty
        and selector.matches(labels_of(pod))
        and pod.metadata.name not in (budget.status.disruptedPods or ())
    )


class Promises:
    """Nodes promised to pods for which others were preempted, until these are gone."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._promises: dict[Key, tuple[Any, str]] = {}

    def __len__(self) -> int:
        return len(self._promises)

    def note(self, pod: Any, node: str | None) -> None:
        """Keep room on a node for a waiting pod; or on none, now that it is another pod."""
        key = key_of(pod)
        if node:
            self._promises[key] = (pod, node)
        elif key in self._promises and self._promises[key][0].metadata.uid != pod.metadata.uid:
            del self._promises[key]

    def forget(self, key: Key) -> None:
        """A pod needs its promise no more."""
        self._promises.pop(key, None)

    def on(self, node: str, pod: Any, less: bool = False) -> list[Any]:
        """The others, at least as important as a pod (or less), that were promised a node."""
        return [
            other
            for key, (other, promised) in self._promises.items()
            if promised == node
            and (priority(other) < priority(pod)) is less
            and other.metadata.uid != pod.metadata.uid
            and key not in self._cache.pods
        ]

    def blocked(self, pod: Any, shape: Shape) -> dict[int, Verdict]:
        """The nodes that refuse a pod once those who were promised them have come.

        By position in the order of nodes. Only promises to pods at least as important count.
        """
        cache = self._cache
        found: dict[int, Verdict] = {}
        for node in dict.fromkeys(node for _, node in self._promises.values()):
            info = cache.nodes.get(node)
            others = self.on(node, pod)
            if info is not None and info.position >= 0 and others:
                with cache.also(others, node):
                    verdict = shape.verdict(info)
                if verdict is not None:
                    found[info.position] = verdict
        return found
