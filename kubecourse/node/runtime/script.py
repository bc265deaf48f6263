"""Running a shell script: a place in its instructions, its variables, and what it writes.

A script stops where something takes time, and says how long; whoever runs it comes back then:
`process.Process` for a container's own process, `finish` for a command that somebody waits for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.node.runtime.files import NoSuchFile, normal
from kubecourse.node.runtime.shell import Command, Program, ShellSyntaxError, Word, compile_script

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container

FOREVER = float("inf")
BUSY_STEPS = 300
"""Instructions without sleep after which a script has used a second of computing."""
LONGEST = 86_400.0
_EXPANSION = re.compile(
    r"\$(?P<name>[A-Za-z_][A-Za-z_0-9]*|[0-9?$#@*!])"
    r"|\$\{(?P<braced>#?[A-Za-z_0-9?#@*]+)(?::?(?P<how>[-+=])(?P<other>[^}]*))?\}",
    re.DOTALL,
)
_SUM = re.compile(r"[0-9A-Za-z_+\-*/%()<>=!&| \t$]*")


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
    """A script being run in a container."""

    __slots__ = (
        "_loops", "_pc", "_program", "arguments", "container", "cwd", "effects", "output",
        "process", "pure", "status", "traps", "variables",
    )  # fmt: skip

    def __init__(
        self, container: Container, program: Program, variables: dict[str, str], process: Any = None
    ) -> None:
        self.container = container
        self.process = process
        self.variables = variables
        self.arguments: list[str] = []
        self.cwd = container.spec.workingDir or "/"
        self.status = 0
        self.traps: dict[str, str] = {}
        self.pure = True
        self.effects = 0
        self.output: list[tuple[str, str]] | None = None
        self._program = program
        self._pc = 0
        self._loops: dict[int, list[str]] = {}

    @property
    def at(self) -> int:
        """Where it is."""
        return self._pc

    def jump_into(self, program: Program) -> None:
        """Run something else instead of the rest."""
        self._program, self._pc = program, 0
        self._loops.clear()

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
        return Result(
            self.status,
            "".join(text for stream, text in output if stream == "out"),
            "".join(text for stream, text in output if stream == "err"),
            min(total, LONGEST),
            self.pure,
        )

    def run(self) -> float | None:
        """Run until something takes time, and how long; None if the script has ended."""
        for _ in range(BUSY_STEPS):
            step = self._program[self._pc]
            self._pc += 1
            match step.op:
                case "end":
                    return None
                case "run":
                    seconds = self._pipeline(step.pipeline)
                    if seconds:
                        return seconds
                case "jump":
                    back = step.target < self._pc
                    self._pc = step.target
                    if back and self.process is not None and self.process.comes_round(self._pc):
                        return FOREVER
                case "fail":
                    self._pc = step.target if self.status else self._pc
                case "ok":
                    self._pc = self._pc if self.status else step.target
                case "not":
                    self.status = int(not self.status)
                case "for":
                    self._loops[self._pc] = self.expand_all(step.words)[::-1]
                case "next":
                    values = self._loops[self._pc - 1]
                    if values:
                        self.variables[step.name] = values.pop()
                    else:
                        self._pc = step.target
                case "spawn":
                    if self.process is not None:
                        self.process.spawn(step.program, dict(self.variables))
        self.pure = False
        return 1.0

    # --- commands

    def _pipeline(self, commands: tuple[Command, ...]) -> float:
        """Run commands that feed one another; how many seconds that takes."""
        stdin, longest = "", 0.0
        for index, command in enumerate(commands):
            result = self._command(command, stdin)
            longest = max(longest, result.seconds)
            self.status = result.code
            self.pure = self.pure and result.pure
            if result.stderr:
                self.write(result.stderr, "err")
            stdin = result.stdout
            if index == len(commands) - 1 and stdin:
                self.write(stdin, "out")
        return longest

    def write(self, text: str, stream: str = "out") -> None:
        """Write where the script's output goes."""
        if self.output is not None:
            self.output.append((stream, text))
        else:
            self.effects += 1
            self.container.write(text)

    def call(
        self, words: list[str], stdin: str = "", values: dict[str, str] | None = None
    ) -> Result:
        """Run a program with its words, its input, and variables for it alone."""
        from kubecourse.node.runtime import programs  # programs need scripts as scripts do programs

        return programs.run(self, words, stdin, values or {})

    def _command(self, command: Command, stdin: str) -> Result:
        values = {name: self.expand(word) for name, word in command.assignments}
        words = self.expand_all(command.words)
        if not words:
            self.variables |= values
            return self._redirect(command, Result(self.status if command.words else 0))
        for operator, target in command.redirects:
            if operator == "<":
                path = self.expand(target)
                try:
                    stdin = self.container.files.read(normal(path, self.cwd))
                except NoSuchFile as error:
                    return Result(1, "", f"sh: can't open {path}: {error.why}\n")
        result = self.call(words, stdin, values)
        return self._redirect(command, result) if command.redirects else result

    def _redirect(self, command: Command, result: Result) -> Result:
        out, err = result.stdout, result.stderr
        for operator, target in command.redirects:
            if operator == "2>&1":
                out, err = out + err, ""
            elif operator in (">&2", "1>&2"):
                out, err = "", err + out
            elif operator == "<":
                continue
            else:
                text, out, err = (err, out, "") if operator.startswith("2") else (out, "", err)
                path = self.expand(target)
                try:
                    self.effects += 1
                    place = normal(path, self.cwd)
                    self.container.files.write(place, text, append=operator.endswith(">>"))
                except NoSuchFile as error:
                    return Result(1, out, f"{err}sh: can't create {path}: {error.why}\n")
        return result._replace(stdout=out, stderr=err)

    def substitute(self, text: str) -> str:
        """What `$(text)` stands for."""
        try:
            script = Script(self.container, compile_script(text), dict(self.variables))
        except ShellSyntaxError as error:
            self.write(f"sh: {error}\n", "err")
            return ""
        script.cwd, script.arguments = self.cwd, self.arguments
        result = script.finish()
        self.status = result.code
        self.pure = self.pure and result.pure
        if result.stderr:
            self.write(result.stderr, "err")
        return result.stdout.rstrip("\n")

    # --- words

    def expand_all(self, words: tuple[Word, ...]) -> list[str]:
        """Words as a command gets them: an unquoted expansion may become several, or none."""
        result: list[str] = []
        for word in words:
            if word.bare and any("$" in text or "`" in text for text, _ in word.pieces):
                result += self.expand(word).split()
            else:
                result.append(self.expand(word))
        return result

    def expand(self, word: Word) -> str:
        """One word, with its expansions."""
        return "".join(
            text if quote == "'" else self._expand_text(text, quoted=quote == '"')
            for text, quote in word.pieces
        )

    def _expand_text(self, text: str, quoted: bool) -> str:
        out, at = "", 0
        while at < len(text):
            char = text[at]
            if char == "\\" and quoted and at + 1 < len(text):
                out += text[at + 1] if text[at + 1] in '$`"\\' else text[at : at + 2]
                at += 2
            elif char == "`":
                end = text.index("`", at + 1)
                out += self.substitute(text[at + 1 : end])
                at = end + 1
            elif text.startswith("$(", at):
                end = _closing(text, at + 1)
                inner = text[at + 2 : end]
                if inner.startswith("(") and inner.endswith(")"):
                    out += str(self._sum(inner[1:-1]))
                else:
                    out += self.substitute(inner)
                at = end + 1
            elif char == "$" and (match := _EXPANSION.match(text, at)):
                out += self._variable(match)
                at = match.end()
            else:
                out += char
                at += 1
        return out

    def _variable(self, match: re.Match[str]) -> str:
        name = match["name"] or match["braced"]
        value: str | None
        if name == "?":
            value = str(self.status)
        elif name == "$":
            value = "1"
        elif name == "#":
            value = str(len(self.arguments))
        elif name in ("@", "*"):
            value = " ".join(self.arguments)
        elif name.isdigit():
            number = int(name)
            value = "sh" if number == 0 else "".join(self.arguments[number - 1 : number])
        elif name == "RANDOM":
            self.pure = False
            value = str(self.container.sandbox.random.randrange(32768))
        elif name.startswith("#"):
            value = str(len(self.variables.get(name[1:], "")))
        else:
            value = self.variables.get(name)
        other = match["other"]
        if match["how"] == "+":
            return self._expand_text(other, True) if value else ""
        if match["how"] and not value:
            return self._expand_text(other, True)
        return value or ""

    def _sum(self, text: str) -> int:
        """What an arithmetic expression comes to; 0 for one that is none."""
        text = self._expand_text(text, True)
        if not _SUM.fullmatch(text):
            return 0
        names = re.sub(r"[A-Za-z_]\w*", self._number, text)
        from kubecourse.node.runtime.arithmetic import evaluate

        return evaluate(names)

    def _number(self, match: re.Match[str]) -> str:
        value = self.variables.get(match[0], "0")
        return value if value.lstrip("-").isdigit() else "0"


def _closing(text: str, at: int) -> int:
    """Where the bracket that opens at `at` closes."""
    depth = 0
    for index in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index
    return len(text) - 1
