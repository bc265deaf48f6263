"""`kubectl describe`: an object, and what belongs to it, in words.

`layouts.txt` has a layout for each kind; the `formatters` word values, `related.py` finds what
belongs to an object. A kind without a layout is described field by field.

Source: `staging/src/k8s.io/kubectl/pkg/describe/describe.go`.
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api.patch.values import go_text
from kubecourse.tools.kubectl.describe import kind_formatters, pod_formatters, related
from kubecourse.tools.kubectl.describe.layout import LAYOUTS, Description

assert kind_formatters and pod_formatters and related  # importing them fills their tables

Json = dict[str, Any]


def describe(obj: Json, source: Any, show_events: bool = True) -> str:
    """An object in words. Raises ApiError where what belongs to it cannot be read."""
    description = Description(source, show_events)
    if obj["kind"] in LAYOUTS:
        description.write(LAYOUTS[obj["kind"]], obj)
    else:
        description.write("@heading", obj)
        _fields(description, 0, obj, "")
        description.write("@events", obj)
    return str(description)


_SKIPPED = {
    f".metadata.{name}" for name in ("managedFields", "name", "namespace", "labels", "annotations")
}
_ACRONYMS = ("API", "URL", "UID", "OSB", "GUID")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|-+")


def _fields(d: Description, level: int, content: Json, path: str) -> None:
    """Everything that an object says, in order."""
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
                _fields(d, level + 1, item, here)
            else:
                d.line(go_text(item), level + 1)


def label(name: str) -> str:
    """A field's name as words: `creationTimestamp` is `Creation Timestamp`, `uid` is `UID`."""
    if re.search(r"[^A-Za-z-]", name):
        return name
    words = (word.upper() if word.upper() in _ACRONYMS else word for word in _WORD.findall(name))
    return " ".join(word.capitalize() if word.islower() else word for word in words)
