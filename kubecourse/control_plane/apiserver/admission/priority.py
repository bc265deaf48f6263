"""A pod's priority comes from its class, from the cluster's default class, or is 0.

Source: `plugin/pkg/admission/priority/admission.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api.memo import memo
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

CLASSES = BY_PLURAL["scheduling.k8s.io", "v1", "priorityclasses"]
SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""Classes that every cluster has."""

_PREEMPTS = "PreemptLowerPriority"


@memo
def _without_class(spec: Any) -> Any:
    return replace(spec, priority=0, preemptionPolicy=spec.preemptionPolicy or _PREEMPTS)


def _default_class(server: Any) -> Any | None:
    """The class of pods that name none; of several the one that is worth least."""
    if not server.etcd.count(CLASSES.prefix):
        return None
    found = [c for c in server.list(CLASSES) if c.globalDefault]
    return min(found, key=lambda c: c.value or 0) if found else None


def admit(attempt: Attempt) -> Any:
    """Fill in priority and preemption policy of pods being created."""
    new, spec = attempt.new, attempt.new.spec
    name, chosen = spec.priorityClassName, None
    if not name:
        chosen = _default_class(attempt.server)
        if chosen is None:
            _agrees(attempt, 0, spec.preemptionPolicy)
            return replace(new, spec=_without_class(spec))
        name = chosen.metadata.name
    value, policy = _worth(attempt, name, chosen)
    _agrees(attempt, value, policy)
    changes = {"priorityClassName": name, "priority": value, "preemptionPolicy": policy}
    return replace(new, spec=replace(spec, **changes))


def _worth(attempt: Attempt, name: str, chosen: Any) -> tuple[int, str]:
    found = chosen or attempt.server.find(CLASSES, None, name)
    if found is not None:
        return found.value or 0, found.preemptionPolicy or _PREEMPTS
    if name in SYSTEM_CLASSES:
        return SYSTEM_CLASSES[name], _PREEMPTS
    raise attempt.forbidden(f"no PriorityClass with name {name} was found")


def _agrees(attempt: Attempt, value: int, policy: str | None) -> None:
    """A pod may say what it gets, but not something else."""
    spec = attempt.new.spec
    if spec.priority not in (None, value):
        raise attempt.forbidden(
            f"the integer value of priority ({spec.priority}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
    if spec.preemptionPolicy not in (None, policy):
        raise attempt.forbidden(
            f"the string value of PreemptionPolicy ({spec.preemptionPolicy}) must not be provided "
            f"in pod spec; priority admission controller computed {policy} "
            "from the given PriorityClass name"
        )


def check(attempt: Attempt) -> None:
    """Only one class may be the default."""
    other = _default_class(attempt.server) if attempt.new.globalDefault else None
    if other is not None and other.metadata.name != attempt.new.metadata.name:
        name = other.metadata.name
        why = f"PriorityClass {name} is already marked as default. Only one default can exist"
        raise attempt.forbidden(why)
