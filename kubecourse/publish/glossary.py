"""The glossary: every term of the course in both languages, what it means, where it is explained.

A term stands in bold where a chapter first uses it, `**pod**` and `**파드**(Pod)`: the bold words
of an English text and of its translation belong together in their order. What a term means is a
message, `glossary.<term>`. Bold is for terms alone, so that a term without a meaning is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from kubecourse.lessons.messages import LANGUAGES, messages, speaking, text
from kubecourse.publish import course
from kubecourse.publish.source import pairs

_MARKDOWN = MarkdownIt().enable("table")


class Term(NamedTuple):
    """A term where a chapter first uses it: its words in every language, and the cell."""

    words: tuple[str, ...]
    source: Path
    cell: int

    @property
    def key(self) -> str:
        """The name of the message that explains it."""
        return self.words[0].lower()


def terms(source: Path) -> Iterator[Term]:
    """The terms of a chapter, in order."""
    for pair in pairs(source):
        for words in zip(*(_bold(each.words) for each in pair), strict=False):
            yield Term(words, source, pair[0].cell)


def complaints(sources: Sequence[Path]) -> list[str]:
    """Terms that are not translated, or not explained."""
    found = [line for source in sources for line in _uneven(source)]
    used = {term.key: term for source in sources for term in terms(source)}
    return found + [
        f"{term.source.name}: no meaning in messages/glossary.yaml: {key}"
        for key, term in used.items()
        if key not in messages("glossary")
    ]


def page(sources: Sequence[Path], language: str) -> str:
    """The glossary of one language, as Markdown."""
    at = LANGUAGES.index(language)
    places: dict[str, list[Term]] = {}
    for source in sources:
        for term in terms(source):
            if all(term.source != before.source for before in places.get(term.key, ())):
                places.setdefault(term.key, []).append(term)
    ordered = sorted(places.values(), key=lambda uses: uses[0].words[at].lower())
    with speaking(language):
        columns = [text(f"handouts.{each}") for each in ("term", "translation", "meaning")]
        columns.append(text("course.column.chapter"))
        lines = [f"# {text('handouts.glossary')}", "", text("handouts.about_glossary"), ""]
        lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        for uses in ordered:
            words = uses[0].words
            others = ", ".join(word for word in words if word != words[at])
            meaning = text(f"glossary.{uses[0].key}")
            links = ", ".join(
                f"[{course.number(use.source)}]({course.place(use.source, use.cell)})"
                for use in uses
            )
            lines.append(f"| **{words[at]}** | {others} | {meaning} | {links} |")
    return "\n".join(lines) + "\n"


def _uneven(source: Path) -> Iterator[str]:
    """Texts that have more terms than their translation, or fewer."""
    for pair in pairs(source):
        english, korean = (_bold(each.words) for each in pair)
        if len(english) != len(korean):
            where = f"{source.name}:{pair[1].line}"
            yield f"{where}: not the same terms in bold: {english} and {korean}"


def _bold(words: str) -> list[str]:
    """What is in bold in a text."""
    inline = [token.children or [] for token in _MARKDOWN.parse(words)]
    return [
        child.content
        for children in inline
        for mark, child in pairwise(children)
        if mark.type == "strong_open"
    ]
