"""Running a shell script: what is still to be done, its variables, and where its output goes.

A script has no place in Python's own stack: what is to be done next is a list of nodes, the next
one last, and whatever has to be undone afterwards is a node among them. So it can stop wherever
something takes time, and be copied there. Whoever runs it comes back when that time is over:
`process.Process` for a container's own processes, `finish` for a command that somebody waits for.
All values are replaced, never changed, as they are kept in nodes.
"""

from __future__ import annotations

from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.node.runtime.files import FileProblem, normal
from kubecourse.node.runtime.shell import (
    SUCCEED,
    Node,
    Program,
    Redirects,
    ShellSyntaxError,
    command_of,
    node,
    read_script,
)
from kubecourse.node.runtime.words import assigned, expand, expand_all

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container

FOREVER = float("inf")
WORK = 2.0
"""Seconds that a program takes that nobody knows, and that does some work and ends."""
BUSY_STEPS = 300
"""Steps without sleep after which a script has used a second of computing."""
LONGEST = 7_200.0
DEEPEST = 50
"""Scripts within scripts."""
MOST_TO_DO = 1_000
"""Nodes that are still to be done; a function that calls itself for ever comes to more."""
LOOPS = ("again", "next")
SUB = ("restore", "sub")
LOGS = ("/proc/1/fd/1", "/proc/1/fd/2")
"""What is written here goes to the container's log."""


class Result(NamedTuple):
    """What a command came to: exit code, what it wrote, how many seconds it took.

    `pure` if it would come to the same again as long as the container's files are the same.
    """

    code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    pure: bool = True


class Script:
    """A script being run in a container; by a `process`, if it is one of the container's own.

    `args` are `$1`, `$2`, …; `stdin` what is left to be read; `sinks` where output and errors go:
    `out`, `err` or a file. `effects` counts what it did to the world; `pure` as for `Result`;
    `strict` after `set -e`; `busy` if it computes without a pause.
    """

    __slots__ = (
        "args", "busy", "container", "cwd", "depth", "effects", "functions", "output", "process",
        "pure", "sinks", "status", "stdin", "strict", "todo", "traps", "variables",
    )  # fmt: skip

    def __init__(self, container: Container, program: Program, variables: dict[str, str]) -> None:
        self.container = container
        self.process: Any = None
        self.todo: list[Node] = [*reversed(program)]
        self.variables = variables
        self.cwd = container.spec.workingDir or "/"
        self.status = self.effects = self.depth = 0
        self.args: tuple[str, ...] = ()
        self.functions: dict[str, Program] = {}
        self.traps: dict[str, str] = {}
        self.pure, self.strict, self.busy = True, False, False
        self.stdin = ""
        self.sinks = ("out", "err")
        self.output: list[tuple[str, str]] | None = None

    def child(self, program: Program) -> Script:
        """A script that begins with what this one has."""
        child = Script(self.container, program, self.variables)
        child.cwd, child.args, child.functions = self.cwd, self.args, self.functions
        child.stdin, child.depth = self.stdin, self.depth + 1
        if child.depth > DEEPEST:
            child.todo, child.status = [], 2
        return child

    def finish(self) -> Result:
        """Run all of it without letting time pass; what it would take is in the result."""
        output = self.output = []
        total = 0.0
        while (seconds := self.run()) is not None and total < LONGEST:
            total += seconds
        out, err = ("".join(t for s, t in output if s == stream) for stream in ("out", "err"))
        return Result(self.status, out, err, min(total, LONGEST), self.pure)

    def run(self) -> float | None:
        """Run until something takes time, and how long; None if the script has ended."""
        for _ in range(BUSY_STEPS):
            if not self.todo and "EXIT" in self.traps:
                self.interrupt(self.traps.pop("EXIT"))
            if not self.todo:
                return None
            if seconds := self._step(self.todo.pop()):
                return seconds
        self.pure, self.busy = False, True
        return 1.0

    def enter(self, program: Program, kind: str = "", **changes: Any) -> None:
        """Run this first, with other attributes, then go on with those of now."""
        if len(self.todo) > MOST_TO_DO:
            self.todo, self.status = [], 2
            return
        saved = tuple((name, getattr(self, name)) for name in changes)
        self.todo += (node("restore", kind, saved), *reversed(program))
        for name, value in changes.items():
            setattr(self, name, value)

    def enter_sub(self, program: Program, **changes: Any) -> None:
        """The same, as a shell of its own would: what it does to attributes is over at its end."""
        own = ("args", "cwd", "sinks", "strict", "variables")
        self.enter(program, "sub", **{name: getattr(self, name) for name in own} | changes)

    def become(self, words: list[str]) -> None:
        """Run a command instead of all else that is to be done."""
        shells = [n for n, (op, parts) in enumerate(self.todo) if (op, *parts[:1]) == SUB]
        self.todo[max(shells, default=-1) + 1 :] = [command_of(words)]
        self.traps = {}

    def interrupt(self, text: str) -> None:
        """Run a trap first; the status stays what it is."""
        with suppress(ShellSyntaxError):
            self.enter(read_script(text), status=self.status)

    def leave(self, kind: str) -> Node | None:
        """Break off the innermost loop, call or sub shell, or everything; the node it began at."""
        while self.todo:
            last = self.todo.pop()
            if last.op == "restore":
                self._step(last)
            if kind == (last.parts[0] if last.op == "restore" else "loop" * (last.op in LOOPS)):
                return last
        return None

    # --- what is to be done

    def _step(self, first: Node) -> float:
        """Do what is next; the seconds that it takes."""
        todo = self.todo
        match first:
            case "command", (words, assignments):
                return self._command(words, assignments)
            case "decide", (then, otherwise):
                todo += reversed(otherwise if self.status else then)
            case "not", _:
                self.status = int(not self.status)
            case "restore", (_, attributes):
                for name, value in attributes:
                    setattr(self, name, value)
            case "loop" | "again", (condition, body, until):
                again = first._replace(op="again")
                if again == first and self.process is not None and self.process.comes_round(first):
                    todo.append(first)
                    return FOREVER
                ways = ((*body, again), (SUCCEED,))
                todo += (node("decide", *(reversed(ways) if until else ways)), *reversed(condition))
            case "for", (name, words, body):
                todo.append(node("next", name, tuple(expand_all(self, words)), body))
            case "next", (name, (value, *values), body):
                self.variables = self.variables | {name: value}
                todo += (node("next", name, tuple(values), body), *reversed(body))
            case "case", (word, branches):
                text = expand(self, word)
                for patterns, body in branches:
                    if any(fnmatchcase(text, expand(self, pattern)) for pattern in patterns):
                        todo += reversed(body)
                        break
            case "define", (name, body):
                self.functions = self.functions | {name: body}
            case "spawn", (body,):
                child = self.child(body)
                child.sinks = self.sinks
                number = str(self.container.spawn(child))
                self.variables, self.status = self.variables | {"!": number}, 0
            case "sub", (body,):
                self.enter_sub(body)
            case "pipe", (left, right):
                result = self.child(left).finish()
                self.enter(right, stdin=self._output_of(result))
                return result.seconds
            case "redirect", (body, redirects):
                try:
                    self.enter(body, "redirect", **self._open(redirects))
                except FileProblem as error:
                    self._came_to(Result(1, "", f"sh: {error}\n"))
        return 0.0

    def _command(self, written: tuple[str, ...], assignments: tuple[tuple[str, str], ...]) -> float:
        values: dict[str, str] = {}
        for name, word in assignments:
            values |= assigned(self, name, word)
        words = expand_all(self, written)
        if not words:
            self.variables = self.variables | values
            if not any("$(" in word or "`" in word for _, word in assignments):
                self.status = 0
            return 0.0
        if values:
            self.enter((), variables=self.variables | values)
        if words[0] in self.functions:
            self.enter(self.functions[words[0]], "call", args=tuple(words[1:]))
            return 0.0
        from kubecourse.node.runtime import programs  # programs need scripts as scripts do programs

        result = programs.run(self, words)
        self._came_to(result)
        return result.seconds

    def _came_to(self, result: Result) -> None:
        self.write(self._output_of(result))
        if self.strict and self.status:
            after = next((each.op for each in reversed(self.todo) if each.op != "restore"), "")
            if after not in ("decide", "not"):  # nobody asks how it ended
                self.leave("sub")

    def output_of(self, text: str) -> str:
        """What a text writes as a script of its own: `$(text)`."""
        try:
            return self._output_of(self.child(read_script(text)).finish())
        except ShellSyntaxError as error:
            return self._output_of(Result(2, "", f"sh: {error}\n"))

    def _output_of(self, result: Result) -> str:
        """What a child has written; its errors go where this one's do."""
        self.status = result.code
        self.pure = self.pure and result.pure
        self.write(result.stderr, 1)
        return result.stdout

    # --- input and output

    def write(self, text: str, stream: int = 0) -> None:
        """Write where the script's output (0) or its errors (1) go. Raises FileProblem."""
        place = self.sinks[stream]
        if not text:
            return
        if place in ("out", "err") and self.output is not None:
            self.output.append((place, text))
            return
        self.effects += 1
        if place in ("out", "err", *LOGS):
            self.container.write(text)
        else:
            self.container.files.write(place, text, append=True)

    def _open(self, redirects: Redirects) -> dict[str, Any]:
        """Where output goes from now on, and what there is to read. Raises FileProblem."""
        files, changes = self.container.files, {}
        out, err = self.sinks
        for sign, word in redirects:
            target = expand(self, word)
            path = normal(target, self.cwd)
            if sign == "2>&1":
                err = out
            elif sign in (">&2", "1>&2"):
                out = err
            elif sign == "<<<":
                changes["stdin"] = f"{target}\n"
            else:
                try:
                    if sign == "<":
                        changes["stdin"] = files.read(path)
                        continue
                    if path.startswith("/dev/tcp/"):
                        self._connect(path)
                        path = "/dev/null"
                    place = {"/dev/stdout": out, "/dev/stderr": err}.get(path, path)
                    if place == path and path not in LOGS:
                        self.effects += 1
                        files.write(path, "", append=">>" in sign)
                except FileProblem as error:
                    verb = "open" if sign == "<" else "create"
                    raise FileProblem(f"can't {verb} {target}: {error}") from None
                out, err = place if sign[0] != "2" else out, place if sign[0] in "2&" else err
        return {**changes, "sinks": (out, err)}

    def _connect(self, path: str) -> None:
        """Bash's `/dev/tcp/host/port`. Raises FileProblem if nobody listens there."""
        from kubecourse.node.runtime.fetching import reaches

        self.pure = False
        *_, host, port = path.split("/")
        if not port.isdigit() or not reaches(self.container.sandbox, host, int(port))[0]:
            raise FileProblem("Connection refused")
