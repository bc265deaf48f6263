"""The browser harness itself, on a notebook of five cells."""

from pathlib import Path

import nbformat
import pytest

from tests.browser.lab import JupyterLab

pytestmark = pytest.mark.requires_chromium

SLIDER_AND_PLOT = """
import ipywidgets
import plotly.graph_objects as go

figure = go.FigureWidget(go.Scatter(y=[3, 3]))
slider = ipywidgets.IntSlider(description="Replicas", value=3, max=9)

def draw(change):
    figure.layout.title.text = f"{change['new']} wanted"
    figure.data[0].y = [3, change["new"]]

slider.observe(draw, "value")
ipywidgets.VBox([slider, figure])
"""


def write_notebook(path: Path, *sources: str) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


def test_a_slider_moves_a_plot(lab: JupyterLab, open_notebook) -> None:
    write_notebook(lab.root / "notebooks" / "파드.ipynb", "6 * 7", "print('안녕')", SLIDER_AND_PLOT)
    notebook = open_notebook("파드.ipynb")

    cells = notebook.run_all()

    assert [cell.text for cell in cells[:2]] == ["42", "안녕\n"]
    assert [cell.error for cell in cells] == [None, None, None]
    notebook.wait_for_plots(lambda plots: len(plots) == 1)
    assert notebook.plots()[0].traces[0]["y"] == [3, 3]

    slider = notebook.slider("replicas")
    slider.press("ArrowRight", times=2)

    notebook.wait_for_plots(lambda plots: plots[0].traces[0]["y"] == [3, 5])
    assert slider.value == "5"
    assert notebook.plots()[0].title == "5 wanted"
    assert notebook.screenshot("harness").stat().st_size > 10_000
    assert notebook.console_errors == []
    assert notebook.outside_requests == []


def test_errors_and_requests_from_elsewhere_are_seen(lab: JupyterLab, open_notebook) -> None:
    outside = "http://pictures.example/whale.png"
    write_notebook(
        lab.root / "notebooks" / "bad.ipynb",
        f"from IPython.display import HTML\nHTML('<img src=\"{outside}\">')",
        "1 / 0",
        "print('never reached')",
    )
    notebook = open_notebook("bad.ipynb")

    cells = notebook.run_all()

    assert [cell.error for cell in cells] == [None, "ZeroDivisionError: division by zero", None]
    assert cells[2].execution_count is None
    notebook.page.locator("img[src*=whale]").wait_for(state="attached")
    assert set(notebook.outside_requests) == {outside}
    assert any("ERR_NAME_NOT_RESOLVED" in error for error in notebook.console_errors)


FAINT = """
import ipywidgets
ipywidgets.VBox([
    ipywidgets.IntSlider(description="Pods"),
    ipywidgets.HTML("<p style='color: #bbb; background: white'>pale words</p>"
                    "<svg width=90 height=30><text y=20 style='fill: #ccc'>pale ink</text></svg>"),
])
"""


def test_what_keeps_people_out_is_seen(lab: JupyterLab, open_notebook) -> None:
    write_notebook(lab.root / "notebooks" / "faint.ipynb", FAINT)
    notebook = open_notebook("faint.ipynb")
    notebook.theme("light")
    notebook.run_all()
    notebook.page.get_by_text("pale ink", exact=True).wait_for()
    found = sorted(notebook.violations())
    assert [one.partition(":")[0] for one in found] == [
        "aria-input-field-name", "color-contrast", "contrast 1.6",
    ]  # fmt: skip
    assert "pale words" in found[1]
    assert "pale ink" in found[2]
    notebook.page.evaluate("document.querySelector('.noUi-handle').tabIndex = -1")
    (deaf,) = notebook.controls_deaf_to_keys()
    assert "noUi-handle" in deaf
