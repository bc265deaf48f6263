"""Nodes, ConfigMaps, Secrets, events, leases.

Sources: `pkg/apis/core/validation/validation.go`, `…/events.go`,
`pkg/apis/coordination/validation/validation.go`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from kubecourse.api import errors
from kubecourse.control_plane.apiserver import json_errors
from kubecourse.control_plane.apiserver.validation import internal
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, at
from kubecourse.control_plane.apiserver.validation.selectors import EFFECT

_MOST_BYTES = 1024 * 1024
_SET_IN_STONE = "field is immutable when `immutable` is set"

# --- nodes

_TAINT = r.struct(("key", r.QUALIFIED), ("value", r.LABEL_VALUE), ("effect", r.given(EFFECT)))


def _taints(taints: list[Any], out: Errors) -> None:
    seen = set()
    for index, taint in enumerate(taints):
        at(f"[{index}]", _TAINT, taint, out)
        if (taint.key, taint.effect) in seen:
            why = "taints must be unique by key and effect pair"
            shown = internal.shown(taint)
            out.append(errors.FieldError(f"[{index}]", "Duplicate value", shown, why))
        seen.add((taint.key, taint.effect))


def node(obj: Any, out: Errors) -> None:
    """A Node."""
    if obj.spec is not None:
        at("metadata.taints", _taints, obj.spec.taints, out)
        at("spec.podCIDRs", r.each(r.CIDR), obj.spec.podCIDRs, out)


def node_change(new: Any, old: Any, out: Errors) -> None:
    """What a cloud or the control plane gave a node stays."""
    if new.spec is None or old.spec is None:
        return
    for field, shown in (("podCIDRs", "podCIDR"), ("providerID", "providerID")):
        had = getattr(old.spec, field)
        if had and had != getattr(new.spec, field):
            why = f'node updates may not change {shown} except from "" to valid'
            out.forbidden(f"spec.{field}", why)


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


_ACCOUNT = "kubernetes.io/service-account.name"


def _is_json(key: str, data: dict[str, str], out: Errors) -> None:
    text = b64decode(data[key] or "").decode("utf-8", "replace").strip()
    try:
        json.loads(text)
    except ValueError as error:
        out.invalid(f"data[{key}]", "<secret contents redacted>", json_errors.describe(text, error))


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


LEASE = r.struct(("leaseDurationSeconds", r.POSITIVE), r.not_negatives("leaseTransitions"))
