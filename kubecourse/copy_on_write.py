"""Parts of a cluster that a snapshot copies not at once, but when they are about to change."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


class Cell:
    """A part of a cluster that a snapshot copies only when it is about to change.

    Whoever calls into it from outside says `enter()` first. What it asks of its `LocalClock`
    happens inside it. What others may hold of it tells by its `cell` where it belongs.
    """

    __slots__ = ()
    page: Any
    """Refers weakly to where its present state is to be copied, if it is; a slot of its own."""

    def __init__(self) -> None:
        self.page = None

    def enter(self) -> None:
        """It may change now: if a snapshot has yet to copy it, that is done first."""
        if self.page is not None:
            page, self.page = self.page(), None
            if page is not None:
                page.fill()


class Values(dict[str, T], Cell):
    """A large dictionary of values that never change themselves. Enter it before a change."""

    __slots__ = ("page",)

    def __init__(self) -> None:
        Cell.__init__(self)
