"""A shell in a container into which somebody types, a line at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubecourse.node.runtime.script import FOREVER, Result, Script
from kubecourse.node.runtime.shell import ShellSyntaxError, node, read_script

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container

_REACHED = ""
"""No function has this name: it is defined when a line has been done to its end."""


class Session:
    """What one line leaves behind (variables, functions, the directory) the next one finds.

    `over` once it has been left, or its container has ended.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._script = Script(container, (), container.environment)
        self._left = False

    @property
    def over(self) -> bool:
        return self._left or not self._container.running

    @property
    def status(self) -> int:
        """What the last command came to."""
        return self._script.status

    def run(self, line: str) -> Result:
        """Do what a line says, at once; the result says how long it takes."""
        script = self._script
        self._container.clock.enter()
        if self._container.mood == "hang":
            return Result(1, seconds=FOREVER)
        try:
            program = read_script(line)
        except ShellSyntaxError as error:
            script.status = 2
            return Result(2, "", f"sh: {error}\n")
        script.todo = [node("define", _REACHED, ()), *reversed(program)]
        result = script.finish()
        self._left = _REACHED not in script.functions
        script.functions = {n: body for n, body in script.functions.items() if n != _REACHED}
        return result
