"""Metadata of every kind of object.

Source: `staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, `…/generic.go`.
"""

from __future__ import annotations

from operator import attrgetter, is_
from typing import Any

from kubecourse.api import errors, names
from kubecourse.api.codec import encode
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation import rules as r
from kubecourse.control_plane.apiserver.validation.rules import Errors, NameRule, at

_MOST_ANNOTATION_BYTES = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_NAME_RULES: dict[str, NameRule] = {
    "Namespace": names.is_dns1123_label,
    "Service": names.is_dns1123_label,
    "ClusterRole": names.is_path_segment,
    "ClusterRoleBinding": names.is_path_segment,
    "Role": names.is_path_segment,
    "RoleBinding": names.is_path_segment,
}


def check_annotations(values: dict[str, str], out: Errors) -> None:
    """Annotations: keys as those of labels but for case, and not too much in all."""
    for key in sorted(values):
        for why in names.is_qualified_name(key.lower()):
            out.invalid("", key, why)
    size = sum(len(key.encode()) + len((value or "").encode()) for key, value in values.items())
    if size > _MOST_ANNOTATION_BYTES:
        out.append(errors.too_long("", _MOST_ANNOTATION_BYTES))


def _owners(owners: list[Any], out: Errors) -> None:
    # The server gives the paths of owners without their index.
    controllers = []
    for owner in owners:
        if not owner.apiVersion:
            out.invalid("apiVersion", "", "version must not be empty")
        for field in ("kind", "name", "uid"):
            if not getattr(owner, field):
                out.invalid(field, "", "must not be empty")
        if owner.controller:
            controllers.append(f"{owner.kind}/{owner.name}")
    for other in controllers[1:]:
        both = f'Found "true" in references for {controllers[0]} and {other}'
        why = f"Only one reference can have Controller set to true. {both}"
        out.invalid("", [encode(owner) for owner in owners], why)


def _not_both(finalizers: list[str], out: Errors) -> None:
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        out.invalid("", finalizers, why)


_FINALIZERS = r.struct(r.each(r.QUALIFIED, indexed=False), _not_both)
_KNOWN_FINALIZER = r.refuse(
    lambda name: "/" not in name and name not in _STANDARD_FINALIZERS,
    "name is neither a standard finalizer name nor is it fully qualified",
)


@memo
def _label_problems(pairs: dict[str, str]) -> Errors:
    """What is wrong with labels; looked at once for all who share them."""
    out = Errors()
    r.labels(pairs, out)
    return out


def _labels(pairs: dict[str, str], out: Errors) -> None:
    out += _label_problems(pairs)


# What a client may change at any time; all that is asked whenever an object is looked at.
_FREE = r.struct(
    ("labels", _labels), ("annotations", check_annotations), ("ownerReferences", _owners)
)
_SETTLED = r.struct(_FREE, ("finalizers", _FINALIZERS))
_KNOWN = r.struct(("finalizers", r.each(_KNOWN_FINALIZER)))
_NEW = r.struct(_SETTLED, _KNOWN)
_LOOKED_AT = attrgetter("labels", "annotations", "ownerReferences", "finalizers")


def create(resource: Resource, metadata: Any, out: Errors) -> None:
    """Metadata of a new object, its name already generated. The paths begin with `metadata`."""
    rule = _NAME_RULES.get(resource.kind, names.is_dns1123_subdomain)
    prefix = metadata.generateName
    if prefix:
        # It may end in a dash, because more follows.
        start = f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
        for why in rule(start):
            out.invalid("metadata.generateName", prefix, why)
    if metadata.name:
        for why in rule(metadata.name):
            out.invalid("metadata.name", metadata.name, why)
    else:
        out.required("metadata.name", "name or generateName is required")
    if not resource.namespaced and metadata.namespace:
        out.forbidden("metadata.namespace", "not allowed on this type")
    at("metadata", _NEW, metadata, out)


def _none_added(new: Any, old: Any, out: Errors) -> None:
    """An object that is going away gets no new finalizers."""
    added = sorted(set(new.finalizers or ()) - set(old.finalizers or ()))
    if added and old.deletionTimestamp is not None:
        shown = ", ".join(f'"{name}"' for name in added)
        why = "no new finalizers can be added if the object is being deleted"
        out.forbidden("finalizers", f"{why}, found new finalizers []string{{{shown}}}")


def update(new: Any, old: Any, again: bool, out: Errors) -> None:
    """Metadata of a changed object.

    The server looks at it whole and as a change, and then the kind's own rules look at the
    change once more, and where `again` at the whole. Each finds the same things.
    """
    if all(map(is_, _LOOKED_AT(new), _LOOKED_AT(old))):
        return
    whole, change, known = Errors(), Errors(), Errors()
    _SETTLED(new, whole)
    if new.finalizers:
        _none_added(new, old, change)
        _KNOWN(new, known)
    if whole or change or known:
        start = len(out)
        _FREE(new, change)
        out += [*whole, *change, *change, *known]
        if again:
            out += [*whole, *known]
        out.below("metadata", start)
