"""`--sort-by`.

Source: `staging/src/k8s.io/kubectl/pkg/cmd/get/sorter.go`.
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api.quantity import QuantityError, parse_quantity
from kubecourse.tools.kubectl import jsonpath
from kubecourse.tools.kubectl.failure import KubectlError


def sort_objects(objects: list[Any], expression: str) -> list[Any]:
    """Objects in the order of a field; those without it come first. Raises KubectlError."""
    return [objects[index] for index in _order(objects, expression)]


def sort_rows(rows: list[dict[str, Any]], expression: str) -> list[dict[str, Any]]:
    """A Table's rows in the order of a field of their objects.

    Where they cannot be sorted kubectl shows none, and says nothing of it.
    """
    if len(rows) < 2:
        return rows
    try:
        return [rows[index] for index in _order([row["object"] for row in rows], expression)]
    except KubectlError:
        return []


def _order(objects: list[Any], expression: str) -> list[int]:
    template = jsonpath.parse(jsonpath.relaxed(expression))
    values = []
    for obj in objects:
        found = jsonpath.find(template, obj, allow_missing=True)
        values.append(found[0] if found else None)
    if objects and all(value is None for value in values):
        raise KubectlError(
            f'couldn\'t find any field with path "{jsonpath.relaxed(expression)}" '
            "in the list of objects"
        )
    for value in values:
        if isinstance(value, dict | list):
            kind = "map" if isinstance(value, dict) else "slice"
            raise KubectlError(f"Unexpected type found in sort: {kind}")
    return sorted(range(len(objects)), key=lambda index: _key(values[index]))


def _key(value: Any) -> tuple[Any, ...]:
    """Numbers and quantities by size, text in natural order."""
    if value is None:
        return (0,)
    if isinstance(value, bool | int | float):
        return (1, float(value))
    try:
        return (1, float(parse_quantity(value).nano))
    except (QuantityError, TypeError, ValueError):
        return (2, *_natural(value))


def _natural(text: str) -> tuple[Any, ...]:
    """`web-2` before `web-10`."""
    parts = re.split(r"([0-9]+)", text)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)
