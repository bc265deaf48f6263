"""Reading templates.

Source: `staging/src/k8s.io/client-go/util/jsonpath/parser.go`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from kubecourse.tools.kubectl.jsonpath.nodes import (
    Filter,
    Identifier,
    JSONPathError,
    Key,
    Literal,
    Path,
    Range,
    Recursive,
    Root,
    Slice,
    Step,
    Template,
    Text,
    Union,
)

_NAME = re.compile(r"(?:\\.|[^\s{}\[\]'\".,()=<>!?@$&|~;:\\])+")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_SLICE = re.compile(r"(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?")
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_DOT = re.compile(r"(?<!\\)\.")
_COMPARE = re.compile(r"==|!=|<=|>=|<|>")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "0": "\0"}


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), text[1:-1], flags=re.DOTALL)


def relaxed(expression: str) -> str:
    """`metadata.name`, `.metadata.name` or `{.metadata.name}`, as --sort-by and columns take it."""
    if not expression:
        return expression
    match = re.fullmatch(r"\{\.?([^{}]+)\}|\.?([^{}]+)", expression, re.DOTALL)
    if match is None:
        raise JSONPathError(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' "
            "or '{.name1.name2}'"
        )
    return f"{{.{match[1] or match[2]}}}"


def parse(text: str) -> Template:
    """Read a template. Raises JSONPathError in kubectl's words."""
    try:
        nodes = _Parser(text).template()
    except _Problem as error:
        raise JSONPathError(f"error parsing jsonpath {text}, {error}") from None
    return Template(text, nodes)


class _Problem(ValueError):
    """What is wrong, without the template."""


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def template(self) -> tuple[Any, ...]:
        nodes, ended = self._nodes()
        while ended:
            more, ended = self._nodes()
            nodes = (*nodes, (Identifier("end"),), *more)
        return nodes

    def _nodes(self) -> tuple[tuple[Any, ...], bool]:
        """Nodes up to the end of the text, or to `{end}`, which the second value tells."""
        nodes: list[Any] = []
        while self.at < len(self.text):
            brace = self.text.find("{", self.at)
            if brace < 0:
                nodes.append((Text(self.text[self.at :]),))
                self.at = len(self.text)
                break
            if brace > self.at:
                nodes.append((Text(self.text[self.at : brace]),))
            self.at = brace + 1
            if self._action(nodes):
                return tuple(nodes), True
        return tuple(nodes), False

    def _action(self, nodes: list[Any]) -> bool:
        """One `{…}`. True if it was `{end}`."""
        self._spaces()
        word = re.compile(r"(range|end)\b").match(self.text, self.at)
        if word is None:
            nodes.append(self.path("}"))
            return False
        self.at = word.end()
        if word[1] == "end":
            self._spaces()
            self._expect("}")
            return True
        path = self.path("}")
        body, _ = self._nodes()
        nodes.append(Range(path, body))
        return False

    def _spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
            self.at += 1

    def _expect(self, char: str) -> None:
        if self.at >= len(self.text):
            raise _Problem("unclosed action")
        if self.text[self.at] != char:
            raise self._unrecognized()
        self.at += 1

    def _unrecognized(self) -> _Problem:
        char = self.text[self.at]
        return _Problem(f"unrecognized character in action: U+{ord(char):04X} '{char}'")

    def path(self, closing: str) -> Path:
        """Steps up to the closing character."""
        steps: list[Step] = []
        while True:
            self._spaces()
            if self.at >= len(self.text):
                raise _Problem("unclosed action")
            if self.text[self.at] == closing:
                self.at += 1
                return tuple(steps)
            self._step(steps)

    def _step(self, steps: list[Step]) -> None:
        char = self.text[self.at]
        if string := _STRING.match(self.text, self.at):
            self.at = string.end()
            steps.append(Text(_unquote(string[0])))
        elif char in "'\"":
            raise _Problem("unterminated quoted string")
        elif char == "[":
            self.at += 1
            self._brackets(steps)
        elif self.text.startswith("..", self.at):
            self.at += 2
            steps.append(Recursive())
            self._key(steps)
        elif char == ".":
            self.at += 1
            self._key(steps)
        elif char in "@$":
            self.at += 1
            steps += [Root()] if char == "$" else []
        elif number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            steps.append(Literal(json.loads(number[0].lstrip("+"))))
        elif name := _NAME.match(self.text, self.at):
            self.at = name.end()
            literal = {"true": Literal(True), "false": Literal(False)}.get(name[0])
            steps.append(literal or Identifier(name[0]))
        else:
            raise self._unrecognized()

    def _key(self, steps: list[Step]) -> None:
        name = _NAME.match(self.text, self.at)
        if name is not None:
            self.at = name.end()
            steps.append(Key(re.sub(r"\\(.)", r"\1", name[0])))

    # --- what stands in brackets

    def _brackets(self, steps: list[Step]) -> None:
        self._spaces()
        if self.text.startswith("?(", self.at):
            self.at += 2
            steps.append(self._filter())
            self._spaces()
            if self.text[self.at : self.at + 1] != "]":
                raise _Problem("unclosed array expect ]")
            self.at += 1
            return
        end = self._closing_bracket()
        parts = _split_commas(self.text[self.at : end])
        self.at = end + 1
        found = [_subscript(part.strip()) for part in parts]
        if len(found) == 1:
            steps += found[0]
        else:
            steps.append(Union(tuple(found)))

    def _closing_bracket(self) -> int:
        at = self.at
        while at < len(self.text):
            if string := _STRING.match(self.text, at):
                at = string.end()
            elif self.text[at] == "]":
                return at
            else:
                at += 1
        raise _Problem("unterminated array")

    def _filter(self) -> Filter:
        left, operator = self._operand()
        if not operator:
            return Filter(left, "", None)
        right, _ = self._operand()
        return Filter(left, operator, right)

    def _operand(self) -> tuple[Path, str]:
        """One side of a comparison, and the operator after it; '' at the closing parenthesis."""
        steps: list[Step] = []
        while True:
            self._spaces()
            if self.at >= len(self.text):
                raise _Problem("unterminated filter")
            if self.text[self.at] == ")":
                self.at += 1
                return tuple(steps), ""
            if operator := _COMPARE.match(self.text, self.at):
                self.at = operator.end()
                return tuple(steps), operator[0]
            if self.text[self.at] == "=":
                # One alone is no operator but part of a name, which no object has.
                self.at += 1
                steps.append(Key("="))
                if word := _NAME.match(self.text, self.at):
                    self.at = word.end()
                continue
            self._step(steps)


def _split_commas(text: str) -> list[str]:
    parts, start, at = [], 0, 0
    while at < len(text):
        if string := _STRING.match(text, at):
            at = string.end()
            continue
        if text[at] == ",":
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _subscript(text: str) -> Path:
    if text == "*":
        return (Slice(None, None, None, False),)
    if text[:1] in ("'", '"') and _STRING.fullmatch(text):
        # A quoted key is read like one without quotes: dots in it need a backslash.
        return tuple(Key(re.sub(r"\\(.)", r"\1", part)) for part in _DOT.split(text[1:-1]))
    match = _SLICE.fullmatch(text)
    if not text or match is None or text in ("-", ":-"):
        raise _Problem(f"invalid array index {text}")
    numbers = [
        int(part.lstrip(":")) if part and part.lstrip(":") else None for part in match.groups()
    ]
    single = match[2] is None
    if numbers[2] == 0:
        raise _Problem("step must be > 0")
    return (Slice(numbers[0], numbers[1], numbers[2], single),)
