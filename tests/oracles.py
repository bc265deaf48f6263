"""Inputs and expected values from Kubernetes' own tests and tools, each file with its source."""

import json
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent / "data" / "oracles"


@cache
def oracle(name: str) -> dict[str, Any]:
    """The oracle `tests/data/oracles/<name>.json`; read it, do not change it."""
    return json.loads((_HERE / f"{name}.json").read_text())
