"""Time travel: the whole state of a cluster, kept and put back.

A snapshot keeps, of every object that can change, what it holds: the dictionaries' entries, the
lists' items, the attributes. The objects themselves stay where they are, and so does everything
that cannot change, all of Kubernetes' objects among it. Putting back fills the same objects with
what they held: whoever has one of them in hand (a widget, a notebook) keeps it.

Cells (a kubelet with all that runs on its node) are kept later: when somebody enters one for the
first time after the snapshot. So it costs what the control plane knows of ten thousand pods,
which is a few large dictionaries, and not what each of them is made of.

This works because nothing that lives long is a closure or a generator: timers and handlers are
bound methods, and arguments are values.
"""

from __future__ import annotations

import gc
import random
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta, tzinfo
from functools import cache
from operator import attrgetter, itemgetter
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple
from weakref import ref

import msgspec

from kubecourse.api.memo import IdentityMemo
from kubecourse.clock import LocalClock
from kubecourse.copy_on_write import Cell, Values
from kubecourse.fair_lock import FairLock

VALUES = (
    str, bytes, int, float, complex, type(None), date, timedelta, tzinfo, range, type, re.Pattern,
    FunctionType, BuiltinFunctionType, ModuleType, frozenset, msgspec.Struct, IdentityMemo,
    FairLock,
)  # fmt: skip
"""Types whose objects never change, or change only what they remember."""

Kept = tuple[Any, Callable[[Any, Any], None], Any]
"""An object, how to put back what it held, and that."""
_UNSET = type("Unset", (), {})
_known_values: set[type] = set()


@cache
def _is_value(cls: Any) -> bool:
    """Whether objects of a class never change. A named tuple is a value as a whole."""
    parameters = getattr(cls, "__dataclass_params__", None)
    named = issubclass(cls, tuple) and cls is not tuple and not hasattr(cls, "cell")
    if not (issubclass(cls, VALUES) or named or (parameters and parameters.frozen)):
        return False
    _known_values.add(cls)
    return True


class Snapshot:
    """What everything reachable from an object held at one moment. `restore()` puts it back."""

    def __init__(self, root: Any) -> None:
        self._kept, cells, seen = _survey([root])
        self._pages = [_page_of(cell, held, seen) for cell, held in cells]

    def __len__(self) -> int:
        return len(self._kept) + sum(map(len, self._pages))

    def restore(self) -> None:
        """Put everything back as it was. Can be done again and again."""
        for page in self._pages:
            page.put_back()
        for obj, put, held in self._kept:
            put(obj, held)


class Page:
    """A cell's state, shared by all snapshots between two changes; copied before the second.

    `held` is what others hold of the cell, which may be all that still refers to it: a timer of a
    pod that is gone.
    """

    __slots__ = ("__weakref__", "_cell", "_kept", "_outside", "held")

    def __init__(self, cell: Cell, held: dict[int, Any], outside: Collection[int]) -> None:
        self._cell = cell
        self.held = held
        self._outside = outside
        self._kept: list[Kept] | None = None
        cell.page = ref(self)

    def __len__(self) -> int:
        return len(self._kept or ())

    def fill(self) -> None:
        """Copy the state. Objects that are known outside the cell are no part of it."""
        if self._kept is None:
            roots = [self._cell, *self.held.values()]
            self._kept = _survey(roots, self._cell, self._outside)[0]
            self._outside = ()

    def put_back(self) -> None:
        """Put the state back, if the cell has another one."""
        cell = self._cell
        if cell.page is None or cell.page() is not self:
            cell.enter()
            for obj, put, held in self._kept or ():
                put(obj, held)
            cell.page = ref(self)


def _page_of(cell: Cell, held: dict[int, Any], outside: Collection[int]) -> Page:
    """The page of a cell's present state."""
    page: Page | None = cell.page() if cell.page is not None else None
    if page is not None and held.keys() <= page.held.keys():
        return page
    cell.enter()
    return Page(cell, held, outside)


def _survey(
    roots: list[Any], inside: Cell | None = None, outside: Collection[int] = (), cells: bool = True
) -> tuple[list[Kept], Collection[tuple[Cell, dict[int, Any]]], set[int]]:
    """All that can be reached from objects and change, what other cells hold apart.

    Returns that, the cells at which it ended (without `cells` it goes on into all of them) with
    what is held of each, and the identities of all that it came by on this side of them.
    """
    kept: list[Kept] = []
    ends: dict[int, tuple[Cell, dict[int, Any]]] = {}
    seen = set(map(id, roots))
    todo = list(roots)
    with _no_collection():
        while todo:
            obj = todo.pop()
            keeper = _keepers[type(obj)]
            if cells and keeper.place is not None:
                cell = keeper.place(obj)
                if cell is not None and cell is not inside:
                    _, held = ends.setdefault(id(cell), (cell, {}))
                    if obj is not cell:
                        held[id(obj)] = obj
                    seen.discard(id(obj))  # it is a part of that cell
                    continue
            held = keeper.take(obj)
            if keeper.put is not None:
                kept.append((obj, keeper.put, held))
            parts = keeper.parts(held)
            if _known_values.issuperset(map(type, parts)):
                continue
            for part in parts:
                cls: Any = type(part)
                if cls not in _known_values:
                    identity = id(part)
                    if identity in seen or identity in outside or _is_value(cls):
                        continue
                    seen.add(identity)
                    todo.append(part)
    return kept, ends.values(), seen


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nearly everything that is made meanwhile stays: looking for garbage among it is a waste."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # now it is as old as the rest
        if collecting:
            gc.enable()


def fork(root: Any) -> Any:
    """A second one of an object and of all that can change in it; what cannot is shared."""
    kept = _survey([root], cells=False)[0]
    copies = {id(obj): _shell(obj) for obj, _, _ in kept}

    def copy_of(part: Any) -> Any:
        cls: Any = type(part)
        if _is_value(cls):
            return part
        if issubclass(cls, tuple):
            return tuple.__new__(cls, map(copy_of, part))
        if cls is MethodType:
            return MethodType(part.__func__, copy_of(part.__self__))
        return copies.get(id(part), part)

    for obj, put, held in kept:
        if isinstance(held, dict):
            held = {key: copy_of(part) for key, part in held.items()}
        elif not isinstance(obj, random.Random):
            held = type(held)(map(copy_of, held))
        put(copies[id(obj)], held)
    return copies[id(root)]


def everything(root: Any) -> list[Any]:
    """All objects that can be reached from one and that can change."""
    return [obj for obj, _, _ in _survey([root], cells=False)[0]]


def _shell(obj: Any) -> Any:
    """An empty object of the same class."""
    cls: Any = type(obj)
    if cls is deque:
        return deque(maxlen=obj.maxlen)
    shell = cls.__new__(cls)
    if isinstance(shell, Cell):
        Cell.__init__(shell)
    return shell


class Keeper(NamedTuple):
    """How to keep objects of one class.

    `take` gives what an object holds; `put` gives it back (None: the object itself cannot
    change); `parts` are the objects among it; `place` tells the cell that it is in or is.
    """

    take: Callable[[Any], Any]
    put: Callable[[Any, Any], None] | None
    parts: Callable[[Any], Collection[Any]]
    place: Callable[[Any], Cell | None] | None = None


def _itself(obj: Any) -> Any:
    return obj


def _refill_sequence(obj: Any, held: Any) -> None:
    obj.clear()
    obj.extend(held)


def _refill(obj: Any, held: Any) -> None:
    obj.clear()
    obj.update(held)


class Prefix(NamedTuple):
    """The beginning of a list of values that grows at its end and never changes otherwise."""

    items: list[Any]
    length: int


def _put_attributes(obj: Any, held: dict[str, Any]) -> None:
    before = obj.__dict__.copy()
    obj.__dict__.clear()
    for name, value in held.items():
        if type(value) is Prefix:
            items, length = value
            # What others have of the list must stay: it is cut in a copy.
            same = items is before.get(name) and len(items) == length
            value = items if same else items[:length]
        obj.__dict__[name] = value


def _set_up_clock(obj: Any, held: Any) -> None:
    obj.__init__(*held)


_KEEPERS: dict[type, Keeper] = {
    Values: Keeper(dict.copy, _refill, lambda held: ()),
    dict: Keeper(dict.copy, _refill, dict.values),
    list: Keeper(list.copy, _refill_sequence, _itself),
    set: Keeper(set.copy, _refill, list),
    deque: Keeper(list, _refill_sequence, _itself),
    tuple: Keeper(_itself, None, _itself),
    MethodType: Keeper(_itself, None, lambda method: (method.__self__,)),
    random.Random: Keeper(random.Random.getstate, random.Random.setstate, lambda state: ()),
    LocalClock: Keeper(attrgetter("whole", "cell"), _set_up_clock, _itself),
}


class _Keepers(dict[type, Keeper]):
    """The keepers of all classes, made when they are first asked for."""

    def __missing__(self, cls: Any) -> Keeper:
        known = next((known for known in _KEEPERS if issubclass(cls, known)), None)
        keeper = _KEEPERS[known] if known is not None else _of_attributes(cls)
        if issubclass(cls, Cell):
            keeper = keeper._replace(place=_itself)
        elif hasattr(cls, "cell"):
            keeper = keeper._replace(place=attrgetter("cell"))
        self[cls] = keeper
        return keeper


_keepers = _Keepers()


def _of_attributes(cls: Any) -> Keeper:
    """Keeps an object's attributes.

    Those that the class calls `CONSTANT` never change inside; those that it calls `APPENDED` are
    lists of values to which others are only ever added.
    """
    names = [slot for base in cls.__mro__ for slot in _slots_of(base)]
    if not names:
        appended = getattr(cls, "APPENDED", ())

        def take_all(obj: Any) -> dict[str, Any]:
            held = dict(vars(obj))
            for name in appended:
                held[name] = Prefix(held[name], len(held[name]))
            return held

        return Keeper(take_all, _put_attributes, dict.values)
    constant = getattr(cls, "CONSTANT", ())
    names = names * 2 if len(names) == 1 else names  # so that a getter gives a tuple
    get_all = attrgetter(*names)
    moving = [i for i, name in enumerate(names) if name not in constant]
    get_parts = itemgetter(*moving, moving[0])

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

    return Keeper(take, put, get_parts if constant else _itself)


def _slots_of(cls: type) -> Iterable[str]:
    slots = cls.__dict__.get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else slots
    own = ("__dict__", "__weakref__", "page" if issubclass(cls, Cell) else "")
    return [name for name in names if name not in own]
