"""Each chapter as a learner meets it: JupyterLab opens it, all cells run, a slider moves a plot."""

import shutil
from pathlib import Path

import pytest

from tests.browser.lab import Browser, JupyterLab, Notebook

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.requires_chromium


@pytest.fixture(scope="module")
def open_chapter(tmp_path_factory: pytest.TempPathFactory):
    """Open a notebook of a copy of the course, since JupyterLab saves as it goes."""
    root = tmp_path_factory.mktemp("course")
    for name in ("notebooks", "data"):
        shutil.copytree(REPOSITORY / name, root / name)
    home = tmp_path_factory.mktemp("home")
    with JupyterLab(root, home) as lab, Browser() as browser:
        yield lambda path: browser.open(lab, f"notebooks/{path}")


def run(notebook: Notebook, name: str) -> None:
    cells = notebook.run_all()
    assert [cell.source for cell in cells if cell.execution_count is None] == []
    assert [(cell.source, cell.error) for cell in cells if cell.unexpected_error] == []
    notebook.screenshot(name)


def quiet(notebook: Notebook) -> None:
    """Nothing went wrong out of sight, and nothing was fetched from elsewhere."""
    assert notebook.console_errors == []
    assert notebook.outside_requests == []
    notebook.page.close()


@pytest.mark.parametrize(
    ("path", "python"),
    [("01_three_revolutions.ipynb", "Python"), ("ko/01_three_revolutions.ipynb", "파이썬")],
    ids=["en", "ko"],
)
def test_chapter_1_examines_the_machine(open_chapter, path: str, python: str) -> None:
    notebook = open_chapter(path)
    run(notebook, f"chapter-{path[:-6].replace('/', '-')}")
    tools = notebook.page.locator(".jp-OutputArea th[scope=row]")
    assert tools.all_inner_texts()[:2] == [python, "JupyterLab"]
    tools.first.scroll_into_view_if_needed()
    notebook.screenshot(f"doctor-{path[:-6].replace('/', '-')}")
    quiet(notebook)


@pytest.mark.parametrize(
    ("path", "label", "seconds"),
    [
        ("04_kubernetes_objects.ipynb", "replicas", "virtual seconds"),
        ("ko/04_kubernetes_objects.ipynb", "레플리카", "가상 시간(초)"),
    ],
    ids=["en", "ko"],
)
def test_chapter_4_plays(open_chapter, path: str, label: str, seconds: str) -> None:
    notebook = open_chapter(path)
    run(notebook, f"chapter-{path[:-6].replace('/', '-')}")
    notebook.wait_for_plots(lambda plots: len(plots) == 2)
    before = notebook.plots()

    slider = notebook.slider(label)
    value = slider.value
    slider.press("ArrowRight")

    notebook.wait_for_plots(lambda plots: plots != before)
    assert slider.value != value
    assert notebook.page.locator(".js-plotly-plot").filter(has_text=seconds).count() == 2
    quiet(notebook)
