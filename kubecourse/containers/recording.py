"""Answers of a real engine, kept for readers who have none.

Functions that ask the engine are marked `@on_engine`. That turns what the SDK raises into course
errors, and lets a chapter's recording answer where no engine does.
"""

from __future__ import annotations

import gzip
import inspect
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar, get_type_hints

import msgspec

from kubecourse.containers.engines import Engine, EngineError, NoEngine, courteous, engine
from kubecourse.containers.shown import Shown
from kubecourse.lessons.messages import text
from kubecourse.tools.sources import find_path

RECORD = "KUBECOURSE_RECORD"
"""Set in the environment while notebooks are built, to record what the engine answers."""

PASSING = ("offline", "rate_limit", "full_disk", "slow")
"""Refusals that say something of a machine's day and nothing of the lab: not recorded."""

P = ParamSpec("P")
R = TypeVar("R")


def say(event: Any) -> None:
    """Print what is done; what is still under way is for pictures."""
    if event.done:
        print(event)


def silent(event: Any) -> None:
    """Show nothing."""


class Tape(msgspec.Struct):
    """What an engine answered: for each call the answers, or errors, in order."""

    engine: str
    date: str
    answers: dict[str, list[Any]] = {}


class Lab(Shown):
    """What a chapter's labs run on: an engine, or a recording of one."""

    engine: Engine | None
    recorded: str = ""
    """Where and when the recording was made, if it stands in."""
    problem: str = ""

    def __str__(self) -> str:
        if self.engine is not None:
            return str(self.engine)
        return self.problem + (
            "\n" + text("containers.recorded", made=self.recorded) if self.recorded else ""
        )


class _State:
    """The chapter's recording, while a lab is open."""

    tape: Tape | None = None
    target: Path | None = None
    """Where to record to; None: only answer from the tape."""
    asked: ClassVar[Counter[str]] = Counter()
    depth = 0
    told: Any = None
    """The cell in which it was last said that answers are recorded."""


def lab(chapter: int) -> Lab:
    """Open a chapter's labs: on the engine, or on its recording if there is none."""
    path = find_path("data") / "recorded" / f"chapter_{chapter}.json.gz"
    _State.asked, _State.target = Counter(), None
    _State.tape = (
        msgspec.json.decode(gzip.decompress(path.read_bytes()), type=Tape)
        if path.exists()
        else None
    )
    try:
        found = engine()
    except NoEngine as error:
        return Lab(None, _made(), str(error))
    if os.environ.get(RECORD):
        path.parent.mkdir(exist_ok=True)
        today = datetime.now(UTC).date().isoformat()
        _State.tape = Tape(f"{found.name} {found.version}", today)
        _State.target = path
    return Lab(found)


def on_engine(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that asks the engine. Its answer and arguments must be plain data."""
    signature = inspect.signature(function)

    @wraps(function)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        if _State.depth:  # one lab's function calls another: only the learner's call counts
            return function(*args, **kwargs)
        _State.depth += 1
        key = _key(function.__name__, signature.bind(*args, **kwargs))
        show = kwargs.get("show", signature.parameters.get("show"))
        try:
            answer = courteous(function, *args, **kwargs)
        except NoEngine as error:
            return _replayed(function, key, show, error)
        except EngineError as error:
            if error.reason not in PASSING:
                _keep(key, {"reason": error.reason, "said": error.said, "values": error.values})
            raise
        finally:
            _State.depth -= 1
        _keep(key, [msgspec.to_builtins(answer)])
        return answer

    return ask


@contextmanager
def unrecorded() -> Iterator[None]:
    """Within it, what is asked is neither recorded nor answered from a recording."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1


def _key(name: str, call: inspect.BoundArguments) -> str:
    """A call as text, the same for the same call however it was written."""
    given = {key: value for key, value in call.arguments.items() if key != "show"}
    told = ", ".join(f"{key}={value!s}" for key, value in given.items())
    return f"{name}({told})"


def _keep(key: str, outcome: Any) -> None:
    if _State.target is None or _State.tape is None:
        return
    _State.tape.answers.setdefault(key, []).append(outcome)
    content = msgspec.json.encode(_State.tape, order="sorted")
    _State.target.write_bytes(gzip.compress(content, mtime=0))


def _replayed(function: Callable[..., R], key: str, show: Any, missing: NoEngine) -> R:
    """The recorded answer to a call, marked as such; raises what was raised, or NoEngine."""
    answers = _State.tape.answers.get(key) if _State.tape is not None else None
    if not answers:
        raise missing
    outcome = answers[min(_State.asked[key], len(answers) - 1)]
    _State.asked[key] += 1
    _tell()
    if isinstance(outcome, dict):
        raise EngineError(outcome["reason"], outcome["said"], **outcome["values"])
    answer: R = msgspec.convert(outcome[0], get_type_hints(function)["return"], str_keys=True)
    if show is not None:
        for event in getattr(answer, "events", ()):
            (say if isinstance(show, inspect.Parameter) else show)(event)
    return answer


def _tell() -> None:
    """Say that this is a recording, once in a cell."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cell = shell.execution_count if shell is not None else object()
    if cell != _State.told:
        _State.told = cell
        print(text("containers.recorded", made=_made()))


def _made() -> str:
    tape = _State.tape
    return f"{tape.engine}, {tape.date}" if tape is not None else ""
