"""What templates are made of once they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kubecourse.tools.kubectl.failure import KubectlError


class JSONPathError(KubectlError):
    """A template that cannot be read, or does not fit the object."""


@dataclass(frozen=True)
class Text:
    """Printed as it stands."""

    text: str


@dataclass(frozen=True)
class Key:
    """`.name` or `['name']`; '*' is every value."""

    name: str


@dataclass(frozen=True)
class Slice:
    """`[0]`, `[1:3]`, `[-1:]`, `[*]`."""

    start: int | None
    end: int | None
    step: int | None
    single: bool


@dataclass(frozen=True)
class Union:
    """`['a','b']`, `[0,2]`."""

    parts: tuple[Path, ...]


@dataclass(frozen=True)
class Recursive:
    """`..`: the value and everything below it."""


@dataclass(frozen=True)
class Filter:
    """`[?(left operator right)]`; without an operator, whether left is there."""

    left: Path
    operator: str
    right: Path | None


@dataclass(frozen=True)
class Literal:
    """A number or boolean, or text in a filter."""

    value: Any


@dataclass(frozen=True)
class Identifier:
    """A word that means nothing where it stands; only using the template says so."""

    name: str


@dataclass(frozen=True)
class Root:
    """`$`: the whole object."""


Step = Text | Key | Slice | Union | Recursive | Filter | Literal | Identifier | Root
Path = tuple[Step, ...]


@dataclass(frozen=True)
class Range:
    """`{range path}…{end}`."""

    path: Path
    body: tuple[Any, ...]


@dataclass
class Template:
    """A template ready to use."""

    text: str
    nodes: tuple[Any, ...] = field(default_factory=tuple)
