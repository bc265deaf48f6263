"""Room on the interpreter's stack."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def large_frame(function: F) -> F:
    """Give a function so large a frame that all that it calls finds room beside it.

    CPython takes its stack from the system in pieces of 16 KiB and gives each back as soon as it
    is empty. A loop that is called where a piece is nearly full pays for that with every call it
    makes, up to half of its time; how deep a Jupyter kernel is nested is a matter of luck. A frame
    of 128 KiB brings a piece of 256 KiB with it. See `push_chunk` in `Python/pystate.c`.
    """
    code = function.__code__
    function.__code__ = code.replace(co_stacksize=1 << 14)
    return function
