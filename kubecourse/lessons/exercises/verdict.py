"""What a check finds: one of four outcomes, and why."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from kubecourse.lessons.messages import text


class Outcome(Enum):
    """The four things that a check can say; each with its sign."""

    UNTRIED = "○"
    WRONG = "✗"
    RIGHT = "✓"
    UNCLEAR = "?"


class Verdict(NamedTuple):
    """An outcome, and the name of the message that explains it.

    A name with a dot is a message of the area `exercises`, which all exercises share; any other
    is one of the exercise's own. `values` go into it.
    """

    outcome: Outcome
    message: str
    values: dict[str, Any]

    def explain(self, own: str, **more: Any) -> str:
        """The message; `own` is where those of the exercise are. `more` values may go into it."""
        shared = self.message.startswith("any.")
        key = f"exercises.{self.message}" if shared else f"{own}.{self.message}"
        return text(key, **more | self.values)


class NoAnswer(Exception):
    """The exercise asks for an answer, and there is none yet."""


class Removed(Exception):
    """Something is gone that was prepared for the exercise."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind = kind
        self.name = name


def untried() -> Verdict:
    """Everything is as it was prepared."""
    return Verdict(Outcome.UNTRIED, "any.untried", {})


def wrong(misconception: str, **values: Any) -> Verdict:
    """Something was done, and it is not what was asked for."""
    shared = misconception.startswith("any.")
    return Verdict(Outcome.WRONG, misconception if shared else f"wrong.{misconception}", values)


def right(**values: Any) -> Verdict:
    """The cluster is as it was asked to be."""
    return Verdict(Outcome.RIGHT, "right", values)


def unclear(reason: str, **values: Any) -> Verdict:
    """What the API tells is not enough to judge, or not yet."""
    return Verdict(Outcome.UNCLEAR, f"any.{reason}", values)
