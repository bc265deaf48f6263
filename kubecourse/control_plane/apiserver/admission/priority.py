"""A pod's priority comes from its class, or is 0.

Source: `plugin/pkg/admission/priority/admission.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import errors
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.request import Options

SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


@memo
def _without_class(spec: Any) -> Any:
    return replace(
        spec, priority=0, preemptionPolicy=spec.preemptionPolicy or "PreemptLowerPriority"
    )


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Fill in priority and preemption policy of pods being created."""
    if operation != "CREATE" or resource.kind != "Pod":
        return new
    spec = new.spec
    name = spec.priorityClassName
    if not name:
        if spec.priority is not None and spec.priority != 0:
            raise _refused(new, spec.priority, 0)
        return replace(new, spec=_without_class(spec))
    if name not in SYSTEM_CLASSES:
        why = f"no PriorityClass with name {name} was found"
        raise errors.forbidden("pods", "", new.metadata.name, why)
    value = SYSTEM_CLASSES[name]
    if spec.priority is not None and spec.priority != value:
        raise _refused(new, spec.priority, value)
    policy = spec.preemptionPolicy or "PreemptLowerPriority"
    return replace(new, spec=replace(spec, priority=value, preemptionPolicy=policy))


def _refused(pod: Any, given: int, computed: int) -> errors.ApiError:
    why = (
        f"the integer value of priority ({given}) must not be provided in pod spec; "
        f"priority admission controller computed {computed} from the given PriorityClass name"
    )
    return errors.forbidden("pods", "", pod.metadata.name, why)
