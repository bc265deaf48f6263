"""What nbval takes for granted of the notebooks it compares."""

from pathlib import Path

import nbformat
import pytest

from tests.notebooks.comparison import is_picture

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
COMMITTED = [
    path for path in sorted(NOTEBOOKS.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts
]

each_notebook = pytest.mark.parametrize(
    "path", COMMITTED, ids=[str(path.relative_to(NOTEBOOKS)) for path in COMMITTED]
)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@each_notebook
def test_every_cell_was_run_in_order(path: Path) -> None:
    """nbval never compares a cell that was not run."""
    counts = [cell.execution_count for cell in code_cells(path) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_no_figure_and_no_widget_state_is_committed(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    for cell in code_cells(path):
        assert not any(is_picture(output) for output in cell.outputs), cell.source


@each_notebook
def test_no_traceback_is_committed_unannounced(path: Path) -> None:
    for cell in code_cells(path):
        if "raises-exception" not in cell.metadata.get("tags", []):
            assert all(output.output_type != "error" for output in cell.outputs), cell.source
