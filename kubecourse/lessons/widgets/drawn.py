"""Pictures made of HTML, drawn anew when a control is moved; what those of chapter 2 share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import ipywidgets

from kubecourse.lessons import messages, palette
from kubecourse.lessons.widgets import panel

NUMBER = "text-align: right; white-space: nowrap; padding: 1px 12px 1px 0"
WORDS = "text-align: left; padding: 1px 12px 1px 0; overflow-wrap: anywhere"
MONO = "font-family: monospace; font-size: 12px"


class Drawn(panel.Panel):
    """Controls, and a picture of what they choose. A subclass has `text` and `html`."""

    def __init__(self, *controls: ipywidgets.Widget) -> None:
        self.picture = ipywidgets.HTML()
        for control in controls:
            if not isinstance(control, ipywidgets.Button):
                control.observe(self.draw, "value")
        super().__init__(list(controls), self.picture)
        self.draw()

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        raise NotImplementedError

    def html(self) -> str:
        """The picture, as the controls stand."""
        raise NotImplementedError

    def draw(self, _: object = None) -> None:
        """Show the picture as the controls stand."""
        self.picture.value = self.html()


def button(label: str, action: Callable[[object], None]) -> ipywidgets.Button:
    """A button as wide as its words."""
    made = ipywidgets.Button(description=label, layout={"width": "auto"})
    made.on_click(action)
    return made


def choice(label: str, options: Sequence[tuple[str, Any]], value: Any) -> ipywidgets.Dropdown:
    """A list to choose from, with room for its words."""
    longest = max((room(words_) for words_, _ in options), default=0)
    return ipywidgets.Dropdown(
        options=options,
        value=value,
        description=label,
        style={"description_width": "initial"},
        layout={"width": f"{50 + room(label) + longest}px"},
    )


def room(text: str) -> int:
    """Pixels that a text takes, about; Korean letters are wider."""
    return sum(8 if letter < "\u1100" else 13 for letter in text)


def page(title: str, *blocks: str, commands: Iterable[str] = ()) -> str:
    """A picture: its title, its parts, and the commands that do or show the same."""
    typed = "".join(f"<div><code>{escape(command)}</code></div>" for command in commands)
    return panel.picture(title, "".join(blocks), typed)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of HTML as a table; `right` are the columns of numbers."""
    looks = [NUMBER if column in right else WORDS for column in range(len(head))]
    heads = [look.replace("anywhere", "normal") for look in looks]

    def row(tag: str, cells: Sequence[str]) -> str:
        pairs = zip(looks if tag == "td" else heads, cells, strict=True)
        return "".join(f'<{tag} style="{look}">{cell}</{tag.split()[0]}>' for look, cell in pairs)

    titles = row('th scope="col"', [escape(cell) for cell in head])
    body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in rows)
    return (
        f'<table style="width: 100%"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'
    )


def changes(title: str, lines: Iterable[str]) -> str:
    """Lines that begin with `+`, `-` or a space, as what became of a text; a flexible column."""
    shown = []
    for line in lines:
        colour = {"+": palette.SERVED, "-": palette.REFUSED}.get(line[:1])
        look = f' style="background: {palette.shade(colour, 0.25)}"' if colour else ""
        shown.append(f"<div{look}>{escape(line)}</div>")
    block = f'<div style="{MONO}; white-space: pre-wrap">{"".join(shown)}</div>'
    return f'<div style="flex: 1 1 280px; min-width: 0"><b>{escape(title)}</b>{block}</div>'


def side_by_side(*columns: str) -> str:
    """Columns beside one another, or below where there is no room."""
    return f'<div style="display: flex; flex-wrap: wrap; gap: 16px">{"".join(columns)}</div>'


def words(key: str, **values: object) -> str:
    """A message of the widgets' area."""
    return messages.text(f"widgets.{key}", **values)
