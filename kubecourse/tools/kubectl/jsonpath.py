"""kubectl's JSONPath: `{.items[*].metadata.name}`, `{range .items[?(@.kind=="Pod")]}…{end}`.

`parse` reads a template, `find` gives the values that it finds, `execute` the text it makes.

Source: `staging/src/k8s.io/client-go/util/jsonpath/{parser,jsonpath}.go`.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubecourse.api.patch.values import go_type
from kubecourse.tools.kubectl.failure import KubectlError

Step = tuple[str, Any]
"""What to do with the values found so far, and with what. The kinds of steps:

- `value`: text, a number or a boolean that stands for itself
- `key`: a field's name; `*` is all fields
- `slice`: (start, end, step, whether it is one index)
- `union`: paths whose values are put together
- `filter`: (path, operator, path); without an operator, whether the first path finds anything
- `range`: (path, the nodes to do for each value)
- `descend`: `..`; `root`: `$`
- `word`: what means nothing where it stands; only using the template says so
"""
Path = tuple[Step, ...]


class JSONPathError(KubectlError):
    """A template that cannot be read, or does not fit the object."""


@dataclass(frozen=True)
class Template:
    """A template ready to use."""

    text: str
    nodes: tuple[Path, ...]


# --- reading

_NAME = re.compile(r"(?:\\.|[^\s{}\[\]'\".,()=<>!?@$&|~;:\\])+")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_SLICE = re.compile(r"(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?")
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_COMPARE = re.compile(r"==|!=|<=|>=|<|>")
_SUBSCRIPTS = re.compile(rf"((?>{_STRING.pattern}|[^\]])*)\]", re.DOTALL)
_SUBSCRIPT = re.compile(rf"(?>{_STRING.pattern}|[^,])*", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "0": "\0"}


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
        return Template(text, _Parser(text).template())
    except _Problem as error:
        raise JSONPathError(f"error parsing jsonpath {text}, {error}") from None


class _Problem(ValueError):
    """What is wrong, without the template."""


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def template(self) -> tuple[Path, ...]:
        nodes, ended = self._nodes()
        while ended:
            more, ended = self._nodes()
            nodes += [(("word", "end"),), *more]
        return tuple(nodes)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What the pattern matches here, and go on behind it."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def _next(self, problem: str) -> str:
        """The next character that is no space. Raises the problem at the end of the text."""
        while self.at < len(self.text):
            if not self.text[self.at].isspace():
                return self.text[self.at]
            self.at += 1
        raise _Problem(problem)

    def _nodes(self) -> tuple[list[Path], bool]:
        """Nodes up to the end of the text, or to `{end}`, which the second value tells."""
        nodes: list[Path] = []
        while self.at < len(self.text):
            text, brace, _ = self.text[self.at :].partition("{")
            self.at += len(text) + len(brace)
            if text:
                nodes.append((("value", text),))
            if not brace:
                break
            self._take(re.compile(r"\s*"))
            if self._take(re.compile(r"end\b\s*")):
                if self._next("unclosed action") != "}":
                    raise self._unrecognized()
                self.at += 1
                return nodes, True
            is_range = self._take(re.compile(r"range\b"))
            path = self._path()
            nodes.append((("range", (path, tuple(self._nodes()[0]))),) if is_range else path)
        return nodes, False

    def _unrecognized(self) -> _Problem:
        char = self.text[self.at]
        return _Problem(f"unrecognized character in action: U+{ord(char):04X} '{char}'")

    def _path(self) -> Path:
        """Steps up to the closing brace."""
        steps: list[Step] = []
        while self._next("unclosed action") != "}":
            self._step(steps)
        self.at += 1
        return tuple(steps)

    def _step(self, steps: list[Step]) -> None:
        char = self.text[self.at]
        if string := self._take(_STRING):
            steps.append(("value", _unquoted(string[0])))
        elif char in "'\"":
            raise _Problem("unterminated quoted string")
        elif char == "[":
            self.at += 1
            steps += self._brackets()
        elif dots := self._take(re.compile(r"\.\.?")):
            steps += [("descend", None)] if dots[0] == ".." else []
            if name := self._take(_NAME):
                steps.append(("key", _without_backslashes(name[0])))
        elif char in "@$":
            self.at += 1
            steps += [("root", None)] if char == "$" else []
        elif number := self._take(_NUMBER):
            steps.append(("value", json.loads(number[0].lstrip("+"))))
        elif name := self._take(_NAME):
            literal = {"true": True, "false": False}.get(name[0])
            steps.append(("word", name[0]) if literal is None else ("value", literal))
        else:
            raise self._unrecognized()

    def _brackets(self) -> Path:
        if self._take(re.compile(r"\s*\?\(")):
            left, compare = self._operand()
            right = self._operand()[0] if compare else ()
            if not self._take(re.compile(r"\s*\]")):
                raise _Problem("unclosed array expect ]")
            return (("filter", (left, compare, right)),)
        inside = self._take(_SUBSCRIPTS)
        if inside is None:
            raise _Problem("unterminated array")
        parts = [_subscript(part.strip()) for part in _split(inside[1])]
        return parts[0] if len(parts) == 1 else (("union", parts),)

    def _operand(self) -> tuple[Path, str]:
        """One side of a comparison, and the operator after it; '' at the closing parenthesis."""
        steps: list[Step] = []
        while self._next("unterminated filter") != ")":
            if compare := self._take(_COMPARE):
                return tuple(steps), compare[0]
            if self._take(re.compile("=")):
                # One alone is no operator but part of a name, which no object has.
                steps.append(("key", "="))
                self._take(_NAME)
            else:
                self._step(steps)
        self.at += 1
        return tuple(steps), ""


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), text[1:-1], flags=re.DOTALL)


def _without_backslashes(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _split(text: str) -> list[str]:
    """The parts of a subscript between the commas that stand in no string."""
    parts, at = [], 0
    while match := _SUBSCRIPT.match(text, at):
        parts.append(match[0])
        at = match.end() + 1
        if at > len(text):
            break
    return parts


def _subscript(text: str) -> Path:
    if text == "*":
        return (("slice", (None, None, None, False)),)
    if _STRING.fullmatch(text):
        # A quoted key is read like one without quotes: dots in it need a backslash.
        names = re.split(r"(?<!\\)\.", text[1:-1])
        return tuple(("key", _without_backslashes(name)) for name in names)
    match = _SLICE.fullmatch(text)
    if not text or match is None or text in ("-", ":-"):
        raise _Problem(f"invalid array index {text}")
    numbers = [(part or "").lstrip(":") for part in match.groups()]
    start, end, step = (int(number) if number else None for number in numbers)
    if step == 0:
        raise _Problem("step must be > 0")
    return (("slice", (start, end, step, match[2] is None)),)


# --- finding


def find(template: Template, obj: Any, allow_missing: bool = True) -> list[Any]:
    """The values that a template finds. Raises JSONPathError."""
    finder = _Finder(obj, allow_missing)
    groups = [group for node in template.nodes for group in finder.groups(node, [obj])]
    return [value for group in groups for value in group]


def execute(template: Template, obj: Any, allow_missing: bool = True) -> str:
    """The text that a template makes of an object. Raises JSONPathError."""
    finder = _Finder(obj, allow_missing)
    try:
        groups = [group for node in template.nodes for group in finder.groups(node, [obj])]
    except JSONPathError as error:
        raise JSONPathError(
            f'error executing jsonpath "{_go_quote(template.text)}": '
            f"Error executing template: {error}. "
            "Printing more information for debugging the template:\n"
            f"\ttemplate was:\n\t\t{template.text}\n"
            f"\tobject given to jsonpath engine was:\n\t\t{_go_syntax(obj)}\n\n\n"
        ) from None
    return "".join(" ".join(map(go_print, group)) for group in groups)


class _Finder:
    """Follows paths; `allow_missing` says whether an absent key is nothing or an error."""

    def __init__(self, root: Any, allow_missing: bool) -> None:
        self.root = root
        self.allow_missing = allow_missing

    def groups(self, node: Path, current: list[Any]) -> list[list[Any]]:
        """What a node prints; values of one group are separated by spaces."""
        match node:
            case (("range", (path, body)),):
                return [
                    group
                    for value in self.follow(path, current)
                    for inner in body
                    for group in self.groups(inner, [value])
                ]
        return [self.follow(node, current)]

    def follow(self, path: Path, current: list[Any]) -> list[Any]:
        """The values that a path leads to from each of the current ones."""
        for kind, argument in path:
            match kind, argument:
                case "value", value:
                    current = [value]
                case "root", _:
                    current = [self.root]
                case "union", parts:
                    current = [value for part in parts for value in self.follow(part, current)]
                case "word", "end":
                    raise JSONPathError("not in range, nothing to end")
                case "word", name:
                    raise JSONPathError(f"unrecognized identifier {name}")
                case _:
                    step = getattr(self, f"_{kind}")
                    current = [found for value in current for found in step(argument, value)]
        return current

    def _key(self, name: str, value: Any) -> list[Any]:
        if name == "*":
            return _members(value)
        if isinstance(value, dict) and name in value:
            return [value[name]]
        if self.allow_missing or value is None or isinstance(value, list):
            # In a list Go looks for the key only after `..`, in each element.
            return []
        raise JSONPathError(f"{name} is not found")

    def _slice(self, numbers: tuple[Any, Any, Any, bool], value: Any) -> list[Any]:
        start, end, step, single = numbers
        if value is None and self.allow_missing:
            return []
        if not isinstance(value, list):
            raise JSONPathError(f"{go_type(value)} is not array or slice")
        if not single or start is None:
            return value[start:end:step]
        index = start + len(value) if start < 0 else start
        if 0 <= index < len(value):
            return [value[index]]
        if self.allow_missing and not value:
            return []
        raise JSONPathError(f"array index out of bounds: index {index}, length {len(value)}")

    def _descend(self, _: None, value: Any) -> list[Any]:
        """The value and all below it, parents first."""
        found = [value]
        for member in _members(value):
            found += self._descend(None, member)
        return found

    def _filter(self, condition: tuple[Path, str, Path], value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise JSONPathError(f"{go_print(value)} is not array or slice and cannot be filtered")
        return [element for element in value if self._passes(*condition, element)]

    def _passes(self, left: Path, compare: str, right: Path, element: Any) -> bool:
        inner = _Finder(self.root, True)
        found = inner.follow(left, [element])
        if not compare:
            return bool(found)
        other = inner.follow(right, [element])
        if not found or not other:
            return False
        if len(found) > 1 or len(other) > 1:
            raise JSONPathError("can only compare one element at a time")
        return _compare(found[0], compare, other[0])


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
