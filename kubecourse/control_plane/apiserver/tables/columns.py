"""What all printers share: columns, ages, short forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubecourse.api.duration import human_duration

UNKNOWN = "<unknown>"
NONE = "<none>"
UNSET = "<unset>"


@dataclass(frozen=True)
class Column:
    """One column. `wide`: only shown with `-o wide`."""

    name: str
    wide: bool = False
    type: str = "string"
    format: str = ""

    def definition(self) -> dict[str, Any]:
        """As a Table names it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": "",
            "priority": int(self.wide),
        }


@dataclass(frozen=True)
class Printer:
    """The columns of a kind, and the cells of one object at a time of day."""

    columns: tuple[Column, ...]
    cells: Callable[[Any, datetime], list[Any]]


NAME = Column("Name", format="name")
AGE = Column("Age")


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago, as people read it; `<unknown>` for never."""
    return UNKNOWN if moment is None else human_duration((now - moment).total_seconds())


def age(obj: Any, now: datetime) -> str:
    """How long an object has existed."""
    return since(obj.metadata.creationTimestamp, now)


def listed(items: Iterable[str], limit: int) -> str:
    """The first few of a list: `a,b + 3 more...`."""
    found = list(items)
    if not found:
        return NONE
    more = len(found) - limit
    return ",".join(found[:limit]) + (f" + {more} more..." if more > 0 else "")


def container_names(spec: Any) -> str:
    """The names of a pod's containers."""
    return ",".join(container.name for container in spec.containers or ())


def images(spec: Any) -> str:
    """The images of a pod's containers."""
    return ",".join(container.image or "" for container in spec.containers or ())


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Labels on one line, sorted: `app=web,tier=db`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def created_at(obj: Any) -> str:
    """When an object was created, for the few kinds that show no age."""
    moment = obj.metadata.creationTimestamp
    return UNKNOWN if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
