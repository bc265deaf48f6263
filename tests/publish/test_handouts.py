"""Handouts of the whole course: what is on the pages, what is not, and whether they print well."""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2
import pytest
from markdown_it import MarkdownIt
from pypdfium2.raw import FPDF_PAGEOBJ_TEXT as TEXT

from kubecourse.lessons.messages import LANGUAGES, messages
from kubecourse.publish import build, chromium, cli, course, handouts
from kubecourse.publish.handouts import CUTS, EDITIONS, Kind
from kubecourse.publish.source import pairs, stamp

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCES = course.sources(NOTEBOOKS / "source")
KINDS = [Kind(edition, cut) for edition in EDITIONS for cut in CUTS]
STUDENT, TEACHER = Kind("student", "full"), Kind("teacher", "full")
BRIEF = Kind("student", "brief")


class Handouts(NamedTuple):
    """A chapter in a language, run once: as a notebook, and its pages."""

    source: Path
    language: str
    built: str
    notebook: Any
    pages: dict[Kind, str]

    def html(self, kind: Kind) -> str:
        return self.pages[kind]

    def words(self, kind: Kind) -> str:
        """What can be read on the page, and in its pictures' text equivalents."""
        page = re.sub(r"<style>.*?</style>", "", self.html(kind), flags=re.DOTALL)
        page = re.sub(r'data:image[^"]*', "", page)
        return unescape(re.sub(r"</?(?:span|code|strong|em)\b[^>]*>", "", page))

    @property
    def solutions(self) -> list[str]:
        return [task.solution for task in course.exercises(self.source).values()]

    def secrets(self) -> Iterator[str]:
        """Messages of the exercises that are for those who have tried: without their values."""
        for name, task in course.exercises(self.source).items():
            for key, words in messages(f"chapter_{task.chapter}").items():
                own = key.removeprefix(f"{name}.")
                if own != key and own not in ("title", "prompt"):
                    pieces = re.split(r"\{+\w*\}*|\}+", re.sub(r"[`*]", "", words[self.language]))
                    if len(longest := max(pieces, key=len).strip()) > 18:
                        yield longest


@pytest.fixture(
    scope="module",
    params=[(source, language) for source in SOURCES for language in LANGUAGES],
    ids=lambda each: f"{each[0].stem}-{each[1]}",
)
def made(request: pytest.FixtureRequest) -> Handouts:
    source, language = request.param
    notebook, pictures = handouts.run(NOTEBOOKS, source, language)
    built = written_again(source, language, deepcopy(notebook))
    handouts.illustrate(notebook, pictures)
    if chromium.find_chromium():
        handouts.draw_plots(notebook, language)
    pages = {kind: handouts.page(source, notebook, language, kind) for kind in KINDS}
    return Handouts(source, language, built, notebook, pages)


def written_again(source: Path, language: str, ran: Any) -> str:
    """The notebook as the build writes it, of cells that were run for a handout."""
    notebook = build.prepare(source, language)
    cells, again = (
        [cell for cell in each.cells if cell.cell_type == "code"] for each in (notebook, ran)
    )
    for cell, run in zip(cells, again, strict=True):
        cell.outputs, cell.execution_count = run.outputs, run.execution_count
    return build.written(notebook)


@cache
def printed_page(html: str, directory: Path) -> pypdfium2.PdfDocument:
    page, target = directory / "page.html", directory / "page.pdf"
    page.write_text(html, encoding="utf-8")
    chromium.print_pdf(page, target)
    return pypdfium2.PdfDocument(target.read_bytes())


@pytest.fixture
def printed(made: Handouts, tmp_path_factory: pytest.TempPathFactory) -> pypdfium2.PdfDocument:
    """The student's edition in full, as PDF."""
    return printed_page(made.html(STUDENT), tmp_path_factory.getbasetemp())


def read(made: Handouts, pdf: pypdfium2.PdfDocument) -> str:
    """What a reader selects and copies from all pages, on one line, without the footers."""
    title = re.escape(course.title(made.source, made.language))
    pages = [page.get_textpage().get_text_range() for page in pdf]
    footer = rf"{title} · [^\r\n]*?\d+ / \d+"
    return " ".join(" ".join(re.sub(footer, " ", page).split()) for page in pages)


def dense(words: str) -> str:
    """Text without its spaces: where lines are broken says nothing."""
    return re.sub(r"\s+", "", words)


def telling_lines(made: Handouts) -> list[str]:
    """Lines of solutions that give something away: not those that the lesson itself shows."""
    shown = [output for cell in made.notebook.cells for output in cell.get("outputs", ())]
    said = [
        output.get("text", "") + output.get("data", {}).get("text/html", "") for output in shown
    ]
    pictures = unescape(re.sub(r"<[^>]*>", "", "".join(said)))
    lesson = dense("".join(cell.source for cell in made.notebook.cells) + pictures)
    lines = [dense(line) for solution in made.solutions for line in solution.splitlines()]
    return [line for line in lines if len(line) > 15 and line not in lesson]


def test_building_again_changes_nothing(made: Handouts) -> None:
    committed = build.notebook_path(NOTEBOOKS, made.source, made.language)
    assert made.built == committed.read_text(encoding="utf-8")


# ---------------------------------------------------------------- on the page


def test_a_students_edition_gives_nothing_away(made: Handouts) -> None:
    for kind in (STUDENT, BRIEF):
        words = dense(made.words(kind))
        assert not [line for line in telling_lines(made) if line in words]
        for secret in made.secrets():
            assert dense(secret) not in words, secret
        assert "<aside>" not in made.html(kind)


def test_a_students_edition_has_room_for_every_answer(made: Handouts) -> None:
    rooms = made.html(STUDENT).count('class="room"')
    assert rooms >= max(len(made.solutions), 1)


def test_a_teachers_edition_has_solutions_hints_and_what_to_watch_for(made: Handouts) -> None:
    words = dense(made.words(TEACHER))
    for line in telling_lines(made):
        assert line in words
    for secret in made.secrets():
        assert dense(secret) in words, secret


def test_a_teachers_edition_has_a_time_for_every_section(made: Handouts) -> None:
    words = made.words(TEACHER)
    for section in course.sections(made.source, made.notebook):
        assert re.search(rf"<td>{re.escape(section.title)}</td><td>{section.minutes}\D", words)


def test_a_teachers_notes_are_for_teachers_alone(made: Handouts) -> None:
    notes = [cell.source for cell in made.notebook.cells if cell.metadata.get("for") == "teacher"]
    for note in notes:
        part = dense(max(re.split(r"[.*`]", note), key=len))  # of it, as HTML has it too
        assert part in dense(made.words(TEACHER))
        assert part not in dense(made.words(STUDENT))


@pytest.mark.requires_chromium
def test_pages_need_nothing_but_themselves(made: Handouts) -> None:
    for kind in KINDS:
        page = made.html(kind)
        assert "<script" not in page
        assert "default-src 'none'" in page
        assert not re.findall(r'(?:src|href)="(?!data:)[^"]*"', page.replace('href="https:', ""))


@pytest.mark.requires_chromium
def test_every_plot_is_a_picture_with_words(made: Handouts) -> None:
    page = made.html(STUDENT)
    pictures = re.findall(r"<img[^>]*>", page)
    assert all(re.search(r'alt="[^"]{10,}"', each) and "data:image" in each for each in pictures)
    assert 'class="plot" role' not in page
    code = "".join(cell.source for cell in made.notebook.cells if cell.cell_type == "code")
    assert len(pictures) >= len(re.findall(r"^\w+ = (?:Replicas|RolloutPlayer)\(", code, re.M))


def test_the_brief_cut_has_every_section_and_fewer_words(made: Handouts) -> None:
    brief, prose = made.words(BRIEF), re.compile(r"<p>.*?</p>", re.DOTALL)
    for section in course.sections(made.source, made.notebook):
        assert f"<h2>{section.title}</h2>" in brief
    words, of = ("".join(prose.findall(page)) for page in (brief, made.words(STUDENT)))
    assert len(words) < 0.75 * len(of)


# ---------------------------------------------------------------- on paper


@pytest.mark.requires_chromium
def test_headings_are_in_the_pdf_in_order(made: Handouts, printed: pypdfium2.PdfDocument) -> None:
    title, text = course.title(made.source, made.language), read(made, printed)
    at = text.index(title)
    for section in course.sections(made.source, made.notebook):
        at = text.index(section.title, at + 1)
    outline = [(each.level, each.get_title()) for each in printed.get_toc()]
    assert outline[0] == (0, title)
    assert [words for level, words in outline if level == 1] == [
        section.title for section in course.sections(made.source, made.notebook)
    ]


@pytest.mark.requires_chromium
def test_nothing_is_wider_than_the_page(printed: pypdfium2.PdfDocument) -> None:
    """Chromium would print all pages smaller for it, away from the margin."""
    first = printed[0].get_textpage()
    words = first.get_text_range()  # which begin with the footer, and that with the number
    boxes = (first.get_charbox(at) for at, letter in enumerate(words) if letter == words[0])
    footer, *others = [top - bottom for _, bottom, _, top in boxes]
    assert max(others) / footer == pytest.approx(20 / 8, abs=0.1)


@pytest.mark.requires_chromium
def test_what_is_written_can_be_copied_in_order(
    made: Handouts, printed: pypdfium2.PdfDocument
) -> None:
    """Every paragraph comes out of the PDF as it went in, one after the other."""
    text, words = read(made, printed), list(paragraphs(made))
    at, letters = 0, dense(text)
    for each in words:
        found = letters.find(dense(each), at)
        assert found >= 0, (each, letters[at : at + 200])
        at = found
    # Where the type changes, readers guess at spaces.
    assert sum(each in text for each in words) > 0.9 * len(words)


def paragraphs(made: Handouts) -> Iterator[str]:
    """The paragraphs and list items of a chapter, as they are read."""
    for cell in made.notebook.cells:
        if cell.cell_type == "markdown" and cell.metadata.get("for") != "teacher":
            tokens = MarkdownIt().enable("table").parse(cell.source)
            for token in tokens:
                if token.type == "inline":
                    yield " ".join(
                        "".join(
                            " " if each.type == "softbreak" else each.content
                            for each in token.children
                        ).split()
                    )


@pytest.mark.requires_chromium
def test_it_is_a4_and_tagged_and_its_type_is_embedded(printed: pypdfium2.PdfDocument) -> None:
    assert printed.is_tagged()
    for page in printed:
        assert [round(side / 72 * 25.4) for side in page.get_size()] == [210, 297]
        for each in page.get_objects([TEXT]):
            assert each.get_font().is_embedded, each.get_font().get_base_name()


# ---------------------------------------------------------------- the command

CHAPTER = """\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

+++ {"lang": "en"}

# 9 · Nine

+++ {"lang": "ko", "of": ""}

# 9 · 아홉

+++ {"lang": "en", "minutes": 1}

## A plot

+++ {"lang": "ko", "of": ""}

## 그림

```{code-cell} ipython3
import ipywidgets, plotly.graph_objects as go
picture = go.FigureWidget(go.Scatter(y=[1, 2]), layout={"title_text": "It grows by one"})
ipywidgets.VBox([ipywidgets.IntSlider(description="speed", value=40), picture])
```
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one chapter, which nothing in the package knows."""
    source = tmp_path / "notebooks" / "source" / "09_nine.md"
    source.parent.mkdir(parents=True)
    (tmp_path / "notebooks" / "ko").mkdir()
    source.write_text(CHAPTER, encoding="utf-8")
    stamp(source)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.requires_chromium
def test_the_command_makes_what_is_asked_for_and_tells_how_far_it_is(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["handouts", "--chapter", "9", "--lang", "ko", "--edition", "student"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == ["handouts/ko/09_nine-student.pdf"]
    assert told.err.splitlines() == ["9 · 아홉 (ko): 3 cells run"]
    assert [path.name for path in (repository / "handouts" / "ko").iterdir()] == [
        "09_nine-student.pdf"
    ]


def test_without_chromium_there_is_html_that_draws_itself_and_a_word_why(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chromium, "find_chromium", lambda: None)
    assert cli.main(["handouts", "--lang", "en", "--edition", "teacher"]) == 0
    told = capsys.readouterr()
    assert "no Chromium or Chrome is here to print PDF" in told.err
    assert told.out.splitlines() == ["handouts/en/09_nine-teacher.html"]
    page = (repository / told.out.strip()).read_text(encoding="utf-8")
    assert "Plotly.toImage" in page
    assert 'aria-label="It grows by one"' in page
    assert "speed" in page and "--at: 0.40" in page


@pytest.mark.requires_chromium
def test_a_page_that_draws_itself_ends_as_one_that_was_drawn(repository: Path) -> None:
    source = repository / "notebooks" / "source" / "09_nine.md"
    notebook = handouts.show(repository / "notebooks", source, "en")
    page = chromium.draw(handouts.page(source, notebook, "en", STUDENT))
    assert re.search(r'<img class="plot" alt="It grows by one" src="data:image/svg', page)


def test_a_failing_cell_is_told(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = repository / "notebooks" / "source" / "09_nine.md"
    source.write_text(CHAPTER.replace("value=40", "value=1 / 0"), encoding="utf-8")
    stamp(source)
    assert cli.main(["handouts", "--lang", "en"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert pairs(source)
