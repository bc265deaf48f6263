"""How answers, sizes and tables are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class Shown(msgspec.Struct):
    """Plain data that a notebook shows as its text."""

    def __repr__(self) -> str:
        return str(self)


def size(count: float) -> str:
    """Bytes as `docker images` writes them: 1.24MB is 1,240,000 bytes."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g}GB"


def columns(rows: Iterable[Sequence[object]]) -> str:
    """Rows as a table, each column as wide as its widest cell; the last is not filled up."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
