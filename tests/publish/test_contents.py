"""JupyterLab opens a published notebook unrun, and a learner's own as it was saved."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from kubecourse.publish.contents import Unspoilt
from kubecourse.publish.source import PUBLISHED


def opened(folder: Path, **metadata: Any) -> Any:
    answer = new_output("stream", name="stdout", text="three")
    drawn = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Map()"}
    picture = new_output("display_data", data=drawn)
    cells = [
        new_code_cell("look()", outputs=[answer], execution_count=4),
        new_code_cell("Map()", outputs=[answer, picture], execution_count=5),
    ]
    nbformat.write(new_notebook(cells=cells, metadata=metadata), folder / "one.ipynb")
    (folder / "text.md").write_text("words")
    manager = Unspoilt(root_dir=str(folder))

    async def read() -> Any:
        assert (await manager.get("text.md"))["content"] == "words"
        assert (await manager.get("one.ipynb", content=False))["content"] is None
        return (await manager.get("one.ipynb"))["content"]

    with ThreadPoolExecutor() as elsewhere:  # here a browser's event loop may be running
        return elsewhere.submit(asyncio.run, read()).result()


def test_a_published_notebook_opens_without_its_answers(tmp_path: Path) -> None:
    notebook = opened(tmp_path, **{PUBLISHED: True})
    assert (notebook.cells[0].outputs, notebook.cells[0].execution_count) == ([], None)
    assert PUBLISHED not in notebook.metadata, "what is saved from now on is the learner's"
    assert "three" in (tmp_path / "one.ipynb").read_text(), "the file is as it was"


def test_a_notebook_that_a_learner_saved_opens_as_it_was(tmp_path: Path) -> None:
    notebook = opened(tmp_path)
    assert (notebook.cells[0].outputs[0].text, notebook.cells[0].execution_count) == ("three", 4)


def test_a_widget_is_not_shown_as_an_error_when_its_kernel_is_gone(tmp_path: Path) -> None:
    cell = opened(tmp_path).cells[1]
    assert ([output.output_type for output in cell.outputs], cell.execution_count) == (
        ["stream"], None,
    )  # fmt: skip


def test_a_widget_whose_kernel_runs_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def runs(self: Unspoilt, path: str) -> bool:
        return path == "one.ipynb"

    monkeypatch.setattr(Unspoilt, "_is_open", runs)
    assert len(opened(tmp_path).cells[1].outputs) == 2


def test_it_needs_nothing_that_only_building_needs() -> None:
    without = "import sys; sys.modules.update(jupytext=None, markdown_it=None, nbclient=None); "
    wanted = "import kubecourse.publish.contents"
    subprocess.run([sys.executable, "-c", without + wanted], check=True)
