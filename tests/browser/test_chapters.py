"""Each chapter as a learner meets it: cells run, sliders move pictures, everybody can use it.

What depends on the code alone is tried in English: the Korean edition has the same. `make
test-long` tries it in both, with every control and more moves, and leaves pictures of every page.
"""

import json
from statistics import median, quantiles

import pytest

from tests.browser.conftest import CHAPTERS
from tests.browser.lab import ARTIFACTS, Notebook, slowdown
from tests.sharing import LONG

STEPS, ROUNDS, LIMIT = 5 if LONG else 2, 6, 0.200
"""Steps of each slider, times that a slow one is tried, seconds that 95 of 100 steps may take."""

pytestmark = pytest.mark.requires_chromium
once = pytest.mark.parametrize(
    "name", [name for name in CHAPTERS if LONG or not name.startswith("ko/")], indirect=True
)


def test_every_cell_runs_and_every_widget_is_shown(chapter: Notebook) -> None:
    cells = chapter.cells()
    assert [cell.source for cell in cells if cell.execution_count is None] == []
    assert [(cell.source, cell.error) for cell in cells if cell.unexpected_error] == []
    assert chapter.broken_widgets() == []


@once
def test_every_slider_moves_its_picture(chapter: Notebook) -> None:
    for slider in chapter.sliders():
        place = slider.place
        left, right = slider.at_both_ends()
        assert left != right, slider.label
        slider.go(place)


@once
def test_every_picture_follows_at_once(chapter: Notebook, name: str) -> None:
    """Slow steps are tried again: of each the fastest counts, since others only slow it."""
    sliders = chapter.sliders()
    best = [[float("inf")] * STEPS for _ in sliders]
    loads = []
    for _ in range(ROUNDS if sliders else 0):
        loads.append(slowdown())
        for slider, times in zip(sliders, best, strict=True):
            if max(times) >= LIMIT:
                place = slider.place
                times[:] = map(min, times, slider.timed_steps(STEPS))
                slider.go(place)
        share = quantiles([time for times in best for time in times], n=100, method="inclusive")
        load = median(loads)
        found = {"p50": share[49], "p95": share[94], "load": load, "moves": len(best) * STEPS}
        (ARTIFACTS / name).mkdir(parents=True, exist_ok=True)
        (ARTIFACTS / name / "moves.json").write_text(json.dumps(found))
        if found["p95"] < LIMIT:
            break
    else:
        assert not sliders or found["p95"] / load < LIMIT, found


@once
def test_every_control_answers_to_the_keyboard(chapter: Notebook) -> None:
    assert chapter.controls_deaf_to_keys(every=LONG) == []


def test_everybody_can_read_it(chapter: Notebook, name: str) -> None:
    chapter.theme("light")
    assert chapter.violations() == []
    if LONG:
        chapter.screenshots(name)


@once
def test_everybody_can_read_it_in_the_dark(chapter: Notebook, name: str) -> None:
    chapter.theme("dark")
    assert chapter.violations() == []
    if LONG:
        chapter.pictures(f"{name}/dark")
    chapter.theme("light")


def test_nothing_goes_wrong_out_of_sight(chapter: Notebook) -> None:
    """The last test of a chapter: after all that was done with it."""
    assert chapter.console_errors == []
    assert chapter.outside_requests == []
