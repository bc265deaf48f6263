"""What the API server and the disruption controller both say in a PodDisruptionBudget's status.

Source: `staging/src/k8s.io/component-helpers/apps/poddisruptionbudget/helpers.go`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.api.memo import memo

ALLOWED = "DisruptionAllowed"
SYNC_FAILED = "SyncFailed"

selector_of = memo(selector_from_label_selector)
"""The selector of a budget's `spec.selector`."""


def covers(budget: Any, pod: Any) -> bool:
    """Whether a budget protects a pod of its namespace. An empty selector means every pod."""
    return bool(selector_of(budget.spec.selector).matches(pod.metadata.labels))


def with_condition(
    status: Any, generation: int | None, now: datetime, reason: str = "", message: str = ""
) -> Any:
    """The status with its condition, which follows from `disruptionsAllowed` or has a reason."""
    allowed = bool(status.disruptionsAllowed)
    condition = models.meta_v1.Condition(
        type=ALLOWED,
        status="True" if allowed else "False",
        reason=reason or ("SufficientPods" if allowed else "InsufficientPods"),
        message=message,
        lastTransitionTime=now,
        observedGeneration=generation,
    )
    return replace(status, conditions=conditions.put(status.conditions, condition))
