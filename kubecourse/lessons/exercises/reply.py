"""What the course replies in a cell: as text, and as HTML with a coloured bar at the side.

Messages are written with three marks: `code`, **bold**, and a blank line between paragraphs.
"""

from __future__ import annotations

import re
from html import escape

from kubecourse.lessons import palette
from kubecourse.lessons.exercises.verdict import Outcome

TASK = palette.DESIRED
NEUTRAL = palette.STATE["Pending"]
COLOUR = {
    Outcome.UNTRIED: NEUTRAL,
    Outcome.WRONG: palette.REFUSED,
    Outcome.RIGHT: palette.SERVED,
    Outcome.UNCLEAR: palette.STATE["Running"],
}
_INDENTED = re.compile(r"^ {4}", re.MULTILINE)


class Reply:
    """What a cell shows: `print` and `repr` give the text, a notebook the HTML."""

    def __init__(self, message: str, colour: str = NEUTRAL) -> None:
        self.message = message.strip("\n")
        self.colour = colour

    def __repr__(self) -> str:
        return self.message.replace("**", "")

    def _repr_html_(self) -> str:
        return html(self.message, self.colour)


def html(message: str, colour: str) -> str:
    """A message as HTML. Paragraphs that are indented by four spaces are code."""
    blocks = [_block(block) for block in re.split(r"\n\n+", message.strip("\n"))]
    # Code may hold blank lines of its own.
    body = "".join(blocks).replace("</pre><pre>", "\n\n")
    return (
        f'<div style="border-left: 4px solid {colour}; padding: 2px 0 2px 14px; '
        f'max-width: 640px; line-height: 1.5; word-break: keep-all">{body}</div>'
    )


def indented(code: str) -> str:
    """Code, as a message holds it."""
    return "\n".join(f"    {line}" if line else "" for line in code.strip("\n").splitlines())


def _block(block: str) -> str:
    if block.startswith("    "):
        return f"<pre>{escape(_INDENTED.sub('', block))}</pre>"
    lines = escape(block, quote=False)
    lines = re.sub(r"`([^`]+)`", r"<code>\1</code>", lines)
    lines = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", lines)
    return f'<p style="margin: 4px 0">{lines.replace(chr(10), "<br>")}</p>'
