"""A small POSIX shell: enough for what manifests and tutorials write after `sh -c`.

A script is read once into a flat list of instructions with jumps, so that a process that sleeps
is nothing but a place in that list and some variables. `compile_script` reads; `process.Process`
runs. Known: words with quotes, `$x`, `${x:-y}`, `$(…)`, `$((…))`, `;`, `&`, `&&`, `||`, `!`, `|`,
redirections, if, while, until, for, `{…}`, `(…)`, comments. Not known: functions, case, here
documents; they raise ShellSyntaxError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple


class ShellSyntaxError(ValueError):
    """A text is not a script that this shell understands."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written: pieces of (text, quoted), each still with its `$`."""

    pieces: tuple[tuple[str, str], ...]

    @property
    def literal(self) -> str:
        """The word's text where nothing in it is to be expanded."""
        return "".join(text for text, _ in self.pieces)

    @property
    def bare(self) -> bool:
        """Whether no part of it was quoted: only such words can be keywords."""
        return all(quote == "" for _, quote in self.pieces)


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command: `x=1 name args >file`. Redirections are (operator, target)."""

    assignments: tuple[tuple[str, Word], ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[tuple[str, Word], ...] = ()


class Instruction(NamedTuple):
    """`op` is run, jump, fail, ok (jumps), not, for, next, spawn or end."""

    op: str
    target: int = 0
    pipeline: tuple[Command, ...] = ()
    name: str = ""
    words: tuple[Word, ...] = ()
    program: tuple[Instruction, ...] = ()


Program = tuple[Instruction, ...]

_OPERATORS = (
    "&&",
    "||",
    ";;",
    "2>&1",
    ">&2",
    "1>&2",
    "2>>",
    "2>",
    ">>",
    "<<",
    ">",
    "<",
    ";",
    "&",
    "|",
    "(",
    ")",
    "\n",
)
_REDIRECTS = ("2>&1", ">&2", "1>&2", "2>>", "2>", ">>", ">", "<")
_KEYWORDS = (
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "while",
    "until",
    "for",
    "do",
    "done",
    "in",
    "{",
    "}",
    "!",
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")

Token = str | Word


def tokenize(text: str) -> list[Token]:
    """Split a script into operators and words."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text[at] == "#" and (not tokens or text[at - 1] in " \t\n;"):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif text.startswith("\\\n", at):
            at += 2
        else:
            operator = next((o for o in _OPERATORS if text.startswith(o, at)), None)
            if operator is not None:
                tokens.append(operator)
                at += len(operator)
            else:
                word, at = _word(text, at)
                tokens.append(word)
    return tokens


def _word(text: str, at: int) -> tuple[Word, int]:
    pieces: list[tuple[str, str]] = []
    plain = ""
    while at < len(text):
        char = text[at]
        if char in " \t\n;&|<>()":
            break
        if char in "'\"":
            if plain:
                pieces.append((plain, ""))
                plain = ""
            end = at + 1
            if char == "'":
                end = text.find("'", end)
            else:
                while end < len(text) and text[end] != '"':
                    end = (
                        _dollar(text, end)
                        if text[end] == "$"
                        else end + (2 if text[end] == "\\" else 1)
                    )
            if end < 0 or end >= len(text):
                raise ShellSyntaxError("syntax error: unterminated quoted string")
            pieces.append((text[at + 1 : end], char))
            at = end + 1
        elif char == "\\":
            if plain:
                pieces.append((plain, ""))
                plain = ""
            pieces.append((text[at + 1 : at + 2], "'"))
            at += 2
        elif char == "$" or char == "`":
            end = _dollar(text, at)
            plain += text[at:end]
            at = end
        else:
            plain += char
            at += 1
    if plain:
        pieces.append((plain, ""))
    return Word(tuple(pieces)), at


def _dollar(text: str, at: int) -> int:
    """Where an expansion that starts at `at` ends."""
    if text[at] == "`":
        end = text.find("`", at + 1)
        if end < 0:
            raise ShellSyntaxError("syntax error: EOF in backquote substitution")
        return end + 1
    for opening, closing in (("$(", ")"), ("${", "}")):
        if text.startswith(opening, at):
            depth = 0
            for end in range(at + 1, len(text)):
                if text[end] == opening[1]:
                    depth += 1
                elif text[end] == closing:
                    depth -= 1
                    if depth == 0:
                        return end + 1
            raise ShellSyntaxError("syntax error: missing '" + closing * 1 + "'")
    return at + 1


@lru_cache(maxsize=512)
def compile_script(text: str) -> Program:
    """Read a script. Raises ShellSyntaxError."""
    compiler = _Compiler(tokenize(text))
    compiler.list_until(())
    if compiler.peek() is not None:
        raise ShellSyntaxError(f'syntax error: unexpected "{compiler.shown()}"')
    compiler.emit(Instruction("end"))
    return tuple(compiler.code)


@dataclass(slots=True)
class _Compiler:
    tokens: list[Token]
    at: int = 0
    code: list[Instruction] = field(default_factory=list)

    # --- reading

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def shown(self) -> str:
        token = self.peek()
        return token.literal if isinstance(token, Word) else (token or "end of file")

    def keyword(self) -> str:
        """The keyword that comes next, or ''."""
        token = self.peek()
        if isinstance(token, Word) and token.bare and token.literal in _KEYWORDS:
            return token.literal
        return ""

    def expect(self, keyword: str) -> None:
        while self.peek() in (";", "\n") and keyword != "in":
            self.at += 1
        if self.keyword() != keyword:
            raise ShellSyntaxError(
                f'syntax error: unexpected "{self.shown()}" (expecting "{keyword}")'
            )
        self.at += 1

    def emit(self, instruction: Instruction) -> int:
        self.code.append(instruction)
        return len(self.code) - 1

    def land(self, *places: int) -> None:
        """Make the jumps at these places lead here."""
        for place in places:
            self.code[place] = self.code[place]._replace(target=len(self.code))

    # --- grammar

    def list_until(self, ends: tuple[str, ...]) -> None:
        while True:
            while self.peek() in (";", "\n"):
                self.at += 1
            if self.peek() is None or self.peek() == ")" or self.keyword() in ends:
                return
            begin = len(self.code)
            self.and_or()
            if self.peek() == "&":
                self.at += 1
                self.background(begin)
            elif self.peek() not in (";", "\n", None, ")"):
                raise ShellSyntaxError(f'syntax error: unexpected "{self.shown()}"')

    def background(self, begin: int) -> None:
        """What was just read runs beside the rest."""
        body = [
            each._replace(target=each.target - begin) if each.target else each
            for each in self.code[begin:]
        ]
        del self.code[begin:]
        self.emit(Instruction("spawn", program=(*body, Instruction("end"))))

    def and_or(self) -> None:
        self.pipeline()
        while self.peek() in ("&&", "||"):
            jump = "fail" if self.peek() == "&&" else "ok"
            self.at += 1
            while self.peek() == "\n":
                self.at += 1
            place = self.emit(Instruction(jump))
            self.pipeline()
            self.land(place)

    def pipeline(self) -> None:
        if self.keyword() == "!":
            self.at += 1
            self.pipeline()
            self.emit(Instruction("not"))
            return
        match self.keyword():
            case "if":
                self.if_clause()
            case "while" | "until" as kind:
                self.loop(kind)
            case "for":
                self.for_clause()
            case "{":
                self.at += 1
                self.list_until(("}",))
                self.expect("}")
            case "":
                if self.peek() == "(":
                    self.at += 1
                    self.list_until(())
                    if self.peek() != ")":
                        raise ShellSyntaxError(
                            'syntax error: unexpected end of file (expecting ")")'
                        )
                    self.at += 1
                else:
                    commands = [self.simple()]
                    while self.peek() == "|":
                        self.at += 1
                        commands.append(self.simple())
                    self.emit(Instruction("run", pipeline=tuple(commands)))
            case word:
                raise ShellSyntaxError(f'syntax error: unexpected "{word}"')

    def if_clause(self) -> None:
        self.at += 1
        done: list[int] = []
        while True:
            self.list_until(("then",))
            self.expect("then")
            otherwise = self.emit(Instruction("fail"))
            self.list_until(("elif", "else", "fi"))
            done.append(self.emit(Instruction("jump")))
            self.land(otherwise)
            word = self.keyword()
            self.at += 1
            if word == "elif":
                continue
            if word == "else":
                self.list_until(("fi",))
                self.expect("fi")
            elif word != "fi":
                self.at -= 1
                raise ShellSyntaxError(
                    f'syntax error: unexpected "{self.shown()}" (expecting "fi")'
                )
            self.land(*done)
            return

    def loop(self, kind: str) -> None:
        self.at += 1
        top = len(self.code)
        self.list_until(("do",))
        self.expect("do")
        leave = self.emit(Instruction("fail" if kind == "while" else "ok"))
        self.list_until(("done",))
        self.expect("done")
        self.emit(Instruction("jump", target=top))
        self.land(leave)

    def for_clause(self) -> None:
        self.at += 1
        token = self.peek()
        if not isinstance(token, Word):
            raise ShellSyntaxError("syntax error: bad for loop variable")
        self.at += 1
        words: list[Word] = []
        self.expect("in")
        while isinstance(token2 := self.peek(), Word):
            words.append(token2)
            self.at += 1
        self.expect("do")
        self.emit(Instruction("for", name=token.literal, words=tuple(words)))
        top = self.emit(Instruction("next", name=token.literal))
        self.list_until(("done",))
        self.expect("done")
        self.emit(Instruction("jump", target=top))
        self.land(top)

    def simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[tuple[str, Word]] = []
        while True:
            token = self.peek()
            if isinstance(token, Word):
                self.at += 1
                first = token.pieces[0] if token.pieces else ("", "'")
                named = _ASSIGNMENT.match(first[0]) if first[1] == "" else None
                if named and not words:
                    name = named[0]
                    rest = Word(((first[0][len(name) :], ""), *token.pieces[1:]))
                    assignments.append((name[:-1], rest))
                else:
                    words.append(token)
            elif token in _REDIRECTS:
                self.at += 1
                target = Word(())
                if "&" not in token:
                    following = self.peek()
                    if not isinstance(following, Word):
                        raise ShellSyntaxError(f'syntax error: unexpected "{self.shown()}"')
                    target = following
                    self.at += 1
                redirects.append((token, target))
            else:
                break
        if not assignments and not words and not redirects:
            raise ShellSyntaxError(f'syntax error: unexpected "{self.shown()}"')
        return Command(tuple(assignments), tuple(words), tuple(redirects))
