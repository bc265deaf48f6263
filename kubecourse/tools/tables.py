"""Tables as text."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence


def columns(rows: Iterable[Sequence[object]], right: Container[int] = ()) -> str:
    """Rows as a table, each column as wide as its widest cell; those named are flush right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )
