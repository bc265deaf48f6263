"""Pods that change: little of a spec may.

Source: `pkg/apis/core/validation/validation.go` (ValidatePodUpdate).
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.control_plane.apiserver.validation import internal, selectors
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
    _deadline(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, out)
    _only_added(spec.tolerations or [], before.tolerations or [], out)
    _only_removed(spec.schedulingGates or [], before.schedulingGates or [], out)
    allowed = _with_changes_allowed(spec, before)
    if allowed != before:
        why = f"pod updates may not change fields other than {_MUTABLE}\n"
        out.forbidden("spec", why + internal.difference(before, allowed))


def _deadline(new: int | None, old: int | None, out: Errors) -> None:
    if old is None:
        return
    if new is None:
        why = "must not update from a positive integer to nil value"
        out.invalid("spec.activeDeadlineSeconds", None, why)
    elif new > old:
        why = "must be less than or equal to previous value"
        out.invalid("spec.activeDeadlineSeconds", new, why)


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
    return replace(spec, **changes)
