"""Namespaces, nodes, ConfigMaps, Secrets, events.

Sources: `pkg/apis/core/validation/validation.go`, `…/events.go`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from kubecourse.api import errors, names
from kubecourse.control_plane.apiserver.validation import checks, internal, resources, selectors
from kubecourse.control_plane.apiserver.validation.checks import Errors

MOST_BYTES = 1024 * 1024
_SET_IN_STONE = "field is immutable when `immutable` is set"


def namespace_status_update(new: Any, old: Any, out: Errors) -> None:
    """A namespace is Terminating exactly when it is being deleted."""
    phase = (new.status.phase if new.status is not None else None) or ""
    if new.metadata.deletionTimestamp is None:
        if phase != "Active":
            why = "may only be 'Active' if `deletionTimestamp` is empty"
            out.append(errors.invalid("status.Phase", phase, why))
    elif phase != "Terminating":
        why = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        out.append(errors.invalid("status.Phase", phase, why))


# --- nodes


def _taints(path: str, taints: list[Any], out: Errors) -> None:
    seen = set()
    for index, taint in enumerate(taints):
        at = f"{path}[{index}]"
        checks.qualified(f"{at}.key", taint.key, out)
        checks.label_value(f"{at}.value", taint.value, out)
        if checks.required(f"{at}.effect", taint.effect, out):
            checks.one_of(f"{at}.effect", taint.effect, selectors.EFFECTS, out)
        if (taint.key, taint.effect) in seen:
            why = "taints must be unique by key and effect pair"
            shown = internal.shown(taint)
            out.append(errors.FieldError(at, "Duplicate value", shown, why))
        seen.add((taint.key, taint.effect))


def _node_resources(status: Any, out: Errors) -> None:
    for field in ("capacity", "allocatable"):
        for name, text in sorted((getattr(status, field) or {}).items()):
            resources.amount(f"status.{field}.{name}", name, text, out)


def node(obj: Any, out: Errors) -> None:
    """A Node."""
    spec = obj.spec
    if spec is not None and spec.taints:
        _taints("metadata.taints", spec.taints, out)
    if obj.status is not None:
        _node_resources(obj.status, out)
    for index, block in enumerate((spec.podCIDRs if spec is not None else None) or ()):
        checks.cidr(f"spec.podCIDRs[{index}]", block, out)


def node_update(new: Any, old: Any, out: Errors) -> None:
    """A Node being changed: what a cloud or the control plane gave it stays."""
    node(new, out)
    spec, before = new.spec, old.spec
    if spec is None or before is None or spec is before:
        return
    if before.podCIDRs and before.podCIDRs != spec.podCIDRs:
        why = 'node updates may not change podCIDR except from "" to valid'
        out.append(errors.field_forbidden("spec.podCIDRs", why))
    if before.providerID and before.providerID != spec.providerID:
        why = 'node updates may not change providerID except from "" to valid'
        out.append(errors.field_forbidden("spec.providerID", why))
    if spec.taints:
        _taints("metadata.taints", spec.taints, out)


def node_status_update(new: Any, old: Any, out: Errors) -> None:
    """A Node's status being reported."""
    if (
        new.status.capacity is not old.status.capacity
        or new.status.allocatable is not old.status.allocatable
    ):
        _node_resources(new.status, out)


# --- ConfigMaps and Secrets


def _keys(path: str, data: dict[str, str] | None, out: Errors) -> None:
    for key in sorted(data or ()):
        checks.obeys(f"{path}[{key}]", key, names.is_config_map_key, out)


def _decoded(data: dict[str, str] | None) -> dict[str, bytes]:
    return {key: b64decode(value or "") for key, value in (data or {}).items()}


def config_map(obj: Any, out: Errors) -> None:
    """A ConfigMap."""
    data, binary = obj.data or {}, obj.binaryData or {}
    for key in sorted(data):
        path = f"data[{key}]"
        checks.obeys(path, key, names.is_config_map_key, out)
        if key in binary:
            out.append(errors.invalid(path, key, "duplicate of key present in binaryData"))
    _keys("binaryData", binary, out)
    size = sum(len(v.encode()) for v in data.values()) + sum(
        len(v) for v in _decoded(binary).values()
    )
    if size > MOST_BYTES:
        out.append(errors.too_long("[]", MOST_BYTES))


def _set_in_stone(new: Any, old: Any, fields: tuple[str, ...], out: Errors) -> None:
    if not old.immutable:
        return
    if not new.immutable:
        out.append(errors.field_forbidden("immutable", _SET_IN_STONE))
    for field in fields:
        if getattr(new, field) != getattr(old, field):
            out.append(errors.field_forbidden(field, _SET_IN_STONE))


def config_map_update(new: Any, old: Any, out: Errors) -> None:
    """A ConfigMap being changed."""
    _set_in_stone(new, old, ("data", "binaryData"), out)
    config_map(new, out)


_MUST_HOLD = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}
_ACCOUNT = "kubernetes.io/service-account.name"


def secret(obj: Any, out: Errors) -> None:
    """A Secret, whose type says what must be in it."""
    data = obj.data or {}
    _keys("data", data, out)
    if sum(len(value) for value in _decoded(data).values()) > MOST_BYTES:
        out.append(errors.too_long("data", MOST_BYTES))
    kind = obj.type or ""
    missing = [key for key in _MUST_HOLD.get(kind, ()) if key not in data]
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        missing = ["username", "password"]
    if kind == "kubernetes.io/ssh-auth" and not data.get("ssh-privatekey"):
        missing = ["ssh-privatekey"]
    for key in missing:
        out.append(errors.required(f"data[{key}]"))
    if kind.startswith("kubernetes.io/docker") and not missing:
        _is_json(_MUST_HOLD[kind][0], data, out)
    if kind == "kubernetes.io/service-account-token" and not (obj.metadata.annotations or {}).get(
        _ACCOUNT
    ):
        out.append(errors.required(f"metadata.annotations[{_ACCOUNT}]"))


def _is_json(key: str, data: dict[str, str], out: Errors) -> None:
    text = b64decode(data[key])
    try:
        json.loads(text)
    except ValueError:
        why = "unexpected end of JSON input"
        if text.strip():
            first = text.strip()[:1].decode(errors="replace")
            why = f"invalid character '{first}' looking for beginning of value"
        out.append(errors.invalid(f"data[{key}]", "<secret contents redacted>", why))


def secret_update(new: Any, old: Any, out: Errors) -> None:
    """A Secret being changed: not its type."""
    checks.unchanged("type", new.type, old.type, out)
    _set_in_stone(new, old, ("data",), out)
    secret(new, out)


# --- events


def event(obj: Any, out: Errors) -> None:
    """An Event, which must lie in the namespace of what it is about."""
    namespace, about = obj.metadata.namespace or "", obj.involvedObject.namespace or ""
    path = "involvedObject.namespace"
    if obj.eventTime is None:
        fits = namespace == about if about else namespace in ("", "default")
    else:
        fits = bool(about) or namespace in ("default", "kube-system")
    if not fits:
        out.append(errors.invalid(path, about, "does not match event.namespace"))
    if obj.eventTime is not None:
        _new_event(obj, out)
    checks.dns_subdomain("namespace", namespace, out)


_EVENT_TEXTS = (
    ("reportingComponent", "reportingController", 0),
    ("reportingInstance", "reportingInstance", 128),
    ("action", "action", 128),
    ("reason", "reason", 128),
)


def _new_event(obj: Any, out: Errors) -> None:
    for field, path, most in _EVENT_TEXTS:
        text = getattr(obj, field) or ""
        checks.required(path, text, out)
        if not most:
            checks.qualified(path, text, out)
        elif len(text) > most:
            out.append(errors.invalid(path, "", f"can have at most {most} characters"))
    if len(obj.message or "") > 1024:
        out.append(errors.invalid("message", "", "can have at most 1024 characters"))


def event_update(new: Any, old: Any, out: Errors) -> None:
    """An Event being counted once more."""
    event(new, out)


def lease(obj: Any, out: Errors) -> None:
    """A Lease. Source: `pkg/apis/coordination/validation/validation.go`."""
    spec = obj.spec
    if spec is None:
        return
    seconds = spec.leaseDurationSeconds
    if seconds is not None and seconds <= 0:
        out.append(errors.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    checks.non_negative("spec.leaseTransitions", spec.leaseTransitions, out)


def lease_update(new: Any, old: Any, out: Errors) -> None:
    """A Lease being renewed."""
    lease(new, out)
