"""Namespaces, nodes, ConfigMaps, Secrets, events, leases.

Sources: `pkg/apis/core/validation/validation.go`, `…/events.go`,
`pkg/apis/coordination/validation/validation.go`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.resources import amount
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import EFFECT, label_value

_MOST_BYTES = 1024 * 1024
_SET_IN_STONE = "field is immutable when `immutable` is set"


def namespace_status(new: Any, old: Any, out: Errors) -> None:
    """A namespace is Terminating exactly when it is being deleted."""
    phase = (new.status.phase if new.status is not None else None) or ""
    ending = new.metadata.deletionTimestamp is not None
    wanted, state = ("Terminating", "not empty") if ending else ("Active", "empty")
    if phase != wanted:
        why = f"may only be '{wanted}' if `deletionTimestamp` is {state}"
        out.invalid("status.Phase", phase, why)


# --- nodes

_TAINT = r.struct(("key", r.QUALIFIED), ("value", label_value), ("effect", r.given(EFFECT)))
_CIDRS = r.each(r.CIDR)


def _taints(taints: list[Any], out: Errors) -> None:
    seen = set()
    for index, taint in enumerate(taints):
        at(f"[{index}]", _TAINT, taint, out)
        if (taint.key, taint.effect) in seen:
            why = "taints must be unique by key and effect pair"
            shown = internal.shown(taint)
            out.append(errors.FieldError(f"[{index}]", "Duplicate value", shown, why))
        seen.add((taint.key, taint.effect))


def _node_amounts(status: Any, out: Errors) -> None:
    for field in ("capacity", "allocatable"):
        for name, text in sorted((getattr(status, field) or {}).items()):
            start = len(out)
            amount(name, text, out)
            out.below(f"status.{field}.{name}", start)


def node(obj: Any, out: Errors) -> None:
    """A Node."""
    spec = obj.spec
    if spec is not None:
        at("metadata.taints", _taints, spec.taints, out)
    if obj.status is not None:
        _node_amounts(obj.status, out)
    if spec is not None:
        at("spec.podCIDRs", _CIDRS, spec.podCIDRs, out)


def node_change(new: Any, old: Any, out: Errors) -> None:
    """What a cloud or the control plane gave a node stays."""
    spec, before = new.spec, old.spec
    if spec is None or before is None:
        return
    for field, shown in (("podCIDRs", "podCIDR"), ("providerID", "providerID")):
        had = getattr(before, field)
        if had and had != getattr(spec, field):
            why = f'node updates may not change {shown} except from "" to valid'
            out.forbidden(f"spec.{field}", why)
    at("metadata.taints", _taints, spec.taints, out)


def node_status(new: Any, old: Any, out: Errors) -> None:
    """A Node's status being reported."""
    status, before = new.status, old.status
    if status.capacity is not before.capacity or status.allocatable is not before.allocatable:
        _node_amounts(status, out)


# --- ConfigMaps and Secrets


def _keys(data: dict[str, str], out: Errors) -> None:
    for key in sorted(data):
        at(f"[{key}]", r.CONFIG_KEY, key, out)


def _size(data: dict[str, str]) -> int:
    return sum(len(b64decode(value or "")) for value in data.values())


def config_map(obj: Any, out: Errors) -> None:
    """A ConfigMap."""
    data, binary = obj.data or {}, obj.binaryData or {}
    at("data", _keys, data, out)
    for key in sorted(data.keys() & binary.keys()):
        out.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    at("binaryData", _keys, binary, out)
    if sum(len(value.encode()) for value in data.values()) + _size(binary) > _MOST_BYTES:
        out.append(errors.too_long("[]", _MOST_BYTES))


def _set_in_stone(new: Any, old: Any, fields: tuple[str, ...], out: Errors) -> None:
    if not old.immutable:
        return
    if not new.immutable:
        out.forbidden("immutable", _SET_IN_STONE)
    for field in fields:
        if getattr(new, field) != getattr(old, field):
            out.forbidden(field, _SET_IN_STONE)


def config_map_change(new: Any, old: Any, out: Errors) -> None:
    """What of a ConfigMap may not change."""
    _set_in_stone(new, old, ("data", "binaryData"), out)


_MUST_HOLD = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_ACCOUNT = "kubernetes.io/service-account.name"


def secret(obj: Any, out: Errors) -> None:
    """A Secret, whose type says what must be in it."""
    data, kind = obj.data or {}, obj.type or ""
    at("data", _keys, data, out)
    if _size(data) > _MOST_BYTES:
        out.append(errors.too_long("data", _MOST_BYTES))
    needed = _MUST_HOLD.get(kind, ())
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        needed = ("username", "password")
    for key in needed:
        if key not in data:
            out.required(f"data[{key}]")
        elif kind.startswith("kubernetes.io/docker"):
            _is_json(key, data, out)
    annotations = obj.metadata.annotations or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT):
        out.required(f"metadata.annotations[{_ACCOUNT}]")


def _is_json(key: str, data: dict[str, str], out: Errors) -> None:
    text = b64decode(data[key]).strip()
    try:
        json.loads(text)
    except ValueError:
        why = "unexpected end of JSON input"
        if text:
            first = text[:1].decode(errors="replace")
            why = f"invalid character '{first}' looking for beginning of value"
        out.invalid(f"data[{key}]", "<secret contents redacted>", why)


def secret_change(new: Any, old: Any, out: Errors) -> None:
    """What of a Secret may not change: its type, and all where it says so."""
    if new.type != old.type:
        out.invalid("type", new.type, r.IMMUTABLE)
    _set_in_stone(new, old, ("data",), out)


# --- events and leases


def event(obj: Any, out: Errors) -> None:
    """An Event, which must lie in the namespace of what it is about."""
    namespace, about = obj.metadata.namespace or "", obj.involvedObject.namespace or ""
    if obj.eventTime is not None:
        fits = bool(about) or namespace in ("default", "kube-system")
    else:
        fits = namespace == about if about else namespace in ("", "default")
    if not fits:
        out.invalid("involvedObject.namespace", about, "does not match event.namespace")
    if obj.eventTime is not None:
        _new_event(obj, out)
    at("namespace", r.SUBDOMAIN, namespace, out)


def _new_event(obj: Any, out: Errors) -> None:
    at("reportingController", r.REQUIRED, obj.reportingComponent, out)
    at("reportingController", r.QUALIFIED, obj.reportingComponent, out)
    for field in ("reportingInstance", "action", "reason"):
        at(field, r.REQUIRED, getattr(obj, field), out)
        if len(getattr(obj, field) or "") > 128:
            out.invalid(field, "", "can have at most 128 characters")
    if len(obj.message or "") > 1024:
        out.invalid("message", "", "can have at most 1024 characters")


LEASE = r.struct(("leaseDurationSeconds", r.POSITIVE), r.not_negatives("leaseTransitions"))
