"""A lock that is handed on in order: who may touch a cluster that other threads want as well."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from threading import Lock, get_ident
from types import FunctionType
from typing import Any, TypeVar

C = TypeVar("C", bound=type)


class FairLock:
    """`with turn:` waits until nobody else has it. Who has it may take it again.

    Those who wait get it one after another: `pass_on` lets the next have it in between.
    """

    def __init__(self) -> None:
        self._waiting = Lock()  # held by the one whose turn is next
        self._busy = Lock()
        self._owner = 0
        self._depth = 0
        self.wanted: Callable[[], bool] = self._waiting.locked
        """Whether somebody waits."""

    def __enter__(self) -> FairLock:
        me = get_ident()
        if self._owner != me:
            with self._waiting:
                self._busy.acquire()
            self._owner = me
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = 0
            self._busy.release()

    def pass_on(self) -> None:
        """Let who waits have the turn, and take it back."""
        depth, self._depth = self._depth, 1
        self.__exit__()
        self.__enter__()
        self._depth = depth


def taking_turns(get: Callable[[Any], FairLock], besides: Collection[str] = ()) -> Callable[[C], C]:
    """Decorate a class: each public method, those of its bases too, waits for its turn.

    `besides` are the names of those that do not.
    """

    def decorate(cls: C) -> C:
        for name in dir(cls):
            method = getattr(cls, name)
            if type(method) is FunctionType and not name.startswith("_") and name not in besides:
                setattr(cls, name, _in_turn(method, get))
        return cls

    return decorate


def _in_turn(method: Callable[..., Any], get: Callable[[Any], FairLock]) -> Callable[..., Any]:
    @wraps(method)
    def in_turn(self: Any, *args: Any, **options: Any) -> Any:
        with get(self):
            return method(self, *args, **options)

    return in_turn
