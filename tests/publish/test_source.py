"""A source in two languages: what is taken for which edition, and what fails."""

from pathlib import Path

import pytest

from kubecourse.publish import cli
from kubecourse.publish.source import Untranslated, complaints, edition, stamp

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.md"))

HEAD = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
ENGLISH = """\
+++ {"lang": "en"}

## Who keeps count?

Delete one, and look.

"""
KOREAN = """\
+++ {"lang": "ko", "of": "%s"}

## 누가 개수를 세는가?

하나를 지우고 보자.

"""
CODE = """\
```{code-cell} ipython3
6 * 7
```

"""


@pytest.fixture
def source(tmp_path: Path):
    def write(*pieces: str) -> Path:
        path = tmp_path / "notebooks" / "source" / "09_count.md"
        path.parent.mkdir(parents=True)
        path.write_text(HEAD + "".join(pieces), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_text_of_the_course_is_translated(path: Path) -> None:
    assert complaints(path) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_both_editions_have_the_same_code(path: Path) -> None:
    english, korean = (edition(path, language).cells for language in ("en", "ko"))
    assert [cell.cell_type for cell in english] == [cell.cell_type for cell in korean]
    for one, other in zip(english, korean, strict=True):
        assert (one.source == other.source) == (one.cell_type == "code")


def test_each_edition_has_its_language_and_all_code(source) -> None:
    path = source(ENGLISH, KOREAN % "00000000", CODE)
    stamp(path)
    assert [cell.source.partition("\n")[0] for cell in edition(path, "en").cells] == [
        "## Who keeps count?", "6 * 7",
    ]  # fmt: skip
    korean = edition(path, "ko").cells
    assert [cell.source.partition("\n")[0] for cell in korean] == [
        "## 누가 개수를 세는가?",
        "6 * 7",
    ]
    assert dict(korean[0].metadata) == {}


@pytest.mark.parametrize(
    ("pieces", "complaint"),
    [
        ([ENGLISH, CODE], ":12: not translated: ## Who keeps count?"),
        ([CODE, ENGLISH], ":16: not translated"),
        ([ENGLISH, ENGLISH, KOREAN % "x"], ":12: not translated"),
        ([CODE, KOREAN % "x"], ":16: translates nothing: ## 누가"),
        ([ENGLISH, CODE, KOREAN % "x"], ":22: translates nothing"),
        ([ENGLISH, KOREAN % "12345678"], ":18: older than its English: ## Who keeps count?"),
        (["## Which language?\n"], "does not say its language: '## Which language?'"),
    ],
)
def test_what_is_missing_or_stale_is_listed(source, pieces: list[str], complaint: str) -> None:
    path = source(*pieces)
    assert any(complaint in line for line in complaints(path)), complaints(path)
    with pytest.raises(Untranslated, match="09_count"):
        edition(path, "ko")


def test_a_changed_text_makes_its_translation_stale_until_it_is_stamped(source) -> None:
    path = source(ENGLISH, KOREAN % "00000000", CODE)
    assert stamp(path) == ["09_count.md:18: ## 누가 개수를 세는가?"]
    assert complaints(path) == []
    stamped = path.read_text(encoding="utf-8")
    assert stamp(path) == []
    assert path.read_text(encoding="utf-8") == stamped

    path.write_text(stamped.replace("Delete one", "Delete two"), encoding="utf-8")
    assert len(complaints(path)) == 1


def test_marks_inside_code_are_code(source) -> None:
    fenced = '```{code-cell} ipython3\nprint("""\n+++ {"lang": "en"}\n""")\n```\n\n'
    path = source(fenced, ENGLISH, KOREAN % "00000000")
    stamp(path)
    assert complaints(path) == []


def test_the_command_lists_what_is_to_be_translated(
    source, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = source(ENGLISH, KOREAN % "12345678", CODE)
    monkeypatch.chdir(path.parents[2])
    assert cli.main(["build"]) == 1
    told = capsys.readouterr().err
    assert "09_count.md:18: older than its English: ## Who keeps count?" in told
    assert "kubecourse build --stamp" in told
    assert not list(path.parents[1].glob("*.ipynb"))


def test_the_command_stamps_and_builds_one_chapter(
    source, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = source(ENGLISH, KOREAN % "12345678", CODE)
    monkeypatch.chdir(path.parents[2])
    assert cli.main(["build", "9", "--stamp"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "up to date: 09_count.md:18: ## 누가 개수를 세는가?",
        "notebooks/glossary.md",
        "notebooks/ko/glossary.md",
        "notebooks/09_count.ipynb",
        "notebooks/ko/09_count.ipynb",
    ]
    assert cli.main(["build", "8"]) == 1
    assert "no source of chapter 8" in capsys.readouterr().err
