"""What all printers are made of: columns, each with where its cells come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

from kubecourse.api.duration import human_duration

UNKNOWN = "<unknown>"
NONE = "<none>"
UNSET = "<unset>"

Cell = Callable[[Any, datetime], Any]
"""From an object and the time of day to what a column shows."""


class Column:
    """One column. `wide`: only shown with `-o wide`.

    `source` makes the cells, or is the path to a field: `status.readyReplicas or 0`.
    """

    def __init__(
        self,
        name: str,
        source: Cell | str,
        wide: bool = False,
        type: str = "string",
        format: str = "",
    ) -> None:
        self.name = name
        self.definition = {
            "name": name,
            "type": type,
            "format": format,
            "description": "",
            "priority": int(wide),
        }
        self.cell = _Field(source) if isinstance(source, str) else source


class _Field:
    """The value of a field, or what the path names after `or` where that is empty."""

    def __init__(self, source: str) -> None:
        path, _, default = source.partition(" or ")
        self.get = attrgetter(path)
        self.default: Any = int(default) if default.isdigit() else default

    def __call__(self, obj: Any, now: datetime) -> Any:
        try:
            return self.get(obj) or self.default
        except AttributeError:  # what it would be a field of is not there
            return self.default


class Printer:
    """The columns of a kind; `view` prepares an object for them."""

    def __init__(self, *columns: Column, view: Callable[[Any], Any] | None = None) -> None:
        self.columns = columns
        self.view = view
        self._cells = [column.cell for column in columns]

    def cells(self, obj: Any, now: datetime) -> list[Any]:
        """The cells of one object at a time of day."""
        viewed = obj if self.view is None else self.view(obj)
        return [cell(viewed, now) for cell in self._cells]


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago, as people read it; `<unknown>` for never."""
    return UNKNOWN if moment is None else human_duration((now - moment).total_seconds())


def age(obj: Any, now: datetime) -> str:
    """How long an object has existed."""
    return since(obj.metadata.creationTimestamp, now)


NAME = Column("Name", "metadata.name", format="name")
AGE = Column("Age", age)


def listed(items: Iterable[str], none: str) -> str:
    """The first three of a list: `a,b,c + 2 more...`."""
    found = list(items)
    more = len(found) - 3
    return (",".join(found[:3]) or none) + (f" + {more} more..." if more > 0 else "")


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Labels on one line, sorted: `app=web,tier=db`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE
