"""Metrics as Prometheus counts them: families of series, and how they are written down.

Sources: `github.com/prometheus/docs/content/docs/instrumenting/exposition_formats.md`,
`github.com/OpenObservability/OpenMetrics/specification/OpenMetrics.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

Labels = tuple[tuple[str, str], ...]
Sample = tuple[Mapping[str, Any], float]
"""Labels, and a value."""


class Family(NamedTuple):
    """All series of one name. `samples` gives those of an object."""

    name: str
    type: str
    help: str
    samples: Callable[[Any], Iterable[Sample]]

    def head(self, open_metrics: bool = False) -> str:
        """The lines before its series. In OpenMetrics a counter's `_total` is not in its name."""
        name = self.name.removesuffix("_total") if open_metrics else self.name
        help = self.help.replace("\\", "\\\\").replace("\n", "\\n")
        return f"# HELP {name} {help}\n# TYPE {name} {self.type}\n"


def labels_of(given: Mapping[str, Any]) -> Labels:
    """Labels as a key, in the order in which they were given."""
    return tuple((name, "" if value is None else str(value)) for name, value in given.items())


@lru_cache(maxsize=4096)
def series(name: str, labels: Labels) -> str:
    """A series as text: `up{job="x"}`."""
    if not labels:
        return name
    return name + "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    """A value, as short as it can be."""
    return repr(float(value)).removesuffix(".0")


def text(families: Iterable[tuple[Family, Iterable[Any]]]) -> Iterator[str]:
    """Families of the objects given with them, in Prometheus' text format."""
    for family, objects in families:
        lines = [
            f"{series(family.name, labels_of(labels))} {number(value)}\n"
            for obj in objects
            for labels, value in family.samples(obj)
        ]
        if lines:
            yield family.head() + "".join(lines)
