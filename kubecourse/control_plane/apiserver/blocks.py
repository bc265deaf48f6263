"""The package's tables in text: a heading, and below it lines that are about it.

Lines are indented by two blanks; one that is indented further continues the line before it. A
single line may follow its heading after two blanks. Lines that begin with `#` are for the reader.
"""

from __future__ import annotations

from importlib.resources import files


def read(package: str, name: str) -> list[tuple[str, list[str]]]:
    """The headings of a package's file, each with its lines."""
    found: list[tuple[str, list[str]]] = []
    for line in (files(package) / name).read_text().splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if line.startswith("    "):
            found[-1][1][-1] += f" {text}"
        elif line.startswith("  "):
            found[-1][1].append(text)
        else:
            heading, _, only = text.partition("  ")
            found.append((heading, [only] if only else []))
    return found
