"""YAML as Kubernetes reads and prints it.

Reading gives the JSON value that the API server would see: YAML 1.1, so `y` and `no` are
booleans and `017` is fifteen; keys become strings. Printing gives the text of `kubectl -o yaml`.

Behaviour and messages follow `sigs.k8s.io/yaml` `yaml.go` and its `goyaml.v2`. The parser is
libyaml's where PyYAML has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml as pyyaml

from kubecourse.api.yaml_printing import dump as dump
from kubecourse.api.yaml_scalars import TAG, resolve, scalar

MAX_DEPTH = 200
"""Levels of nesting that are read. Go stops at 10,000; no Kubernetes object has 50."""

_LOADER = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
_ALIAS_FREE = 100
_ALIASES_LOW, _ALIASES_HIGH = 400_000, 4_000_000


class YAMLError(ValueError):
    """A text is not YAML, or not the kind that Kubernetes accepts; the message is Go's."""


def load(text: str) -> Any:
    """The JSON value of the first document. A key given twice counts the last time.

    Raises YAMLError.
    """
    return load_noting(text)[0]


def load_noting(text: str) -> tuple[Any, list[str]]:
    """As `load`, with what a strict reader objects to: `line 7: key "a" already set in map`."""
    reader = _Reader(text)
    return reader.read(), reader.problems


def strict_problem(problems: list[str]) -> str:
    """The problems as one message, as Go's decoder joins them."""
    return "yaml: unmarshal errors:\n" + "\n".join(f"  {problem}" for problem in problems)


_SEPARATOR = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)


def documents(text: str) -> Iterator[str]:
    """The documents of a file one by one, without those that are empty."""
    start = 0
    for match in _SEPARATOR.finditer(text):
        piece = text[start : match.start()]
        start = match.end() + 1
        if _has_content(piece):
            yield piece
    if _has_content(text[start:]):
        yield text[start:]


def _has_content(piece: str) -> bool:
    lines = (line.strip() for line in piece.split("\n"))
    return any(line and not line.startswith("#") for line in lines)


# --- building values from the parser's events


class _Frame:
    """A list or map that is being read; for a map, `key` is the one that waits for its value."""

    __slots__ = ("anchor", "key", "line", "size", "value", "written")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: Any = _NOTHING
        self.line = 0
        self.size = 1
        self.written: set[Any] = set()


class _Merge:
    """The key `<<`."""


_NOTHING = object()
_MERGE = _Merge()


class _Reader:
    """Reads one document. Values are built from events, not recursively: depth is bounded here."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[str] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.stack: list[_Frame] = []
        self.decoded = 0
        self.aliased = 0
        self.result: Any = None

    def read(self) -> Any:
        try:
            for event in pyyaml.parse(self.text, Loader=_LOADER):
                if isinstance(event, pyyaml.DocumentEndEvent):
                    break
                self._event(event)
        except pyyaml.MarkedYAMLError as error:
            raise YAMLError(_go_message(error)) from None
        except pyyaml.YAMLError as error:
            raise YAMLError(_go_reader_message(error)) from None
        return self.result

    def _event(self, event: Any) -> None:
        match event:
            case pyyaml.ScalarEvent():
                plain = not event.style and event.tag is None
                value = resolve(event.value) if plain else _tagged(event)
                if plain and value == "<<" and self.stack and self.stack[-1].key is _NOTHING:
                    value = _MERGE
                if event.anchor:
                    self.anchors[event.anchor] = (value, 1)
                self._add(value, 1, event)
            case pyyaml.SequenceStartEvent():
                self._open([], event)
            case pyyaml.MappingStartEvent():
                self._open({}, event)
            case pyyaml.SequenceEndEvent() | pyyaml.MappingEndEvent():
                frame = self.stack.pop()
                if frame.anchor:
                    self.anchors[frame.anchor] = (frame.value, frame.size)
                self._add(frame.value, frame.size, event)
            case pyyaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise YAMLError(f"yaml: unknown anchor '{event.anchor}' referenced")
                value, size = self.anchors[event.anchor]
                self.aliased += size
                self._add(value, size, event)

    def _open(self, value: Any, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise YAMLError(f"yaml: exceeded max depth of {MAX_DEPTH}")
        self.stack.append(_Frame(value, event.anchor))
        if event.anchor:
            self.anchors.pop(event.anchor, None)

    def _add(self, value: Any, size: int, event: Any) -> None:
        self.decoded += size
        many = self.aliased > _ALIAS_FREE and self.decoded > 10 * _ALIAS_FREE
        if many and self.aliased / self.decoded > _allowed_aliases(self.decoded):
            raise YAMLError("yaml: document contains excessive aliasing")
        if not self.stack:
            self.result = value
            return
        frame = self.stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is _NOTHING:
            frame.key = value if value is _MERGE else _key(value, self.text)
            frame.line = event.start_mark.line + 1
        else:
            self._put(frame, value)

    def _put(self, frame: _Frame, value: Any) -> None:
        key, frame.key = frame.key, _NOTHING
        if key is _MERGE:
            for source in value if isinstance(value, list) else [value]:
                if not isinstance(source, dict):
                    raise YAMLError("yaml: map merge requires map or sequence of maps as the value")
                frame.value.update(source)
            return
        if key in frame.written:
            self.problems.append(f"line {frame.line}: key {_shown(key)} already set in map")
        frame.written.add(key)
        frame.value[key] = value


def _allowed_aliases(decoded: int) -> float:
    """What share of a document may come from aliases: nearly all of a small one, not of a large."""
    if decoded <= _ALIASES_LOW:
        return 0.99
    if decoded >= _ALIASES_HIGH:
        return 0.10
    share = (decoded - _ALIASES_LOW) / (_ALIASES_HIGH - _ALIASES_LOW)
    return 0.99 - 0.89 * share


def _tagged(event: Any) -> Any:
    """A quoted scalar, or one with a tag."""
    try:
        return scalar(event.value, event.tag, not event.style)
    except ValueError as error:
        raise YAMLError(f"yaml: {error}") from None


def _key(value: Any, text: str) -> str:
    """A map's key as JSON has it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise YAMLError(f"yaml: invalid map key: {_go_value(value)}")


def _shown(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _go_value(value: Any) -> str:
    if isinstance(value, dict):
        items = ", ".join(f"{_go_value(k)}:{_go_value(v)}" for k, v in value.items())
        return f"map[interface {{}}]interface {{}}{{{items}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_go_value, value))}}}"
    return _shown(value) if isinstance(value, str) else str(value)


# --- errors

_PYTHON_TO_LIBYAML = (
    (
        re.compile(r"^mapping values are not allowed here$"),
        "mapping values are not allowed in this context",
    ),
    (
        re.compile(r"^found character .* that cannot start any token$"),
        "found character that cannot start any token",
    ),
    (re.compile(r"^expected <block end>, but found .*$"), "did not find expected key"),
    (re.compile(r"^expected ',' or '\]', but got .*$"), "did not find expected ',' or ']'"),
    (re.compile(r"^expected ',' or '\}', but got .*$"), "did not find expected ',' or '}'"),
    (re.compile(r"^could not find expected ':'$"), "could not find expected ':'"),
    (
        re.compile(r"^expected the node content, but found .*$"),
        "did not find expected node content",
    ),
)
"""The same objections as PyYAML's own parser words them and as libyaml and Go do."""


def _go_message(error: pyyaml.MarkedYAMLError) -> str:
    problem = error.problem or "unknown problem parsing YAML content"
    for pattern, text in _PYTHON_TO_LIBYAML:
        if pattern.match(problem):
            problem = text
    line = 0
    if error.problem_mark is not None and error.problem_mark.line:
        # A scanner knows the line that it is in; a parser names the one before.
        line = error.problem_mark.line + isinstance(error, pyyaml.scanner.ScannerError)
    elif error.context_mark is not None and error.context_mark.line:
        line = error.context_mark.line
    return f"yaml: line {line}: {problem}" if line else f"yaml: {problem}"


def _go_reader_message(error: pyyaml.YAMLError) -> str:
    return (
        "yaml: control characters are not allowed"
        if "control" in str(error) or ("special characters" in str(error))
        else f"yaml: {error}"
    )


__all__ = ["TAG", "YAMLError", "documents", "dump", "load", "load_noting", "strict_problem"]
