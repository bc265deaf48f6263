"""How far the learner is: a file of their own, and a bar that shows it.

The file is `progress.json` in the folder that `KUBECOURSE_HOME` names, or else in
`~/.kubecourse`. Nothing in a lesson depends on it: if it cannot be read, nothing is done yet; if
it cannot be written, what was done is remembered until the kernel ends.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubecourse.lessons.messages import text

if TYPE_CHECKING:
    from ipywidgets import Widget

VARIABLE = "KUBECOURSE_HOME"
_unsaved: dict[str, set[str]] = {}
"""What this kernel knows and could not write down, by chapter."""
_bars: list[Callable[[], None]] = []
"""Bars on the page, which follow what is done."""


def path() -> Path:
    """Where it is written."""
    home = os.environ.get(VARIABLE)
    return (Path(home) if home else Path.home() / ".kubecourse") / "progress.json"


def done(chapter: int) -> list[str]:
    """The names of a chapter's exercises that were solved."""
    names = set(_read().get(str(chapter), ())) | _unsaved.get(str(chapter), set())
    return sorted(names)


def record(chapter: int, name: str) -> None:
    """An exercise was solved."""
    if name not in done(chapter):
        _unsaved.setdefault(str(chapter), set()).add(name)
        _write({**_read(), str(chapter): done(chapter)})
    _redraw()


def forget(chapter: int) -> None:
    """Begin a chapter anew."""
    _unsaved.pop(str(chapter), None)
    _write({key: names for key, names in _read().items() if key != str(chapter)})
    _redraw()


def _read() -> dict[str, list[str]]:
    try:
        found = json.loads(path().read_text(encoding="utf-8"))["done"]
        return {
            str(chapter): [name for name in names if isinstance(name, str)]
            for chapter, names in found.items()
            if isinstance(names, list)
        }
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(chapters: dict[str, list[str]]) -> None:
    """Put it into the file in one go, so that no reader meets half of it."""
    with contextlib.suppress(OSError, RuntimeError):
        target = path()
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps({"done": chapters}, indent=1), encoding="utf-8")
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def _redraw() -> None:
    for draw in _bars:
        draw()


def progress(chapter: int) -> Widget:
    """A bar: how many of a chapter's exercises are solved, and a button to begin anew."""
    import ipywidgets

    from kubecourse.lessons.exercises.exercise import tasks

    names = tasks(chapter)
    words = ipywidgets.HTML()
    bar = ipywidgets.IntProgress(max=len(names), layout={"width": "240px"})
    bar.style.bar_color = "#009E73"
    reset = ipywidgets.Button(description=text("exercises.begin_anew"), layout={"width": "auto"})

    def draw() -> None:
        bar.value = sum(name in names for name in done(chapter))
        words.value = text("exercises.progress", done=bar.value, of=len(names))

    def begin_anew(_: Any) -> None:
        forget(chapter)

    reset.on_click(begin_anew)
    _bars.append(draw)
    draw()
    return ipywidgets.HBox([bar, words, reset], layout={"align_items": "center"})
