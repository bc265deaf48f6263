"""Descriptions written from layouts: texts that look like what they print.

They stand in `layouts.txt`, those of kinds and those that others refer to. A layout has a line for
each line of the description, indented as that is::

    Name: {metadata.name}
    Annotations: {metadata.annotations|annotations}
    Controlled By?: {metadata|controller}
    Replicas: {status.replicas|number} current / {spec.replicas} desired
    % Conditions?: status.conditions: Type={type}~ | Status={status}
    @template spec.template

- `{path|form}` is a value of the object, printed by a function of `FORMS`; one that gives a list
  fills several lines. Behind `Title?:` there is a line only where there is a value; `= text` has
  no title.
- `%` is a table: a row for each item of a list, a column for each `Header={…}`; `~` is a space.
- `@name path` is another layout, or a function of `BLOCKS`, for the value there; nothing where
  there is none.

Behaviour follows `staging/src/k8s.io/kubectl/pkg/describe/describe.go` (PrefixWriter,
printLabelsMultiline, printAnnotationsMultiline, DescribeEvents).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Protocol, TypeVar

from kubecourse.api import codec
from kubecourse.api.duration import human_duration
from kubecourse.api.labels import format_label_selector
from kubecourse.api.patch.values import go_text
from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.output import align

Json = dict[str, Any]

NONE = "<none>"
UNSET = "<unset>"
LONGEST_ANNOTATION = 140
NEVER = "Mon, 01 Jan 0001 00:00:00 +0000"
"""Go's zero time, which kubectl prints where a time is missing."""
NOTHING: tuple[Any, ...] = (None, "", [], {})


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


def at(obj: Any, path: str, default: Any = None) -> Any:
    """A value deep inside an object, `.` being the object; `default` where a part is missing."""
    for part in path.split(".") if path != "." else ():
        if not isinstance(obj, Mapping) or (obj := obj.get(part)) is None:
            return default
    return obj


# --- values


def rfc1123(text: str | None) -> str:
    """A timestamp as descriptions print it: `Mon, 23 Nov 2026 01:29:00 +0000`."""
    return f"{datetime.fromisoformat(text):%a, %d %b %Y %H:%M:%S %z}" if text else NEVER


def controller_of(obj: Json) -> Json | None:
    """The owner reference of an object's controller."""
    owners = at(obj, "metadata.ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), None)


def label_selector(selector: Json | None) -> str:
    """A LabelSelector on one line: `app=web,tier in (a,b)`, `<none>`, `<error>`."""
    return format_label_selector(codec.decode(selector, "meta/v1.LabelSelector")[0])


def pairs(entries: Mapping[str, str] | None) -> list[str]:
    """Labels, by key: `app=web`."""
    return [f"{key}={value}" for key, value in sorted((entries or {}).items())]


def annotation_lines(annotations: Mapping[str, str] | None) -> list[str]:
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


def _controller(metadata: Json) -> str:
    owner = controller_of({"metadata": metadata})
    return f"{owner['kind']}/{owner['name']}" if owner else ""


FORMS: dict[str, Callable[[Any], Any]] = {
    "": lambda value: "" if value is None else value,
    "number": lambda value: value or 0,
    "flag": bool,
    "Bool": lambda value: UNSET if value is None else str(bool(value)),
    "none": lambda value: NONE if value is None else value,
    "unset": lambda value: UNSET if value is None else value,
    "name": lambda value: value or UNSET,
    "go": lambda value: go_text(value or []),
    "time": lambda value: value and rfc1123(value),
    "time_or_never": rfc1123,
    "time_or_unset": lambda value: rfc1123(value) if value else UNSET,
    "labels": lambda labels: ",".join(pairs(labels)) or NONE,
    "lines": lambda labels: pairs(labels) or [NONE],
    "some_lines": pairs,
    "annotations": lambda annotations: annotation_lines(annotations) or [NONE],
    "some_annotations": annotation_lines,
    "joined": lambda values: ",".join(values or ()),
    "joined_or_none": lambda values: ",".join(values or ()) or NONE,
    "listed": lambda values: ", ".join(values or ()),
    "listed_or_none": lambda values: ", ".join(values or ()) or NONE,
    "selector": label_selector,
    "selector_or_unset": lambda value: UNSET if value is None else label_selector(value),
    "controller": _controller,
}
"""How values are printed, what is missing among them."""

# --- lines

_HOLE = re.compile(r"\{([^{}|]*)(?:\|(\w+))?\}")
_LINE = re.compile(
    r"(?P<indent> *)(?:@(?P<block>\w+)(?: (?P<path>\S+))?|= (?P<raw>.*)"
    r"|(?P<table>% )?(?P<title>.+?)(?P<optional>\?)?:(?: (?P<rest>.*))?)"
)


@cache
def _parsed(layout: str) -> tuple[tuple[int, re.Match[str]], ...]:
    """A layout's lines, each with its level."""
    found = []
    for line in layout.splitlines():
        match = _LINE.fullmatch(line)
        assert match is not None, line
        found.append((len(match["indent"]) // 2, match))
    return tuple(found)


def _read_layouts() -> dict[str, str]:
    """Layouts by their names; some stand for several kinds."""
    text = resources.files(__package__).joinpath("layouts.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^\[(.+)\]\n", text, flags=re.MULTILINE)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {name: layout.rstrip() for names, layout in pairs for name in names.split()}


LAYOUTS = _read_layouts()


class Lines:
    """A text being written; `str()` is it with the columns aligned."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __str__(self) -> str:
        return align(self.unaligned())

    def unaligned(self) -> str:
        """The text with its tabs."""
        return "\n".join([*self._lines, ""])

    def line(self, text: str = "", level: int = 0) -> None:
        """A line, indented by two spaces for each level. Tabs end its cells."""
        self._lines.append("  " * level + text.replace("\x1b", "^["))

    def field(self, name: str, value: Any, level: int = 0) -> None:
        """`Name:  value`; the values of a list one below the other."""
        first, *rest = value if isinstance(value, list) else [value]
        self.line(f"{name}:\t{go_text(first)}", level)
        for each in rest:
            self.line(f"\t{go_text(each)}")

    def table(self, header: Iterable[str], rows: Iterable[Iterable[Any]], level: int = 1) -> None:
        """A table with underlined headings."""
        names = list(header)
        self.line("\t".join(names), level)
        self.line("\t".join("-" * len(word) for word in names), level)
        for row in rows:
            self.line("\t".join(map(go_text, row)), level)

    def write(self, layout: str, obj: Any, level: int = 0) -> None:
        """The lines that a layout makes of an object."""
        for depth, line in _parsed(layout):
            depth += level
            if line["block"]:
                value = at(obj, line["path"] or ".")
                if value is not None:
                    self._block(line["block"], value, depth)
            elif line["raw"] is not None:
                self.line(go_text(_filled(line["raw"], obj)), depth)
            elif line["table"]:
                self._rows(line, obj, depth)
            elif line["rest"] is None:
                self.line(f"{_filled(line['title'], obj)}:", depth)
            else:
                value = _filled(line["rest"], obj, bool(line["optional"]))
                if not line["optional"] or value not in NOTHING:
                    self.field(_filled(line["title"], obj), value, depth)

    def _block(self, name: str, value: Any, level: int) -> None:
        if name in LAYOUTS:
            self.write(LAYOUTS[name], value, level)
        else:
            BLOCKS[name](self, value, level)

    def _rows(self, line: re.Match[str], obj: Any, level: int) -> None:
        path, _, columns = line["rest"].partition(": ")
        items = at(obj, path, [])
        if items or not line["optional"]:
            headers, cells = zip(
                *(part.split("=", 1) for part in columns.split(" | ")), strict=True
            )
            self.line(f"{line['title']}:", level)
            rows = ([_filled(cell, item) for cell in cells] for item in items)
            self.table(headers, rows, level + 1)


def _filled(template: str, obj: Any, optional: bool = False) -> Any:
    """The text of a template, or the value of one that is nothing but a hole.

    With `optional` it is '' where one of its values is missing.
    """
    if whole := _HOLE.fullmatch(template):
        return _value(whole, obj)
    if optional and any(_value(hole, obj) in NOTHING for hole in _HOLE.finditer(template)):
        return ""
    return _HOLE.sub(lambda hole: go_text(_value(hole, obj)), template).replace("~", " ")


def _value(hole: re.Match[str], obj: Any) -> Any:
    return FORMS[hole[2] or ""](at(obj, hole[1]))


BLOCKS: dict[str, Callable[[Any, Any, int], None]] = {}
"""Functions that write what is more than lines, by the name that layouts call them by."""


_Block = TypeVar("_Block", bound=Callable[..., None])


def block(function: _Block) -> _Block:
    """Let layouts use a function, by its name; it gets the description, a value and the level."""
    BLOCKS[function.__name__] = function
    return function


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

    def seen(self, event: Json) -> str:
        """When an event happened, and how often: `3s (x2 over 14s)`."""
        first = self.age(event.get("eventTime") or event.get("firstTimestamp"))
        if series := event.get("series"):
            return f"{self.age(series.get('lastObservedTime'))} (x{series['count']} over {first})"
        if event.get("count", 0) > 1:
            return f"{self.age(event.get('lastTimestamp'))} (x{event['count']} over {first})"
        return first


@block
def events(
    d: Description, obj: Json, level: int, uids: Iterable[str] = (), kind: str | None = None
) -> None:
    """The events about an object, or about any of several uids that stand for it."""
    if not d.show_events:
        return
    metadata = obj["metadata"]
    about = f"involvedObject.name={metadata['name']}"
    about += f",involvedObject.namespace={metadata.get('namespace', '')}"
    kind = obj["kind"] if kind is None else kind
    about += f",involvedObject.kind={kind}" if kind else ""
    found: list[Json] = []
    for uid in uids or [metadata.get("uid", "")]:
        fields = f"{about},involvedObject.uid={uid}" if uid else about
        found += d.source.list("v1", "Event", metadata.get("namespace"), fields=fields)
    if not found:
        return d.field("Events", NONE)
    found.sort(key=lambda event: event.get("lastTimestamp") or "")
    d.line("Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------")
    for event in found:
        who = at(event, "source.component") or event.get("reportingComponent", "")
        row = [event.get("type", ""), event.get("reason", ""), d.seen(event), who]
        d.line("\t".join([*row, event.get("message", "").strip()]), 1)
    return None
