"""A small POSIX shell's reader: enough for what manifests and tutorials write after `sh -c`.

A script is read once into a flat list of instructions with jumps, so that a process that sleeps
is nothing but a place in that list and some variables; `script.Script` runs it. Known: quotes,
`$x`, `${x:-y}`, `${x%y}`, `$(…)`, `$((…))`, `;`, `&&`, `||`, `!`, `|`, `&`, redirections, here
documents, if, while, until, for, case, break, continue, functions, `{…}`, `(…)`, comments.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple


class ShellSyntaxError(ValueError):
    """A text is not a script that this shell understands."""


class Command(NamedTuple):
    """A simple command, `x=1 name args >file`, its words as they are written, quotes and all.

    Or, as a stage of a pipeline, a whole script (`body`).
    """

    assignments: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    redirects: tuple[tuple[str, str], ...] = ()
    body: tuple[Instruction, ...] = ()


class Instruction(NamedTuple):
    """One step of a script.

    What `op` may be:

    - run: the pipeline. spawn: the body, in the background. sub: the body, with variables of its
      own. group: the body. define: the body is the function `name`. end: of a body.
    - jump; fail, ok: jump by the last status, which is then 0 if a name is given. not: turn the
      status round.
    - for: begin with the words, next: the next one goes to `name`, or jump.
    - match: jump unless the word `name` matches one of the patterns.
    - open: redirects, and the pipeline's output as input, for what comes; close: no more.
    """

    op: str
    target: int = -1
    pipeline: tuple[Command, ...] = ()
    name: str = ""
    words: tuple[str, ...] = ()
    redirects: tuple[tuple[str, str], ...] = ()
    body: tuple[Instruction, ...] = ()


Program = tuple[Instruction, ...]
SHELLS = ("sh", "bash", "ash", "dash")
END = Instruction("end")


def _nested(depth: int) -> str:
    """A pattern: what may stand between brackets, with so many more levels of them inside."""
    return r"[^()]*" if depth == 0 else rf"(?:[^()]|\({_nested(depth - 1)}\))*+"


BRACKETS = _nested(5)
_DOLLAR = rf"\$\({BRACKETS}\)|\$\{{[^}}]*\}}|`[^`]*`|\$(?![({{])"
DOUBLE = rf"(?:\\.|{_DOLLAR}|[^\"\\`$])*+"
_REDIRECTS = ("2>&1", "1>&2", ">&2", "<<<", "&>", "2>>", "2>", "1>", ">>", ">", "<")
_SEPARATORS = (";", "\n", "&")
_OPERATORS = (*_REDIRECTS, "&&", "||", ";;", *_SEPARATORS, "|", "(", ")")
_TOKEN = re.compile(
    r"(?P<blank>[ \t]+|\\\n|\#[^\n]*)"
    rf"|(?P<operator>{'|'.join(map(re.escape, _OPERATORS))})"
    rf"|(?P<word>(?:'[^']*'|\"{DOUBLE}\"|\\.|{_DOLLAR}|[^\s;&|<>()'\"\\`$])+)",
    re.DOTALL,
)
_KEYWORDS = (
    "if", "then", "else", "elif", "fi", "while", "until", "for", "do", "done", "in", "case",
    "esac", "{", "}", "!", "function", "break", "continue",
)  # fmt: skip
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_DOCUMENT = re.compile(
    r"<<(?P<tabs>-?)[ \t]*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)(?P<rest>[^\n]*)\n"
    r"(?P<text>(?:[^\n]*\n)*?)[ \t]*(?P=end)[ \t]*(?=\n|$|[;)])"
)


def tokenize(text: str) -> list[str]:
    """Split a script into operators and words; words keep their quotes, so no two look alike."""
    text = _DOCUMENT.sub(_as_here_string, text)
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ShellSyntaxError("syntax error: unterminated quoted string")
        if match.lastgroup != "blank":
            tokens.append(match[0])
        at = match.end()
    return tokens


def _as_here_string(match: re.Match[str]) -> str:
    """A here document, written as a word: `<<<"its text"`."""
    body = match["text"][:-1]
    if match["tabs"]:
        body = re.sub(r"(?m)^\t+", "", body)
    quoted = shlex.quote(body) if match["quote"] else '"' + body.replace('"', '\\"') + '"'
    return f"<<<{quoted}{match['rest']}"


@lru_cache(maxsize=512)
def compile_script(text: str) -> Program:
    """Read a script. Raises ShellSyntaxError."""
    compiler = _Compiler(tokenize(text))
    compiler.list_until()
    if compiler.next is not None:
        raise compiler.unexpected()
    return (*compiler.code, END)


def program_of(words: list[str]) -> Program:
    """What a command line runs: the script that is given to a shell, or a single command."""
    if words[0].rpartition("/")[2] in SHELLS and len(words) > 2 and is_script_flag(words[1]):
        with suppress(ShellSyntaxError):  # the shell will complain of it when it runs
            return compile_script(words[2])
    return one_command(words)


def is_script_flag(word: str) -> bool:
    """Whether a shell's option says that the script comes next: `-c`, `-ec`."""
    return bool(re.fullmatch("-[a-z]*c", word))


def one_command(words: list[str]) -> Program:
    """The script that is one command of these words, to be taken as they are."""
    command = Command(words=tuple(map(shlex.quote, words)))
    return (Instruction("run", pipeline=(command,)), END)


class _Compiler:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.code: list[Instruction] = []
        self.loops: list[tuple[int, list[int]]] = []  # where each begins, and jumps to its end

    # --- reading

    @property
    def next(self) -> str | None:
        """The token that comes next."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *wanted: str) -> str | None:
        """Go past the next token if it is one of those wanted, or any where none is named."""
        token = self.next
        if token is None or (wanted and token not in wanted):
            return None
        self.at += 1
        return token

    def unexpected(self, wanted: str = "") -> ShellSyntaxError:
        expecting = f' (expecting "{wanted}")' if wanted else ""
        return ShellSyntaxError(
            f'syntax error: unexpected "{self.next or "end of file"}"{expecting}'
        )

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise self.unexpected(wanted)

    def word(self) -> str:
        if self.next is None or self.next in _OPERATORS:
            raise self.unexpected()
        return self.take() or ""

    def skip(self, *separators: str) -> None:
        while self.take(*separators):
            pass

    # --- writing

    def emit(self, op: str, **parts: object) -> int:
        self.code.append(Instruction(op, **parts))  # type: ignore[arg-type]
        return len(self.code) - 1

    def land(self, *places: int) -> None:
        """Make the jumps at these places lead here."""
        for place in places:
            self.code[place] = self.code[place]._replace(target=len(self.code))

    def cut(self, start: int) -> Program:
        """Take the code since a place away, as a script of its own."""
        taken = []
        for step in self.code[start:]:
            if 0 <= step.target < start:  # a loop around it is left or begun again
                step = END
            elif step.target >= 0:
                step = step._replace(target=step.target - start)
            taken.append(step)
        del self.code[start:]
        for _, ends in self.loops:
            ends[:] = [place for place in ends if place < start]
        return (*taken, END)

    # --- grammar

    def list_until(self, *ends: str) -> None:
        """Commands up to, but not including, one of these keywords."""
        while True:
            self.skip(";", "\n")
            if self.next in (None, ")", ";;", *ends):
                return
            start = len(self.code)
            self.and_or()
            if self.take("&"):
                self.emit("spawn", body=self.cut(start))
            elif self.next not in (None, ")", ";;", *_SEPARATORS):
                raise self.unexpected()

    def and_or(self) -> None:
        self.pipeline()
        while operator := self.take("&&", "||"):
            self.skip("\n")
            place = self.emit("fail" if operator == "&&" else "ok")
            self.pipeline()
            self.land(place)

    def pipeline(self) -> None:
        """Commands with `|` between them: simple ones are run together, others one by one."""
        if self.take("!"):
            self.pipeline()
            self.emit("not")
            return
        before: list[Command] = []
        while True:
            start = len(self.code)
            command = self.command()
            piped = self.take("|")
            if command is None and piped:
                before.append(Command(body=self.cut(start)))
            elif command is None:
                self._with_input(start, tuple(before))
                return
            else:
                before.append(command)
                if not piped:
                    self.emit("run", pipeline=tuple(before))
                    return
            self.skip("\n")

    def _with_input(self, start: int, before: tuple[Command, ...]) -> None:
        """Give the code since a place what the commands before it write, and its redirects."""
        redirects = self.redirects()
        if before or redirects:
            body = self.cut(start)
            self.emit("open", pipeline=before, redirects=redirects)
            self.emit("group", body=body)
            self.emit("close")

    def command(self) -> Command | None:
        """A simple command, or None for another, which has been written."""
        if self.tokens[self.at + 1 : self.at + 3] == ["(", ")"] and self.next not in _OPERATORS:
            self.function(self.word())
            return None
        match self.take(*_KEYWORDS, "("):
            case "if":
                self.if_clause()
            case "while" | "until" as kind:
                top = len(self.code)
                self.list_until("do")
                self.loop(top, "fail" if kind == "while" else "ok", "done")
            case "for":
                self.for_clause()
            case "case":
                self.case_clause()
            case "function":
                self.function(self.word())
            case "{":
                self.list_until("}")
                self.expect("}")
            case "(":
                start = len(self.code)
                self.list_until()
                self.expect(")")
                self.emit("sub", body=self.cut(start))
            case "break" | "continue" as kind if self.loops:
                top, ends = self.loops[-1]
                place = self.emit("jump", target=top)
                if kind == "break":
                    ends.append(place)
            case None:
                return self.simple()
            case _:
                self.at -= 1
                raise self.unexpected()
        return None

    def function(self, name: str) -> None:
        self.skip("(", ")", "\n")
        start, loops, self.loops = len(self.code), self.loops, []
        self.command()
        self.loops = loops
        self.emit("define", name=name, body=self.cut(start))

    def if_clause(self) -> None:
        done: list[int] = []
        word: str | None = "if"
        while word != "fi":
            if word != "else":
                self.list_until("then")
                self.expect("then")
                otherwise = self.emit("fail", name="done")
                self.list_until("elif", "else", "fi")
                done.append(self.emit("jump"))
                self.land(otherwise)
            else:
                self.list_until("fi")
            word = self.take("fi") if word == "else" else self.take("elif", "else", "fi")
            if word is None:
                raise self.unexpected("fi")
        self.land(*done)

    def loop(self, top: int, leave: str, name: str = "") -> None:
        """The body of a loop that goes back to `top` and ends where `leave` jumps."""
        self.expect("do")
        ends = [self.emit(leave, name=name)]
        self.loops.append((top, ends))
        self.list_until("done")
        self.expect("done")
        self.loops.pop()
        self.emit("jump", target=top)
        self.land(*ends)

    def for_clause(self) -> None:
        name = self.word()
        words = self.words_until() if self.take("in") else ('"$@"',)
        self.skip(";", "\n")
        top = 1 + self.emit("for", name=name, words=words)
        self.loop(top, "next", name)

    def words_until(self) -> tuple[str, ...]:
        words: list[str] = []
        while self.next is not None and self.next not in _OPERATORS:
            words.append(self.word())
        return tuple(words)

    def case_clause(self) -> None:
        word = self.word()
        self.skip("\n")
        self.expect("in")
        done: list[int] = []
        while True:
            self.skip("\n", "(")
            if self.take("esac"):
                break
            patterns = [self.word()]
            while self.take("|"):
                patterns.append(self.word())
            self.expect(")")
            other = self.emit("match", name=word, words=tuple(patterns))
            self.list_until("esac")
            done.append(self.emit("jump"))
            self.land(other)
            self.take(";;")
        self.land(*done)

    def redirects(self) -> tuple[tuple[str, str], ...]:
        found = []
        while sign := self.take(*_REDIRECTS):
            found.append((sign, "" if sign.endswith(("&1", "&2")) else self.word()))
        return tuple(found)

    def simple(self) -> Command:
        assignments: list[tuple[str, str]] = []
        words: list[str] = []
        redirects: list[tuple[str, str]] = []
        while token := self.next:
            if found := self.redirects():
                redirects += found
                continue
            if token in _OPERATORS:
                break
            self.at += 1
            if not words and (named := _ASSIGNMENT.match(token)):
                assignments.append((named[1], named[2]))
            else:
                words.append(token)
        if not (assignments or words or redirects):
            raise self.unexpected()
        return Command(tuple(assignments), tuple(words), tuple(redirects))
