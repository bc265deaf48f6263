"""Running a shell script: a place in its instructions, its variables, and what it writes.

A script stops where something takes time, and says how long; whoever runs it comes back then:
`process.Process` for a container's own process, `finish` for a command that somebody waits for.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.node.runtime.files import FileProblem, normal
from kubecourse.node.runtime.shell import (
    BRACKETS,
    DOUBLE,
    Command,
    Program,
    ShellSyntaxError,
    compile_script,
)

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container

FOREVER = float("inf")
BUSY_STEPS = 300
"""Instructions without sleep after which a script has used a second of computing."""
LONGEST = 86_400.0
_EXPANSION = (
    rf"\$\(\((?P<sum>{BRACKETS})\)\)|\$\((?P<command>{BRACKETS})\)|`(?P<old>[^`]*)`"
    r"|\$(?P<name>[A-Za-z_][A-Za-z_0-9]*|[0-9?$#@*])"
    r"|\$\{(?P<braced>#?[A-Za-z_0-9?#@*]+)(?::?(?P<how>[-+=])(?P<other>[^}]*))?\}"
)
_QUOTED = re.compile(rf"\\(?P<escaped>[$`\"\\])|{_EXPANSION}", re.DOTALL)
_WORD = re.compile(
    rf"'(?P<single>[^']*)'|\"(?P<double>{DOUBLE})\"|\\(?P<escaped>.)|{_EXPANSION}", re.DOTALL
)


class Result(NamedTuple):
    """What a command came to: exit code, what it wrote, how many seconds it took.

    `pure` if it would come to the same again as long as the container's files are the same.
    """

    code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    pure: bool = True


class Exit(Exception):
    """A script ends itself."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class OutOfMemory(Exception):
    """A command uses all the memory that its container may have."""


class Script:
    """A script being run in a container; by a `process`, if it is one of the container's own.

    `effects` counts what it did to the world; `pure` as for `Result`.
    """

    __slots__ = (
        "_loops", "_pc", "_program", "container", "cwd", "effects", "output", "process", "pure",
        "status", "traps", "variables",
    )  # fmt: skip

    def __init__(
        self, container: Container, program: Program, variables: dict[str, str], process: Any = None
    ) -> None:
        self.container = container
        self.process = process
        self.variables = variables
        self.cwd = container.spec.workingDir or "/"
        self.status = 0
        self.traps: dict[str, str] = {}
        self.pure = True
        self.effects = 0
        self.output: list[tuple[str, str]] | None = None
        self.jump_into(program)

    def jump_into(self, program: Program) -> None:
        """Run this instead of the rest."""
        self._program, self._pc = program, 0
        self._loops: dict[int, list[str]] = {}

    def finish(self) -> Result:
        """Run all of it without letting time pass; what it would take is in the result."""
        output = self.output = []
        total = 0.0
        try:
            while (seconds := self.run()) is not None and total < LONGEST:
                total += seconds
        except Exit as end:
            self.status = end.code
        except OutOfMemory:
            self.status = 137
        out, err = ("".join(t for s, t in output if s == stream) for stream in ("out", "err"))
        return Result(self.status, out, err, min(total, LONGEST), self.pure)

    def run(self) -> float | None:
        """Run until something takes time, and how long; None if the script has ended."""
        for _ in range(BUSY_STEPS):
            step = self._program[self._pc]
            self._pc += 1
            match step.op:
                case "end":
                    return None
                case "run":
                    if seconds := self._pipeline(step.pipeline):
                        return seconds
                case "jump":
                    back = step.target < self._pc
                    self._pc = step.target
                    if back and self.process is not None and self.process.comes_round(self._pc):
                        return FOREVER
                case "fail" | "ok":
                    if (self.status != 0) == (step.op == "fail"):
                        self._pc = step.target
                case "not":
                    self.status = int(not self.status)
                case "for":
                    self._loops[self._pc] = self.expand_all(step.words)[::-1]
                case "next":
                    if values := self._loops[self._pc - 1]:
                        self.variables[step.name] = values.pop()
                    else:
                        self._pc = step.target
        self.pure = False
        return 1.0

    # --- commands

    def _pipeline(self, commands: tuple[Command, ...]) -> float:
        """Run commands that feed one another; how many seconds that takes."""
        stdin, longest = "", 0.0
        for command in commands:
            result = self._command(command, stdin)
            longest = max(longest, result.seconds)
            self._came_to(result)
            stdin = result.stdout
        self.write(stdin)
        return longest

    def _came_to(self, result: Result) -> None:
        self.status = result.code
        self.pure = self.pure and result.pure
        self.write(result.stderr, "err")

    def write(self, text: str, stream: str = "out") -> None:
        """Write where the script's output goes."""
        if self.output is not None:
            self.output.append((stream, text))
        elif text:
            self.effects += 1
            self.container.write(text)

    def call(self, words: list[str], stdin: str = "") -> Result:
        """Run a program with its words and its input."""
        from kubecourse.node.runtime import programs  # programs need scripts as scripts do programs

        return programs.run(self, words, stdin)

    def _command(self, command: Command, stdin: str) -> Result:
        values = {name: self.expand(word) for name, word in command.assignments}
        words = self.expand_all(command.words)
        files, path = self.container.files, ""
        before = self.variables
        if words:
            self.variables = before | values if values else before
        else:
            before |= values
        try:
            for sign, target in command.redirects:
                if sign == "<":
                    path = self.expand(target)
                    stdin = files.read(normal(path, self.cwd))
            result = self.call(words, stdin) if words else Result(0)
        except FileProblem as error:
            return Result(1, "", f"sh: can't open {path}: {error}\n")
        finally:
            if values:
                self.variables = before
        out, err = result.stdout, result.stderr
        for sign, target in command.redirects:
            if sign == "2>&1":
                out, err = out + err, ""
            elif sign in (">&2", "1>&2"):
                out, err = "", err + out
            elif sign != "<":
                text, out, err = (err, out, "") if sign.startswith("2") else (out, "", err)
                path = self.expand(target)
                self.effects += 1
                try:
                    files.write(normal(path, self.cwd), text, append=sign.endswith(">>"))
                except FileProblem as error:
                    return Result(1, out, f"{err}sh: can't create {path}: {error}\n")
        return result._replace(stdout=out, stderr=err)

    def inner(self, text: str) -> Result:
        """What a script inside this one comes to: `$(text)`, `sh -c text`."""
        try:
            script = Script(self.container, compile_script(text), dict(self.variables))
        except ShellSyntaxError as error:
            return Result(2, "", f"sh: {error}\n")
        script.cwd = self.cwd
        return script.finish()

    # --- words

    def expand_all(self, words: tuple[str, ...]) -> list[str]:
        """Words as a command gets them: an unquoted expansion may become several, or none."""
        result: list[str] = []
        for word in words:
            expanded = self.expand(word)
            splits = ("$" in word or "`" in word) and not ('"' in word or "'" in word)
            result += expanded.split() if splits else [expanded]
        return result

    def expand(self, word: str) -> str:
        """One word without its quotes, and with its expansions."""
        return _WORD.sub(self._piece, word)

    def _piece(self, match: re.Match[str]) -> str:
        pieces = match.groupdict()
        if (name := pieces["name"] or pieces["braced"]) is not None:
            return self._variable(name, pieces["how"], pieces["other"])
        if (text := pieces["sum"]) is not None:
            return str(evaluate(_QUOTED.sub(self._piece, text), self.variables))
        if (text := pieces["command"] or pieces["old"]) is not None:
            result = self.inner(text)
            self._came_to(result)
            return result.stdout.rstrip("\n")
        if (text := pieces.get("double")) is not None:
            return _QUOTED.sub(self._piece, text)
        return pieces["escaped"] or pieces.get("single") or ""

    def _variable(self, name: str, how: str | None, other: str) -> str:
        if name == "RANDOM":
            self.pure = False
            value = str(self.container.sandbox.random.randrange(32768))
        elif name[0] == "#":
            value = str(len(self.variables.get(name[1:], "")))
        else:
            special = {"?": str(self.status), "$": "1", "0": "sh"}
            value = special.get(name) or self.variables.get(name, "")
        if how and bool(value) == (how == "+"):
            return self.expand(other)
        return "" if how == "+" else value


# --- sums

_OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: int(a / b) if b else 0,
    ast.Mod: lambda a, b: a - b * int(a / b) if b else 0,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def evaluate(text: str, variables: dict[str, str]) -> int:
    """What an expression between `$((` and `))` comes to; 0 where it makes no sense."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, variables)
    except (SyntaxError, ValueError):
        return 0


def _value(node: ast.expr, variables: dict[str, str]) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return int(variables.get(name) or 0)
        case ast.UnaryOp(op=ast.USub(), operand=of):
            return -_value(of, variables)
        case (
            ast.BinOp(op=sign, left=left, right=right)
            | ast.Compare(ops=[sign], left=left, comparators=[right])
        ) if type(sign) in _OPERATORS:
            return int(_OPERATORS[type(sign)](_value(left, variables), _value(right, variables)))
    raise ValueError(ast.dump(node))
