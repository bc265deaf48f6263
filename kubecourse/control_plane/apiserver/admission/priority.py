"""A pod's priority comes from its class, from the cluster's default class, or is 0.

Source: `plugin/pkg/admission/priority/admission.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import errors
from kubecourse.api.memo import memo
from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.control_plane.apiserver.request import Options

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


def admit(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> Any:
    """Fill in priority and preemption policy of pods being created."""
    spec = new.spec
    name = spec.priorityClassName
    chosen = None
    if not name:
        chosen = _default_class(server)
        if chosen is None:
            if spec.priority:
                raise _refused(new, spec.priority, 0)
            return replace(new, spec=_without_class(spec))
        name = chosen.metadata.name
    value, policy = _worth(server, new, name, chosen)
    if spec.priority is not None and spec.priority != value:
        raise _refused(new, spec.priority, value)
    if spec.preemptionPolicy is not None and spec.preemptionPolicy != policy:
        why = (
            f"the string value of PreemptionPolicy ({spec.preemptionPolicy}) must not be provided "
            f"in pod spec; priority admission controller computed {policy} "
            "from the given PriorityClass name"
        )
        raise errors.forbidden("pods", "", new.metadata.name, why)
    changes = {"priorityClassName": name, "priority": value, "preemptionPolicy": policy}
    return replace(new, spec=replace(spec, **changes))


def _worth(server: Any, pod: Any, name: str, chosen: Any) -> tuple[int, str]:
    found = chosen or server.find(CLASSES, None, name)
    if found is not None:
        return found.value or 0, found.preemptionPolicy or _PREEMPTS
    if name in SYSTEM_CLASSES:
        return SYSTEM_CLASSES[name], _PREEMPTS
    why = f"no PriorityClass with name {name} was found"
    raise errors.forbidden("pods", "", pod.metadata.name, why)


def _refused(pod: Any, given: int, computed: int) -> errors.ApiError:
    why = (
        f"the integer value of priority ({given}) must not be provided in pod spec; "
        f"priority admission controller computed {computed} from the given PriorityClass name"
    )
    return errors.forbidden("pods", "", pod.metadata.name, why)


def check(
    server: Any, operation: str, resource: Resource, new: Any, old: Any, options: Options
) -> None:
    """Only one class may be the default."""
    if not new.globalDefault:
        return
    other = _default_class(server)
    if other is not None and other.metadata.name != new.metadata.name:
        name = other.metadata.name
        why = f"PriorityClass {name} is already marked as default. Only one default can exist"
        raise errors.forbidden(resource.plural, resource.group, new.metadata.name, why)
