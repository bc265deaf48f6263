"""Results remembered by the identity of an immutable object.

The pods of a replica set share one spec object. What follows from the spec alone (its defaults,
its validity, its quality of service) is worked out once and found again by that identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class IdentityMemo(Generic[T]):
    """A pure function of one immutable object, remembering its last `size` results."""

    __slots__ = ("_function", "_results", "_size")

    def __init__(self, function: Callable[[Any], T], size: int = 1024) -> None:
        self._function = function
        self._size = size
        self._results: dict[int, tuple[Any, T]] = {}

    def __call__(self, obj: Any) -> T:
        found = self._results.get(id(obj))
        if found is not None and found[0] is obj:
            return found[1]
        return self.keep(obj, self._function(obj))

    def find(self, obj: Any) -> T | None:
        """What is remembered of an object, or None."""
        found = self._results.get(id(obj))
        return found[1] if found is not None and found[0] is obj else None

    def keep(self, obj: Any, result: T) -> T:
        """Remember a result, and return it."""
        if len(self._results) >= self._size:
            del self._results[next(iter(self._results))]
        # The object is kept with the result, so that its id is not given to another.
        self._results[id(obj)] = (obj, result)
        return result


def memo(function: Callable[[Any], T]) -> IdentityMemo[T]:
    """Decorate a pure function of one immutable object."""
    return IdentityMemo(function)
