"""Notebooks are what their sources make them."""

from pathlib import Path

import pytest

from kubecourse.publish.build import build

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.md"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_building_again_changes_nothing(source: Path) -> None:
    committed = ROOT / "notebooks" / f"{source.stem}.ipynb"
    assert build(source, ROOT / "notebooks") == committed.read_text(encoding="utf-8")
