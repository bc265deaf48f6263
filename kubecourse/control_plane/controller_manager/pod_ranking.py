"""Which pods a scale-down deletes first.

Source: `pkg/controller/controller_utils.go` (ActivePodsWithRanks), with the feature
LogarithmicScaleDown: ages count by their power of two only, so that it is not always the
youngest that go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cmp_to_key
from typing import Any

from kubecourse.clock import Clock
from kubecourse.control_plane.controller_manager.pods import is_active, ready_condition

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
_NEVER = -1


def pods_to_delete(pods: list[Any], related: Iterable[Any], count: int, clock: Clock) -> list[Any]:
    """The `count` pods to delete, worst first.

    `related` are the pods of all replica sets of the same Deployment: of two pods the one goes
    whose node has more of them.
    """
    if count >= len(pods):
        return pods
    crowd = Counter(pod.spec.nodeName for pod in related if is_active(pod))
    ranked = sorted((_Ranked(pod, crowd[pod.spec.nodeName], clock) for pod in pods), key=_order)
    return [entry.pod for entry in ranked[:count]]


class _Ranked:
    """A pod with what decides its place."""

    __slots__ = (
        "cost",
        "created",
        "crowd",
        "node",
        "phase",
        "pod",
        "ready",
        "ready_age",
        "restarts",
    )

    def __init__(self, pod: Any, crowd: int, clock: Clock) -> None:
        condition = ready_condition(pod)
        self.pod = pod
        self.node = pod.spec.nodeName or ""
        self.phase = _PHASES.get(pod.status.phase, 0)
        self.ready = condition is not None and condition.status == "True"
        self.cost = deletion_cost(pod)
        self.crowd = crowd
        since = condition.lastTransitionTime if condition is not None and self.ready else None
        self.ready_age = (since, _power(clock.now - clock.seconds(since)) if since else _NEVER)
        self.restarts = max(
            (status.restartCount or 0 for status in pod.status.containerStatuses or ()), default=0
        )
        created = pod.metadata.creationTimestamp
        self.created = (created, _power(clock.now - clock.seconds(created)))


def deletion_cost(pod: Any) -> int:
    """What its annotation says that deleting a pod costs; 0 where it says nothing sensible."""
    value = (pod.metadata.annotations or {}).get(DELETION_COST, "0")
    digits = value.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or (digits[0] == "0" and value != "0"):
        return 0
    cost = int(value)
    return cost if -(2**31) <= cost < 2**31 else 0


def _power(seconds: float) -> int:
    """The power of two of an age in nanoseconds; -1 for none."""
    nanoseconds = round(seconds * 1e9)
    return nanoseconds.bit_length() - 1 if nanoseconds > 0 else _NEVER


def _compare(a: _Ranked, b: _Ranked) -> int:
    """Negative where `a` is to be deleted before `b`."""
    if a.node != b.node and not (a.node and b.node):
        return -1 if not a.node else 1
    if a.phase != b.phase:
        return a.phase - b.phase
    if a.ready != b.ready:
        return -1 if not a.ready else 1
    if a.cost != b.cost:
        return a.cost - b.cost
    if a.crowd != b.crowd:
        return b.crowd - a.crowd
    if a.ready and a.ready_age[0] != b.ready_age[0]:
        return _by_age(a, b, a.ready_age[1], b.ready_age[1])
    if a.restarts != b.restarts:
        return b.restarts - a.restarts
    if a.created[0] != b.created[0]:
        return _by_age(a, b, a.created[1], b.created[1])
    return 0


def _by_age(a: _Ranked, b: _Ranked, first: int, second: int) -> int:
    if first != second:
        return first - second
    return -1 if a.pod.metadata.uid < b.pod.metadata.uid else 1


_order = cmp_to_key(_compare)
