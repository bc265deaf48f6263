"""Following paths through an object.

Source: `staging/src/k8s.io/client-go/util/jsonpath/jsonpath.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api.patch.values import go_type
from kubecourse.tools.kubectl.jsonpath.nodes import (
    Filter,
    Identifier,
    JSONPathError,
    Key,
    Literal,
    Path,
    Recursive,
    Root,
    Slice,
    Step,
    Text,
    Union,
)
from kubecourse.tools.kubectl.jsonpath.text import go_print


class Finder:
    """Follows paths; `allow_missing` says whether an absent key is nothing or an error."""

    def __init__(self, root: Any, allow_missing: bool) -> None:
        self.root = root
        self.allow_missing = allow_missing

    def follow(self, path: Path, current: list[Any]) -> list[Any]:
        """The values that a path leads to from each of the current ones."""
        for step in path:
            current = self._one(step, current)
        return current

    def _one(self, step: Step, current: list[Any]) -> list[Any]:
        match step:
            case Text(text):
                return [text]
            case Literal(value):
                return [value]
            case Root():
                return [self.root]
            case Identifier("end"):
                raise JSONPathError("not in range, nothing to end")
            case Identifier(name):
                raise JSONPathError(f"unrecognized identifier {name}")
            case Key():
                return [v for value in current for v in self._key(step, value)]
            case Slice():
                return [v for value in current for v in self._slice(step, value)]
            case Union(parts):
                return [v for part in parts for v in self.follow(part, current)]
            case Recursive():
                return [v for value in current for v in _descend(value)]
            case Filter():
                return [v for value in current for v in self._filter(step, value)]

    def _key(self, step: Key, value: Any) -> list[Any]:
        if step.name == "*":
            if isinstance(value, dict):
                return [value[key] for key in sorted(value)]
            return list(value) if isinstance(value, list) else []
        if isinstance(value, dict) and step.name in value:
            return [value[step.name]]
        if isinstance(value, list):
            # Go looks the key up in each element that is an object only after `..`.
            return []
        if self.allow_missing or value is None:
            return []
        raise JSONPathError(f"{step.name} is not found")

    def _slice(self, step: Slice, value: Any) -> list[Any]:
        if value is None or isinstance(value, dict | str | int | float):
            if self.allow_missing and value is None:
                return []
            raise JSONPathError(f"{go_type(value)} is not array or slice")
        size = len(value)
        if step.single and step.start is not None:
            index = step.start + size if step.start < 0 else step.start
            if not 0 <= index < size:
                if self.allow_missing and not size:
                    return []
                raise JSONPathError(f"array index out of bounds: index {index}, length {size}")
            return [value[index]]
        return list(value[slice(step.start, step.end, step.step)])

    def _filter(self, step: Filter, value: Any) -> list[Any]:
        if not isinstance(value, list):
            if value is None:
                return []
            raise JSONPathError(f"{go_print(value)} is not array or slice and cannot be filtered")
        return [element for element in value if self._passes(step, element)]

    def _passes(self, step: Filter, element: Any) -> bool:
        inner = Finder(self.root, True)
        left = inner.follow(step.left, [element])
        if step.right is None:
            return bool(left)
        right = inner.follow(step.right, [element])
        if not left or not right:
            return False
        if len(left) > 1 or len(right) > 1:
            raise JSONPathError("can only compare one element at a time")
        return _compare(left[0], step.operator, right[0])


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _compare(left: Any, operator: str, right: Any) -> bool:
    kinds = [_comparable(value) for value in (left, right)]
    if None in kinds or kinds[0] != kinds[1]:
        if operator in ("==", "!=") and bool in map(type, (left, right)):
            return (operator == "==") == (go_print(left) == go_print(right))
        raise JSONPathError("incompatible types for comparison")
    return _OPERATORS[operator](left, right)


def _comparable(value: Any) -> str | None:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return type(value).__name__
    return "string" if isinstance(value, str) else None


def _descend(value: Any) -> list[Any]:
    """The value and all below it, parents first."""
    found, waiting = [], [value]
    while waiting:
        value = waiting.pop(0)
        found.append(value)
        if isinstance(value, dict):
            waiting = [value[key] for key in sorted(value)] + waiting
        elif isinstance(value, list):
            waiting = list(value) + waiting
    return found
