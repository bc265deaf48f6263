"""Where a manifest comes from: a file, a directory, YAML text, an object."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import msgspec

from kubecourse.api.codec import encode


def find_path(name: str | Path) -> Path:
    """A path as given, or below the nearest folder above that has it.

    Notebooks run in `notebooks/` and `notebooks/ko/`; both find `data/manifests/hello`.
    """
    path = Path(name).expanduser()
    if path.is_absolute() or path.exists():
        return path
    here = Path.cwd()
    return next((base / path for base in here.parents if (base / path).exists()), path)


def read(name: str | Path) -> str:
    """The text of a file; its path may start at any folder above. Raises FileNotFoundError."""
    return find_path(name).read_text(encoding="utf-8")


def manifest(source: Any) -> tuple[str, str | None]:
    """The kubectl command, and its standard input, that applies a source.

    A text of several lines, or with a `: ` in it, is YAML; any other text is a path.
    """
    if isinstance(source, msgspec.Struct):
        return "apply -f -", msgspec.json.encode(encode(source)).decode()
    if isinstance(source, dict | list):
        items = source if isinstance(source, list) else [source]
        return "apply -f -", "\n---\n".join(msgspec.json.encode(item).decode() for item in items)
    if isinstance(source, str) and ("\n" in source or ": " in source):
        return "apply -f -", source
    return f"apply -f {shlex.quote(str(source))}", None
