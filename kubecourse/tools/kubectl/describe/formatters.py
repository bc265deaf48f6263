"""How values that all kinds have are worded in descriptions: times, labels, annotations."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubecourse.api import codec
from kubecourse.api.labels import format_label_selector
from kubecourse.api.patch.values import go_text
from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.describe.layout import FORMATTERS, formatter

Json = dict[str, Any]

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"
LONGEST_ANNOTATION = 140
NEVER = "Mon, 01 Jan 0001 00:00:00 +0000"
"""Go's zero time, which kubectl prints where a time is missing."""

# --- what all kinds have


def rfc1123(text: str | None) -> str:
    """A timestamp as descriptions print it: `Mon, 23 Nov 2026 01:29:00 +0000`."""
    return f"{datetime.fromisoformat(text):%a, %d %b %Y %H:%M:%S %z}" if text else NEVER


def controller_of(metadata: Json) -> Json | None:
    """The owner reference of an object's controller."""
    owners = metadata.get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def label_selector(selector: Json | None) -> str:
    """A LabelSelector on one line: `app=web,tier in (a,b)`, `<none>`, `<error>`; or a plain map."""
    if selector and not selector.keys() & {"matchLabels", "matchExpressions"}:
        return format_label_selector(selector)
    return format_label_selector(codec.decode(selector, "meta/v1.LabelSelector")[0])


def pairs(entries: Mapping[str, str] | None) -> list[str]:
    """Labels, by key: `app=web`."""
    return [f"{key}={value}" for key, value in sorted((entries or {}).items())]


@formatter
def some_annotations(annotations: Mapping[str, str] | None) -> list[str]:
    """Annotations, by key, long ones cut; kubectl's own is left out."""
    lines: list[str] = []
    longest = LONGEST_ANNOTATION - 2
    for key, value in sorted((annotations or {}).items()):
        value = value.removesuffix("\n")
        if key == LAST_APPLIED:
            continue
        if len(value) + len(key) > longest or "\n" in value:
            lines.append(f"{key}:")
            for part in value.split("\n"):
                lines.append(f"  {part[:longest]}..." if len(part) > longest else f"  {part}")
        else:
            lines.append(f"{key}: {value}")
    return lines


@formatter
def controller(metadata: Json) -> str:
    """`ReplicaSet/web-1`."""
    owner = controller_of(metadata)
    return f"{owner['kind']}/{owner['name']}" if owner else ""


def _items(entries: Mapping[str, Any] | None) -> list[Json]:
    return [{"name": key, "value": value} for key, value in sorted((entries or {}).items())]


FORMATTERS.update(
    {
        "number": lambda value: value or 0,
        "flag": bool,
        "Bool": lambda value: UNSET if value is None else str(bool(value)),
        "none": lambda value: NONE if value is None else value,
        "unset": lambda value: UNSET if value is None else value,
        "name": lambda value: value or UNSET,
        "status_heading": lambda conditions: "Status:" if conditions else "",
        "zero": lambda amount: amount or "0",
        "default": lambda amount: amount or "<default>",
        "seconds": lambda value: UNSET if value is None else f"{value}s",
        "go": lambda value: go_text(value or []),
        "some": lambda value: go_text(value) if value else "",
        "bytes": lambda value: len(b64decode(value)),
        "time": lambda value: value and rfc1123(value),
        "time_or_never": rfc1123,
        "time_or_unset": lambda value: rfc1123(value) if value else UNSET,
        "go_time": lambda text: f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S %z} UTC",
        "labels": lambda labels: ",".join(pairs(labels)) or NONE,
        "lines": lambda labels: pairs(labels) or [NONE],
        "attributes": lambda entries: [f"    {pair}" for pair in pairs(entries)] or [NONE],
        "nested": lambda entries: [f"    {pair}" for pair in pairs(entries) or [NONE]],
        "items": _items,
        "annotations": lambda annotations: some_annotations(annotations) or [NONE],
        "joined": lambda values: ",".join(values or ()),
        "joined_or_none": lambda values: ",".join(values or ()) or NONE,
        "listed": lambda values: ", ".join(values or ()),
        "listed_or_none": lambda values: ", ".join(values or ()) or NONE,
        "names": lambda references: ", ".join(each["name"] for each in references or ()) or NONE,
        "selector": label_selector,
        "selector_or_unset": lambda value: UNSET if value is None else label_selector(value),
    }
)
