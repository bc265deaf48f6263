from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.lab import Browser, JupyterLab, Notebook

OpenNotebook = Callable[[Path, str], Notebook]


@pytest.fixture
def open_notebook(tmp_path: Path) -> Iterator[OpenNotebook]:
    """Open a notebook below a directory in JupyterLab, in a browser."""
    with ExitStack() as stack:

        def open_(root: Path, path: str) -> Notebook:
            lab = stack.enter_context(JupyterLab(root, tmp_path / "home"))
            browser = stack.enter_context(Browser())
            return browser.open(lab, path)

        yield open_
