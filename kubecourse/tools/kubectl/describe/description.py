"""What every describer is written with: fields, lines in columns, labels, tables, events.

Most of a description is a text that says where each line comes from; see `Lines.fields`.
Behaviour follows `staging/src/k8s.io/kubectl/pkg/describe/describe.go` (PrefixWriter,
printLabelsMultiline, printAnnotationsMultiline, DescribeEvents).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from kubecourse.api.duration import human_duration
from kubecourse.api.patch.values import go_text
from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.tabwriter import align

Json = dict[str, Any]

NONE = "<none>"
UNSET = "<unset>"
LONGEST_ANNOTATION = 140
NEVER = "Mon, 01 Jan 0001 00:00:00 +0000"
"""Go's zero time, which kubectl prints where a time is missing."""


class Source(Protocol):
    """Where describers look up what belongs to an object. Methods raise ApiError."""

    @property
    def now(self) -> datetime:
        """The time of day."""

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Json:
        """One object."""

    def list(
        self, api_version: str, kind: str, namespace: str | None, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """The objects that the selectors match, by namespace and name."""


def at(obj: Any, *path: str, default: Any = None) -> Any:
    """A value deep inside an object; `default` where any part of the path is missing."""
    for part in path:
        if not isinstance(obj, Mapping) or (obj := obj.get(part)) is None:
            return default
    return obj


def rfc1123(text: str | None) -> str:
    """A timestamp as descriptions print it: `Mon, 23 Nov 2026 01:29:00 +0000`."""
    return f"{datetime.fromisoformat(text):%a, %d %b %Y %H:%M:%S %z}" if text else NEVER


def controller_of(obj: Json) -> Json | None:
    """The owner reference of an object's controller."""
    owners = at(obj, "metadata", "ownerReferences", default=[])
    return next((owner for owner in owners if owner.get("controller")), None)


def format_labels(labels: Mapping[str, str] | None) -> str:
    """Labels on one line: `app=web,tier=front`, `<none>`."""
    return ",".join(f"{key}={(labels or {})[key]}" for key in sorted(labels or {})) or NONE


_FIELD = re.compile(r"(?P<name>[^:]+?)(?P<optional>\?)?: +(?P<path>\S+)(?: \| (?P<form>\w+))?")
_FORMS: dict[str, Callable[[Any], Any]] = {
    "text": lambda value: "" if value is None else value,
    "number": lambda value: value or 0,
    "flag": bool,
    "none": lambda value: value or NONE,
    "unset": lambda value: UNSET if value is None else value,
    "time": rfc1123,
    "labels": format_labels,
    "joined": lambda values: ",".join(values or []),
    "joined_or_none": lambda values: ",".join(values or []) or NONE,
}
"""How values of fields are printed, what is missing among them."""


class Lines:
    """A text being written; `str()` is it with the columns aligned."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __str__(self) -> str:
        return align("\n".join([*self._lines, ""]))

    # --- lines

    def line(self, text: str = "", level: int = 0) -> None:
        """A line, indented by two spaces for each level. Tabs end its cells."""
        self._lines.append("  " * level + text.replace("\x1b", "^["))

    def field(self, name: str, value: Any, level: int = 0) -> None:
        """`Name:  value`."""
        self.line(f"{name}:\t{go_text(value)}", level)

    def fields(self, obj: Json, text: str, level: int = 0) -> None:
        """Fields of an object as a text has them, one on each line.

        `Name: path.of.value | form`, where the form (of `_FORMS`) may be left out. With
        `Name?:` there is no line where there is no value.
        """
        for line in filter(None, map(str.strip, text.splitlines())):
            match = _FIELD.fullmatch(line)
            assert match is not None, line
            value = _FORMS[match["form"] or "text"](at(obj, *match["path"].split(".")))
            if match["optional"]:
                self.optional(match["name"], value, level)
            else:
                self.field(match["name"], value, level)

    def optional(self, name: str, value: Any, level: int = 0) -> None:
        """`Name:  value`, if there is a value."""
        if value not in (None, "", [], {}):
            self.field(name, value, level)

    def several(self, name: str, values: Iterable[str], indent: str = "") -> None:
        """`Name:  first`, the others below it; `<none>` if there are none."""
        listed = list(values) or [NONE]
        self.line(f"{indent}{name}:\t{listed[0]}")
        for value in listed[1:]:
            self.line(f"{indent}\t{value}")

    def table(self, header: list[str], rows: Iterable[Iterable[Any]], level: int = 1) -> None:
        """A table with underlined headings, below a line that announces it."""
        self.line("\t".join(header), level)
        self.line("\t".join("-" * len(word) for word in header), level)
        for row in rows:
            self.line("\t".join(map(go_text, row)), level)

    # --- what most kinds have

    def heading(self, obj: Json, namespaced: bool = True) -> None:
        """Name, namespace, labels, annotations."""
        self.name(obj, namespaced)
        self.labels("Labels", at(obj, "metadata", "labels"))
        self.annotations("Annotations", at(obj, "metadata", "annotations"))

    def name(self, obj: Json, namespaced: bool = True) -> None:
        """Name and namespace."""
        self.field("Name", obj["metadata"]["name"])
        if namespaced:
            self.field("Namespace", obj["metadata"].get("namespace", ""))

    def labels(self, name: str, labels: Mapping[str, str] | None, indent: str = "") -> None:
        """Labels, one a line, by key."""
        pairs = sorted((labels or {}).items())
        self.several(name, (f"{key}={value}" for key, value in pairs), indent)

    def annotations(self, name: str, annotations: Mapping[str, str] | None) -> None:
        """Annotations, one a line, long ones cut; kubectl's own is left out."""
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
        self.several(name, lines)

    def conditions(self, conditions: list[Json] | None) -> None:
        """The conditions of a workload: type, status, reason."""
        if not conditions:
            return
        self.line("Conditions:")
        rows = [(f"{c['type']} ", c["status"], c.get("reason", "")) for c in conditions]
        self.table(["Type", "Status", "Reason"], rows)


class Description(Lines):
    """The description of an object, written with what `source` knows of what belongs to it."""

    def __init__(self, source: Source, show_events: bool = True) -> None:
        super().__init__()
        self.source = source
        self.show_events = show_events

    def age(self, timestamp: str | None) -> str:
        """How long ago something was: `5s`, `<unknown>`."""
        if not timestamp:
            return "<unknown>"
        passed = self.source.now - datetime.fromisoformat(timestamp)
        return human_duration(passed.total_seconds())

    # --- events

    def events(self, obj: Json, uids: Iterable[str] | None = None, kind: str | None = None) -> None:
        """The events about an object, or about any of several uids that stand for it."""
        if not self.show_events:
            return
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "")
        kind = obj["kind"] if kind is None else kind
        about = f"involvedObject.name={metadata['name']},involvedObject.namespace={namespace}"
        about += f",involvedObject.kind={kind}" if kind else ""
        events: list[Json] = []
        for uid in uids or [metadata.get("uid", "")]:
            fields = f"{about},involvedObject.uid={uid}" if uid else about
            events += self.source.list("v1", "Event", metadata.get("namespace"), fields=fields)
        if not events:
            self.field("Events", NONE)
            return
        events.sort(key=lambda event: event.get("lastTimestamp") or "")
        self.line("Events:")
        self.line("Type\tReason\tAge\tFrom\tMessage", 1)
        self.line("----\t------\t----\t----\t-------", 1)
        for event in events:
            who = at(event, "source", "component") or event.get("reportingComponent", "")
            row = [event.get("type", ""), event.get("reason", ""), self.seen(event), who]
            self.line("\t".join([*row, event.get("message", "").strip()]), 1)

    def seen(self, event: Json) -> str:
        """When an event happened, and how often: `3s (x2 over 14s)`."""
        first = self.age(event.get("eventTime") or event.get("firstTimestamp"))
        if series := event.get("series"):
            return f"{self.age(series.get('lastObservedTime'))} (x{series['count']} over {first})"
        if event.get("count", 0) > 1:
            return f"{self.age(event.get('lastTimestamp'))} (x{event['count']} over {first})"
        return first
