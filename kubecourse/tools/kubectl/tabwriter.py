"""Text in columns, aligned as Go's `text/tabwriter` aligns it.

Cells end with tabs. What follows a line's last tab belongs to no column. A column reaches over
neighbouring lines that have that cell, so a line without it ends the column, and the next one
may be narrower.
"""

from __future__ import annotations


def align(text: str, padding: int = 2, minimum: int = 0) -> str:
    """Replace the tabs of a text by as many spaces as its columns need."""
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[0] * (len(line) - 1) for line in lines]
    for column in range(max(map(len, widths), default=0)):
        start = 0
        while start < len(lines):
            end = start
            while end < len(lines) and len(widths[end]) > column:
                end += 1
            width = max((len(line[column]) for line in lines[start:end]), default=0)
            for row in range(start, end):
                widths[row][column] = max(minimum, width + padding)
            start = end + 1
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(line, row, strict=False)) + line[-1]
        for line, row in zip(lines, widths, strict=True)
    )
