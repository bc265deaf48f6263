"""Kinds without a describer of their own: everything they say, in order."""

from __future__ import annotations

import re
from typing import Any

from kubecourse.tools.kubectl.describe.description import Description, Json, shown

_SKIPPED = {
    ".metadata.managedFields",
    ".metadata.name",
    ".metadata.namespace",
    ".metadata.labels",
    ".metadata.annotations",
}
_ACRONYMS = ("API", "URL", "UID", "GUID")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|-+")


def describe_anything(d: Description, obj: Json) -> None:
    """An object of a kind that kubectl knows nothing about."""
    d.heading(obj)
    _content(d, 0, obj, "")
    d.events(obj)


def _content(d: Description, level: int, content: Json, path: str) -> None:
    for name in sorted(content):
        here, value = f"{path}.{name}", content[name]
        if here in _SKIPPED:
            continue
        if isinstance(value, dict):
            d.line(f"{label(name)}:", level)
            _content(d, level + 1, value, here)
        elif isinstance(value, list):
            d.line(f"{label(name)}:", level)
            _items(d, level + 1, value, here)
        else:
            d.field(label(name), value, level)


def _items(d: Description, level: int, items: list[Any], path: str) -> None:
    for item in items:
        if isinstance(item, dict):
            _content(d, level, item, path)
        else:
            d.line(shown(item), level)


def label(name: str) -> str:
    """A field's name as words: `creationTimestamp` is `Creation Timestamp`, `uid` is `UID`."""
    if re.search(r"[^A-Za-z-]", name):
        return name
    words = (word.upper() if word.upper() in _ACRONYMS else word for word in _WORD.findall(name))
    return " ".join(word.capitalize() if word.islower() else word for word in words)
