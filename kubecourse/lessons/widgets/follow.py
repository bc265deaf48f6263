"""Follow one `kubectl apply`: every message, one by one, as an arrow on the cluster's map."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from kubecourse.lessons import messages, palette
from kubecourse.lessons.recording import state_of
from kubecourse.lessons.widgets import map as maps
from kubecourse.lessons.widgets import svg
from kubecourse.lessons.widgets.drawn import button
from kubecourse.lessons.widgets.panel import Panel, picture
from kubecourse.tools.hops import ALL, ANSWERED, DNS, KUBECTL, RESOLVED, STORED, TOLD, Hop, Hops
from kubecourse.tools.hops import follow as overhear
from kubecourse.tools.past import Past

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

TOP, BOX = 36, 130
"""Pixels above the map, and of the boxes there: who has no machine in the cluster."""


def _words(key: str, **values: object) -> str:
    return messages.text(f"cluster.follow.{key}", **values)


def sentence(hop: Hop) -> str:
    """What one message says, in words."""
    said = {
        "who": hop.who, "object": hop.object, "path": hop.path, "code": hop.code,
        "revision": hop.revision, "listener": hop.target.partition("@")[0],
    }  # fmt: skip
    if hop.event and hop.verb not in (TOLD, STORED):
        return _words("event", reason=hop.obj.reason, message=hop.obj.message, **said)
    if hop.verb == TOLD:
        return _words(f"told.{hop.path.lower()}", **said)
    if hop.verb in (STORED, RESOLVED, ANSWERED):
        return _words(hop.verb, **said)
    if hop.code >= 400:
        return _words("none_yet" if hop.code == 404 else "refused", **said)
    if hop.path.endswith("/binding"):
        return _words("bind", node=hop.obj.spec.nodeName, **said)
    if hop.path.endswith("/status"):
        state = f": {state_of(hop.obj)}" if hop.obj.kind == "Pod" else ""
        return _words("status", state=state, **said)
    if hop.source == KUBECTL and hop.target.startswith("kube-proxy"):
        return _words("request", **said)
    return _words(hop.verb.lower(), **said)


def chart(title: str, seen: maps.Scene, hop: Hop) -> str:
    """The map at the moment of a message, and the message as an arrow, as HTML."""
    plan = maps.Plan(seen, TOP)
    for number, name in enumerate((KUBECTL, DNS), 1):
        place = maps.Place(number * (palette.WIDTH - BOX) / 2, 2, BOX - 2, 24)
        plan.places[name] = place
        plan.shapes.append(svg.rect(*place, edge=palette.GREY, look='rx="6"'))
        plan.shapes.append(svg.text(place.middle[0], 18, name, "middle", 'font-weight="bold"'))
    for source in _places(plan, hop.source):
        for target in _places(plan, hop.target):
            plan.shapes += _arrow(source, target)
    concerned = plan.places.get(hop.object.removeprefix("pod/"))
    if concerned is not None:
        plan.shapes.append(_ring(concerned))
    return picture(title, svg.drawing(title, plan.height, plan.shapes), maps.key(seen))


def _places(plan: maps.Plan, name: str) -> list[maps.Place]:
    """Where a component is; of one that is on every node, all of them."""
    program, _, machine = name.partition("@")
    if machine == ALL:
        return [place for each, place in plan.places.items() if each.startswith(f"{program}@")]
    return [plan.places[name]] if name in plan.places else []


def _ring(place: maps.Place) -> str:
    x, y, width, height = place
    look = 'rx="4" stroke-width="3" pointer-events="none"'
    return svg.rect(x - 2, y - 2, width + 4, height + 4, edge=palette.NEW, look=look)


def _arrow(source: maps.Place, target: maps.Place) -> list[str]:
    """A line from one place to another, from edge to edge if they are far from each other."""
    (x, y), (to_x, to_y) = source.middle, target.middle
    if (source.x, source.width) == (target.x, target.width):  # between names and states
        x = to_x = source.x + source.width * 0.65
    if abs(to_y - y) > 2 * source.height:
        down = 1 if to_y > y else -1
        y, to_y = y + down * source.height / 2, to_y - down * target.height / 2
    elif x != to_x:
        across = 1 if to_x > x else -1
        x, to_x = x + across * source.width / 2, to_x - across * target.width / 2
    length = max(((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5, 1)
    dx, dy = (to_x - x) / length, (to_y - y) / length
    left = to_x - 10 * dx + 5 * dy, to_y - 10 * dy - 5 * dx
    right = to_x - 10 * dx - 5 * dy, to_y - 10 * dy + 5 * dx
    head = " ".join(f"{a:.1f},{b:.1f}" for a, b in ((to_x, to_y), left, right))
    return [
        _ring(source), _ring(target), svg.line(x, y, to_x, to_y, "white", 7),
        svg.line(x, y, to_x, to_y, palette.NEW, 3),
        f'<polygon points="{head}" fill="{palette.NEW}" stroke="white" paint-order="stroke"/>',
    ]  # fmt: skip


class FollowApply(Panel):
    """Apply a manifest to a copy of the cluster, and step through all that is then said.

    `hop.value` is which message is shown, from 1; `every.value` shows also those that the answer
    did not need. `hops` are those that are shown, `table` the same as text.
    """

    def __init__(self, cluster: Cluster, source: Any, url: str = "") -> None:
        self._planes, self._nodes = maps.planes(cluster), maps.workers(cluster)
        self._copy, self.all = overhear(cluster, source, url)
        self._start, self._before = cluster.now, cluster.etcd.revision
        self.hop = ipywidgets.IntSlider(
            value=1, min=1, max=1, description=_words("hop"), style={"description_width": "initial"}
        )
        self.every = ipywidgets.Checkbox(value=False, description=_words("every"), indent=False)
        self.previous = button(_words("previous"), self._move)
        self.next = button(_words("next"), self._move)
        self.picture = ipywidgets.HTML()
        self.every.observe(self._choose, "value")
        self.hop.observe(self._draw, "value")
        super().__init__([self.previous, self.hop, self.next, self.every], self.picture)
        self._choose()

    @property
    def shown(self) -> Hop:
        """The message that is shown."""
        return self.hops[self.hop.value - 1]

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return sentence(self.shown)

    @property
    def table(self) -> Hops:
        """All messages; printed, a table."""
        return self.hops

    def _choose(self, _: object = None) -> None:
        self.hops = self.all if self.every.value else self.all.way()
        self.hop.max = len(self.hops)
        self._draw()

    def _move(self, pressed: object) -> None:
        step = 1 if pressed is self.next else -1
        self.hop.value = min(max(self.hop.value + step, 1), self.hop.max)

    def _draw(self, _: object = None) -> None:
        hop, so_far = self.shown, self.hops[: self.hop.value]
        revision = max(self._before, *(each.revision for each in so_far))
        past = Past(self._copy.etcd, self._copy.clock, revision)
        seen = maps.scene(past, self._planes, self._nodes)._replace(now=hop.time)
        title = f"{hop.time - self._start:.3f} s: {self.text}"
        detail = (
            f"{hop.controller or hop.source} → {hop.target}   {hop.verb} {hop.path}"
            f"{f' {hop.object}' if hop.verb == TOLD else ''}"
            f"{f'   resourceVersion {hop.revision}' if hop.revision else ''}"
        )
        self.picture.value = f"{chart(title, seen, hop)}<code>{escape(detail)}</code>"
