"""Running a shell script: a place in its instructions, its variables, and what it writes.

A script stops where something takes time, and says how long; whoever runs it comes back then:
`process.Process` for a container's own process, `finish` for a command that somebody waits for.
"""

from __future__ import annotations

import ast
import operator
import re
import shlex
from collections.abc import Callable
from fnmatch import fnmatchcase, translate
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
DEEPEST = 50
"""Functions within functions, scripts within scripts."""
Redirects = tuple[tuple[str, str], ...]
_TESTS = ("fail", "ok", "not")
"""Instructions that ask how the command before them ended: `set -e` leaves that to them."""
_STREAMS = {"/dev/stdout": "out", "/dev/stderr": "err"}
LOGS = ("/proc/1/fd/1", "/proc/1/fd/2")
"""What is written here goes to the container's log."""
_EXPANSION = (
    rf"\$\(\((?P<sum>{BRACKETS})\)\)|\$\((?P<command>{BRACKETS})\)|`(?P<old>[^`]*)`"
    r"|\$(?P<name>[A-Za-z_][A-Za-z_0-9]*|[0-9?$#@*!])"
    r"|\$\{(?P<braced>#?(?:[A-Za-z_][A-Za-z_0-9]*|[0-9?#@*]))(?:(?P<how>:?[-+=]|%%?|##?)(?P<other>[^}]*))?\}"
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


Frame = tuple[
    str, Program, int, dict[int, list[str]], list[str], dict[str, str], str, int
]  # fmt: skip
"""Where a script goes on when a `call` of a function, a `sub` shell or a `group` is done.

Which of them; program, place, loops, arguments, variables, directory; how many were opened. A
plain tuple, since what is in it may change and a snapshot must see that.
"""


class Script:
    """A script being run in a container; by a `process`, if it is one of the container's own.

    `args` are `$1`, `$2`, …; `stdin` what is left to be read. `effects` counts what it did to the
    world; `pure` as for `Result`. `strict` after `set -e`.
    """

    __slots__ = (
        "_frames", "_loops", "_opened", "_pc", "_program", "args", "container", "cwd", "depth",
        "effects", "functions", "output", "process", "pure", "status", "stdin", "strict", "traps",
        "variables",
    )  # fmt: skip

    def __init__(
        self, container: Container, program: Program, variables: dict[str, str], process: Any = None
    ) -> None:
        self.container = container
        self.process = process
        self.variables = variables
        self.cwd = container.spec.workingDir or "/"
        self.status = 0
        self.args: list[str] = []
        self.functions: dict[str, Program] = {}
        self.traps: dict[str, str] = {}
        self.pure, self.strict = True, False
        self.effects = 0
        self.stdin = ""
        self.output: list[tuple[str, str]] | None = None
        self.depth = 0
        self._opened: list[tuple[Redirects, str]] = []
        self._frames: list[Frame] = []
        self._program, self._pc = program, 0
        self._loops: dict[int, list[str]] = {}

    def enter(self, kind: str, program: Program, args: list[str] | None = None) -> None:
        """Run this first, then go on."""
        if len(self._frames) >= DEEPEST:
            raise Exit(2)
        variables = dict(self.variables) if kind == "sub" else self.variables
        place = (self._program, self._pc, self._loops, self.args, variables, self.cwd)
        self._frames.append((kind, *place, len(self._opened)))
        self._program, self._pc, self._loops = program, 0, {}
        self.args = self.args if args is None else args

    def leave(self, kind: str = "") -> bool:
        """Go on where the innermost of them, or of one kind, was begun; False if none was."""
        kinds = [frame[0] for frame in self._frames]
        if not kinds or (kind and kind not in kinds):
            return False
        while kind and self._frames[-1][0] != kind:
            self._frames.pop()
        frame = self._frames.pop()
        left, self._program, self._pc, self._loops, self.args, variables, cwd, opened = frame
        if left == "sub":
            self.variables, self.cwd = variables, cwd
        del self._opened[opened:]
        return True

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
                    if not self.leave():
                        self.say_goodbye()
                        return None
                case "run":
                    seconds = self._pipeline(step.pipeline)
                    if self.strict and self.status and self._program[self._pc].op not in _TESTS:
                        raise Exit(self.status)
                    if seconds:
                        return seconds
                case "jump":
                    back = step.target < self._pc
                    self._pc = step.target
                    place = (len(self._frames), self._pc)
                    if back and self.process is not None and self.process.comes_round(place):
                        return FOREVER
                case "fail" | "ok":
                    if (self.status != 0) == (step.op == "fail"):
                        self._pc = step.target
                        self.status = 0 if step.name else self.status
                case "not":
                    self.status = int(not self.status)
                case "for":
                    self._loops[self._pc] = self.expand_all(step.words)[::-1]
                case "next":
                    if values := self._loops[self._pc - 1]:
                        self.variables[step.name] = values.pop()
                    else:
                        self._pc = step.target
                case "match":
                    word = self.expand(step.name)
                    if not any(fnmatchcase(word, self.expand(p)) for p in step.words):
                        self._pc = step.target
                case "define":
                    self.functions[step.name] = step.body
                case "group" | "sub":
                    self.enter(step.op, step.body)
                case "spawn":
                    child = self.copy(step.body)
                    self.variables["!"] = str(self.container.spawn(child))
                    self.status = 0
                case "open":
                    if seconds := self._open(step.pipeline, step.redirects):
                        return seconds
                case "close":
                    self.stdin = self._opened.pop()[1]
        self.pure = False
        return 1.0

    def say_goodbye(self) -> None:
        """Run the trap that is set for the script's end."""
        if "EXIT" in self.traps:
            result = self.inner(self.traps.pop("EXIT"))
            self.write(result.stdout)
            self.write(result.stderr, "err")

    # --- commands

    def _pipeline(self, commands: tuple[Command, ...]) -> float:
        """Run commands that feed one another; how many seconds that takes."""
        stdin, longest = "", 0.0
        for command in commands:
            if command.body:
                result = self._inside(command.body, stdin)
            else:
                result = self._command(command, stdin, len(commands) == 1)
            longest = max(longest, result.seconds)
            self._came_to(result)
            stdin = result.stdout
        self.write(stdin)
        return longest

    def _came_to(self, result: Result) -> None:
        self.status = result.code
        self.pure = self.pure and result.pure
        self.write(result.stderr, "err")

    def _open(self, before: tuple[Command, ...], redirects: Redirects) -> float:
        """What comes reads what `before` writes, or a file, and writes where `redirects` say."""
        kept, self.stdin, seconds = self.stdin, "", 0.0
        if before:
            output, self.output = self.output, []
            seconds = self._pipeline(before)
            self.stdin = "".join(text for _, text in self.output)
            self.output = output
        opened = []
        try:
            left, self.stdin = self._input(redirects, self.stdin)
            self._redirect(left, Result(0))  # files are emptied once
            for sign, target in left:
                sign = sign if "&" in sign[1:] or ">>" in sign else sign.replace(">", ">>")
                opened.append((sign, shlex.quote(self.expand(target))))
        except FileProblem as error:
            self._came_to(Result(1, "", f"sh: {error}\n"))
        self._opened.append((tuple(opened), kept))
        return seconds

    def copy(self, program: Program) -> Script:
        """A script that begins with what this one has: a child process."""
        child = Script(self.container, program, dict(self.variables))
        child.cwd, child.args, child.functions = self.cwd, self.args, self.functions
        child.depth = self.depth + 1
        if child.depth > DEEPEST:
            raise Exit(2)
        return child

    def _inside(self, program: Program, stdin: str) -> Result:
        child = self.copy(program)
        child.stdin = stdin
        return child.finish()

    def write(self, text: str, stream: str = "out") -> None:
        """Write where the script's output goes."""
        result = Result(0, *((text, "") if stream == "out" else ("", text)))
        for redirects, _ in reversed(self._opened if text else ()):
            result = self._redirect(redirects, result)
        for name, part in (("out", result.stdout), ("err", result.stderr)):
            if self.output is not None:
                self.output.append((name, part))
            elif part:
                self.effects += 1
                self.container.write(part)

    def call(self, words: list[str], stdin: str = "") -> Result:
        """Run a program with its words and its input."""
        from kubecourse.node.runtime import programs  # programs need scripts as scripts do programs

        return programs.run(self, words, stdin)

    def _command(self, command: Command, stdin: str, alone: bool) -> Result:
        values = {name: self.expand(word) for name, word in command.assignments}
        words = self.expand_all(command.words)
        before = self.variables
        try:
            redirects, stdin = self._input(command.redirects, stdin)
            if not words:
                before |= values
                return self._redirect(redirects, Result(self.status if values else 0))
            if values:
                self.variables = before | values
            if words[0] not in self.functions:
                return self._redirect(redirects, self.call(words, stdin))
            if alone and not redirects and not values:
                self.enter("call", self.functions[words[0]], words[1:])
                return Result(self.status)
            child = self.copy(self.functions[words[0]])
            child.args, child.stdin = words[1:], stdin
            return self._redirect(redirects, child.finish())
        except FileProblem as error:
            return Result(1, "", f"sh: {error}\n")
        finally:
            if values and words:
                self.variables = before

    def _input(self, redirects: Redirects, stdin: str) -> tuple[Redirects, str]:
        """The redirects of what is written, and what the others give to read."""
        left = []
        for sign, target in redirects:
            if sign == "<<<":
                stdin = self.expand(target) + "\n"
            elif sign == "<":
                path = self.expand(target)
                try:
                    stdin = self.container.files.read(normal(path, self.cwd))
                except FileProblem as error:
                    raise FileProblem(f"can't open {path}: {error}") from None
            else:
                left.append((sign, target))
        return tuple(left), stdin

    def _redirect(self, redirects: Redirects, result: Result) -> Result:
        """Send what a command wrote where it belongs; the result has what is left."""
        if not redirects:
            return result
        files, left, to = self.container.files, {"out": "", "err": ""}, ["out", "err"]
        for sign, target in redirects:
            if sign == "2>&1":
                to[1] = to[0]
            elif sign in (">&2", "1>&2"):
                to[0] = to[1]
            else:
                path = self.expand(target)
                place = _STREAMS.get(path) or normal(path, self.cwd)
                self.effects += 1
                try:
                    if place not in left and place not in LOGS:
                        files.write(place, "", append=">>" in sign)
                except FileProblem as error:
                    raise FileProblem(f"can't create {path}: {error}") from None
                to = [place if sign[0] != "2" else to[0], place if sign[0] in "2&" else to[1]]
        for text, place in zip((result.stdout, result.stderr), to, strict=True):
            if place in left:
                left[place] += text
            elif place in LOGS:
                self.container.write(text)
            elif text:
                files.write(place, text, append=True)
        return result._replace(stdout=left["out"], stderr=left["err"])

    def inner(self, text: str, args: list[str] | None = None) -> Result:
        """What a script inside this one comes to: `$(text)`, `sh -c text`."""
        try:
            script = self.copy(compile_script(text))
        except ShellSyntaxError as error:
            return Result(2, "", f"sh: {error}\n")
        script.args = self.args if args is None else args
        return script.finish()

    # --- words

    def expand_all(self, words: tuple[str, ...]) -> list[str]:
        """Words as a command gets them: an unquoted expansion may become several, or none."""
        result: list[str] = []
        for word in words:
            if word in ("$@", '"$@"', "$*"):
                result += self.args
                continue
            expanded = self.expand(word)
            quoted = '"' in word or "'" in word
            if ("$" in word or "`" in word) and not quoted:
                result += expanded.split()
            elif not quoted and ("*" in word or "?" in word) and "\\" not in word:
                result += self._files_like(expanded) or [expanded]
            else:
                result.append(expanded)
        return result

    def _files_like(self, pattern: str) -> list[str]:
        """The files that a pattern means, by name."""
        directory, slash, last = pattern.rpartition("/")
        found = self.container.files.list(normal(directory or ("/" if slash else "."), self.cwd))
        hidden = last.startswith(".")
        return [
            f"{directory}{slash}{name}"
            for name in found
            if fnmatchcase(name, last) and name.startswith(".") == hidden
        ]

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
        elif name[0] == "#" and name[1:]:
            value = str(len(self.variables.get(name[1:], "")))
        elif name in ("@", "*"):
            value = " ".join(self.args)
        elif name.isdigit() and name != "0":
            value = self.args[int(name) - 1] if int(name) <= len(self.args) else ""
        else:
            special = {"?": str(self.status), "$": "1", "0": "sh", "#": str(len(self.args))}
            value = special.get(name) or self.variables.get(name, "")
        if not how:
            return value
        if how[0] in "%#":
            return _without(value, self.expand(other), at_end=how[0] == "%", most=len(how) == 2)
        if bool(value) == (how[-1] == "+"):
            value = self.expand(other)
            if how[-1] == "=":
                self.variables[name] = value
            return value
        return "" if how[-1] == "+" else value


def _without(text: str, pattern: str, at_end: bool, most: bool) -> str:
    """A text without what a pattern matches at its beginning or end: the most or the least."""
    matches = re.compile(translate(pattern)).match
    cuts = range(len(text) + 1)
    if at_end:
        kept = (text[:cut] for cut in (cuts if most else reversed(cuts)) if matches(text[cut:]))
    else:
        kept = (text[cut:] for cut in (reversed(cuts) if most else cuts) if matches(text[:cut]))
    return next(kept, text)


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
