"""The server-side printers: what `kubectl get` shows of each kind.

`columns.txt` has the columns; a kind that is not in it shows its name and age.
Source: `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from operator import attrgetter
from typing import Any

from kubecourse.api import codec, custom, jsonpath
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import blocks
from kubecourse.control_plane.apiserver.tables import cells
from kubecourse.control_plane.apiserver.tables.pod import PodView

Cell = Callable[[Any, datetime], Any]
"""From an object and the time of day to what a column shows."""

_SAME = {"Name": ["metadata.name", "as name"], "Age": ["= age"]}


class Column:
    """One column: its definition, and what makes its cells."""

    def __init__(self, line: str) -> None:
        self.name, *words = re.split(" {2,}", line)
        source, *said = words or _SAME[self.name]
        self.definition = {
            "name": self.name,
            "type": next((word for word in said if word in ("integer", "boolean")), "string"),
            "format": "name" if "as name" in said else "",
            "description": "",
            "priority": int("wide" in said),
        }
        self.cell = _cell(source)


def _cell(source: str) -> Cell:
    if source.startswith("= "):
        name, *arguments = source[2:].split()
        function: Callable[..., Any] = getattr(cells, name)
        return partial(function, *arguments) if arguments else function
    if "{" in source:
        return lambda obj, now: source.format(obj)
    path, _, otherwise = source.partition(" or ")
    get, default = attrgetter(path), int(otherwise) if otherwise.isdigit() else otherwise

    def cell(obj: Any, now: datetime) -> Any:
        try:
            return get(obj) or default
        except AttributeError:  # what it would be a field of is not there
            return default

    return cell


class Printer:
    """The columns of a kind; `view` prepares an object for them."""

    def __init__(self, lines: list[str], view: Callable[[Any], Any] | None = None) -> None:
        self.columns = [Column(line) for line in lines]
        self.view = view

    def cells(self, obj: Any, now: datetime) -> list[Any]:
        """The cells of one object at a time of day."""
        viewed = obj if self.view is None else self.view(obj)
        return [column.cell(viewed, now) for column in self.columns]


@cache
def _lines() -> dict[str, list[str]]:
    return {
        kind: lines
        for kinds, lines in blocks.read(__package__, "columns.txt")
        for kind in kinds.split(", ")
    }


class CustomPrinter(Printer):
    """The columns that a definition gives to its kind.

    Source: `staging/src/k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor`.
    """

    def __init__(self, wanted: list[Any] | None) -> None:
        super().__init__(["Name"])
        self.columns += [CustomColumn(*_said(each)) for each in wanted or [AGE]]

    def cells(self, obj: Any, now: datetime) -> list[Any]:
        value = codec.encode(obj)
        first, *rest = self.columns
        return [first.cell(obj, now), *(column.cell(value, now) for column in rest)]


class CustomColumn(Column):
    """A column that shows what a JSONPath finds first."""

    def __init__(self, name: str, kind: str, priority: int, path: str) -> None:
        self.name = name
        self.definition = {
            "name": name, "type": kind, "format": "", "description": "", "priority": priority,
        }  # fmt: skip
        self.template, self.kind = jsonpath.parse(f"{{{path}}}"), kind

    def cell(self, value: Any, now: datetime) -> Any:
        try:
            found = jsonpath.find(self.template, value)
        except jsonpath.JSONPathError:
            found = []
        shown = found[0] if found else None
        if self.kind == "date":
            return cells.since(shown, now)
        if self.kind in _JSON_TYPES:
            return shown if isinstance(shown, _JSON_TYPES[self.kind]) else None
        return shown if shown is None else jsonpath.go_print(shown)


AGE = ("Age", "date", 0, ".metadata.creationTimestamp")
_JSON_TYPES: dict[str, Any] = {"integer": int, "number": (int, float), "boolean": bool}


def _said(column: Any) -> tuple[str, str, int, str]:
    if column is AGE:
        return AGE
    return column.name, column.type, column.priority or 0, column.jsonPath


@cache
def printer(resource: Resource) -> Printer:
    """How a resource is shown."""
    if isinstance(resource, custom.CustomResource):
        return CustomPrinter(resource.version_info.additionalPrinterColumns)
    view = PodView if resource.kind == "Pod" else None
    return Printer(_lines().get(resource.kind, ["Name", "Age"]), view)
