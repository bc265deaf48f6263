"""Printing the server's Tables.

Source: `staging/src/k8s.io/cli-runtime/pkg/printers/tableprinter.go`,
`…/kubectl/pkg/cmd/get/table_printer.go`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kubecourse.api.resources import Resource
from kubecourse.tools.kubectl.output import MINIMUM, PADDING
from kubecourse.tools.kubectl.resources import kind_name


@dataclass(frozen=True)
class TableOptions:
    """What to show besides the server's columns of priority 0."""

    wide: bool = False
    headers: bool = True
    namespaces: bool = False
    kinds: bool = False
    all_labels: bool = False
    labels: tuple[str, ...] = ()
    events: bool = False


class TablePrinter:
    """Prints the rows of one resource. Columns never get narrower from one call to the next."""

    def __init__(self, resource: Resource, options: TableOptions) -> None:
        self.resource = resource
        self.options = options
        self.columns: list[dict[str, Any]] = []
        self.widths: list[int] = []
        self.headed = not options.headers

    def print(self, columns: list[dict[str, Any]] | None, rows: list[dict[str, Any]]) -> str:
        """Lines for the rows, headers before the first."""
        self.columns = columns or self.columns
        lines = [] if self.headed else [self._headers()]
        self.headed = True
        lines += [self._row(row) for row in rows]
        return self._aligned(lines)

    def _headers(self) -> list[str]:
        options = self.options
        names = [column["name"].upper() for column in self.columns if self._shown(column)]
        labels = [label.rpartition("/")[2].upper() for label in options.labels]
        if options.all_labels:
            labels.append("LABELS")
        return self._framed("EVENT", "NAMESPACE", names, labels)

    def _row(self, row: dict[str, Any]) -> list[str]:
        options, metadata = self.options, row["object"]["metadata"]
        cells = []
        for column, cell in zip(self.columns, row["cells"], strict=True):
            if self._shown(column):
                text = _text(cell)
                if options.kinds and column["format"] == "name":
                    text = f"{kind_name(self.resource)}/{text}"
                cells.append(text)
        own = metadata.get("labels") or {}
        labels = [own.get(label, "") for label in options.labels]
        if options.all_labels:
            labels.append(",".join(f"{key}={own[key]}" for key in sorted(own)) or "<none>")
        return self._framed(row.get("event", ""), metadata.get("namespace", ""), cells, labels)

    def _shown(self, column: dict[str, Any]) -> bool:
        return self.options.wide or not column["priority"]

    def _framed(self, event: str, namespace: str, cells: list[str], labels: list[str]) -> list[str]:
        """The server's cells between those that kubectl adds."""
        before = [event] if self.options.events else []
        if self.options.namespaces and self.resource.namespaced:
            before.append(namespace)
        return [*before, *cells, *labels]

    def _aligned(self, lines: list[list[str]]) -> str:
        for line in lines:
            self.widths += [0] * (len(line) - 1 - len(self.widths))
            for index, cell in enumerate(line[:-1]):
                self.widths[index] = max(self.widths[index], len(cell) + PADDING, MINIMUM)
        return "".join(
            "".join(cell.ljust(width) for cell, width in zip(line[:-1], self.widths, strict=False))
            + line[-1]
            + "\n"
            for line in lines
        )


def _text(cell: Any) -> str:
    """A cell on one line."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    first, *rest = re.split(r"[\f\n\r]", str(cell), maxsplit=1)
    return f"{first}..." if rest else first
