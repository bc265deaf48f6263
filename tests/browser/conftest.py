import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.browser.lab import Browser, JupyterLab, Notebook
from tests.sharing import ENGINE, in_browser_with_engine

OpenNotebook = Callable[[str], Notebook]
REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = REPOSITORY / "notebooks"
CHAPTERS = [
    str(path.relative_to(NOTEBOOKS).with_suffix(""))
    for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
    if ".ipynb_checkpoints" not in path.parts
]


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """JupyterLab on a copy of the course, since it saves as it goes."""
    root = tmp_path_factory.mktemp("course")
    for name in ("notebooks", "data"):
        shutil.copytree(REPOSITORY / name, root / name)
    with JupyterLab(root, tmp_path_factory.mktemp("home")) as lab:
        yield lab


# No longer than this package: nbval's kernels would trip over the event loop that it keeps.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def open_notebook(lab: JupyterLab, browser: Browser) -> Iterator[OpenNotebook]:
    """Open a notebook of the course by its path below `notebooks`."""
    opened = []

    def open_(path: str) -> Notebook:
        opened.append(browser.open(lab, f"notebooks/{path}"))
        return opened[-1]

    yield open_
    for notebook in opened:
        notebook.close()


@pytest.fixture(scope="package", params=CHAPTERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="package")
def chapter(name: str, lab: JupyterLab, browser: Browser) -> Iterator[Notebook]:
    """A chapter after "Run All Cells", for all tests that use it. Only its cells ask the engine.

    The Korean edition does without: labs show what was recorded of one.
    """
    with ENGINE if in_browser_with_engine(name) else nullcontext():
        notebook = browser.open(lab, f"notebooks/{name}.ipynb")
        if not in_browser_with_engine(name):
            notebook.execute("import os; os.environ['DOCKER_HOST'] = 'unix:///nowhere'")
        notebook.run_all()
    yield notebook
    notebook.close()
