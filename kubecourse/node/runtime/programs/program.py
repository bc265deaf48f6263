"""What a program is: a function of the script that runs it, its arguments, and its input."""

from __future__ import annotations

from collections.abc import Callable

from kubecourse.node.runtime.script import Result, Script

Program = Callable[[Script, list[str], str], Result]

OK = Result(0)


def plain(arguments: list[str]) -> list[str]:
    """The arguments that are no options."""
    return [word for word in arguments if not word.startswith("-") or word == "-"]
