import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.lab import Browser, JupyterLab, Notebook

OpenNotebook = Callable[[str], Notebook]
REPOSITORY = Path(__file__).parents[2]


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
