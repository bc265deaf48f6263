"""A small POSIX shell's reader: enough for what manifests and tutorials write after `sh -c`.

A script becomes a tuple of nodes, which `script.Script` works through. Known: quotes, `$x`,
`${x:-y}`, `${x%y}`, `$(…)`, `$((…))`, `;`, `&&`, `||`, `!`, `|`, `&`, redirections, here
documents, if, while, until, for, case, functions, `{…}`, `(…)`, comments; of bash, `[[ … ]]` and
arrays.
"""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from typing import Any, NamedTuple

Redirects = tuple[tuple[str, str], ...]
"""Signs and what they are followed by, as written."""


class ShellSyntaxError(ValueError):
    """A text is not a script that this shell understands."""


class Node(NamedTuple):
    """One thing to do: what, and its parts; words are as they are written, quotes and all.

    - command: words, assignments. define: a function's name, its body.
    - decide: what to do if the command before has succeeded, and if not. not: turn that round.
    - loop (`while`, `until`): condition, body, whether until. for: name, words, body.
    - again, next: the same two once they are under way; what is left of the words, expanded.
    - case: a word, its branches: patterns and body. pipe: left, right. redirect: body, redirects.
    - sub: the body, in a shell of its own. spawn: the body, in the background.
    - restore: what is over (a `call`, a `sub`, …), and what attributes of the script were before.
    """

    op: str
    parts: tuple[Any, ...] = ()


Program = tuple[Node, ...]
"""To be done one after the other."""


def node(op: str, *parts: Any) -> Node:
    """A node of these parts."""
    return Node(op, parts)


def _nested(depth: int) -> str:
    """A pattern: what may stand between brackets, with so many more levels of them inside."""
    return r"[^()]*" if depth == 0 else rf"(?:[^()]|\({_nested(depth - 1)}\))*+"


BRACKETS = _nested(5)
_DOLLAR = rf"\$\({BRACKETS}\)|\$\{{[^}}]*\}}|`[^`]*`|\$(?![({{])"
DOUBLE = rf"(?:\\.|{_DOLLAR}|[^\"\\`$])*+"
_REDIRECTS = ("2>&1", "1>&2", ">&2", "<<<", "&>", "2>>", "2>", "1>", ">>", ">", "<")
_OPERATORS = (*_REDIRECTS, "&&", "||", ";;", ";", "\n", "&", "|", "(", ")")
_TEST = rf"\[\[\s(?:'[^']*'|\"{DOUBLE}\"|{_DOLLAR}|(?!\s\]\]).)*\s\]\]"
_TOKEN = re.compile(
    rf"(?P<test>{_TEST})(?=[\s;&|)]|$)|(?P<array>[A-Za-z_]\w*\+?=\({BRACKETS}\))"
    r"|(?P<blank>[ \t]+|\\\n|\#[^\n]*)"
    rf"|(?P<operator>{'|'.join(map(re.escape, _OPERATORS))})"
    rf"|(?P<word>(?:'[^']*'|\"{DOUBLE}\"|\\.|{_DOLLAR}|[^\s;&|<>()'\"\\`$])+)",
    re.DOTALL,
)
_TEST_WORD = re.compile(rf"&&|\|\||(?:'[^']*'|\"{DOUBLE}\"|{_DOLLAR}|[^\s])+", re.DOTALL)
_JOINTS = {"&&": "-a", "||": "-o"}
_KEYWORDS = (
    "if", "then", "else", "elif", "fi", "while", "until", "for", "do", "done", "in", "case",
    "esac", "{", "}", "!", "function",
)  # fmt: skip
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*\+?)=(.*)", re.DOTALL)
_DOCUMENT = re.compile(
    r"<<(?P<tabs>-?)[ \t]*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)(?P<rest>[^\n]*)\n"
    r"(?P<text>(?:[^\n]*\n)*?)[ \t]*(?P=end)[ \t]*(?=\n|$|[;)])"
)
_TEST_START = re.compile(r"\[\[\s")
SUCCEED, FAIL = Node("command", (("true",), ())), Node("command", (("false",), ()))


def _tokens(text: str) -> list[str]:
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


def _test_words(text: str) -> list[str]:
    """The words of `[[ … ]]`, none of which is split or taken for a pattern of file names."""
    words = [_JOINTS.get(word, word) for word in _TEST_WORD.findall(text)]
    return [word if re.search(r"['\"]", word) else f'"{word}"' for word in words]


@lru_cache(maxsize=512)
def read_script(text: str) -> Program:
    """Read a script. Raises ShellSyntaxError."""
    reader = _Reader(_tokens(text))
    program = reader.program()
    if reader.next is not None:
        raise reader.unexpected()
    return program


def array_words(written: str) -> tuple[str, ...]:
    """The words between the brackets of `(a b c)`."""
    return tuple(word for word in _tokens(written[1:-1]) if word not in _OPERATORS)


def command_of(words: list[str]) -> Node:
    """The command that these words are, to be taken as they are."""
    return node("command", tuple(map(shlex.quote, words)), ())


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def next(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *wanted: str) -> str | None:
        """Go past the next token if it is one of those wanted."""
        token = self.next
        if token not in wanted:
            return None
        self.at += 1
        return token

    def skip(self, *tokens: str) -> None:
        while self.take(*tokens):
            pass

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise self.unexpected(wanted)

    def unexpected(self, wanted: str = "") -> ShellSyntaxError:
        found = self.next or "end of file"
        expecting = f' (expecting "{wanted}")' if wanted else ""
        return ShellSyntaxError(f'syntax error: unexpected "{found}"{expecting}')

    def word(self) -> str:
        if self.next is None or self.next in _OPERATORS:
            raise self.unexpected()
        self.at += 1
        return self.tokens[self.at - 1]

    def words(self) -> tuple[str, ...]:
        start = self.at
        while self.next is not None and self.next not in _OPERATORS:
            self.at += 1
        return tuple(self.tokens[start : self.at])

    # --- grammar

    def program(self, *ends: str) -> Program:
        """Commands up to, but not including, one of these keywords."""
        found: list[Any] = []
        while True:
            self.skip(";", "\n")
            if self.next in (None, ")", ";;", *ends):
                return tuple(found)
            part = self.and_or()
            if self.take("&"):
                part = (node("spawn", part),)
            elif self.next not in (None, ")", ";;", ";", "\n"):
                raise self.unexpected()
            found += part

    def and_or(self) -> Program:
        found = self.pipeline()
        while operator := self.take("&&", "||"):
            self.skip("\n")
            other = self.pipeline()
            found += (node("decide", *((other, ()) if operator == "&&" else ((), other))),)
        return found

    def pipeline(self) -> Program:
        if self.take("!"):
            return (*self.pipeline(), node("not"))
        found = self.command()
        while self.take("|"):
            self.skip("\n")
            found = (node("pipe", found, self.command()),)
        return found

    def command(self) -> Program:
        if self.tokens[self.at + 1 : self.at + 3] == ["(", ")"] and self.next not in _OPERATORS:
            return self.function()
        match self.take(*_KEYWORDS, "("):
            case None:
                return self.simple()
            case "function":
                return self.function()
            case "if":
                found = self.if_clause()
            case "while" | "until" as kind:
                found = (node("loop", self.program("do"), self.loop_body(), kind == "until"),)
            case "for":
                name = self.word()
                words = self.words() if self.take("in") else ('"$@"',)
                self.skip(";", "\n")
                found = (node("for", name, words, self.loop_body()),)
            case "case":
                found = (self.case_clause(),)
            case "{":
                found = self.program("}")
                self.expect("}")
            case "(":
                found = (node("sub", self.program()),)
                self.expect(")")
            case _:
                self.at -= 1
                raise self.unexpected()
        redirects = self.redirects()
        return (node("redirect", found, redirects),) if redirects else found

    def function(self) -> Program:
        name = self.word()
        self.skip("(", ")", "\n")
        return (node("define", name, self.command()),)

    def if_clause(self) -> Program:
        condition = self.program("then")
        self.expect("then")
        then = self.program("elif", "else", "fi")
        otherwise: Program = (SUCCEED,)
        if self.take("elif"):
            otherwise = self.if_clause()
        else:
            if self.take("else"):
                otherwise = self.program("fi")
            self.expect("fi")
        return (*condition, node("decide", then, otherwise))

    def loop_body(self) -> Program:
        self.expect("do")
        body = self.program("done")
        self.expect("done")
        return body

    def case_clause(self) -> Node:
        word = self.word()
        self.skip("\n")
        self.expect("in")
        self.skip("\n")
        branches = []
        while not self.take("esac"):
            self.take("(")
            patterns = [self.word()]
            while self.take("|"):
                patterns.append(self.word())
            self.expect(")")
            branches.append((tuple(patterns), self.program("esac")))
            self.take(";;")
            self.skip("\n")
        return node("case", word, tuple(branches))

    def redirects(self) -> Redirects:
        found = []
        while sign := self.take(*_REDIRECTS):
            found.append((sign, "" if sign.endswith(("&1", "&2")) else self.word()))
        return tuple(found)

    def simple(self) -> Program:
        assignments: list[tuple[str, str]] = []
        words: list[str] = []
        redirects: list[tuple[str, str]] = []
        while True:
            redirects += self.redirects()
            token = self.next
            if token is None or token in _OPERATORS:
                break
            self.at += 1
            if not words and _TEST_START.match(token):
                words += _test_words(token)
            elif not words and (named := _ASSIGNMENT.match(token)):
                assignments.append((named[1], named[2]))
            else:
                words.append(token)
        if not (assignments or words or redirects):
            raise self.unexpected()
        command = (node("command", tuple(words), tuple(assignments)),)
        return (node("redirect", command, tuple(redirects)),) if redirects else command
