"""Making room: which less important pods would have to go for a pod to fit somewhere.

Sources: `pkg/scheduler/framework/preemption/preemption.go`,
`pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from kubecourse.api import conditions
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo, Placed, labels_of
from kubecourse.control_plane.scheduler.framework import Verdict
from kubecourse.control_plane.scheduler.messages import (
    NO_CLAIMS,
    NO_VICTIMS,
    NOT_HELPFUL,
    count_reasons,
    unavailable,
)

MIN_CANDIDATES = 100
MIN_PERCENT = 10
NEVER = "not eligible due to preemptionPolicy=Never."

Judge = Callable[[NodeInfo], Verdict | None]
"""Why the pod does not fit on a node as the cache has it at the moment."""


@dataclass(slots=True)
class Candidate:
    """A node, and the pods that would have to leave it, the most important first."""

    node: NodeInfo
    victims: list[Any]
    violations: int


@dataclass(slots=True)
class Outcome:
    """What preemption came to: a candidate, or why there is none.

    `keep`: the node that the pod was promised before is still promised.
    """

    candidate: Candidate | None
    message: str
    keep: bool = False


def priority(pod: Any) -> int:
    """A pod's priority."""
    return pod.spec.priority or 0


def _nothing(why: str, keep: bool = False) -> Outcome:
    return Outcome(None, f"{NO_CLAIMS}, preemption: {why}", keep)


class Preemption:
    """Finds room for pods by taking less important ones away, in thought."""

    def __init__(self, cache: Cache, random: Random) -> None:
        self._cache = cache
        self._random = random

    def conceivable(self, pod: Any, refusals: Mapping[Verdict, int]) -> bool:
        """Whether there is anybody to preempt, and any node where it could help."""
        lowest = min(self._cache.priorities, default=priority(pod))
        return lowest < priority(pod) and any(verdict.resolvable for verdict in refusals)

    def refuse(self, pod: Any, refusals: Mapping[Verdict, int]) -> Outcome:
        """What to say where it is not conceivable."""
        if pod.spec.preemptionPolicy == "Never":
            return _nothing(NEVER, keep=True)
        reasons: dict[str, int] = {}
        for verdict, nodes in refusals.items():
            reason = NO_VICTIMS if verdict.resolvable else NOT_HELPFUL
            reasons[reason] = reasons.get(reason, 0) + nodes
        return _nothing(unavailable(sum(refusals.values()), reasons))

    def find(
        self, pod: Any, verdicts: Mapping[str, Verdict], judge: Judge, budgets: list[Any],
        nominated: str, now: float,
    ) -> Outcome:  # fmt: skip
        """Where pods could make room for a pod that every node refused, as `verdicts` say.

        `nominated`: the node it was promised before, if any. `now`: for pods that did not start.
        """
        problem = self._not_eligible(pod, verdicts, nominated)
        if problem:
            return _nothing(problem, keep=True)
        possible = [self._cache.nodes[n] for n, verdict in verdicts.items() if verdict.resolvable]
        hopeless = len(verdicts) - len(possible)
        refusals = {Verdict("", (NOT_HELPFUL,)): hopeless} if hopeless else {}
        candidates: list[Candidate] = []
        wanted = self._wanted(len(possible))
        offset = self._random.randrange(len(possible)) if possible else 0
        for info in possible[offset:] + possible[:offset]:
            found = self._on_node(pod, info, judge, budgets, now)
            if isinstance(found, Candidate):
                candidates.append(found)
                if len(candidates) >= wanted and any(not c.violations for c in candidates):
                    break
            else:
                refusals[found] = refusals.get(found, 0) + 1
        if candidates:
            return Outcome(min(candidates, key=_Cost(now)), "")
        return _nothing(unavailable(len(verdicts), count_reasons(refusals)))

    def _wanted(self, possible: int) -> int:
        return min(max(possible * MIN_PERCENT // 100, MIN_CANDIDATES), possible)

    def _not_eligible(self, pod: Any, verdicts: Mapping[str, Verdict], nominated: str) -> str:
        """Why the pod may not preempt at all."""
        if pod.spec.preemptionPolicy == "Never":
            return NEVER
        verdict = verdicts.get(nominated)
        if verdict is None or not verdict.resolvable:
            return ""
        for placed in self._cache.nodes[nominated].pods.values():
            if priority(placed.pod) < priority(pod) and _is_being_preempted(placed.pod):
                return "not eligible due to a terminating pod on the nominated node."
        return ""

    def _on_node(
        self, pod: Any, info: NodeInfo, judge: Judge, budgets: list[Any], now: float
    ) -> Candidate | Verdict:
        """The fewest and least important pods to take from a node, or why that does not help."""
        cache = self._cache
        lower = [placed for placed in info.pods.values() if priority(placed.pod) < priority(pod)]
        if not lower:
            return Verdict("DefaultPreemption", (NO_VICTIMS,))
        order = list(info.pods)
        for placed in lower:
            cache.remove(_key(placed))
        try:
            verdict = judge(info)
            if verdict is not None:
                return verdict
            lower.sort(key=_Importance(now))
            violating, harmless = _split(lower, budgets)
            victims: list[Placed] = []
            violations = 0
            for group in (violating, harmless):
                for placed in group:
                    cache.place(placed.pod, placed.node)
                    if judge(info) is not None:
                        cache.remove(_key(placed))
                        victims.append(placed)
                        violations += group is violating
            victims.sort(key=_Importance(now))
            return Candidate(info, [placed.pod for placed in victims], violations)
        finally:
            cache.put_back(lower, order)


def _key(placed: Placed) -> tuple[str, str]:
    return placed.pod.metadata.namespace, placed.pod.metadata.name


def _is_being_preempted(pod: Any) -> bool:
    if pod.metadata.deletionTimestamp is None:
        return False
    condition = conditions.get(pod.status.conditions, "DisruptionTarget")
    return condition is not None and condition.reason == "PreemptionByScheduler"


def _started(pod: Any, now: float) -> float:
    start = pod.status.startTime if pod.status is not None else None
    return start.timestamp() if start is not None else now


class _Importance:
    """Sorts pods: higher priority first, then the longer-running."""

    def __init__(self, now: float) -> None:
        self._now = now

    def __call__(self, placed: Placed) -> tuple[int, float]:
        return -priority(placed.pod), _started(placed.pod, self._now)


class _Cost:
    """Sorts candidates: the least harm first."""

    def __init__(self, now: float) -> None:
        self._now = now

    def __call__(self, candidate: Candidate) -> tuple[float, ...]:
        victims = candidate.victims
        if not victims:
            return (candidate.violations, float("-inf"), 0, 0, 0)
        highest = max(priority(pod) for pod in victims)
        earliest = min(_started(pod, self._now) for pod in victims if priority(pod) == highest)
        total = sum(priority(pod) + 2**31 for pod in victims)
        return (candidate.violations, highest, total, len(victims), -earliest)


def _split(lower: list[Placed], budgets: list[Any]) -> tuple[list[Placed], list[Placed]]:
    """Pods whose eviction a budget does not allow any more, and the others."""
    allowed = [budget.status.disruptionsAllowed or 0 for budget in budgets]
    violating: list[Placed] = []
    harmless: list[Placed] = []
    for placed in lower:
        violates = False
        for index, budget in enumerate(budgets):
            if budget.metadata.namespace != placed.pod.metadata.namespace or not labels_of(
                placed.pod
            ):
                continue
            selector = selector_from_label_selector(budget.spec.selector)
            if selector.empty or not selector.matches(labels_of(placed.pod)):
                continue
            if placed.pod.metadata.name in (budget.status.disruptedPods or ()):
                continue
            allowed[index] -= 1
            violates = violates or allowed[index] < 0
        (violating if violates else harmless).append(placed)
    return violating, harmless
