"""Answers of a real engine, kept for readers who have none.

Functions that ask the engine are marked `@on_engine`. That turns what the SDK raises into course
errors, and lets a chapter's recording answer where no engine does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_type_hints

import msgspec

from kubecourse.containers.engines import Engine, EngineError, NoEngine, courteous, engine
from kubecourse.containers.shown import Shown
from kubecourse.tools.tape import Tape

PASSING = ("offline", "rate_limit", "full_disk", "slow")
"""Refusals that say something of a machine's day and nothing of the lab: not recorded."""

tape = Tape()
"""The chapter's recording, while a lab is open."""
_calls = 0
"""How many of a lab's functions are at work, each called by the one before."""

P = ParamSpec("P")
R = TypeVar("R")


def say(event: Any) -> None:
    """Print what is done; what is still under way is for pictures."""
    if event.done:
        print(event)


def silent(event: Any) -> None:
    """Show nothing."""


class Lab(Shown):
    """What a chapter's labs run on: an engine, or a recording of one."""

    engine: Engine | None
    recorded: str = ""
    """The line that says so, if a recording stands in."""
    problem: str = ""

    def __str__(self) -> str:
        if self.engine is not None:
            return str(self.engine)
        return "\n".join(filter(None, (self.problem, self.recorded)))


def lab(chapter: int) -> Lab:
    """Open a chapter's labs: on the engine, or on its recording if there is none."""
    name = f"chapter_{chapter}"
    try:
        found = engine()
    except NoEngine as error:
        tape.open(name, "")
        return Lab(None, tape.mark, str(error))
    tape.open(name, f"{found.name} {found.version}")
    return Lab(found)


def on_engine(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that asks the engine. Its answer and arguments must be plain data."""
    signature = inspect.signature(function)

    @wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        global _calls
        if _calls:  # one lab's function calls another: only the learner's call counts
            return function(*args, **kwargs)
        _calls += 1
        key = _key(function.__name__, signature.bind(*args, **kwargs))
        show = kwargs.get("show", signature.parameters.get("show"))
        try:
            answer = courteous(function, *args, **kwargs)
        except NoEngine as error:
            return _replayed(function, key, show, error)
        except EngineError as error:
            if error.reason not in PASSING:
                tape.keep(key, {"reason": error.reason, "said": error.said, "values": error.values})
            raise
        finally:
            _calls -= 1
        tape.keep(key, [answer])
        return answer

    return ask


@contextmanager
def unrecorded() -> Iterator[None]:
    """Within it, what is asked is neither recorded nor answered from a recording."""
    global _calls
    _calls += 1
    try:
        yield
    finally:
        _calls -= 1


def _key(name: str, call: inspect.BoundArguments) -> str:
    """A call as text, the same for the same call however it was written."""
    given = {key: value for key, value in call.arguments.items() if key != "show"}
    told = ", ".join(f"{key}={value!s}" for key, value in given.items())
    return f"{name}({told})"


def _replayed(function: Callable[..., R], key: str, show: Any, missing: NoEngine) -> R:
    """The recorded answer to a call, marked as such; raises what was raised, or NoEngine."""
    outcome = tape.answer(key)
    if outcome is None:
        raise missing
    tape.tell()
    if isinstance(outcome, dict):
        raise EngineError(outcome["reason"], outcome["said"], **outcome["values"])
    answer: R = msgspec.convert(outcome[0], get_type_hints(function)["return"], str_keys=True)
    if show is not None:
        for event in getattr(answer, "events", ()):
            (say if isinstance(show, inspect.Parameter) else show)(event)
    return answer
