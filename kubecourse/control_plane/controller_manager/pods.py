"""What controllers ask of a pod, and which pods a scale-down deletes first.

Source: `pkg/api/v1/pod/util.go`, `pkg/controller/controller_utils.go` (ActivePodsWithRanks, with
the feature LogarithmicScaleDown: ages count by their power of two only, so that it is not always
the youngest that go).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cmp_to_key
from typing import Any, NamedTuple

from kubecourse.api import conditions
from kubecourse.api.pod_resources import is_sidecar
from kubecourse.clock import Clock

FINISHED = ("Succeeded", "Failed")
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def is_active(pod: Any) -> bool:
    """Whether a pod counts: neither finished nor being deleted."""
    return pod.metadata.deletionTimestamp is None and pod.status.phase not in FINISHED


def is_terminating(pod: Any) -> bool:
    """Whether a pod is being deleted and has not finished."""
    return pod.metadata.deletionTimestamp is not None and pod.status.phase not in FINISHED


def is_ready(pod: Any) -> bool:
    """Whether a pod is ready to serve."""
    for condition in pod.status.conditions or ():
        if condition.type == "Ready":
            return bool(condition.status == "True")
    return False


def available_in(pod: Any, seconds: int | None, clock: Clock) -> float:
    """Seconds until a ready pod has been so for long enough; 0 or less if it has."""
    condition = conditions.get(pod.status.conditions, "Ready")
    if not seconds or condition is None or condition.lastTransitionTime is None:
        return 0.0
    return float(clock.seconds(condition.lastTransitionTime) + seconds - clock.now)


def is_available(pod: Any, seconds: int | None, clock: Clock) -> bool:
    """Whether a pod is ready, and has been for so many seconds."""
    return is_ready(pod) and available_in(pod, seconds, clock) <= 0


def by_age(obj: Any) -> tuple[Any, str]:
    """Sorting key: oldest first."""
    return (obj.metadata.creationTimestamp, obj.metadata.name)


class _Ranked(NamedTuple):
    """A pod with what decides its place. An age is a time and its power of two."""

    pod: Any
    rank: tuple[Any, ...]
    ready_since: tuple[Any, int]
    restarts: tuple[int, int]
    created: tuple[Any, int]


def pods_to_delete(pods: list[Any], related: Iterable[Any], count: int, clock: Clock) -> list[Any]:
    """The `count` pods to delete, worst first.

    `related` are the pods of all replica sets of the same Deployment: of two pods the one goes
    whose node has more of them.
    """
    if count >= len(pods):
        return pods
    crowd = Counter(pod.spec.nodeName for pod in related if is_active(pod))
    ranked = [_rank(pod, crowd[pod.spec.nodeName], clock) for pod in pods]
    return [entry.pod for entry in sorted(ranked, key=cmp_to_key(_compare))[:count]]


def _rank(pod: Any, crowd: int, clock: Clock) -> _Ranked:
    ready = is_ready(pod)
    condition = conditions.get(pod.status.conditions, "Ready") if ready else None
    phase = _PHASES.get(pod.status.phase, 0)
    return _Ranked(
        pod,
        (bool(pod.spec.nodeName), phase, ready, deletion_cost(pod), -crowd),
        _age(condition and condition.lastTransitionTime, clock),
        (_restarts(pod.status.containerStatuses), _sidecar_restarts(pod)),
        _age(pod.metadata.creationTimestamp, clock),
    )


def _restarts(statuses: Iterable[Any] | None) -> int:
    return max((status.restartCount or 0 for status in statuses or ()), default=0)


def _sidecar_restarts(pod: Any) -> int:
    names = {each.name for each in pod.spec.initContainers or () if is_sidecar(each)}
    return _restarts(s for s in pod.status.initContainerStatuses or () if s.name in names)


def deletion_cost(pod: Any) -> int:
    """What its annotation says that deleting a pod costs; 0 where it says nothing sensible."""
    value = (pod.metadata.annotations or {}).get(DELETION_COST, "0")
    digits = value.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or (value[0] == "0" and value != "0"):
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
    if a.ready_since[0] == b.ready_since[0] and a.restarts != b.restarts:
        return -1 if a.restarts > b.restarts else 1
    for one, other in ((a.ready_since, b.ready_since), (a.created, b.created)):
        if one[0] != other[0]:
            by_uid = -1 if a.pod.metadata.uid < b.pod.metadata.uid else 1
            return one[1] - other[1] or by_uid
    return 0
