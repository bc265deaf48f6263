"""Notebooks from their sources: one of each language, run, and stripped of what changes or weighs.

`notebooks/source/NN_name.md` becomes `notebooks/NN_name.ipynb` and `notebooks/ko/NN_name.ipynb`.
Text outputs stay, since they are the simulator's own and the same on every machine; figures and
widgets are left out, because the reader's kernel draws them. A cell whose text depends on the
machine carries the tag `nbval-ignore-output`, and keeps no output. Building twice gives the same
bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kubecourse.lessons.messages import LANGUAGES, VARIABLE
from kubecourse.publish.source import FIRST, Untranslated, complaints, edition

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = {WIDGET, "application/vnd.plotly.v1+json"}
DEPENDS_ON_THE_MACHINE = "nbval-ignore-output"
CELL_TIMEOUT = 120
"""Wall-clock seconds after which a cell counts as stuck."""


def build_all(notebooks: Path, sources: Sequence[Path]) -> Iterator[Path]:
    """Build both editions of chapters; yields each notebook as it is written.

    Raises Untranslated, before anything is built, if translations are missing or stale.
    """
    if found := [complaint for source in sources for complaint in complaints(source)]:
        raise Untranslated(found)
    for source in sources:
        for language in LANGUAGES:
            target = notebook_path(notebooks, source, language)
            target.parent.mkdir(exist_ok=True)
            target.write_text(build(source, target.parent, language), encoding="utf-8")
            yield target


def notebook_path(notebooks: Path, source: Path, language: str) -> Path:
    """Where a chapter's notebook of a language lies."""
    directory = notebooks if language == FIRST else notebooks / language
    return directory / f"{source.stem}.ipynb"


def build(source: Path, directory: Path, language: str) -> str:
    """The text of the notebook of one language built from `source`, run in `directory`.

    Raises Untranslated, and nbclient's CellExecutionError if a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = edition(source, language)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        store_widget_state=False,
    )
    client.execute(env=os.environ | {VARIABLE: language})
    _strip(notebook, source.stem)
    return nbformat.writes(notebook, indent=1) + "\n"


def _strip(notebook: Any, name: str) -> None:
    """Leave only what is the same on every machine."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat_minor = 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{name[:2]}-{number:03}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = list(_whole_streams(_same_everywhere(cell)))


def _same_everywhere(cell: Any) -> list[Any]:
    if DEPENDS_ON_THE_MACHINE in cell.metadata.get("tags", ()):
        return []
    for output in cell.outputs:
        # A widget that brings its content as HTML too leaves that.
        if WIDGET in output.get("data", {}) and "text/html" in output.data:
            del output.data[WIDGET]
    return [output for output in cell.outputs if PICTURES.isdisjoint(output.get("data", {}))]


def _whole_streams(outputs: list[Any]) -> Iterator[Any]:
    """The outputs with text that came in pieces put together: how it is cut is chance."""
    before = None
    for output in outputs:
        if (
            before is not None
            and output.output_type == before.output_type == "stream"
            and output.name == before.name
        ):
            before.text += output.text
            continue
        before = output
        yield output
