"""Small tools for defaults: give a new object only when something was missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace


def fill(obj: Any, **defaults: Any) -> Any:
    """The object with fields that are absent set; the same object if none is."""
    missing = {name: value for name, value in defaults.items() if getattr(obj, name) is None}
    return replace(obj, **missing) if missing else obj


def put(obj: Any, **values: Any) -> Any:
    """The object with fields set; the same object if it has these very values already."""
    for name, value in values.items():
        if getattr(obj, name) is not value:
            return replace(obj, **values)
    return obj


def each(items: list[Any] | None, function: Callable[[Any], Any]) -> list[Any] | None:
    """The function's results; the same list if it returned every item as it was."""
    if not items:
        return items
    results = [function(item) for item in items]
    for before, after in zip(items, results, strict=True):
        if before is not after:
            return results
    return items


def within(obj: Any, **functions: Callable[[Any], Any]) -> Any:
    """The object with a function applied to each of the named fields that is present."""
    values = {
        name: function(value)
        for name, function in functions.items()
        if (value := getattr(obj, name)) is not None
    }
    return put(obj, **values)


def listed(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of an item made into one of a list of items."""

    def of_list(items: Any) -> Any:
        return each(items, function)

    return of_list
