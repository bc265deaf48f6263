"""What Go says of JSON that it cannot read, and the keys that a JSON text gives twice.

Source: Go's `encoding/json/scanner.go`, `sigs.k8s.io/json`.
"""

from __future__ import annotations

import json
from typing import Any

END = "unexpected end of JSON input"

_KEY = "looking for beginning of object key string"
_CONTEXT = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": _KEY,
    "Illegal trailing comma before end of object": _KEY,
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}
_WORDS = {"t": "true", "f": "false", "n": "null"}


def loads(text: str) -> Any:
    """A JSON value as Go reads it: half a character becomes U+FFFD. Raises ValueError."""
    value = json.loads(text)
    if "\\ud" in text.lower():
        plain = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
        value = json.loads(plain.decode("utf-16", "replace"))
    return value


def kind_of(value: Any) -> str:
    """A JSON value's kind as Go names it."""
    kinds = {str: "string", bool: "bool", dict: "object", list: "array", type(None): "null"}
    return kinds.get(type(value), "number")


def describe(text: str, error: Exception) -> str:
    """Go's message for a text that Python's parser refused with `error`."""
    if not isinstance(error, json.JSONDecodeError):
        return "exceeded max depth"
    at = error.pos
    if error.msg.startswith("Illegal trailing comma"):
        at = text.index("}" if "object" in error.msg else "]", at)
    while at < len(text) and text[at] in " \t\r\n" and "control" not in error.msg:
        at += 1
    if at >= len(text) or error.msg.startswith("Unterminated string"):
        return END
    where = _CONTEXT.get(error.msg.partition(":")[0].strip()) or _CONTEXT.get(error.msg)
    if where is None:
        where = "after object key:value pair" if _inside_object(text, at) else "after array element"
    word = _WORDS.get(text[at]) if where == _CONTEXT["Expecting value"] else None
    if word:
        same = next(n for n in range(1, 6) if text[at + n : at + n + 1] != word[n : n + 1])
        at += same
        if at >= len(text):
            return END
        where = f"in literal {word} (expecting '{word[same]}')"
    shown = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"}.get(text[at], text[at])
    return f"invalid character '{shown}' {where}"


def _inside_object(text: str, at: int) -> bool:
    """Whether the innermost bracket open at a place is a curly one."""
    stack: list[str] = []
    quoted = escaped = False
    for char in text[:at]:
        if quoted:
            quoted, escaped = (char != '"' or escaped), char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{[":
            stack.append(char)
        elif char in "}]" and stack:
            stack.pop()
    return bool(stack) and stack[-1] == "{"


class _Repeating(dict[str, Any]):
    """An object in whose text some keys stood more than once."""

    repeated: list[str]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    out, seen = _Repeating(found), set[str]()
    out.repeated = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
    return out


def duplicates(text: str) -> list[str]:
    """The paths of keys that a valid JSON text gives twice: `spec.replicas`."""
    paths: list[str] = []
    _collect(json.loads(text, object_pairs_hook=_object), "", paths)
    return paths


def _collect(value: Any, path: str, paths: list[str]) -> None:
    if isinstance(value, list):
        for index, element in enumerate(value):
            _collect(element, f"{path}[{index}]", paths)
    elif isinstance(value, dict):
        prefix = f"{path}." if path else ""
        if isinstance(value, _Repeating):
            paths += [f"{prefix}{key}" for key in dict.fromkeys(value.repeated)]
        for key, element in value.items():
            if type(element) is not str:
                _collect(element, f"{prefix}{key}", paths)
