"""Time travel: the whole state of a cluster, kept and put back.

A snapshot keeps, of every object that can change, what it holds: the dictionaries' entries, the
lists' items, the attributes. The objects themselves stay where they are, and so does everything
that cannot change, all of Kubernetes' objects among it. Putting back fills the same objects with
what they held: whoever has one of them in hand (a widget, a notebook) keeps it.

This works because nothing that lives long is a closure or a generator: timers and handlers are
bound methods, and arguments are values.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date, timedelta, tzinfo
from functools import cache
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import msgspec

from kubecourse.api.memo import IdentityMemo

VALUES = (
    str, bytes, int, float, complex, type(None), date, timedelta, tzinfo, range, type, re.Pattern,
    FunctionType, BuiltinFunctionType, ModuleType, frozenset, msgspec.Struct, IdentityMemo,
)  # fmt: skip
"""Types whose objects never change, or change only what they remember."""

_UNSET = type("Unset", (), {})


@cache
def _is_value(cls: Any) -> bool:
    """Whether objects of a class never change. A named tuple is a value as a whole."""
    if issubclass(cls, VALUES) or (issubclass(cls, tuple) and cls is not tuple):
        return True
    parameters = getattr(cls, "__dataclass_params__", None)
    return bool(parameters and parameters.frozen)


def _can_change(obj: Any) -> bool:
    cls: Any = type(obj)
    return not _is_value(cls)


class Snapshot:
    """What everything reachable from an object held at one moment. `restore()` puts it back."""

    def __init__(self, root: Any) -> None:
        self._kept: list[tuple[Any, Keeper, Any]] = []
        seen: dict[int, None] = {}
        todo = [root]
        while todo:
            obj = todo.pop()
            if id(obj) in seen:
                continue
            seen[id(obj)] = None
            cls: Any = type(obj)
            keeper = _keeper(cls)
            held = keeper.take(obj)
            if keeper.put is not None:
                self._kept.append((obj, keeper, held))
            parts = keeper.parts(held)
            if not all(map(_is_value, set(map(type, parts)))):
                todo += filter(_can_change, parts)

    def __len__(self) -> int:
        return len(self._kept)

    def restore(self) -> None:
        """Put everything back as it was. Can be done again and again."""
        for obj, keeper, held in self._kept:
            assert keeper.put is not None
            keeper.put(obj, held)


def fork(root: Any) -> Any:
    """A second one of an object and of all that can change in it; what cannot is shared."""
    kept = Snapshot(root)._kept
    copies = {id(obj): _shell(obj) for obj, _, _ in kept}

    def copy_of(part: Any) -> Any:
        cls = type(part)
        if not _can_change(part):
            return part
        if cls is tuple:
            return tuple(map(copy_of, part))
        if cls is MethodType:
            return MethodType(part.__func__, copy_of(part.__self__))
        return copies[id(part)]

    for obj, keeper, held in kept:
        assert keeper.put is not None
        if isinstance(held, dict):
            held = {key: copy_of(part) for key, part in held.items()}
        elif not isinstance(obj, random.Random):
            held = type(held)(map(copy_of, held))
        keeper.put(copies[id(obj)], held)
    return copies[id(root)]


def _shell(obj: Any) -> Any:
    """An empty object of the same class."""
    cls: Any = type(obj)
    return cls.__new__(cls)


class Keeper:
    """How to keep objects of one class.

    `take` gives what an object holds; `put` gives it back (None: the object itself cannot
    change); `parts` are the objects among it.
    """

    __slots__ = ("parts", "put", "take")

    def __init__(
        self,
        take: Callable[[Any], Any],
        put: Callable[[Any, Any], None] | None,
        parts: Callable[[Any], Iterable[Any]],
    ) -> None:
        self.take = take
        self.put = put
        self.parts = parts


def _refill_list(obj: Any, held: Any) -> None:
    obj[:] = held


def _refill(obj: Any, held: Any) -> None:
    obj.clear()
    obj.update(held)


def _refill_deque(obj: Any, held: Any) -> None:
    obj.clear()
    obj.extend(held)


def _put_attributes(obj: Any, held: dict[str, Any]) -> None:
    obj.__dict__.clear()
    obj.__dict__.update(held)


_KEEPERS: dict[type, Keeper] = {
    dict: Keeper(dict.copy, _refill, dict.values),
    list: Keeper(list.copy, _refill_list, list),
    set: Keeper(set.copy, _refill, list),
    deque: Keeper(list, _refill_deque, list),
    tuple: Keeper(lambda obj: obj, None, list),
    MethodType: Keeper(lambda obj: obj, None, lambda method: (method.__self__,)),
    random.Random: Keeper(random.Random.getstate, random.Random.setstate, lambda state: ()),
}


@cache
def _keeper(cls: Any) -> Keeper:
    for known, keeper in _KEEPERS.items():
        if issubclass(cls, known):
            return keeper
    slots = [
        slot
        for base in cls.__mro__
        for slot in _slots_of(base)
        if slot not in ("__dict__", "__weakref__")
    ]
    if not slots:
        return Keeper(lambda obj: dict(vars(obj)), _put_attributes, dict.values)
    if len(slots) == 1:
        slots = slots * 2  # so that attrgetter gives a tuple
    names = tuple(slots)
    get_all = attrgetter(*names)

    def take(obj: Any) -> tuple[Any, ...]:
        try:
            return get_all(obj)
        except AttributeError:
            return tuple(getattr(obj, name, _UNSET) for name in names)

    def put(obj: Any, held: tuple[Any, ...]) -> None:
        for name, value in zip(names, held, strict=True):
            if value is not _UNSET:
                object.__setattr__(obj, name, value)
            elif hasattr(obj, name):
                object.__delattr__(obj, name)

    return Keeper(take, put, list)


def _slots_of(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
