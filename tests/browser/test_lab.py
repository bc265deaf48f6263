"""Chapter 4 as a learner meets it: JupyterLab opens, all cells run, a slider moves a chart."""

import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CHAPTER = "notebooks/04_kubernetes_objects.ipynb"

pytestmark = [
    pytest.mark.requires_chromium,
    pytest.mark.skipif(not (REPOSITORY / CHAPTER).exists(), reason="chapter 4 is not there yet"),
]


def test_chapter_4_plays(tmp_path: Path, open_notebook) -> None:
    # A copy, since JupyterLab saves as it goes.
    for name in ("notebooks", "data"):
        if (REPOSITORY / name).exists():
            shutil.copytree(REPOSITORY / name, tmp_path / name)
    notebook = open_notebook(tmp_path, CHAPTER)

    cells = notebook.run_all()

    assert [cell.source for cell in cells if cell.execution_count is None] == []
    assert [(cell.source, cell.error) for cell in cells if cell.unexpected_error] == []
    notebook.wait_for_plots(lambda plots: len(plots) > 0)
    before = notebook.plots()

    slider = notebook.slider("replicas")
    value = slider.value
    slider.press("ArrowRight")

    notebook.wait_for_plots(lambda plots: plots != before)
    assert slider.value != value
    notebook.screenshot("chapter-4")
    assert notebook.console_errors == []
    assert notebook.outside_requests == []
