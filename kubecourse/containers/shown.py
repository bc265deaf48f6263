"""How answers and sizes are written."""

from __future__ import annotations

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
