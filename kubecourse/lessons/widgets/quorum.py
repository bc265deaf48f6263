"""etcd's members, and what they can still do when some of them are stopped or cut off."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import ipywidgets

from kubecourse.clock import Clock
from kubecourse.control_plane.etcd import Members, Unavailable
from kubecourse.control_plane.etcd.raft import quorum
from kubecourse.lessons import messages, palette
from kubecourse.lessons.widgets import svg
from kubecourse.lessons.widgets.drawn import button, choice
from kubecourse.lessons.widgets.panel import Panel, picture, reset_button

HERE, THERE, STOPPED = "here", "there", "stopped"
"""What becomes of a member: it runs on this side of the network, beyond a cut, or not at all."""
MOST = 7
SETTLES = 5.0
"""Virtual seconds that pass after each change: elections take one or two."""
BUCKET = "/registry/notes/"
KEY = f"{BUCKET}note"
BOX, HEIGHT, CUT = 76, 92, 22
LOOKS = {
    "leader": palette.SERVED,
    "follower": palette.shade(palette.SERVED, 0.35),
    "searching": palette.STATE["Running"],
    "stopped": "none",
}


class View(NamedTuple):
    """A member as it is: its `role` (of `LOOKS`), its term, and the note it holds (0: none)."""

    name: str
    side: str
    role: str
    term: int
    note: int


class Outcome(NamedTuple):
    """What came of a write or a read on one side: the note's number, or why there is none."""

    side: str
    verb: str
    number: int
    problem: str = ""


class Group:
    """Members on a clock of their own, and people who write numbered notes to them."""

    def __init__(self, size: int) -> None:
        self.clock = Clock()
        self.names = [f"etcd-{number}" for number in range(1, size + 1)]
        self.members = Members(self.clock, self.names)
        self.sides = dict.fromkeys(self.names, HERE)
        self.written = self.acknowledged = 0

    def put(self, name: str, side: str) -> None:
        """Stop a member, or let it run on one side or the other; the rest find a new leader."""
        if side == self.sides[name]:
            return
        before, self.sides[name] = self.sides[name], side
        if side == STOPPED:
            self.members.crash(name)
        elif before == STOPPED:
            self.members.restart(name)
        there = [name for name in self.names if self.sides[name] == THERE]
        self.members.partition(*[there] if there else [])
        self.clock.advance(SETTLES)

    def running(self, side: str) -> list[str]:
        """The members that run on a side."""
        return [name for name in self.names if self.sides[name] == side]

    def write(self) -> list[Outcome]:
        """Write the next note from each side that has members."""
        return [self._try(side, "write") for side in (HERE, THERE) if self.running(side)]

    def read(self) -> list[Outcome]:
        """Read the note from each side that has members."""
        return [self._try(side, "read") for side in (HERE, THERE) if self.running(side)]

    def _try(self, side: str, verb: str) -> Outcome:
        """Ask the first member of a side, as a client would."""
        member = self.members[self.running(side)[0]]
        try:
            if verb == "write":
                self.written += 1
                member.put(KEY, self.written)
                self.acknowledged = self.written
                return Outcome(side, verb, self.written)
            found = member.get(KEY)
            return Outcome(side, verb, found.value if found is not None else 0)
        except Unavailable as error:
            self.clock.advance(1.0)
            return Outcome(side, verb, self.written if verb == "write" else 0, str(error))

    def views(self) -> list[View]:
        """All members, those on this side first, then those beyond the cut."""
        order = sorted(self.names, key=lambda name: self.sides[name] == THERE)
        return [self._view(name) for name in order]

    def _view(self, name: str) -> View:
        raft, side = self.members[name].raft, self.sides[name]
        if raft is None:
            return View(name, side, "stopped", 0, 0)
        role = "leader" if raft.role == "leader" else "follower" if raft.leader else "searching"
        note = self.members[name].serializable(BUCKET).get(KEY, 0)
        return View(name, side, role, raft.term, note)


def _words(key: str, **values: object) -> str:
    return messages.text(f"cluster.quorum.{key}", **values)


def text(group: Group) -> str:
    """The finding, in one line: whether a majority runs together, and how many more may go."""
    size, together = len(group.names), max(len(group.running(side)) for side in (HERE, THERE))
    spare = together - quorum(size)
    key = "lost" if spare < 0 else "none" if spare == 0 else "spare"
    return _words(key, size=size, majority=quorum(size), together=together, spare=spare)


def said(outcome: Outcome, cut: bool) -> str:
    """What came of a try, in words."""
    key = f"{outcome.verb}_{'failed' if outcome.problem else 'done' if outcome.number else 'empty'}"
    words = _words(key, number=outcome.number, problem=outcome.problem)
    return f"{_words(f'side_{outcome.side}')}: {words}" if cut else words


def chart(group: Group) -> str:
    """A box for each member, with a line where the network is cut; below, how many may be lost."""
    title, shapes, x = text(group), list[str](), 0.0
    views = group.views()
    for number, view in enumerate(views):
        if view.side == THERE and (number == 0 or views[number - 1].side != THERE):
            middle = x + CUT / 2 - 2
            shapes.append(svg.line(middle, 0, middle, HEIGHT, palette.REFUSED, 3, "6 4"))
            shapes.append(svg.text(middle, HEIGHT + 14, _words("cut"), "middle"))
            x += CUT
        shapes += _box(view, x)
        x += BOX + 6
    return picture(title, svg.drawing(title, HEIGHT + 20, shapes) + _counts(len(group.names)))


def _box(view: View, x: float) -> list[str]:
    stopped = view.role == "stopped"
    edge, look = (palette.REFUSED, 'rx="5" stroke-dasharray="4 3"') if stopped else ("", 'rx="5"')
    lines = [view.name, _words(f"role.{view.role}")]
    if not stopped:
        lines += [_words("term", term=view.term), _words("holds", note=view.note or "–")]
    ink = 'class="on"' if view.role in ("leader", "searching") else ""
    box = svg.rect(x + 1, 1, BOX - 2, HEIGHT - 2, LOOKS[view.role], edge=edge, look=look)
    middle = x + BOX / 2
    return [box, *(svg.text(middle, 20 + 20 * n, each, "middle", ink)
                   for n, each in enumerate(lines))]  # fmt: skip


def _counts(size: int) -> str:
    """How many members may be lost, for each number of members."""
    rows = {"members": range(1, MOST + 1), "majority": [quorum(n) for n in range(1, MOST + 1)]}
    rows["may_fail"] = [n - quorum(n) for n in rows["members"]]
    lines = []
    for key, numbers in rows.items():
        cells = "".join(
            f'<td style="{_mark(n == size)}">{number}</td>' for n, number in enumerate(numbers, 1)
        )
        lines.append(f'<tr><th scope="row">{escape(_words(f"row_{key}"))}</th>{cells}</tr>')
    return f'<table class="grid">{"".join(lines)}</table>'


def _mark(chosen: bool) -> str:
    marked = f"; outline: 2px solid {palette.NEW}; font-weight: bold" if chosen else ""
    return f"min-width: 32px{marked}"


class Quorum(Panel):
    """How many members there are, what becomes of each, and what a write or a read then does.

    `members.value` and `fate[0].value` (here, there, stopped) can be set by code as well; `write`
    and `read` are buttons. `outcomes` are those of the last one, `group` the members themselves.
    """

    def __init__(self, members: int = 3) -> None:
        self._first = members
        self.members = ipywidgets.IntSlider(
            value=members, min=1, max=MOST, description=_words("members"), continuous_update=False,
            style={"description_width": "initial"},
        )  # fmt: skip
        fates = [(_words(f"fate.{fate}"), fate) for fate in (HERE, THERE, STOPPED)]
        self.fate = [choice(f"etcd-{number + 1}", fates, HERE) for number in range(MOST)]
        for each in self.fate:
            each.observe(self._changed, "value")
        self.write = button(_words("write"), self._write)
        self.read = button(_words("read"), self._read)
        self.reset = reset_button()
        self.members.observe(self._begin, "value")
        self.reset.on_click(self._reset)
        self.picture = ipywidgets.HTML()
        self._fates = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        self._beginning = False
        super().__init__(
            [self.members, self.write, self.read, self.reset], self._fates, self.picture
        )
        self._begin()

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return text(self.group)

    def _begin(self, _: object = None) -> None:
        self.group, self.outcomes = Group(self.members.value), list[Outcome]()
        self._beginning = True
        for each in self.fate:
            each.value = HERE
        self._beginning = False
        self._fates.children = self.fate[: self.members.value]
        self._draw()

    def _changed(self, _: object = None) -> None:
        if self._beginning:
            return
        for name, each in zip(self.group.names, self.fate, strict=False):
            self.group.put(name, each.value)
        self.outcomes = []
        self._draw()

    def _write(self, _: object = None) -> None:
        self.outcomes = self.group.write()
        self._draw()

    def _read(self, _: object = None) -> None:
        self.outcomes = self.group.read()
        self._draw()

    def _reset(self, _: object) -> None:
        if self.members.value == self._first:
            self._begin()
        self.members.value = self._first

    def _draw(self) -> None:
        cut = bool(self.group.running(THERE))
        lines = "".join(f"<div>{escape(said(each, cut))}</div>" for each in self.outcomes)
        self.picture.value = f'{chart(self.group)}<div role="status">{lines}</div>'
