"""Metadata of every kind of object.

Source: `staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, `…/generic.go`.
"""

from __future__ import annotations

from operator import attrgetter, is_
from typing import Any

from kubecourse.api import names
from kubecourse.api.codec import encode
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation.rules import Errors, at, named, rule
from kubecourse.control_plane.apiserver.validation.values import NameRule, labels

_NAME_RULES: dict[str, NameRule] = {
    "Namespace": names.is_dns1123_label,
    "Service": names.is_dns1123_label,
    "StatefulSet": names.is_dns1123_label,
    "ClusterRole": names.is_path_segment,
    "ClusterRoleBinding": names.is_path_segment,
    "Role": names.is_path_segment,
    "RoleBinding": names.is_path_segment,
}


@named
def one_controller(owners: list[Any], out: Errors) -> None:
    """At most one owner controls an object."""
    found = [f"{owner.kind}/{owner.name}" for owner in owners if owner.controller]
    for other in found[1:]:
        both = f'Found "true" in references for {found[0]} and {other}'
        why = f"Only one reference can have Controller set to true. {both}"
        out.invalid("", [encode(owner) for owner in owners], why)


@memo
def _label_problems(pairs: dict[str, str]) -> Errors:
    """What is wrong with labels; looked at once for all who share them."""
    out = Errors()
    labels(pairs, out)
    return out


@named
def shared_labels(pairs: dict[str, str], out: Errors) -> None:
    """Labels, of which many objects have the same."""
    out += _label_problems(pairs)


_LOOKED_AT = attrgetter("labels", "annotations", "ownerReferences", "finalizers")


def create(resource: Resource, metadata: Any, out: Errors) -> None:
    """Metadata of a new object, its name already generated. The paths begin with `metadata`."""
    problems = _NAME_RULES.get(resource.kind, names.is_dns1123_subdomain)
    prefix = metadata.generateName
    if prefix:
        # It may end in a dash, because more follows.
        start = f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
        for why in problems(start):
            out.invalid("metadata.generateName", prefix, why)
    if metadata.name:
        for why in problems(metadata.name):
            out.invalid("metadata.name", metadata.name, why)
    else:
        out.required("metadata.name", "name or generateName is required")
    if not resource.namespaced and metadata.namespace:
        out.forbidden("metadata.namespace", "not allowed on this type")
    at("metadata", rule("SettledMetadata" if resource.merges else "NewMetadata"), metadata, out)


def _none_added(new: Any, old: Any, out: Errors) -> None:
    """An object that is going away gets no new finalizers."""
    added = sorted(set(new.finalizers or ()) - set(old.finalizers or ()))
    if added and old.deletionTimestamp is not None:
        shown = ", ".join(f'"{name}"' for name in added)
        why = "no new finalizers can be added if the object is being deleted"
        out.forbidden("finalizers", f"{why}, found new finalizers []string{{{shown}}}")


def update(resource: Resource, new: Any, old: Any, again: bool, out: Errors) -> None:
    """Metadata of a changed object.

    The server looks at it whole and as a change, and then the kind's own rules look at the
    change once more, and where `again` at the whole. Each finds the same things.
    """
    if all(map(is_, _LOOKED_AT(new), _LOOKED_AT(old))):
        return
    whole, change, known = Errors(), Errors(), Errors()
    rule("SettledMetadata")(new, whole)
    if new.finalizers:
        _none_added(new, old, change)
        if not resource.merges:
            rule("KnownFinalizers")(new, known)
    if whole or change or known:
        start = len(out)
        rule("FreeMetadata")(new, change)
        out += [*whole, *change, *change, *known]
        if again:
            out += [*whole, *known]
        out.below("metadata", start)
