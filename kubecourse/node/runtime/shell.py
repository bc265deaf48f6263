"""A small POSIX shell's reader: enough for what manifests and tutorials write after `sh -c`.

A script is read once into a flat list of instructions with jumps, so that a process that sleeps
is nothing but a place in that list and some variables; `script.Script` runs it. Known: quotes,
`$x`, `${x:-y}`, `$(…)`, `$((…))`, `;`, `&&`, `||`, `!`, `|`, redirections, if, while, until,
for, `{…}`, `(…)`, comments. Functions, case, here documents and `&` raise ShellSyntaxError.
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
    """A simple command, `x=1 name args >file`, its words as they are written, quotes and all."""

    assignments: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    redirects: tuple[tuple[str, str], ...] = ()


class Instruction(NamedTuple):
    """`op` is run, jump, fail, ok (jumps by the last status), not, for, next or end."""

    op: str
    target: int = 0
    pipeline: tuple[Command, ...] = ()
    name: str = ""
    words: tuple[str, ...] = ()


Program = tuple[Instruction, ...]
SHELLS = ("sh", "bash", "ash", "dash")
END = Instruction("end")


def _nested(depth: int) -> str:
    """A pattern: what may stand between brackets, with so many more levels of them inside."""
    return r"[^()]*" if depth == 0 else rf"(?:[^()]|\({_nested(depth - 1)}\))*+"


BRACKETS = _nested(5)
_DOLLAR = rf"\$\({BRACKETS}\)|\$\{{[^}}]*\}}|`[^`]*`|\$(?![({{])"
DOUBLE = rf"(?:\\.|{_DOLLAR}|[^\"\\`$])*+"
_TOKEN = re.compile(
    r"(?P<blank>[ \t]+|\\\n|\#[^\n]*)"
    r"|(?P<operator>2>&1|1?>&2|2>>|2>|>>|<<|>|<|&&|\|\||;;|[;&|()\n])"
    rf"|(?P<word>(?:'[^']*'|\"{DOUBLE}\"|\\.|{_DOLLAR}|[^\s;&|<>()'\"\\`$])+)",
    re.DOTALL,
)
_REDIRECTS = ("2>&1", ">&2", "1>&2", "2>>", "2>", ">>", ">", "<")
_SEPARATORS = (";", "\n")
_OPERATORS = (*_REDIRECTS, *_SEPARATORS, "<<", "&&", "||", ";;", "&", "|", "(", ")")
_KEYWORDS = (
    "if", "then", "else", "elif", "fi", "while", "until", "for", "do", "done", "in", "{", "}", "!",
)  # fmt: skip
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


def tokenize(text: str) -> list[str]:
    """Split a script into operators and words; words keep their quotes, so no two look alike."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ShellSyntaxError("syntax error: unterminated quoted string")
        if match.lastgroup != "blank":
            tokens.append(match[0])
        at = match.end()
    return tokens


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
    if words[0].rpartition("/")[2] in SHELLS and "-c" in words[1:-1]:
        with suppress(ShellSyntaxError):  # the shell will complain of it when it runs
            return compile_script(words[words.index("-c") + 1])
    return one_command(words)


def one_command(words: list[str]) -> Program:
    """The script that is one command of these words, to be taken as they are."""
    command = Command(words=tuple(map(shlex.quote, words)))
    return (Instruction("run", pipeline=(command,)), END)


class _Compiler:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.code: list[Instruction] = []

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

    def skip(self, *separators: str) -> None:
        while self.take(*separators):
            pass

    # --- writing

    def emit(self, instruction: Instruction) -> int:
        self.code.append(instruction)
        return len(self.code) - 1

    def land(self, *places: int) -> None:
        """Make the jumps at these places lead here."""
        for place in places:
            self.code[place] = self.code[place]._replace(target=len(self.code))

    # --- grammar

    def list_until(self, *ends: str) -> None:
        """Commands up to, but not including, one of these keywords."""
        while True:
            self.skip(*_SEPARATORS)
            if self.next in (None, ")", *ends):
                return
            self.and_or()
            if self.next not in (None, ")", *_SEPARATORS):
                raise self.unexpected()

    def and_or(self) -> None:
        self.pipeline()
        while operator := self.take("&&", "||"):
            self.skip("\n")
            place = self.emit(Instruction("fail" if operator == "&&" else "ok"))
            self.pipeline()
            self.land(place)

    def pipeline(self) -> None:
        match self.take(*_KEYWORDS, "("):
            case "!":
                self.pipeline()
                self.emit(Instruction("not"))
            case "if":
                self.if_clause()
            case "while" | "until" as kind:
                top = len(self.code)
                self.list_until("do")
                self.loop(top, Instruction("fail" if kind == "while" else "ok"))
            case "for":
                self.for_clause()
            case "{":
                self.list_until("}")
                self.expect("}")
            case "(":
                self.list_until()
                self.expect(")")
            case None:
                commands = [self.simple()]
                while self.take("|"):
                    commands.append(self.simple())
                self.emit(Instruction("run", pipeline=tuple(commands)))
            case _:
                self.at -= 1
                raise self.unexpected()

    def if_clause(self) -> None:
        done: list[int] = []
        word: str | None = "if"
        while word != "fi":
            if word != "else":
                self.list_until("then")
                self.expect("then")
                otherwise = self.emit(Instruction("fail"))
                self.list_until("elif", "else", "fi")
                done.append(self.emit(Instruction("jump")))
                self.land(otherwise)
            else:
                self.list_until("fi")
            word = self.take("fi") if word == "else" else self.take("elif", "else", "fi")
            if word is None:
                raise self.unexpected("fi")
        self.land(*done)

    def loop(self, top: int, leave: Instruction) -> None:
        """The body of a loop that goes back to `top` and ends where `leave` jumps."""
        self.expect("do")
        place = self.emit(leave)
        self.list_until("done")
        self.expect("done")
        self.emit(Instruction("jump", target=top))
        self.land(place)

    def for_clause(self) -> None:
        name = self.take() or ""
        self.expect("in")
        words: list[str] = []
        while self.next is not None and self.next not in _OPERATORS:
            words.append(self.take() or "")
        self.skip(*_SEPARATORS)
        top = 1 + self.emit(Instruction("for", name=name, words=tuple(words)))
        self.loop(top, Instruction("next", name=name))

    def simple(self) -> Command:
        assignments: list[tuple[str, str]] = []
        words: list[str] = []
        redirects: list[tuple[str, str]] = []
        while token := self.next:
            if token in _REDIRECTS:
                self.at += 1
                target = None if "&" in token else self.next
                if target in _OPERATORS or (target is None and "&" not in token):
                    raise self.unexpected()
                self.at += target is not None
                redirects.append((token, target or ""))
            elif token in _OPERATORS:
                break
            else:
                self.at += 1
                named = None if words else _ASSIGNMENT.match(token)
                if named:
                    assignments.append((named[1], named[2]))
                else:
                    words.append(token)
        if not (assignments or words or redirects):
            raise self.unexpected()
        return Command(tuple(assignments), tuple(words), tuple(redirects))
