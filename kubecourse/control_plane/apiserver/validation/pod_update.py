"""Pods that change: little of a spec may; a status may not bring back what has ended.

Source: `pkg/apis/core/validation/validation.go` (ValidatePodUpdate, ValidatePodStatusUpdate).
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.control_plane.apiserver.validation import internal, selectors
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.pod import special_annotations, whole
from kubecourse.control_plane.apiserver.validation.rules import Errors, at

_MUTABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: Any, old: Any, out: Errors) -> None:
    """A pod being changed: of its spec very little may."""
    spec, before = new.spec, old.spec
    if spec is before or spec == before:
        at("metadata.annotations", special_annotations, new.metadata.annotations, out)
        return
    whole(new, out)
    for name in ("containers", "initContainers"):
        ours, theirs = getattr(spec, name) or [], getattr(before, name) or []
        if len(ours) != len(theirs):
            out.forbidden(f"spec.{name}", "pod updates may not add or remove containers")
            return
        for index, container in enumerate(ours):
            if not container.image:
                out.required(f"spec.{name}[{index}].image")
    if not _deadline(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, out):
        return
    _only_added(spec.tolerations or [], before.tolerations or [], out)
    _only_removed(spec.schedulingGates or [], before.schedulingGates or [], out)
    allowed = _with_changes_allowed(spec, before)
    if allowed != before:
        why = f"pod updates may not change fields other than {_MUTABLE}\n"
        out.forbidden("spec", why + internal.difference(before, allowed))


def _deadline(new: int | None, old: int | None, out: Errors) -> bool:
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            out.invalid(path, None, "must not update from a positive integer to nil value")
        return True
    if not at(path, r.between(0, r.INT32_MAX), new, out):
        return False
    if old is not None and old < new:
        out.invalid(path, new, "must be less than or equal to previous value")
        return False
    return True


def _only_added(new: list[Any], old: list[Any], out: Errors) -> None:
    for toleration in old:
        if not any(replace(toleration, tolerationSeconds=t.tolerationSeconds) == t for t in new):
            why = "existing toleration can not be modified except its tolerationSeconds"
            out.forbidden("spec.tolerations", why)
            return
    at("spec.tolerations", selectors.TOLERATIONS, new, out)


def _only_removed(new: list[Any], old: list[Any], out: Errors) -> None:
    before = {gate.name for gate in old}
    for index, gate in enumerate(new):
        if gate.name not in before:
            why = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            out.forbidden(f"spec.schedulingGates[{index}].name", why)


def _with_changes_allowed(spec: Any, old: Any) -> Any:
    """The new spec with all that may change put back as it was."""
    changes: dict[str, Any] = {}
    for name in ("containers", "initContainers"):
        pairs = zip(getattr(spec, name) or (), getattr(old, name) or (), strict=True)
        same = [replace(container, image=before.image) for container, before in pairs]
        changes[name] = same or getattr(old, name)
    for name in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        changes[name] = getattr(old, name)
    if old.schedulingGates:
        changes["nodeSelector"] = old.nodeSelector
    grace = old.terminationGracePeriodSeconds
    if grace is not None and grace < 0 and spec.terminationGracePeriodSeconds == 1:
        changes["terminationGracePeriodSeconds"] = grace
    return replace(spec, **changes)


def _restarted(
    new: list[Any] | None, old: list[Any] | None, policy: str, path: str, out: Errors
) -> None:
    """A container that has ended for good may not run again."""
    by_name = {status.name: status for status in new or ()}
    for index, status in enumerate(old or ()):
        ended = status.state.terminated if status.state is not None else None
        if ended is None or (ended.exitCode != 0 and policy == "OnFailure"):
            continue
        now = by_name.get(status.name)
        if now is not None and (now.state is None or now.state.terminated is None):
            out.forbidden(
                f"{path}[{index}].state", "may not be transitioned to non-terminated state"
            )


def pod_status_update(new: Any, old: Any, out: Errors) -> None:
    """A pod's status being reported."""
    status, before = new.status, old.status
    for index, condition in enumerate(status.conditions or ()):
        if condition.type not in ("PodScheduled", "Ready", "Initialized", "ContainersReady"):
            at(f"metadata.conditions[{index}].Type", r.QUALIFIED, condition.type, out)
    if status.qosClass != before.qosClass:
        out.invalid("status.qosClass", status.qosClass or "", r.IMMUTABLE)
    policy = old.spec.restartPolicy
    if policy != "Always":
        path = "status.containerStatuses"
        _restarted(status.containerStatuses, before.containerStatuses, policy, path, out)
        sidecars = {c.name for c in old.spec.initContainers or () if c.restartPolicy == "Always"}
        ended = [s for s in before.initContainerStatuses or () if s.name not in sidecars]
        path = "status.initContainerStatuses"
        _restarted(status.initContainerStatuses, ended, policy, path, out)
    if status.podIPs != before.podIPs:
        for index, pod_ip in enumerate(status.podIPs or ()):
            at(f"status.podIPs[{index}]", r.IP, pod_ip.ip, out)
