"""What the build makes of the sources: titles, times, links, the map. A new chapter is found."""

from pathlib import Path

import pytest

from kubecourse.lessons.messages import LANGUAGES, messages
from kubecourse.publish import course
from kubecourse.publish.build import prepare
from kubecourse.publish.source import pairs, stamp

SOURCES = course.sources(Path(__file__).parents[2] / "notebooks" / "source")

CHAPTER = """\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

+++ {"lang": "en"}

# %(number)s · Chapter

{{minutes}} minutes, {{exercise_minutes}} more for exercises.

+++ {"lang": "ko", "of": ""}

# %(number)s · 장

{{minutes}}분, 연습 {{exercise_minutes}}분.

+++ {"lang": "en", "minutes": 8}

## Where to?

{{map}}

+++ {"lang": "ko", "of": ""}

## 어디로?

{{map}}

+++ {"lang": "en", "for": "teacher"}

For the teacher.

+++ {"lang": "ko", "of": ""}

강사에게.

```{code-cell} ipython3
ex.write.check()
```

+++ {"lang": "en", "minutes": 4}

## The end

+++ {"lang": "ko", "of": ""}

## 끝
"""


@pytest.fixture
def chapters(tmp_path: Path) -> list[Path]:
    """A course with chapters 2, 4 and 5, the map in each of them."""
    paths = [tmp_path / "source" / f"0{number}_x{number}.md" for number in (2, 4, 5)]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_text(CHAPTER % {"number": course.number(path)}, encoding="utf-8")
        stamp(path)
    return paths


def texts(path: Path, language: str) -> list[str]:
    cells = prepare(path, language).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def test_times_are_added_up(chapters: list[Path]) -> None:
    assert "12 minutes, 5 more for exercises." in texts(chapters[1], "en")[0]
    assert "12분, 연습 5분." in texts(chapters[1], "ko")[0]
    assert "12 minutes, 0 more" in texts(chapters[0], "en")[0]  # chapter 2 has no such exercise


def test_a_chapter_is_linked_to_its_neighbours_the_map_the_glossary_and_its_other_language(
    chapters: list[Path],
) -> None:
    english, korean = texts(chapters[1], "en"), texts(chapters[1], "ko")
    links = (
        "[← 2 · Chapter](02_x2.ipynb) · [5 · Chapter →](05_x5.ipynb) · "
        "[map of the course](02_x2.ipynb#cell-id=02-001) · [glossary](glossary.md) · "
        "[한국어](ko/04_x4.ipynb)"
    )
    assert [text.splitlines()[-1] for text in (english[0], english[-1])] == [links, links]
    assert "[← 2 · 장](02_x2.ipynb)" in korean[-1]
    assert "(02_x2.ipynb#cell-id=02-001)" in korean[-1]
    assert korean[-1].endswith("[English](../04_x4.ipynb)")
    assert "←" not in texts(chapters[0], "en")[0]
    assert "→" not in texts(chapters[-1], "en")[0]


def test_the_map_lists_every_chapter_and_links_those_that_are_written(
    chapters: list[Path],
) -> None:
    rows = texts(chapters[0], "en")[1].splitlines()
    assert "| 1 Three revolutions | Why all this? | a simulated cluster |" in rows
    assert any(row.startswith("| [2 First steps with Docker](02_x2.ipynb) |") for row in rows)
    assert "Still being written: 1, 3." in rows


def test_what_is_for_the_teacher_is_in_no_notebook(chapters: list[Path]) -> None:
    for language in LANGUAGES:
        cells = prepare(chapters[0], language).cells
        assert not any("teacher" in cell.source or "강사" in cell.source for cell in cells)


def test_numbers_of_cells_do_not_depend_on_chance(chapters: list[Path]) -> None:
    assert [cell.id for cell in prepare(chapters[1], "en").cells] == [
        "04-000", "04-001", "04-002", "04-003",
    ]  # fmt: skip


# ---------------------------------------------------------------- the course itself

each_chapter = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
both_languages = pytest.mark.parametrize("language", LANGUAGES)


def bullets(words: str) -> int:
    return sum(line.startswith("- ") for line in words.splitlines())


@each_chapter
@both_languages
def test_a_chapter_has_the_title_that_the_map_gives(source: Path, language: str) -> None:
    number = course.number(source)
    planned = messages("course")[f"chapter_{number}.title"][language]
    assert course.title(source, language) == f"{number} · {planned}"


@each_chapter
@both_languages
def test_it_opens_with_goals_and_time_and_closes_with_the_same_goals(
    source: Path, language: str
) -> None:
    words = [pair[LANGUAGES.index(language)].words for pair in pairs(source)]
    assert "{{minutes}}" in words[0]
    assert 3 <= bullets(words[0]) <= 5
    assert bullets(words[-1]) == bullets(words[0])


@each_chapter
@both_languages
def test_every_section_says_how_long_it_takes(source: Path, language: str) -> None:
    from kubecourse.publish.source import edition

    sections = course.sections(source, edition(source, language))
    assert len(sections) >= 3
    assert all(section.minutes > 0 for section in sections)
    checked = [task.name for section in sections for task in section.tasks]
    assert checked == list(course.exercises(source)), "in the order of the notebook, all of them"


@each_chapter
@both_languages
def test_nothing_in_double_braces_is_left(source: Path, language: str) -> None:
    assert not [text for text in texts(source, language) if "{{" in text]
