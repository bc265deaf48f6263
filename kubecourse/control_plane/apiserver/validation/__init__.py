"""Validation: what the server refuses, field by field, in its words.

`rules.txt` says what is asked of each kind, in the language of `rules`; metadata is asked the
same of all. A status is what components report, and is taken as it is.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import custom, custom_checks
from kubecourse.api.errors import FieldError
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.validation import (
    cluster,
    metadata,
    pods,
    resources,
    rules,
    values,
    volumes,
    workloads,
)
from kubecourse.control_plane.apiserver.validation.rules import Errors
from kubecourse.control_plane.apiserver.validation.warnings import of_new, warnings

__all__ = [
    "cluster", "of_new", "pods", "resources", "validate", "validate_update", "values", "volumes",
    "warnings", "workloads",
]  # fmt: skip

_LOOKED_AT_TWICE = {"Node", "ReplicaSet"}
"""Kinds whose changed objects the server looks at twice, finding the same each time."""
_METADATA_ONCE = {"CronJob", "DaemonSet", "Deployment", "Job", "Lease", "StatefulSet"}
"""Kinds whose changes are not held again to what is asked of a new object's metadata."""


def validate(resource: Resource, obj: Any) -> list[FieldError]:
    """What is wrong with a new object, in the server's order."""
    out = Errors()
    metadata.create(resource, obj.metadata, out)
    out += _whole(resource, obj)
    return out


def _whole(resource: Resource, obj: Any) -> Errors:
    """What is wrong with an object besides its metadata."""
    out = Errors()
    if isinstance(resource, custom.CustomResource):
        out += custom_checks.problems(resource, obj)
        return out
    if resource is custom.DEFINITIONS:
        out += custom.of_definition(obj)
    create = rules.of_kind(resource)
    if create is not None:
        create(obj, out)
    return out


def validate_update(
    resource: Resource, new: Any, old: Any, subresource: str = ""
) -> list[FieldError]:
    """What is wrong with an object that is to replace another."""
    out, kind = Errors(), "" if resource.custom else resource.kind
    again = kind not in _METADATA_ONCE and not subresource
    metadata.update(resource, new.metadata, old.metadata, again, out)
    if subresource == "status":
        return out
    out.old = old
    if instead := rules.block(kind, "instead"):
        instead(new, out)
    elif _differ(new, old):
        if changing := rules.block(kind, "changing"):
            changing(new, out)
        out += list(_whole(resource, new)) * (2 if kind in _LOOKED_AT_TWICE else 1)
        if changed := rules.block(kind, "changed"):
            changed(new, out)
    return out


def _differ(new: Any, old: Any) -> bool:
    """Whether anything that a client says of an object, besides its metadata, was replaced."""
    return any(
        getattr(new, name) is not getattr(old, name, None)
        for name in new.__struct_fields__
        if name not in ("metadata", "status")
    )
