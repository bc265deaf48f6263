"""JSONPath: `{.items[*].metadata.name}`, `{range .items[?(@.kind=="Pod")]}…{end}`.

`parse` reads a template, `find` gives the values that it finds, `execute` the text it makes.
Reading a template makes functions: each step of a path leads from the values found so far to the
next ones.

Source: `staging/src/k8s.io/client-go/util/jsonpath/{parser,jsonpath}.go`.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubecourse.api.patch.values import go_type


class JSONPathError(ValueError):
    """A template that cannot be read, or does not fit the object."""


@dataclass(frozen=True)
class _Data:
    """What a template is used on; `lenient` says whether an absent key is nothing or an error."""

    root: Any
    lenient: bool


Path = Callable[[_Data, list[Any]], list[Any]]
Node = Callable[[_Data, list[Any]], list[list[Any]]]
"""What a part of a template prints; values of one group are separated by spaces."""


@dataclass(frozen=True)
class Template:
    """A template ready to use."""

    text: str
    nodes: list[Node]

    def groups(self, obj: Any, lenient: bool) -> list[list[Any]]:
        """What it prints of an object. Raises JSONPathError."""
        data = _Data(obj, lenient)
        return [group for node in self.nodes for group in node(data, [obj])]


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
        return Template(text, list(_Reader(text).nodes(inside=False)))
    except _Problem as error:
        raise JSONPathError(f"error parsing jsonpath {text}, {error}") from None


def find(template: Template, obj: Any, allow_missing: bool = True) -> list[Any]:
    """The values that a template finds. Raises JSONPathError."""
    return [value for group in template.groups(obj, allow_missing) for value in group]


def execute(template: Template, obj: Any, allow_missing: bool = True) -> str:
    """The text that a template makes of an object. Raises JSONPathError."""
    try:
        groups = template.groups(obj, allow_missing)
    except JSONPathError as error:
        raise JSONPathError(
            f'error executing jsonpath "{_go_quote(template.text)}": '
            f"Error executing template: {error}. "
            "Printing more information for debugging the template:\n"
            f"\ttemplate was:\n\t\t{template.text}\n"
            f"\tobject given to jsonpath engine was:\n\t\t{_go_syntax(obj)}\n\n\n"
        ) from None
    return "".join(" ".join(map(go_print, group)) for group in groups)


# --- reading

_NAME = r"(?:\\.|[^\s{}\[\]'\".,()=<>!?@$&|~;:\\])+"
_STRING = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
_STEP = re.compile(
    rf"(?P<string>{_STRING})|(?P<filter>\[\s*\?\()|\[(?P<inside>(?>{_STRING}|[^\]])*)\]"
    rf"|(?P<dots>\.\.?)(?P<key>{_NAME})?|(?P<root>[$@])|(?P<number>[+-]?[0-9]+(?:\.[0-9]+)?)"
    rf"|(?P<word>{_NAME})",
    re.DOTALL,
)
_SUBSCRIPT = re.compile(rf"(?>{_STRING}|[^,])*", re.DOTALL)
_SLICE = re.compile(r"(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?")
_COMPARE = re.compile(r"==|!=|<=|>=|<|>")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "0": "\0"}


class _Problem(ValueError):
    """What is wrong, without the template."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def _take(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        """What the pattern matches here, and go on behind it."""
        match = re.compile(pattern).match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match

    def _next(self, problem: str) -> str:
        """The next character that is no space. Raises the problem at the end of the text."""
        self._take(r"\s*")
        if self.at == len(self.text):
            raise _Problem(problem)
        return self.text[self.at]

    def nodes(self, inside: bool) -> Iterator[Node]:
        """Nodes up to the end of the text, or, inside of a range, to its `{end}`."""
        while self.at < len(self.text):
            if text := self._take(r"[^{]+"):
                yield partial(_alone, partial(_literal, text[0]))
            elif self._take(r"\{\s*end\s*\}"):
                if inside:
                    return
                yield partial(_alone, partial(_word, "end"))
            elif self._take(r"\{\s*range\b"):
                path = self._path("}", "unclosed action")
                yield partial(_range, path, list(self.nodes(inside=True)))
            elif self._take(r"\{"):
                yield partial(_alone, self._path("}", "unclosed action"))

    def _path(self, end: str, problem: str) -> Path:
        """Steps up to a closing brace or parenthesis."""
        steps: list[Path] = []
        while self._next(problem) != end:
            steps += self._step()
        self.at += 1
        return partial(_follow, steps)

    def _step(self) -> Iterator[Path]:
        char, step = self.text[self.at], self._take(_STEP)
        if step is None:
            problems = {"'": "unterminated quoted string", "[": "unterminated array"}
            problem = f"unrecognized character in action: U+{ord(char):04X} '{char}'"
            raise _Problem(problems.get(char.replace('"', "'"), problem))
        match step.lastgroup:
            case "string":
                yield partial(_literal, _unescaped(step[0][1:-1]))
            case "number":
                yield partial(_literal, json.loads(step[0].lstrip("+")))
            case "word" if step[0] in ("true", "false"):
                yield partial(_literal, step[0] == "true")
            case "word":
                yield partial(_word, step[0])
            case "root" if char == "$":
                yield lambda data, values: [data.root for _ in values]
            case "filter":
                yield self._filter()
            case "inside":
                parts = [_subscript(part.strip()) for part in _split(step["inside"])]
                yield parts[0] if len(parts) == 1 else partial(_union, parts)
            case "dots" | "key":
                if step["dots"] == "..":
                    yield partial(_each, _descended)
                if step["key"]:
                    yield partial(_each, partial(_key, _unescaped(step["key"])))

    def _filter(self) -> Path:
        sides: list[list[Path]] = [[]]
        compare = ""
        while self._next("unterminated filter") != ")":
            if operator := None if compare else self._take(_COMPARE):
                compare = operator[0]
                sides.append([])
            elif self._take(rf"=(?:{_NAME})?"):
                # One alone is no operator but part of a name, which no object has.
                sides[-1].append(partial(_each, partial(_key, "=")))
            else:
                sides[-1] += self._step()
        self.at += 1
        if not self._take(r"\s*\]"):
            raise _Problem("unclosed array expect ]")
        return partial(
            _each, partial(_filtered, [partial(_follow, side) for side in sides], compare)
        )


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text, flags=re.DOTALL)


def _split(text: str) -> list[str]:
    """The parts of a subscript between the commas that stand in no string."""
    parts, at = [], 0
    while at <= len(text) and (match := _SUBSCRIPT.match(text, at)):
        parts.append(match[0])
        at = match.end() + 1
    return parts


def _subscript(text: str) -> Path:
    if text == "*":
        return partial(_each, partial(_sliced, slice(None), None))
    if re.fullmatch(_STRING, text, re.DOTALL):
        # A quoted key is read like one without quotes: dots in it need a backslash.
        names = re.split(r"(?<!\\)\.", text[1:-1])
        return partial(_follow, [partial(_each, partial(_key, _unescaped(n))) for n in names])
    match = _SLICE.fullmatch(text)
    if not text or match is None or text in ("-", ":-"):
        raise _Problem(f"invalid array index {text}")
    numbers = [(part or "").lstrip(":") for part in match.groups()]
    start, end, step = (int(number) if number else None for number in numbers)
    if step == 0:
        raise _Problem("step must be > 0")
    single = start if match[2] is None else None
    return partial(_each, partial(_sliced, slice(start, end, step), single))


# --- finding


def _alone(path: Path, data: _Data, values: list[Any]) -> list[list[Any]]:
    return [path(data, values)]


def _range(path: Path, body: list[Node], data: _Data, values: list[Any]) -> list[list[Any]]:
    found = path(data, values)
    return [group for value in found for node in body for group in node(data, [value])]


def _follow(steps: list[Path], data: _Data, values: list[Any]) -> list[Any]:
    for step in steps:
        values = step(data, values)
    return values


def _each(step: Callable[[_Data, Any], list[Any]], data: _Data, values: list[Any]) -> list[Any]:
    return [found for value in values for found in step(data, value)]


def _literal(literal: Any, data: _Data, values: list[Any]) -> list[Any]:
    return [literal for _ in values]


def _union(parts: list[Path], data: _Data, values: list[Any]) -> list[Any]:
    return [value for part in parts for value in part(data, values)]


def _word(name: str, data: _Data, values: list[Any]) -> list[Any]:
    """A word that means nothing where it stands; only using the template says so."""
    if name == "end":
        raise JSONPathError("not in range, nothing to end")
    raise JSONPathError(f"unrecognized identifier {name}")


def _key(name: str, data: _Data, value: Any) -> list[Any]:
    if name == "*":
        return _members(value)
    if isinstance(value, dict) and name in value:
        return [value[name]]
    if data.lenient or value is None or isinstance(value, list):
        # In a list Go looks for the key only after `..`, in each element.
        return []
    raise JSONPathError(f"{name} is not found")


def _sliced(numbers: slice, single: int | None, data: _Data, value: Any) -> list[Any]:
    if value is None and data.lenient:
        return []
    if not isinstance(value, list):
        raise JSONPathError(f"{go_type(value)} is not array or slice")
    if single is None:
        return value[numbers]
    index = single + len(value) if single < 0 else single
    if 0 <= index < len(value):
        return [value[index]]
    if data.lenient and not value:
        return []
    raise JSONPathError(f"array index out of bounds: index {index}, length {len(value)}")


def _descended(data: _Data, value: Any) -> list[Any]:
    """The value and all below it, parents first."""
    return [value, *(below for member in _members(value) for below in _descended(data, member))]


def _filtered(sides: list[Path], compare: str, data: _Data, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise JSONPathError(f"{go_print(value)} is not array or slice and cannot be filtered")
    lenient = _Data(data.root, True)
    passing = []
    for element in value:
        found = [side(lenient, [element]) for side in sides]
        if any(len(side) > 1 for side in found) and all(found) and compare:
            raise JSONPathError("can only compare one element at a time")
        if all(found) and (not compare or _compare(found[0][0], compare, found[1][0])):
            passing.append(element)
    return passing


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, list) else []


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


def _compare(left: Any, compare: str, right: Any) -> bool:
    if type(left) is not type(right) or type(left) not in (bool, int, float, str):
        if compare in ("==", "!=") and bool in map(type, (left, right)):
            return (compare == "==") == (go_print(left) == go_print(right))
        raise JSONPathError("incompatible types for comparison")
    return _OPERATORS[compare](left, right)


# --- values as Go prints them


def go_print(value: Any) -> str:
    """A value as Go prints it: text as it stands, objects and lists as JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_json(value) if isinstance(value, dict | list) else str(value)


def go_json(value: Any, indent: int | None = None) -> str:
    """JSON as Go writes it: keys sorted, `<`, `>` and `&` escaped."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(
        value, indent=indent, sort_keys=True, ensure_ascii=False, separators=separators
    )
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _go_quote(text: str) -> str:
    """Text escaped as between the quotes of Go source."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _go_syntax(value: Any) -> str:
    """A value as Go source, as `%#v` prints it."""
    if isinstance(value, dict):
        items = ", ".join(f'"{_go_quote(key)}":{_go_syntax(value[key])}' for key in sorted(value))
        return f"map[string]interface {{}}{{{items}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_go_syntax, value))}}}"
    if isinstance(value, str):
        return f'"{_go_quote(value)}"'
    return "interface {}(nil)" if value is None else go_print(value)
