r"""Descriptions written from layouts: texts that look like what they print.

They stand in `layouts.txt`, those of kinds and those that others refer to. A layout has a line for
each line of the description, indented as that is::

    Name: {metadata.name}
    Controlled By?: {metadata|controller}
    Replicas: {status.replicas|number} current / {spec.replicas} desired
    = Some text, {status.phase}
    @template spec.template
    * spec.volumes (Volumes:|Volumes: <none>) @volume
    % status.conditions (Conditions:|) Type={type}~ | Status={status}

- `{path|formatter}` is a value of the object, printed by a function of `FORMATTERS`; one that gives
  a list fills several lines. Behind `Title?:` there is a line only where there is a value; `=` is a
  line without a title, `=?` one that may be missing.
- `@name path|formatter` is another layout for the value there; nothing where there is none.
- `*` is a list: a heading, after `|` that of an empty list, and the line, or layout, that stands
  for each item a level deeper; `= {.}` where there is none. `%` is a table: a row for each item, a
  column for each `Header={…}`. Headings without `|` are always there.
- `~` is a space, `\n` a line break.

Behaviour follows `staging/src/k8s.io/kubectl/pkg/describe/describe.go` (PrefixWriter).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from kubecourse.api.patch.values import go_text
from kubecourse.tools.kubectl.output import align

NOTHING: tuple[Any, ...] = (None, "", [], {})

FORMATTERS: dict[str, Callable[[Any], Any]] = {}
"""How values are printed, what is missing among them, by the name that layouts use."""
LOOKUPS: dict[str, Callable[[Description, Any], Any]] = {}
"""The same for what is found with the description's source."""

_Form = TypeVar("_Form", bound=Callable[..., Any])


def formatter(function: _Form) -> _Form:
    """Let layouts use a function of a value."""
    FORMATTERS[function.__name__] = function
    return function


def lookup(function: _Form) -> _Form:
    """Let layouts use a function of the description and a value."""
    LOOKUPS[function.__name__] = function
    return function


def at(obj: Any, path: str, default: Any = None) -> Any:
    """A value deep inside an object, `.` being the object; `default` where a part is missing."""
    for part in path.split(".") if path != "." else ():
        if not isinstance(obj, Mapping) or (obj := obj.get(part)) is None:
            return default
    return obj


_HOLE = re.compile(r"\{([^{}]*)\}")
_LINE = re.compile(
    r"(?P<indent> *)(?:"
    r"@(?P<layout>[\w/{}]+)(?: (?P<path>\S+))?"
    r"|(?P<many>[*%]) (?P<source>\S+)"
    r"(?: \((?P<some>[^|)]*)(?P<may_be_empty>\|(?P<none>[^)]*))?\))?(?: (?P<each>.+))?"
    r"|=(?P<raw_optional>\?)? ?(?P<raw>.*)"
    r"|(?P<title>.+?)(?P<optional>\?)?:(?: (?P<rest>.*))?)"
)


@cache
def _parsed(layout: str) -> list[re.Match[str]]:
    return [match for line in layout.split("\n") if (match := _LINE.fullmatch(line))]


def _read_layouts() -> dict[str, str]:
    """Layouts by their names; some stand for several kinds."""
    text = resources.files(__package__).joinpath("layouts.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^\[(.+)\]\n", text, flags=re.MULTILINE)
    named = zip(parts[::2], parts[1::2], strict=True)
    return {name: layout.rstrip("\n") for names, layout in named for name in names.split()}


LAYOUTS = _read_layouts()


class Description:
    """The description of an object, written with what `source` knows of what belongs to it.

    `str()` is the text with its columns aligned.
    """

    def __init__(self, source: Any = None, show_events: bool = True) -> None:
        self.source = source
        self.show_events = show_events
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

    def table(self, header: Iterable[str], rows: Iterable[Iterable[Any]], level: int) -> None:
        """A table with underlined headings."""
        names = list(header)
        for row in (names, ["-" * len(name) for name in names], *rows):
            self.line("\t".join(map(go_text, row)), level)

    def write(self, layout: str, obj: Any, level: int = 0) -> None:
        """The lines that a layout, its text or `@` and its name, makes of an object."""
        for line in _parsed(layout):
            depth, odd = divmod(len(line["indent"]) + 2 * level, 2)
            if line["layout"]:
                if (value := self._value(line["path"] or ".", obj)) is not None:
                    self.write(LAYOUTS[self._filled(line["layout"], obj)], value, depth)
            elif line["many"]:
                self._many(line, obj, depth)
            elif line["raw"] is not None:
                if text := self._filled(line["raw"], obj, bool(line["raw_optional"])):
                    self.line(" " * odd + go_text(text), depth)
                elif not line["raw_optional"]:
                    self.line()
            elif line["rest"] is None:
                self.line(" " * odd + f"{self._filled(line['title'], obj)}:", depth)
            else:
                value = self._filled(line["rest"], obj, bool(line["optional"]))
                if not line["optional"] or value not in NOTHING:
                    self.field(self._filled(line["title"], obj), value, depth)

    def _many(self, line: re.Match[str], obj: Any, level: int) -> None:
        """The heading, and the items or rows, of a list or table."""
        found = self._value(line["source"], obj) or []
        items = found if isinstance(found, list) else [found]
        if heading := line["some"] if items or not line["may_be_empty"] else line["none"]:
            self.line(self._filled(heading, obj), level)
        below = level + bool(line["some"])
        if line["many"] == "*":
            for item in items:
                self.write(line["each"] or "= {.}", item, below)
        elif items or not line["may_be_empty"]:
            pairs = (column.split("=", 1) for column in line["each"].split(" | "))
            headers, cells = zip(*pairs, strict=True)
            self.table(
                headers, ([self._filled(cell, item) for cell in cells] for item in items), below
            )

    def _filled(self, template: str, obj: Any, optional: bool = False) -> Any:
        """The text of a template, or the value of one that is nothing but a hole.

        With `optional` it is '' where one of its values is missing.
        """
        if whole := _HOLE.fullmatch(template):
            value = self._value(whole[1], obj)
            return "" if value is None else value
        values = [self._filled(hole[0], obj) for hole in _HOLE.finditer(template)]
        if optional and any(value in NOTHING for value in values):
            return ""
        plain = _HOLE.split(template.replace("~", " ").replace("\\n", "\n"))[::2]
        return plain[0] + "".join(map("".join, zip(map(go_text, values), plain[1:], strict=True)))

    def _value(self, source: str, obj: Any) -> Any:
        path, _, name = source.partition("|")
        value = at(obj, path)
        if name in LOOKUPS:
            return LOOKUPS[name](self, value)
        return FORMATTERS[name](value) if name else value
