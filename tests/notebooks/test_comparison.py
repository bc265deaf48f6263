"""The arrangement with nbval itself: what passes, and what must not."""

from pathlib import Path

import nbformat
import pytest

pytest_plugins = ["pytester"]

REPOSITORY = Path(__file__).parents[2]

FIGURE = """
import plotly.graph_objects as go
go.FigureWidget(go.Scatter(y=[1, 2]))
"""
SLIDER = """
import ipywidgets
print("before")
ipywidgets.IntSlider()
"""


QUESTION = """
import ipywidgets
class Question(ipywidgets.HBox):
    def _repr_mimebundle_(self, **_):
        words = {"text/plain": "Why?", "text/html": "<p>Why?</p>"}
        return super()._repr_mimebundle_() | words
Question()
"""


@pytest.fixture
def compare(pytester: pytest.Pytester):
    """Compare a notebook of (source, committed output) cells with a fresh run of itself."""
    pytester.makeconftest((REPOSITORY / "conftest.py").read_text())

    def run(*cells: tuple[str, str]) -> pytest.RunResult:
        notebook = nbformat.v4.new_notebook()
        for number, (source, text) in enumerate(cells, start=1):
            cell = nbformat.v4.new_code_cell(source, execution_count=number)
            if text.startswith("<p>"):
                data = {"text/html": text, "text/plain": "Why?"}
                output = nbformat.v4.new_output("execute_result", data, execution_count=number)
                cell.outputs = [output]
            elif text:
                cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
            notebook.cells.append(cell)
        nbformat.write(notebook, pytester.path / "tiny.ipynb")
        sanitize = REPOSITORY / "tests" / "notebooks" / "sanitize.cfg"
        return pytester.runpytest_inprocess(
            "--nbval", "--nbval-current-env", f"--nbval-sanitize-with={sanitize}", "tiny.ipynb"
        )

    return run


def test_same_text_and_uncommitted_figures_pass(compare) -> None:
    result = compare(("print(1 + 1)", "2\n"), (FIGURE, ""), (SLIDER, "before\n"))
    result.assert_outcomes(passed=3)


def test_other_text_missing_text_and_new_text_fail(compare) -> None:
    result = compare(("print(1 + 1)", "3\n"), ("None", "2\n"), ("print(1 + 1)", ""))
    result.assert_outcomes(failed=3)


def test_text_beside_a_figure_is_still_compared(compare) -> None:
    compare((SLIDER, "after\n")).assert_outcomes(failed=1)


def test_the_html_that_a_widget_brings_is_compared(compare) -> None:
    result = compare((QUESTION, "<p>Why?</p>"), (QUESTION, "<p>How?</p>"), (QUESTION, ""))
    result.assert_outcomes(passed=1, failed=2)


def test_that_an_answer_is_recorded_is_not_compared(compare) -> None:
    mark = 'print("Recorded, not live: Docker Engine 1, 2026-01-01"); print("refused")'
    compare((mark, "refused\n"), (mark, "answered\n")).assert_outcomes(passed=1, failed=1)


def test_an_exception_fails(compare) -> None:
    compare(("1 / 0", "")).assert_outcomes(failed=1)


def test_memory_addresses_do_not_matter(compare) -> None:
    result = compare(("print(object())", "<object object at 0x7f0000000000>\n"))
    result.assert_outcomes(passed=1)
