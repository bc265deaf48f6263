"""The glossary: every term in bold, both languages, a meaning, the places that explain it."""

import json
import re
from pathlib import Path

import pytest

from kubecourse.lessons.messages import LANGUAGES, messages
from kubecourse.publish import course, glossary
from kubecourse.publish.source import FIRST, stamp

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCES = course.sources(NOTEBOOKS / "source")

CHAPTER = """\
+++ {"lang": "en"}

# 7 · Seven

## What is it?

A %s here, and **node**s there. Not this *one*, nor `**this**`.

+++ {"lang": "ko", "of": ""}

# 7 · 일곱

## 무엇인가?

%s
"""


@pytest.fixture
def chapter(tmp_path: Path):
    def write(english: str, korean: str) -> Path:
        path = tmp_path / "07_seven.md"
        path.write_text(CHAPTER % (english, korean), encoding="utf-8")
        stamp(path)
        return path

    return write


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_committed_glossary_is_what_the_sources_make(language: str) -> None:
    folder = NOTEBOOKS if language == FIRST else NOTEBOOKS / language
    committed = (folder / course.GLOSSARY).read_text(encoding="utf-8")
    assert committed == glossary.page(SOURCES, language), "run: kubecourse build"


def test_every_term_is_explained_and_every_explanation_is_used() -> None:
    assert glossary.complaints(SOURCES) == []
    used = {term.key for source in SOURCES for term in glossary.terms(source)}
    assert used == messages("glossary").keys()


def test_bold_is_for_terms() -> None:
    """A sentence, a menu or a button in bold would come into the glossary: put it in italics."""
    for source in SOURCES:
        for term in glossary.terms(source):
            assert all(len(word.split()) <= 3 for word in term.words), term.words
            assert not re.search(r"[.?!→]", "".join(term.words)), term.words


def test_korean_terms_are_beside_the_english_ones_that_they_translate() -> None:
    """Where the Korean text gives the English word, it is that of the same place."""
    for source in SOURCES:
        words = source.read_text(encoding="utf-8")
        for term in glossary.terms(source):
            for given in re.findall(rf"\*\*{re.escape(term.words[1])}\*\*\(([^)]+)\)", words):
                assert given.lower() == term.key


def test_a_term_has_its_place(chapter) -> None:
    terms = list(glossary.terms(chapter("**pod**", "**파드**(Pod)와 **노드**.")))
    assert [term.words for term in terms] == [("pod", "파드"), ("node", "노드")]
    assert {term.cell for term in terms} == {0}


def test_a_row_leads_to_the_cell(chapter) -> None:
    path = chapter("**pod**", "**파드**(Pod)와 **노드**.")
    korean = glossary.page([path], "ko").splitlines()
    assert korean[-1].startswith("| **파드** | pod | 쿠버네티스가 실행하는")
    assert korean[-1].endswith("| [7](07_seven.ipynb#cell-id=07-000) |")
    assert glossary.page([path], "en").splitlines()[-2].startswith("| **node** | 노드 | A machine")


def test_a_term_too_many_or_without_a_meaning_is_told(chapter) -> None:
    uneven = glossary.complaints([chapter("**pod**", "**파드**.")])
    assert uneven == ["07_seven.md:9: not the same terms in bold: ['pod', 'node'] and ['파드']"]
    unknown = glossary.complaints([chapter("**flux**", "**흐름**과 **노드**.")])
    assert unknown == ["07_seven.md: no meaning in messages/glossary.yaml: flux"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_leads_to_a_cell_that_has_the_term(language: str) -> None:
    folder = NOTEBOOKS if language == FIRST else NOTEBOOKS / language
    cells = {
        f"{path.name}#cell-id={cell['id']}": "".join(cell["source"])
        for path in folder.glob("*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    }
    rows = [
        line.split(" | ") for line in glossary.page(SOURCES, language).splitlines() if "(0" in line
    ]
    assert rows
    for row in rows:
        for place in re.findall(r"\(([^)]*)\)", row[-1]):
            assert row[0].removeprefix("| ") in cells[place]
