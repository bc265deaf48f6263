"""Kinds without a describer of their own: everything they say, in order."""

from __future__ import annotations

import re

from kubecourse.api.patch.values import go_text
from kubecourse.tools.kubectl.describe.description import Description, Json

_SKIPPED = {
    f".metadata.{name}" for name in ("managedFields", "name", "namespace", "labels", "annotations")
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
        if not isinstance(value, dict | list):
            d.field(label(name), value, level)
            continue
        d.line(f"{label(name)}:", level)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                _content(d, level + 1, item, here)
            else:
                d.line(go_text(item), level + 1)


def label(name: str) -> str:
    """A field's name as words: `creationTimestamp` is `Creation Timestamp`, `uid` is `UID`."""
    if re.search(r"[^A-Za-z-]", name):
        return name
    words = (word.upper() if word.upper() in _ACRONYMS else word for word in _WORD.findall(name))
    return " ".join(word.capitalize() if word.islower() else word for word in words)
