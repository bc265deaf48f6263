"""The language of defaults: functions that give a new object only where something was missing."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any, NamedTuple

from msgspec.structs import replace

Function = Callable[[Any], Any]


class New(NamedTuple):
    """In `fields`: apply the function, to this object where the field is absent."""

    empty: Any
    function: Function

    def of(self, value: Any) -> Any:
        return self.function(self.empty if value is None else value)


def fields(**rows: Any) -> Function:
    """Per field a constant, put where it is absent, or a function, applied where it is present."""
    constants = {name: row for name, row in rows.items() if not callable(row)}
    functions = {name: row for name, row in rows.items() if callable(row)}

    def apply(obj: Any) -> Any:
        changes = {}
        for name, row in constants.items():
            value = getattr(obj, name)
            if isinstance(row, New):
                changed = row.of(value)
                if changed is not value:
                    changes[name] = changed
            elif value is None:
                changes[name] = row
        for name, function in functions.items():
            value = getattr(obj, name)
            if value is not None and (changed := function(value)) is not value:
                changes[name] = changed
        return replace(obj, **changes) if changes else obj

    return apply


def listed(function: Function) -> Function:
    """A function of an item made into one of a list; the same list if every item is as it was."""

    def apply(items: list[Any]) -> list[Any]:
        results = [function(item) for item in items]
        return items if all(map(is_, items, results)) else results

    return apply


def chain(*functions: Function) -> Function:
    """One function after another."""

    def apply(obj: Any) -> Any:
        for function in functions:
            obj = function(obj)
        return obj

    return apply


def when(condition: Function, function: Function) -> Function:
    """A function only of objects of which something is so."""

    def apply(obj: Any) -> Any:
        return function(obj) if condition(obj) else obj

    return apply
