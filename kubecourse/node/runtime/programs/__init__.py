"""Programs that containers can run: the shell's own and the everyday ones of an image.

A program not in the table is the image's own business: in an image whose programs are all known
(busybox, say) there is no such command; in any other it is a server and goes on for ever.
"""

from __future__ import annotations

from kubecourse.node.runtime.programs import builtins, system, text
from kubecourse.node.runtime.programs.builtins import SHELLS
from kubecourse.node.runtime.programs.program import Program
from kubecourse.node.runtime.script import FOREVER, Result, Script

NOT_FOUND = 127

PROGRAMS: dict[str, Program] = {**builtins.PROGRAMS, **text.PROGRAMS, **system.PROGRAMS}


def run(script: Script, words: list[str], stdin: str, values: dict[str, str]) -> Result:
    """Run a command with its words, its input, and variables for it alone."""
    name = words[0].rpartition("/")[2] if words[0].startswith("/") else words[0]
    program = PROGRAMS.get(name)
    if program is None:
        return _unknown(script, words[0])
    if not values:
        return program(script, words[1:], stdin)
    before = script.variables
    script.variables = before | values
    try:
        return program(script, words[1:], stdin)
    finally:
        script.variables = before


def _unknown(script: Script, name: str) -> Result:
    if script.container.image.userland or script.process is None:
        return Result(NOT_FOUND, "", f"sh: {name}: not found\n")
    script.process.serves = True
    script.container.changed()
    return Result(0, seconds=FOREVER)


__all__ = ["PROGRAMS", "SHELLS", "run"]
