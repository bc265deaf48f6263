"""What a Deployment says of itself: counts, conditions, and whether it gets on.

Source: `pkg/controller/deployment/progress.go`, `sync.go` (calculateStatus),
`util/deployment_util.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.control_plane.controller_manager.deployment.history import UNLIMITED
from kubecourse.control_plane.controller_manager.deployment.rolling import min_available

AVAILABLE, PROGRESSING, FAILURE = "Available", "Progressing", "ReplicaFailure"
COMPLETED = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"

_AVAILABILITY = {
    True: ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
    False: (
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    ),
}


def condition(type: str, status: str, reason: str, message: str, now: datetime) -> Any:
    """A condition that begins now."""
    return models.apps_v1.DeploymentCondition(
        type=type, status=status, reason=reason, message=message, lastUpdateTime=now,
        lastTransitionTime=now,
    )  # fmt: skip


def set_condition(existing: list[Any] | None, new: Any) -> list[Any]:
    """The conditions with one put last; unchanged where its status and reason are the same."""
    current = conditions.get(existing, new.type)
    if current is not None and current.status == new.status:
        if current.reason == new.reason:
            return list(existing or [])
        new = replace(new, lastTransitionTime=current.lastTransitionTime)
    return [*conditions.remove(existing, new.type), new]


def has_deadline(deployment: Any) -> bool:
    """Whether a rollout may time out."""
    return deployment.spec.progressDeadlineSeconds not in (None, UNLIMITED)


def count(replicasets: Iterable[Any], field: str) -> int:
    """The sum of a field of the ReplicaSets' statuses."""
    return sum(getattr(replicaset.status, field) or 0 for replicaset in replicasets)


def spec_replicas(replicasets: Iterable[Any]) -> int:
    """How many pods the ReplicaSets are to have, together."""
    return sum(replicaset.spec.replicas or 0 for replicaset in replicasets)


def calculate_status(
    deployment: Any, replicasets: list[Any], new: Any | None, now: datetime
) -> Any:
    """The status by the counts of the ReplicaSets, and whether enough pods are available."""
    available = count(replicasets, "availableReplicas")
    enough = _AVAILABILITY[available >= min_available(deployment)]
    # Unknown where a ReplicaSet that was looked at does not say.
    silent = [rs for rs in replicasets if rs.status.terminatingReplicas is None]
    unknown = any(rs.status.observedGeneration for rs in silent)
    return models.apps_v1.DeploymentStatus(
        observedGeneration=deployment.metadata.generation,
        replicas=count(replicasets, "replicas") or None,
        updatedReplicas=(new.status.replicas if new is not None else 0) or None,
        readyReplicas=count(replicasets, "readyReplicas") or None,
        availableReplicas=available or None,
        unavailableReplicas=max(0, spec_replicas(replicasets) - available) or None,
        terminatingReplicas=None if unknown else count(replicasets, "terminatingReplicas"),
        collisionCount=deployment.status.collisionCount,
        conditions=set_condition(deployment.status.conditions, condition(AVAILABLE, *enough, now)),
    )


def is_complete(deployment: Any, status: Any) -> bool:
    """Whether all wanted pods are of the new template and available, and no others are left."""
    counts = (status.updatedReplicas or 0, status.replicas or 0, status.availableReplicas or 0)
    wanted = deployment.spec.replicas
    seen = (status.observedGeneration or 0) >= deployment.metadata.generation
    return counts == (wanted, wanted, wanted) and seen


def is_progressing(before: Any, after: Any) -> bool:
    """Whether between two statuses more pods became new, ready or available, or fewer are old."""
    new, was_new = after.updatedReplicas or 0, before.updatedReplicas or 0
    return (
        new > was_new
        or (after.replicas or 0) - new < (before.replicas or 0) - was_new
        or (after.readyReplicas or 0) > (before.readyReplicas or 0)
        or (after.availableReplicas or 0) > (before.availableReplicas or 0)
    )


def rollout_status(
    deployment: Any, replicasets: list[Any], new: Any | None, now: datetime, precise: datetime
) -> Any:
    """`calculate_status`, with what is to be said of the rollout's progress and failures.

    `now` is what conditions are stamped with, in whole seconds, `precise` what deadlines see.
    """
    status = calculate_status(deployment, replicasets, new, now)
    found = status.conditions
    before = conditions.get(deployment.status.conditions, PROGRESSING)
    was_complete = before is not None and before.reason == COMPLETED
    if not has_deadline(deployment):
        found = conditions.remove(found, PROGRESSING)
    elif not (was_complete and status.replicas == status.updatedReplicas):
        found = _with_progress(deployment, status, new, before, now, precise)
    failure = _failure([*([new] if new is not None else []), *replicasets])
    found = set_condition(found, failure) if failure else conditions.remove(found, FAILURE)
    return replace(status, conditions=found)


def _with_progress(
    deployment: Any, status: Any, new: Any, before: Any, now: datetime, precise: datetime
) -> list[Any]:
    found: list[Any] = status.conditions
    kind, who = ("ReplicaSet", new) if new is not None else ("Deployment", deployment)
    subject = f'{kind} "{who.metadata.name}"'
    if is_complete(deployment, status):
        told = "True", COMPLETED, f"{subject} has successfully progressed."
    elif is_progressing(deployment.status, status):
        message = f"{subject} is progressing."
        moving = condition(PROGRESSING, "True", "ReplicaSetUpdated", message, now)
        # Even with the same reason: lastUpdateTime is what the deadline counts from.
        if before is not None and before.status == "True":
            moving = replace(moving, lastTransitionTime=before.lastTransitionTime)
        return [*conditions.remove(found, PROGRESSING), moving]
    elif _timed_out(deployment, before, precise):
        told = "False", TIMED_OUT, f"{subject} has timed out progressing."
    else:
        return found
    return set_condition(found, condition(PROGRESSING, *told, now))


def _timed_out(deployment: Any, current: Any | None, now: datetime) -> bool:
    if current is None or current.reason in (COMPLETED, TIMED_OUT):
        return current is not None and current.reason == TIMED_OUT
    waited = (now - current.lastUpdateTime).total_seconds()
    return bool(waited > deployment.spec.progressDeadlineSeconds)


def _failure(replicasets: list[Any]) -> Any | None:
    """The first ReplicaSet's failure to create or delete pods."""
    for replicaset in replicasets:
        failing = conditions.get(replicaset.status.conditions, FAILURE)
        if failing is not None:
            said = failing.status, failing.reason, failing.message
            return condition(FAILURE, *said, failing.lastTransitionTime)
    return None


def seconds_to_deadline(deployment: Any, status: Any, now: datetime) -> float | None:
    """When to look whether a stuck rollout has timed out; None if there is nothing to look for."""
    current = conditions.get(deployment.status.conditions, PROGRESSING)
    if not has_deadline(deployment) or current is None or current.reason == TIMED_OUT:
        return None
    if is_complete(deployment, status):
        return None
    waited = (now - current.lastUpdateTime).total_seconds()
    # A second more, for lastUpdateTime has lost the fraction of its own.
    return max(0.0, float(deployment.spec.progressDeadlineSeconds - waited)) + 1.0
