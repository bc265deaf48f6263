"""Notebooks from their sources: converted, run, and stripped of what changes or weighs.

`notebooks/source/NN_name.md` becomes `notebooks/NN_name.ipynb`. Text outputs stay, since they
are the simulator's own and the same on every machine; figures and widgets are left out, because
the reader's kernel draws them. Building twice gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

PICTURES = {"application/vnd.jupyter.widget-view+json", "application/vnd.plotly.v1+json"}
CELL_TIMEOUT = 120
"""Wall-clock seconds after which a cell counts as stuck."""


def build_all(notebooks: Path) -> Iterator[Path]:
    """Build every chapter; yields each notebook as it is written."""
    for source in sorted((notebooks / "source").glob("*.md")):
        target = notebooks / f"{source.stem}.ipynb"
        target.write_text(build(source, notebooks), encoding="utf-8")
        yield target


def build(source: Path, directory: Path) -> str:
    """The text of the notebook built from `source`, run in `directory`.

    Raises nbclient's CellExecutionError if a cell fails.
    """
    import jupytext
    import nbformat
    from nbclient import NotebookClient

    notebook = jupytext.read(source, fmt="md:myst")
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory)}},
        store_widget_state=False,
    )
    client.execute()
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
            kept = [o for o in cell.outputs if PICTURES.isdisjoint(o.get("data", {}))]
            cell.outputs = list(_whole_streams(kept))


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
