"""The course as its sources tell it: which chapters there are, how long they take, what links them.

A chapter begins with a text whose first line is `# N · Title`, and its sections with `## `. From
these the build makes what nobody should keep up by hand: the links to the chapters before and
after, to the map, the glossary and the other language, below the first and the last text; and
what a text asks for in double braces: `{{minutes}}` and `{{exercise_minutes}}` (for the chapter)
and `{{map}}` (the table of all chapters; those without a source are listed without a link).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubecourse.lessons.exercises.exercise import Task, tasks
from kubecourse.lessons.exercises.prediction import chapters as chapters_with_exercises
from kubecourse.lessons.messages import LANGUAGES, messages, speaking, text
from kubecourse.publish.source import FIRST, pairs

GLOSSARY = "glossary.md"
CHECKED = re.compile(r"\.(\w+)\.check\(")
"""A cell in which an exercise is checked: `ex.scale.check()`."""
_TITLE = re.compile(r"# (\d+ · .+)")
_MAP = "{{map}}"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a chapter: its title, the minutes that it takes, and its exercises."""

    title: str
    minutes: int
    tasks: tuple[Task, ...]

    @property
    def exercise_minutes(self) -> int:
        return sum(task.minutes for task in self.tasks)


def sources(directory: Path) -> list[Path]:
    """The sources of all chapters, in order."""
    return sorted(directory.glob("[0-9][0-9]_*.md"))


def number(source: Path) -> int:
    """A chapter's number, from the name of its source."""
    return int(source.name[:2])


def title(source: Path, language: str) -> str:
    """A chapter's title with its number, `4 · Kubernetes objects`; else the file's name."""
    of_language = LANGUAGES.index(language)
    for pair in pairs(source):
        if found := _TITLE.match(pair[of_language].words):
            return found[1].strip()
    return source.stem


def exercises(source: Path) -> dict[str, Task]:
    """A chapter's exercises by name."""
    chapter = number(source)
    return tasks(chapter) if chapter in chapters_with_exercises() else {}


def sections(source: Path, notebook: Any) -> list[Section]:
    """The parts of an edition that have a title, in order."""
    known = exercises(source)
    found: list[tuple[str, int, list[Task]]] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            heading = cell.source.partition("\n")[0].removeprefix("## ").strip()
            found.append((heading, cell.metadata.get("minutes", 0), []))
        elif found and (name := CHECKED.search(cell.source)) and name[1] in known:
            found[-1][2].append(known[name[1]])
    return [Section(heading, minutes, tuple(own)) for heading, minutes, own in found]


def complete(source: Path, notebook: Any, language: str) -> None:
    """Fill in what an edition's texts ask for in double braces."""
    parts = sections(source, notebook)
    values = {
        "{{minutes}}": str(sum(part.minutes for part in parts)),
        "{{exercise_minutes}}": str(sum(part.exercise_minutes for part in parts)),
    }
    for cell in _texts(notebook):
        for key, value in values.items():
            cell.source = cell.source.replace(key, value)
        if _MAP in cell.source:
            cell.source = cell.source.replace(_MAP, table(source.parent, language))


def link(source: Path, notebook: Any, language: str) -> None:
    """Put links to the rest of the course below the first and the last text of an edition."""
    texts = list(_texts(notebook))
    words = " · ".join(_links(source, language))
    for cell in {id(cell): cell for cell in (texts[0], texts[-1])}.values() if texts else ():
        cell.source = f"{cell.source}\n\n{words}"


def table(directory: Path, language: str) -> str:
    """The map: every chapter of the course, the question that it answers, what runs in it."""
    written = {number(source): source for source in sources(directory)}
    with speaking(language):
        columns = [text(f"course.column.{each}") for each in ("chapter", "question", "runs")]
        rows = [columns, ["---"] * len(columns)]
        for chapter in planned():
            own = f"course.chapter_{chapter}"
            name = f"{chapter} {text(f'{own}.title')}"
            if source := written.get(chapter):
                name = f"[{name}]({source.stem}.ipynb)"
            rows.append([name, text(f"{own}.question"), text(f"{own}.runs")])
        lines = [f"| {' | '.join(row)} |" for row in rows]
        if unwritten := [str(chapter) for chapter in planned() if chapter not in written]:
            lines += ["", text("course.unwritten", chapters=", ".join(unwritten))]
    return "\n".join(lines)


def planned() -> list[int]:
    """The numbers of all chapters that the course is to have."""
    keys = {key.partition(".")[0] for key in messages("course")}
    return sorted(int(key[8:]) for key in keys if key.startswith("chapter_"))


def cell_id(source: Path, cell: int) -> str:
    """The identity of a cell in the notebooks of a chapter."""
    return f"{source.name[:2]}-{cell:03}"


def place(source: Path, cell: int) -> str:
    """A link to a cell. JupyterLab finds headings only on the screen, and no Korean ones."""
    return f"{source.stem}.ipynb#cell-id={cell_id(source, cell)}"


def _links(source: Path, language: str) -> Iterator[str]:
    """Links from a chapter to its neighbours, the map, the glossary and its other languages."""
    everything = sources(source.parent)
    at = everything.index(source)
    for step, form in ((at - 1, "← {}"), (at + 1, "{} →")):
        if 0 <= step < len(everything):
            other = everything[step]
            yield f"[{form.format(title(other, language))}]({other.stem}.ipynb)"
    maps = (
        place(chapter, english.cell)
        for chapter in everything
        for english, _ in pairs(chapter)
        if _MAP in english.words
    )
    with speaking(language):
        if found := next(maps, None):
            yield f"[{text('course.map')}]({found})"
        yield f"[{text('course.glossary')}]({GLOSSARY})"
    up = "" if language == FIRST else "../"
    for other_language in LANGUAGES:
        if other_language != language:
            folder = "" if other_language == FIRST else f"{other_language}/"
            with speaking(other_language):
                name = text("course.language")
            yield f"[{name}]({up}{folder}{source.stem}.ipynb)"


def _texts(notebook: Any) -> Iterator[Any]:
    return (cell for cell in notebook.cells if cell.cell_type == "markdown")
