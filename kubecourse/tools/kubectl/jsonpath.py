"""kubectl's JSONPath: `{.items[*].metadata.name}`, `{range .items[?(@.status.phase=="Running")]}…{end}`.

Source: `staging/src/k8s.io/client-go/util/jsonpath/{parser,jsonpath}.go`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kubecourse.api.patch.values import go_type
from kubecourse.tools.kubectl.failure import KubectlError


class JSONPathError(KubectlError):
    """A template that cannot be read, or does not fit the object."""


@dataclass(frozen=True)
class Text:
    """Printed as it stands."""

    text: str


@dataclass(frozen=True)
class Key:
    """`.name` or `['name']`; '*' is every value."""

    name: str


@dataclass(frozen=True)
class Slice:
    """`[0]`, `[1:3]`, `[-1:]`, `[*]`."""

    start: int | None
    end: int | None
    step: int | None
    single: bool


@dataclass(frozen=True)
class Union:
    """`['a','b']`, `[0,2]`."""

    parts: tuple[Path, ...]


@dataclass(frozen=True)
class Recursive:
    """`..`: the value and everything below it."""


@dataclass(frozen=True)
class Filter:
    """`[?(left operator right)]`; without an operator, whether left is there."""

    left: Path
    operator: str
    right: Path | None


@dataclass(frozen=True)
class Literal:
    """A number or boolean, or text in a filter."""

    value: Any


@dataclass(frozen=True)
class Identifier:
    """A word that means nothing where it stands; only using the template says so."""

    name: str


@dataclass(frozen=True)
class Root:
    """`$`: the whole object."""


Step = Text | Key | Slice | Union | Recursive | Filter | Literal | Identifier | Root
Path = tuple[Step, ...]


@dataclass(frozen=True)
class Range:
    """`{range path}…{end}`."""

    path: Path
    body: tuple[Any, ...]


@dataclass
class Template:
    """A template ready to use."""

    text: str
    nodes: tuple[Any, ...] = field(default_factory=tuple)


# --- reading

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
    numbers = [int(part.lstrip(":")) if part and part.lstrip(":") else None for part in match.groups()]
    single = match[2] is None
    if numbers[2] == 0:
        raise _Problem("step must be > 0")
    return (Slice(numbers[0], numbers[1], numbers[2], single),)


# --- finding


class _Finder:
    """Follows paths; `allow_missing` says whether an absent key is nothing or an error."""

    def __init__(self, root: Any, allow_missing: bool) -> None:
        self.root = root
        self.allow_missing = allow_missing

    def follow(self, path: Path, current: list[Any]) -> list[Any]:
        """The values that a path leads to from each of the current ones."""
        for step in path:
            current = self._one(step, current)
        return current

    def _one(self, step: Step, current: list[Any]) -> list[Any]:
        match step:
            case Text(text):
                return [text]
            case Literal(value):
                return [value]
            case Root():
                return [self.root]
            case Identifier("end"):
                raise JSONPathError("not in range, nothing to end")
            case Identifier(name):
                raise JSONPathError(f"unrecognized identifier {name}")
            case Key():
                return [v for value in current for v in self._key(step, value)]
            case Slice():
                return [v for value in current for v in self._slice(step, value)]
            case Union(parts):
                return [v for part in parts for v in self.follow(part, current)]
            case Recursive():
                return [v for value in current for v in _descend(value)]
            case Filter():
                return [v for value in current for v in self._filter(step, value)]

    def _key(self, step: Key, value: Any) -> list[Any]:
        if step.name == "*":
            if isinstance(value, dict):
                return [value[key] for key in sorted(value)]
            return list(value) if isinstance(value, list) else []
        if isinstance(value, dict) and step.name in value:
            return [value[step.name]]
        if isinstance(value, list):
            # Go looks the key up in each element that is an object only after `..`.
            return []
        if self.allow_missing or value is None:
            return []
        raise JSONPathError(f"{step.name} is not found")

    def _slice(self, step: Slice, value: Any) -> list[Any]:
        if value is None or isinstance(value, dict | str | int | float):
            if self.allow_missing and value is None:
                return []
            raise JSONPathError(f"{go_type(value)} is not array or slice")
        size = len(value)
        if step.single and step.start is not None:
            index = step.start + size if step.start < 0 else step.start
            if not 0 <= index < size:
                if self.allow_missing and not size:
                    return []
                raise JSONPathError(f"array index out of bounds: index {index}, length {size}")
            return [value[index]]
        return list(value[slice(step.start, step.end, step.step)])

    def _filter(self, step: Filter, value: Any) -> list[Any]:
        if not isinstance(value, list):
            if value is None:
                return []
            raise JSONPathError(f"{go_print(value)} is not array or slice and cannot be filtered")
        return [element for element in value if self._passes(step, element)]

    def _passes(self, step: Filter, element: Any) -> bool:
        inner = _Finder(self.root, True)
        left = inner.follow(step.left, [element])
        if step.right is None:
            return bool(left)
        right = inner.follow(step.right, [element])
        if not left or not right:
            return False
        if len(left) > 1 or len(right) > 1:
            raise JSONPathError("can only compare one element at a time")
        return _compare(left[0], step.operator, right[0])


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _compare(left: Any, operator: str, right: Any) -> bool:
    kinds = [_comparable(value) for value in (left, right)]
    if None in kinds or kinds[0] != kinds[1]:
        if operator in ("==", "!=") and bool in map(type, (left, right)):
            return (operator == "==") == (go_print(left) == go_print(right))
        raise JSONPathError("incompatible types for comparison")
    return _OPERATORS[operator](left, right)


def _comparable(value: Any) -> str | None:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return type(value).__name__
    return "string" if isinstance(value, str) else None


def _descend(value: Any) -> list[Any]:
    """The value and all below it, parents first."""
    found, waiting = [], [value]
    while waiting:
        value = waiting.pop(0)
        found.append(value)
        if isinstance(value, dict):
            waiting = [value[key] for key in sorted(value)] + waiting
        elif isinstance(value, list):
            waiting = list(value) + waiting
    return found


# --- printing


def find(template: Template, obj: Any, allow_missing: bool = True) -> list[Any]:
    """The values that a template finds. Raises JSONPathError."""
    finder = _Finder(obj, allow_missing)
    return [value for node in template.nodes for group in _groups(finder, node, [obj]) for value in group]


def execute(template: Template, obj: Any, allow_missing: bool = True) -> str:
    """The text that a template makes of an object. Raises JSONPathError."""
    finder = _Finder(obj, allow_missing)
    try:
        groups = [group for node in template.nodes for group in _groups(finder, node, [obj])]
    except JSONPathError as error:
        raise JSONPathError(
            f'error executing jsonpath "{_go_quote(template.text)}": Error executing template: {error}. '
            "Printing more information for debugging the template:\n"
            f"\ttemplate was:\n\t\t{template.text}\n"
            f"\tobject given to jsonpath engine was:\n\t\t{go_syntax(obj)}\n\n\n"
        ) from None
    return "".join(" ".join(go_print(value) for value in group) for group in groups)


def _groups(finder: _Finder, node: Any, current: list[Any]) -> list[list[Any]]:
    """What a node prints; values of one group are separated by spaces."""
    if isinstance(node, Range):
        return [
            group
            for value in finder.follow(node.path, current)
            for inner in node.body
            for group in _groups(finder, inner, [value])
        ]
    return [finder.follow(node, current)]


def go_print(value: Any) -> str:
    """A value as Go prints it: text as it stands, objects and lists as JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return str(value)


def _go_quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def go_syntax(value: Any) -> str:
    """A value as Go source, as `%#v` prints it."""
    if isinstance(value, dict):
        items = ", ".join(f'"{_go_quote(key)}":{go_syntax(value[key])}' for key in sorted(value))
        return f"map[string]interface {{}}{{{items}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(go_syntax, value))}}}"
    if isinstance(value, str):
        return f'"{_go_quote(value)}"'
    return "interface {}(nil)" if value is None else go_print(value)
