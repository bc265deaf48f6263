"""Metadata of every kind of object.

Source: `staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, `…/generic.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import errors, names
from kubecourse.api.memo import memo
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation import checks
from kubecourse.control_plane.apiserver.validation.checks import Errors, NameRule

MOST_ANNOTATION_BYTES = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_NAME_RULES: dict[str, NameRule] = {
    "Namespace": names.is_dns1123_label,
    "Service": names.is_dns1123_label,
}


def name_rule(kind: str) -> NameRule:
    """How objects of a kind may be called."""
    return _NAME_RULES.get(kind, names.is_dns1123_subdomain)


def _as_prefix(text: str) -> str:
    """A generateName may end in a dash, because more follows."""
    return f"{text[:-2]}a" if len(text) > 1 and text.endswith("-") else text


def check_annotations(path: str, values: dict[str, str] | None, out: Errors) -> None:
    """Annotations: keys as those of labels but for case, and not too much in all."""
    if not values:
        return
    for key in sorted(values):
        for why in names.is_qualified_name(key.lower()):
            out.append(errors.invalid(path, key, why))
    if (
        sum(len(key.encode()) + len((value or "").encode()) for key, value in values.items())
        > MOST_ANNOTATION_BYTES
    ):
        out.append(errors.too_long(path, MOST_ANNOTATION_BYTES))


def _owner(path: str, owner: Any, out: Errors) -> None:
    _, _, version = (owner.apiVersion or "").rpartition("/")
    if not version:
        out.append(
            errors.invalid(
                f"{path}.apiVersion", owner.apiVersion or "", "version must not be empty"
            )
        )
    for field in ("kind", "name", "uid"):
        if not getattr(owner, field):
            out.append(errors.invalid(f"{path}.{field}", "", "must not be empty"))
    if owner.apiVersion == "v1" and owner.kind == "Event":
        why = "/v1, Kind=Event is disallowed from being an owner"
        out.append(errors.invalid(path, owner, why))


def _owners(path: str, owners: list[Any], out: Errors) -> None:
    controller = ""
    for owner in owners:
        _owner(path, owner, out)
        if not owner.controller:
            continue
        this = f"{owner.kind}/{owner.name}"
        if controller:
            why = (
                "Only one reference can have Controller set to true. "
                f'Found "true" in references for {controller} and {this}'
            )
            shown = [
                {k: getattr(o, k) for k in o.__struct_fields__ if getattr(o, k) is not None}
                for o in owners
            ]
            out.append(errors.invalid(path, shown, why))
        else:
            controller = this


def _finalizers(path: str, finalizers: list[str], out: Errors) -> None:
    for finalizer in finalizers:
        checks.qualified(path, finalizer, out)
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        out.append(errors.invalid(path, finalizers, why))


def _known_finalizers(path: str, finalizers: list[str], out: Errors) -> None:
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            out.append(errors.invalid(f"{path}[{index}]", finalizer, why))


@memo
def _label_problems(labels: dict[str, str]) -> tuple[errors.FieldError, ...]:
    """What is wrong with labels; looked at once for all who share them."""
    out: Errors = []
    checks.labels("metadata.labels", labels, out)
    return tuple(out)


def _free_parts(metadata: Any, out: Errors) -> None:
    """The parts that a client may change at any time."""
    if metadata.labels:
        out.extend(_label_problems(metadata.labels))
    check_annotations("metadata.annotations", metadata.annotations, out)
    if metadata.ownerReferences:
        _owners("metadata.ownerReferences", metadata.ownerReferences, out)


def _settled(metadata: Any, out: Errors) -> None:
    """What is asked of metadata whenever all of an object is looked at."""
    _free_parts(metadata, out)
    if metadata.finalizers:
        _finalizers("metadata.finalizers", metadata.finalizers, out)


def create(resource: Resource, metadata: Any, out: Errors) -> None:
    """Metadata of a new object, its name already generated."""
    rule = name_rule(resource.kind)
    if metadata.generateName:
        for why in rule(_as_prefix(metadata.generateName)):
            out.append(errors.invalid("metadata.generateName", metadata.generateName, why))
    if metadata.name:
        checks.obeys("metadata.name", metadata.name, rule, out)
    else:
        out.append(errors.required("metadata.name", "name or generateName is required"))
    if not resource.namespaced and metadata.namespace:
        out.append(errors.field_forbidden("metadata.namespace", "not allowed on this type"))
    _settled(metadata, out)
    if metadata.finalizers:
        _known_finalizers("metadata.finalizers", metadata.finalizers, out)


def _none_added(new: Any, old: Any, out: Errors) -> None:
    """An object that is going away gets no new finalizers."""
    if old.deletionTimestamp is None:
        return
    added = sorted(set(new.finalizers or ()) - set(old.finalizers or ()))
    if added:
        shown = ", ".join(f'"{name}"' for name in added)
        why = (
            "no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{shown}}}"
        )
        out.append(errors.field_forbidden("metadata.finalizers", why))


def update(new: Any, old: Any, again: bool, out: Errors) -> None:
    """Metadata of a changed object.

    The server looks at it whole and as a change, and then the kind's own rules look at the
    change once more, and where `again` at the whole. Each finds the same things.
    """
    if new is old:
        return
    whole: Errors = []
    _settled(new, whole)
    change: Errors = []
    _none_added(new, old, change)
    known: Errors = []
    _known_finalizers("metadata.finalizers", new.finalizers or [], known)
    if whole or change or known:
        _free_parts(new, change)
        out += [*whole, *change, *change, *known]
        if again:
            out += [*whole, *known]
