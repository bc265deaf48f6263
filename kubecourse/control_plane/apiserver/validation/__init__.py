"""Validation: what the server refuses, field by field, in its words."""

from __future__ import annotations

from typing import Any

from kubecourse.api.errors import FieldError
from kubecourse.api.resources import Resource


def validate(resource: Resource, obj: Any) -> list[FieldError]:
    """What is wrong with a new object."""
    return []


def validate_update(resource: Resource, new: Any, old: Any, subresource: str = "") -> list[FieldError]:
    """What is wrong with an object that is to replace another."""
    return []
