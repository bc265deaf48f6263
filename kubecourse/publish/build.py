"""Notebooks from their sources: one of each language, run, and stripped of what changes or weighs.

`notebooks/source/NN_name.md` becomes `notebooks/NN_name.ipynb` and `notebooks/ko/NN_name.ipynb`.
Text outputs stay, since they are the simulator's own and the same on every machine; figures and
widgets are left out, because the reader's kernel draws them. A cell whose text depends on the
machine carries the tag `nbval-ignore-output`, and keeps no output. Building twice gives the same
bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from kubecourse.lessons.messages import LANGUAGES, VARIABLE
from kubecourse.publish import course, glossary
from kubecourse.publish.source import (
    FIRST,
    PUBLISHED,
    SHARED,
    TEACHER,
    WIDGET,
    Untranslated,
    complaints,
    edition,
)

PLOT = "application/vnd.plotly.v1+json"
PICTURES = {WIDGET, PLOT}
DEPENDS_ON_THE_MACHINE = "nbval-ignore-output"
_ENGINE = Lock()
"""Labs on the container engine have one set of names and ports: one notebook at a time."""
CELL_TIMEOUT = 120
"""Wall-clock seconds after which a cell counts as stuck."""


def build_all(notebooks: Path, sources: Sequence[Path]) -> Iterator[Path]:
    """Build both editions of chapters, and the glossary; yields each file as it is written.

    As many notebooks are run at once as there are processors. Raises Untranslated, before
    anything is built, if translations are missing or stale or a term is not explained.
    """
    everything = course.sources(notebooks / "source")
    found = [complaint for source in sources for complaint in complaints(source)]
    if found := found + glossary.complaints(everything):
        raise Untranslated(found)
    for language in LANGUAGES:
        target = _directory(notebooks, language) / course.GLOSSARY
        target.parent.mkdir(exist_ok=True)
        target.write_text(glossary.page(everything, language), encoding="utf-8")
        yield target
    # Texts are made one after the other, since their language is that of the whole process.
    wanted = [
        (notebook_path(notebooks, source, language), prepare(source, language), language)
        for source in sources
        for language in LANGUAGES
    ]
    with ThreadPoolExecutor(os.cpu_count()) as kernels:
        yield from kernels.map(_write, *zip(*wanted, strict=True))


def _write(target: Path, notebook: Any, language: str) -> Path:
    labs = any("kubecourse.containers" in cell.source for cell in notebook.cells)
    with _ENGINE if labs else nullcontext():
        target.write_text(finish(notebook, target.parent, language), encoding="utf-8")
    return target


def _directory(notebooks: Path, language: str) -> Path:
    return notebooks if language == FIRST else notebooks / language


def notebook_path(notebooks: Path, source: Path, language: str) -> Path:
    """Where a chapter's notebook of a language lies."""
    return _directory(notebooks, language) / f"{source.stem}.ipynb"


def prepare(source: Path, language: str) -> Any:
    """The notebook of one language, complete, and not yet run. Raises Untranslated."""
    notebook = edition(source, language)
    course.complete(source, notebook, language)
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("for") != TEACHER]
    course.link(source, notebook, language)
    for number, cell in enumerate(notebook.cells):
        cell.id = course.cell_id(source, number)
    return notebook


def finish(notebook: Any, directory: Path, language: str) -> str:
    """The text of a notebook, run in `directory`. Raises CellExecutionError if a cell fails."""
    run(notebook, directory, language)
    return written(notebook)


def written(notebook: Any) -> str:
    """The text of a notebook that has been run."""
    import nbformat

    _strip(notebook)
    return nbformat.writes(notebook, indent=1) + "\n"


def run(
    notebook: Any,
    directory: Path,
    language: str,
    done: Callable[[int], None] | None = None,
    before: str = "pass",
) -> None:
    """Run all cells in `directory`, and a line of code before them.

    `done` is told how many cells have been run.

    Raises nbclient's CellExecutionError if a cell fails.
    """
    from nbclient import NotebookClient

    def executed(cell: Any, cell_index: int, execute_reply: Any) -> None:
        if done is not None:
            done(cell_index + 1)

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR", f"--IPKernelApp.exec_lines={before}"],
        store_widget_state=False,
        on_cell_executed=executed,
    )
    client.execute(env=os.environ | {VARIABLE: language})


def _strip(notebook: Any) -> None:
    """Leave only what is the same on every machine."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        PUBLISHED: True,
    }
    notebook.nbformat_minor = 5
    for cell in notebook.cells:
        for key in ("execution", *SHARED):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = list(whole_streams(_same_everywhere(cell)))


def _same_everywhere(cell: Any) -> list[Any]:
    if DEPENDS_ON_THE_MACHINE in cell.metadata.get("tags", ()):
        return []
    for output in cell.outputs:
        # A widget that brings its content as HTML too leaves that.
        if WIDGET in output.get("data", {}) and "text/html" in output.data:
            del output.data[WIDGET]
    return [output for output in cell.outputs if PICTURES.isdisjoint(output.get("data", {}))]


def whole_streams(outputs: list[Any]) -> Iterator[Any]:
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
