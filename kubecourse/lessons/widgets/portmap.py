"""Who can be reached where: this machine, its bridges and our containers, as `inspect` has them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from kubecourse.containers.ports import port_map
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import Drawn, button, choice, page, words

if TYPE_CHECKING:
    from kubecourse.containers.ports import Container, PortMap

ROW, TOP, FOOT = 62, 32, 76
"""Pixels of a container, above the first, and of a bridge's words below the last."""


def picture(found: PortMap, chosen: str = "") -> str:
    """Ports of this machine at the left, bridges in the middle, containers at the right.

    A line for each published port; the way to the `chosen` container is drawn thick.
    """
    title = text(found)
    foot = TOP + ROW * max(len(found.containers), 1)
    height = foot + FOOT * max(len(found.bridges), 1)
    parts = [
        _box(0, 18, 150, height - 22, words("ports.machine")),
        _box(232, 18, 130, height - 22, words("ports.bridge")),
    ]
    for number, net in enumerate(found.bridges):
        lines = (net.name, net.subnet, words("ports.gateway"), net.gateway)
        parts += [_text(297, foot + 8 + FOOT * number + 16 * n, line, "middle")
                  for n, line in enumerate(lines)]  # fmt: skip
    for number, each in enumerate(found.containers):
        parts.append(_row(each, TOP + ROW * number, each.name == chosen))
    drawing = (
        f'<svg viewBox="0 0 640 {height}" width="640" height="{height}" role="img" '
        f'aria-label="{escape(title)}" style="max-width: 100%; font: 12px system-ui, sans-serif">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
    return page(title, drawing, commands=_commands(found, chosen))


def _row(each: Container, y: int, chosen: bool) -> str:
    middle = y + 24
    width = 4 if chosen else 2
    edge = palette.NEW if chosen else "#767676"
    parts = [
        f'<rect x="440" y="{y}" width="196" height="50" rx="4" fill="none" stroke="{edge}" '
        f'stroke-width="{width - 1}"/>',
        _text(450, y + 16, each.name.removeprefix("kubecourse-"), weight="bold"),
        _text(450, y + 31, each.address or "–"),
    ]
    inside = ", ".join(dict.fromkeys([*(port.inside for port in each.ports), *each.exposed]))
    parts.append(_text(450, y + 45, inside or words("ports.nothing")))
    for number, port in enumerate(each.ports):
        at = middle + 14 * number
        parts += [
            _text(142, at + 4, f"{port.host}:{port.outside}", "end"),
            f'<circle cx="150" cy="{at}" r="5" fill="{palette.SERVED}"/>',
            f'<path d="M150 {at}H440" stroke="{palette.SERVED}" stroke-width="{width}"/>',
            f'<path d="M432 {at - 5}L440 {at}L432 {at + 5}Z" fill="{palette.SERVED}"/>',
        ]
    if not each.ports:
        parts += [
            f'<path d="M362 {middle}H440" stroke="{palette.STATE["Pending"]}" '
            f'stroke-width="{width}" stroke-dasharray="4 4"/>',
            f'<path d="M145 {middle - 5}l10 10m0 -10l-10 10" stroke="{palette.REFUSED}" '
            'stroke-width="2"/>',
            _text(138, middle + 4, words("ports.unpublished"), "end"),
        ]
    return "".join(parts)


def _box(x: int, y: int, width: int, height: int, label: str) -> str:
    return (
        f'<rect x="{x + 1}" y="{y}" width="{width}" height="{height}" rx="6" fill="#767676" '
        f'fill-opacity="0.08" stroke="#767676"/>{_text(x + width // 2, 13, label, "middle")}'
    )


def _text(x: int, y: int, words_: str, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="currentColor">{escape(words_)}</text>'
    )


def _commands(found: PortMap, chosen: str) -> list[str]:
    each = next((each for each in found.containers if each.name == chosen), None)
    if each is None:
        return ["docker ps"]
    published = [f"-p {p.host}:{p.outside}:{p.inside.partition('/')[0]}" for p in each.ports]
    run = " ".join(["docker run -d", *published, f"--name {each.name}", each.image])
    return [run, *(f"curl http://{port.host}:{port.outside}/" for port in each.ports)]


def text(found: PortMap) -> str:
    """The picture in one line: how many run, how many can be reached."""
    reached = sum(bool(each.ports) for each in found.containers)
    return words("ports.finding", count=len(found.containers), reached=reached)


class PortPicture(Drawn):
    """What runs now. Choose a container to follow its way; look again after a run."""

    def __init__(self) -> None:
        self.found = port_map()
        names = self._names()
        self.container = choice(words("ports.container"), names, names[0][1] if names else None)
        super().__init__(self.container, button(words("again"), self._again))

    @property
    def text(self) -> str:
        return text(self.found)

    def html(self) -> str:
        return picture(self.found, self.container.value or "")

    def _names(self) -> list[tuple[str, str]]:
        found = sorted(self.found.containers, key=lambda each: not each.ports)
        return [(each.name.removeprefix("kubecourse-"), each.name) for each in found]

    def _again(self, _: object) -> None:
        before, self.found = self.container.value, port_map()
        self.container.options = self._names()
        if before in (name for _, name in self.container.options):
            self.container.value = before
        self.draw()
