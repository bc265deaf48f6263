"""What every describer is written with: lines in columns, labels, tables, events.

Behaviour follows `staging/src/k8s.io/kubectl/pkg/describe/describe.go` (PrefixWriter,
printLabelsMultiline, printAnnotationsMultiline, DescribeEvents).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from kubecourse.api.duration import human_duration
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


def parsed_time(text: str | None) -> datetime | None:
    """A timestamp of the API as a datetime."""
    return datetime.fromisoformat(text) if text else None


def rfc1123(text: str | None) -> str:
    """A timestamp as descriptions print it: `Mon, 23 Nov 2026 01:29:00 +0000`."""
    time = parsed_time(text)
    return time.strftime("%a, %d %b %Y %H:%M:%S %z") if time else NEVER


def shown(value: Any) -> str:
    """A value as Go's %v prints it: `true`, `[a b]`, `<nil>`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    return str(value)


def yes_no(value: bool | None) -> str:
    """A bool as descriptions print their own: `True`, `False`, `<unset>`."""
    return UNSET if value is None else str(value)


def controller_of(obj: Json) -> Json | None:
    """The owner reference of an object's controller."""
    owners = at(obj, "metadata", "ownerReferences", default=[])
    return next((owner for owner in owners if owner.get("controller")), None)


def format_labels(labels: Mapping[str, str] | None) -> str:
    """Labels on one line: `app=web,tier=front`, `<none>`."""
    return ",".join(f"{key}={(labels or {})[key]}" for key in sorted(labels or {})) or NONE


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
        self.line(f"{name}:\t{shown(value)}", level)

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
            self.line("\t".join(map(shown, row)), level)

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
        self.several(name, [f"{key}={(labels or {})[key]}" for key in sorted(labels or {})], indent)

    def annotations(self, name: str, annotations: Mapping[str, str] | None) -> None:
        """Annotations, one a line, long ones cut; kubectl's own is left out."""
        lines: list[str] = []
        for key in sorted(set(annotations or {}) - {LAST_APPLIED}):
            value = (annotations or {})[key].removesuffix("\n")
            if len(value) + len(key) + 2 > LONGEST_ANNOTATION or "\n" in value:
                lines.append(f"{key}:")
                lines += [f"  {_shortened(part)}" for part in value.split("\n")]
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
        time = parsed_time(timestamp)
        return human_duration((self.source.now - time).total_seconds()) if time else "<unknown>"

    # --- events

    def events(self, obj: Json, uids: Iterable[str] | None = None, kind: str | None = None) -> None:
        """The events about an object, or about any of several uids that stand for it."""
        if not self.show_events:
            return
        metadata = obj["metadata"]
        found: list[Json] = []
        for uid in uids or [metadata.get("uid", "")]:
            terms = {
                "involvedObject.name": metadata["name"],
                "involvedObject.namespace": metadata.get("namespace", ""),
                "involvedObject.kind": obj["kind"] if kind is None else kind,
                "involvedObject.uid": uid,
            }
            fields = ",".join(
                f"{name}={value}"
                for name, value in terms.items()
                if value or name == "involvedObject.namespace"
            )
            found += self.source.list("v1", "Event", metadata.get("namespace"), fields=fields)
        self._event_table(found)

    def _event_table(self, events: list[Json]) -> None:
        if not events:
            self.field("Events", NONE)
            return
        events.sort(key=lambda event: event.get("lastTimestamp") or "")
        self.line("Events:")
        self.line("Type\tReason\tAge\tFrom\tMessage", 1)
        self.line("----\t------\t----\t----\t-------", 1)
        for event in events:
            source = at(event, "source", "component") or event.get("reportingComponent", "")
            message = event.get("message", "").strip()
            row = (
                event.get("type", ""),
                event.get("reason", ""),
                self.seen(event),
                source,
                message,
            )
            self.line("\t".join(row), 1)

    def seen(self, event: Json) -> str:
        """When an event happened, and how often: `3s (x2 over 14s)`."""
        first = self.age(event.get("eventTime") or event.get("firstTimestamp"))
        if series := event.get("series"):
            return f"{self.age(series.get('lastObservedTime'))} (x{series['count']} over {first})"
        if event.get("count", 0) > 1:
            return f"{self.age(event.get('lastTimestamp'))} (x{event['count']} over {first})"
        return first


def _shortened(text: str) -> str:
    limit = LONGEST_ANNOTATION - 2
    return text if len(text) <= limit else f"{text[:limit]}..."
