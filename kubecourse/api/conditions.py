"""Conditions: what controllers say of an object, each with a type, a status and a reason.

An entry's `lastTransitionTime` changes only when its status does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models


def get(conditions: Iterable[Any] | None, type: str) -> Any | None:
    """The condition of a type, or None."""
    for condition in conditions or ():
        if condition.type == type:
            return condition
    return None


def is_true(conditions: Iterable[Any] | None, type: str) -> bool:
    """Whether the condition of a type is there and True."""
    condition = get(conditions, type)
    return condition is not None and condition.status == "True"


def put(conditions: list[Any] | None, condition: Any) -> list[Any]:
    """The conditions with one added, or replaced in its place; the list given stays as it is."""
    result = list(conditions or [])
    for index, existing in enumerate(result):
        if existing.type == condition.type:
            if existing.status == condition.status and existing.lastTransitionTime is not None:
                condition = replace(condition, lastTransitionTime=existing.lastTransitionTime)
            result[index] = condition
            return result
    result.append(condition)
    return result


def status_with(pod: Any, now: datetime, type: str, status: str, reason: str, message: str) -> Any:
    """A pod's status with one more condition, which begins now."""
    condition = models.core_v1.PodCondition(
        type=type, status=status, reason=reason, message=message, lastTransitionTime=now,
        observedGeneration=pod.metadata.generation,
    )  # fmt: skip
    return replace(pod.status, conditions=put(pod.status.conditions, condition))


def remove(conditions: list[Any] | None, type: str) -> list[Any]:
    """The conditions without those of a type."""
    return [condition for condition in conditions or [] if condition.type != type]
