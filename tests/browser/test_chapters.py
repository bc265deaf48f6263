"""Each chapter as a learner meets it: cells run, sliders move pictures, everybody can use it."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from tests.browser.lab import ARTIFACTS, Browser, JupyterLab, Notebook, slowdown

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHAPTERS = [
    str(path.relative_to(NOTEBOOKS).with_suffix(""))
    for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
    if ".ipynb_checkpoints" not in path.parts
]
MOVES, ROUNDS, LIMIT = 5, 6, 0.200
"""Moves of each slider in a round, rounds at most, seconds that 95 of 100 moves may take."""

pytestmark = pytest.mark.requires_chromium


@pytest.fixture(scope="module", params=CHAPTERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def chapter(name: str, lab: JupyterLab, browser: Browser) -> Iterator[Notebook]:
    """A chapter after "Run All Cells"."""
    notebook = browser.open(lab, f"notebooks/{name}.ipynb")
    notebook.run_all()
    yield notebook
    notebook.close()


@pytest.fixture
def first(chapter: Notebook, name: str) -> Notebook:
    """The chapter in English: the Korean one is the same code, and need not be measured again."""
    if name.startswith("ko/"):
        pytest.skip("measured in English")
    return chapter


def test_every_cell_runs_and_every_widget_is_shown(chapter: Notebook) -> None:
    cells = chapter.cells()
    assert [cell.source for cell in cells if cell.execution_count is None] == []
    assert [(cell.source, cell.error) for cell in cells if cell.unexpected_error] == []
    assert chapter.broken_widgets() == []


def test_every_slider_moves_its_picture(chapter: Notebook, name: str) -> None:
    for slider in chapter.sliders():
        left, right = slider.at_both_ends()
        assert left != right, slider.label
    chapter.pictures(f"{name}/moved")


def test_every_picture_follows_at_once(first: Notebook, name: str) -> None:
    """The same moves in several rounds: of each the fastest counts, since others only slow it."""
    sliders = first.sliders()
    best = [float("inf")] * MOVES * len(sliders)
    load = float("inf")
    for _ in range(ROUNDS if sliders else 0):
        load = min(load, slowdown())
        times = []
        for slider in sliders:
            place = slider.place
            times += slider.timed_moves(MOVES)
            slider.go(place)
        best = list(map(min, best, times))
        share = quantiles(best, n=100, method="inclusive")
        found = {"p50": share[49], "p95": share[94], "load": load, "moves": len(best)}
        (ARTIFACTS / name).mkdir(parents=True, exist_ok=True)
        (ARTIFACTS / name / "moves.json").write_text(json.dumps(found))
        if found["p95"] < LIMIT:
            break
    else:
        assert not sliders or found["p95"] / load < LIMIT, found


def test_every_control_answers_to_the_keyboard(first: Notebook) -> None:
    assert first.controls_deaf_to_keys() == []


def test_everybody_can_read_it(chapter: Notebook, name: str) -> None:
    chapter.theme("light")
    chapter.screenshots(name)
    assert chapter.violations() == []


def test_everybody_can_read_it_in_the_dark(first: Notebook, name: str) -> None:
    first.theme("dark")
    first.pictures(f"{name}/dark")
    assert first.violations() == []


def test_nothing_goes_wrong_out_of_sight(chapter: Notebook) -> None:
    """The last test of a chapter: after all that was done with it."""
    assert chapter.console_errors == []
    assert chapter.outside_requests == []
