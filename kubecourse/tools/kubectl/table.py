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

_LINE_BREAK = re.compile(r"[\f\n\r]")


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

    def _shown(self, column: dict[str, Any]) -> bool:
        return self.options.wide or not column["priority"]

    def _headers(self) -> list[str]:
        options = self.options
        names = [column["name"].upper() for column in self.columns if self._shown(column)]
        if options.namespaces and self.resource.namespaced:
            names.insert(0, "NAMESPACE")
        if options.events:
            names.insert(0, "EVENT")
        names += [label.rpartition("/")[2].upper() for label in options.labels]
        return [*names, "LABELS"] if options.all_labels else names

    def _row(self, row: dict[str, Any]) -> list[str]:
        options = self.options
        metadata = row["object"]["metadata"]
        cells = []
        for column, cell in zip(self.columns, row["cells"], strict=True):
            if self._shown(column):
                text = _text(cell)
                if options.kinds and column["format"] == "name":
                    text = f"{kind_name(self.resource)}/{text}"
                cells.append(text)
        if options.namespaces and self.resource.namespaced:
            cells.insert(0, metadata.get("namespace", ""))
        if options.events:
            cells.insert(0, row.get("event", ""))
        labels = metadata.get("labels") or {}
        cells += [labels.get(label, "") for label in options.labels]
        if options.all_labels:
            cells.append(",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>")
        return cells

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
    text = str(cell)
    found = _LINE_BREAK.search(text)
    return text if found is None else f"{text[: found.start()]}..."
