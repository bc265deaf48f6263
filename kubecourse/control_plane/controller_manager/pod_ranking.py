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
from kubecourse.control_plane.controller_manager.pods import is_active, is_ready, ready_condition

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


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

    __slots__ = ("created", "pod", "rank", "ready_since", "restarts")

    def __init__(self, pod: Any, crowd: int, clock: Clock) -> None:
        condition = ready_condition(pod) if is_ready(pod) else None
        self.pod = pod
        self.rank = (
            bool(pod.spec.nodeName),
            _PHASES.get(pod.status.phase, 0),
            condition is not None,
            deletion_cost(pod),
            -crowd,
        )
        self.ready_since = _age(condition and condition.lastTransitionTime, clock)
        self.restarts = max(
            (s.restartCount or 0 for s in pod.status.containerStatuses or ()), default=0
        )
        self.created = _age(pod.metadata.creationTimestamp, clock)


def deletion_cost(pod: Any) -> int:
    """What its annotation says that deleting a pod costs; 0 where it says nothing sensible."""
    value = (pod.metadata.annotations or {}).get(DELETION_COST, "0")
    digits = value.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or (digits[0] == "0" and value != "0"):
        return 0
    cost = int(value)
    return cost if -(2**31) <= cost < 2**31 else 0


def _age(since: Any, clock: Clock) -> tuple[Any, int]:
    """A time, and the power of two of the nanoseconds since then; -1 for none."""
    nanoseconds = round((clock.now - clock.seconds(since)) * 1e9) if since is not None else 0
    return since, nanoseconds.bit_length() - 1 if nanoseconds > 0 else -1


def _compare(a: _Ranked, b: _Ranked) -> int:
    """Negative where `a` is to be deleted before `b`."""
    if a.rank != b.rank:
        return -1 if a.rank < b.rank else 1
    if a.ready_since[0] != b.ready_since[0]:
        return _by_age(a, b, a.ready_since[1], b.ready_since[1])
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
