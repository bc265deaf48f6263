"""What controllers ask of a pod.

Source: `pkg/api/v1/pod/util.go`, `pkg/controller/controller_utils.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.clock import Clock

FINISHED = ("Succeeded", "Failed")


def is_active(pod: Any) -> bool:
    """Whether a pod counts: neither finished nor being deleted."""
    return pod.metadata.deletionTimestamp is None and pod.status.phase not in FINISHED


def is_terminating(pod: Any) -> bool:
    """Whether a pod is being deleted and has not finished."""
    return pod.metadata.deletionTimestamp is not None and pod.status.phase not in FINISHED


def ready_condition(pod: Any) -> Any | None:
    """Its Ready condition."""
    for condition in pod.status.conditions or ():
        if condition.type == "Ready":
            return condition
    return None


def is_ready(pod: Any) -> bool:
    """Whether a pod is ready to serve."""
    for condition in pod.status.conditions or ():
        if condition.type == "Ready":
            return bool(condition.status == "True")
    return False


def available_in(pod: Any, seconds: int | None, clock: Clock) -> float:
    """Seconds until a ready pod has been so for long enough; 0 or less if it has."""
    condition = ready_condition(pod)
    if not seconds or condition is None or condition.lastTransitionTime is None:
        return 0.0
    return float(clock.seconds(condition.lastTransitionTime) + seconds - clock.now)


def is_available(pod: Any, seconds: int | None, clock: Clock) -> bool:
    """Whether a pod is ready, and has been for so many seconds."""
    return is_ready(pod) and available_in(pod, seconds, clock) <= 0
