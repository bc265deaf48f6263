"""Pods that change: little of a spec may; a status may not bring back what has ended.

Source: `pkg/apis/core/validation/validation.go` (ValidatePodUpdate, ValidatePodStatusUpdate).
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.validation import checks, internal, selectors
from kubecourse.control_plane.apiserver.validation.checks import INT32_MAX, Errors
from kubecourse.control_plane.apiserver.validation.pod import specific_annotations, whole

_MUTABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: Any, old: Any, out: Errors) -> None:
    """A pod being changed: of its spec very little may."""
    if new.spec is old.spec or new.spec == old.spec:
        if new.metadata.annotations:
            specific_annotations("metadata.annotations", new.metadata.annotations, out)
        return
    whole(new, out)
    spec, before = new.spec, old.spec
    for name in ("containers", "initContainers"):
        ours, theirs = getattr(spec, name) or [], getattr(before, name) or []
        if len(ours) != len(theirs):
            why = "pod updates may not add or remove containers"
            out.append(errors.field_forbidden(f"spec.{name}", why))
            return
        for index, container in enumerate(ours):
            checks.required(f"spec.{name}[{index}].image", container.image, out)
    if not _deadline(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, out):
        return
    _only_added(spec.tolerations or [], before.tolerations or [], out)
    _only_removed(spec.schedulingGates or [], before.schedulingGates or [], out)
    allowed = _with_changes_allowed(spec, before)
    if allowed != before:
        why = f"pod updates may not change fields other than {_MUTABLE}\n"
        why += internal.difference(before, allowed)
        out.append(errors.field_forbidden("spec", why))


def _deadline(new: int | None, old: int | None, out: Errors) -> bool:
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            why = "must not update from a positive integer to nil value"
            out.append(errors.invalid(path, None, why))
        return True
    if not 0 <= new <= INT32_MAX:
        checks.in_range(path, new, 0, INT32_MAX, out)
        return False
    if old is not None and old < new:
        out.append(errors.invalid(path, new, "must be less than or equal to previous value"))
        return False
    return True


def _only_added(new: list[Any], old: list[Any], out: Errors) -> None:
    for toleration in old:
        if not any(replace(toleration, tolerationSeconds=t.tolerationSeconds) == t for t in new):
            why = "existing toleration can not be modified except its tolerationSeconds"
            out.append(errors.field_forbidden("spec.tolerations", why))
            return
    selectors.tolerations("spec.tolerations", new, out)


def _only_removed(new: list[Any], old: list[Any], out: Errors) -> None:
    before = {gate.name for gate in old}
    for index, gate in enumerate(new):
        if gate.name not in before:
            why = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            out.append(errors.field_forbidden(f"spec.schedulingGates[{index}].name", why))


def _with_changes_allowed(spec: Any, old: Any) -> Any:
    """The new spec with all that may change put back as it was."""
    changes = {
        name: [
            replace(container, image=before.image)
            for container, before in zip(
                getattr(spec, name) or [], getattr(old, name) or [], strict=True
            )
        ]
        or getattr(old, name)
        for name in ("containers", "initContainers")
    }
    changes["activeDeadlineSeconds"] = old.activeDeadlineSeconds
    changes["tolerations"] = old.tolerations
    changes["schedulingGates"] = old.schedulingGates
    if old.schedulingGates:
        changes["nodeSelector"] = old.nodeSelector
    grace = old.terminationGracePeriodSeconds
    if grace is not None and grace < 0 and spec.terminationGracePeriodSeconds == 1:
        changes["terminationGracePeriodSeconds"] = grace
    return replace(spec, **changes)


def _restarted(
    path: str, new: list[Any] | None, old: list[Any] | None, policy: str, out: Errors
) -> None:
    """A container that has ended for good may not run again."""
    if policy == "Always":
        return
    by_name = {status.name: status for status in new or ()}
    for index, status in enumerate(old or ()):
        ended = status.state.terminated if status.state is not None else None
        if ended is None or (ended.exitCode != 0 and policy == "OnFailure"):
            continue
        now = by_name.get(status.name)
        if now is not None and (now.state is None or now.state.terminated is None):
            why = "may not be transitioned to non-terminated state"
            out.append(errors.field_forbidden(f"{path}[{index}].state", why))


def pod_status_update(new: Any, old: Any, out: Errors) -> None:
    """A pod's status being reported."""
    status, before = new.status, old.status
    for index, condition in enumerate(status.conditions or ()):
        if condition.type not in ("PodScheduled", "Ready", "Initialized", "ContainersReady"):
            checks.qualified(f"metadata.conditions[{index}].Type", condition.type, out)
    if status.qosClass != before.qosClass:
        out.append(errors.invalid("status.qosClass", status.qosClass or "", checks.IMMUTABLE))
    policy = old.spec.restartPolicy
    if policy != "Always":
        _restarted(
            "status.containerStatuses",
            status.containerStatuses,
            before.containerStatuses,
            policy,
            out,
        )
        sidecars = {c.name for c in old.spec.initContainers or () if c.restartPolicy == "Always"}
        ended = [s for s in before.initContainerStatuses or () if s.name not in sidecars]
        _restarted("status.initContainerStatuses", status.initContainerStatuses, ended, policy, out)
    for index, pod_ip in enumerate(status.podIPs or () if status.podIPs != before.podIPs else ()):
        checks.ip(f"status.podIPs[{index}]", pod_ip.ip, out)
