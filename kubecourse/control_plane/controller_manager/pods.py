"""What controllers ask of a pod.

Source: `pkg/api/v1/pod/util.go`, `pkg/controller/controller_utils.go`.
"""

from __future__ import annotations

from typing import Any

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
