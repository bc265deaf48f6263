"""A chapter's source: one file, two languages, cell by cell.

`notebooks/source/NN_name.md` is a notebook in jupytext's `md:myst`. Code cells are shared. Each
text cell says its language, and the Korean one stands directly below the English one that it
translates, with the first eight hexadecimal digits of that text's SHA-256:

    +++ {"lang": "en"}

    Three machines.

    +++ {"lang": "ko", "of": "1f3c9a20"}

    머신 세 대가 있다.

So a translation that is missing, or older than its English, is found by reading the file. After
the Korean was brought up to date (or needs no change), `kubecourse build --stamp` renews `of`.

An English text may say two things more, which hold for its translation as well: `"minutes": 8`,
the time that the section which it opens takes, and `"for": "teacher"`, a note that only the
teacher's handout has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from kubecourse.lessons.messages import LANGUAGES

FIRST = LANGUAGES[0]
"""The language that is written first."""
TEACHER = "teacher"
SHARED = ("minutes", "for")
"""What an English text says of itself and of its translation."""
WIDGET = "application/vnd.jupyter.widget-view+json"
"""The kind of an output that is a widget."""
PUBLISHED = "kubecourse_published"
"""The mark of a built notebook that nobody has saved since."""

_MARK = re.compile(r"^\+\+\+ (\{.*\}) *$")
_FENCE = re.compile(r"^(```+)")


class Untranslated(Exception):
    """Texts without a translation, or with one of an older text; a line for each."""

    def __init__(self, complaints: Sequence[str]) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = list(complaints)


@dataclass(frozen=True, slots=True)
class Text:
    """A text cell: its language, what it translates, its words, the line where it begins.

    `cell` is its number in the notebook, which counts no notes for the teacher.
    """

    lang: str
    of: str
    words: str
    line: int
    cell: int

    @property
    def digest(self) -> str:
        """What a translation of this text carries as `of`."""
        return sha256(self.words.encode()).hexdigest()[:8]

    def __str__(self) -> str:
        beginning = self.words.partition("\n")[0]
        return beginning if len(beginning) <= 60 else f"{beginning[:57]}..."


def edition(source: Path, language: str) -> Any:
    """The notebook of one language, not yet run, with the teacher's notes. Raises Untranslated."""
    notebook = _read(source)
    if complaints := list(_complaints(source, notebook)):
        raise Untranslated(complaints)
    shared: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.metadata.get("lang") == FIRST:
            shared = {key: cell.metadata[key] for key in SHARED if key in cell.metadata}
        elif "lang" in cell.metadata:
            cell.metadata.update(shared)
    notebook.cells = [
        cell for cell in notebook.cells if cell.metadata.pop("lang", language) == language
    ]
    for cell in notebook.cells:
        cell.metadata.pop("of", None)
    return notebook


def pairs(source: Path) -> list[tuple[Text, Text]]:
    """The English texts of a source, each with its translation; those that have one."""
    found = _pairs(_texts(source, _read(source)))
    return [pair for pair in found if None not in pair]


def complaints(source: Path) -> list[str]:
    """What is missing or stale in a source, a line each; empty if both editions can be built."""
    return list(_complaints(source, _read(source)))


def stamp(source: Path) -> list[str]:
    """Declare every translation up to date with the text above it; names those that were not."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    renewed = []
    for original, translation in _pairs(_texts(source, _read(source))):
        if original is None or translation is None or translation.of == original.digest:
            continue
        mark = json.dumps({"lang": translation.lang, "of": original.digest})
        lines[translation.line - 1] = f"+++ {mark}\n"
        renewed.append(f"{source.name}:{translation.line}: {translation}")
    source.write_text("".join(lines), encoding="utf-8")
    return renewed


def _read(source: Path) -> Any:
    import jupytext

    return jupytext.read(source, fmt="md:myst")


def _complaints(source: Path, notebook: Any) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.metadata.get("lang") not in LANGUAGES:
            yield f"{source.name}: a text that does not say its language: {cell.source[:60]!r}"
            return  # nor can the lines of the others be told
    for original, translation in _pairs(_texts(source, notebook)):
        if translation is None:
            yield f"{source.name}:{original.line}: not translated: {original}"
        elif original is None:
            yield f"{source.name}:{translation.line}: translates nothing: {translation}"
        elif translation.of != original.digest:
            yield f"{source.name}:{translation.line}: older than its English: {original}"


def _texts(source: Path, notebook: Any) -> list[Text | None]:
    """Every text cell in order, and None for a code cell."""
    lines = _marked_lines(source.read_text(encoding="utf-8"))
    texts: list[Text | None] = []
    number = -1
    for cell in notebook.cells:
        meta = cell.metadata
        if meta.get("lang", FIRST) == FIRST and meta.get("for") != TEACHER:
            number += 1  # what translates it stands in its place
        texts.append(
            None
            if cell.cell_type != "markdown"
            else Text(meta["lang"], meta.get("of", ""), cell.source, next(lines), number)
        )
    return texts


def _marked_lines(text: str) -> Iterator[int]:
    """The numbers of the lines that begin a text cell."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _FENCE.match(line):
            if not fence:
                fence = found[1]
            elif line.strip() == fence:
                fence = ""
        elif not fence and (mark := _MARK.match(line)) and "lang" in json.loads(mark[1]):
            yield number


def _pairs(cells: Sequence[Text | None]) -> Iterator[tuple[Any, Any]]:
    """Texts with their translations; None where one of the two is missing."""
    original = None
    for cell in [*cells, None]:
        if cell is not None and cell.lang != FIRST:
            yield original, cell
            original = None
            continue
        if original is not None:
            yield original, None
        original = cell
