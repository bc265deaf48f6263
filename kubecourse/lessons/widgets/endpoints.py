"""Who answers for a Service, second by second, while one of its pods is well or is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import ipywidgets

from kubecourse.lessons import messages, palette
from kubecourse.lessons.widgets.panel import Panel, picture, reset_button

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

SECONDS, RATE = 20, 20
HEALTH = ("well", "failing", "hang")
"""What the first pod can be told to do: `cluster.misbehave()`. They name messages."""
PATIENCE = 6.0
"""Virtual seconds until the last request has been given up."""
LABELS, CELL, HEIGHT, TOP = 168, 22, 34, 2


class Second(NamedTuple):
    """A second of a pod: requests answered, requests failed, whether the Service had it listed."""

    answered: int
    failed: int
    listed: bool


def timeline(title: str, pods: Mapping[str, Sequence[Second]]) -> str:
    """A row for each pod, a cell for each second with its number of requests, as HTML."""
    height = TOP + len(pods) * HEIGHT
    width = LABELS + SECONDS * CELL + 12
    shapes = [piece for row, pod in enumerate(pods) for piece in _row(row, pod, pods[pod])]
    for second in range(0, SECONDS + 1, 5):
        x, anchor = LABELS + second * CELL, "middle" if second else "start"
        unit = "" if second else f" {messages.text('widgets.seconds')}"
        shapes.append(
            f'<text x="{x}" y="{height + 14}" text-anchor="{anchor}">{second}{unit}</text>'
        )
    svg = f'<svg width="{width}" height="{height + 20}" role="img" aria-label="{escape(title)}">'
    key = " &nbsp; ".join(
        f'<span style="color: {colour}" aria-hidden="true">{sign}</span> '
        + messages.text(f"widgets.endpoints.{name}")
        for name, colour, sign in (
            ("answered", palette.SERVED, "■"),
            ("failed", palette.REFUSED, "■"),
            ("listed", "inherit", "▬"),
        )
    )
    return picture(title, f"{svg}{''.join(shapes)}</svg>", key)


def _row(row: int, pod: str, seconds: Sequence[Second]) -> Iterator[str]:
    top = TOP + row * HEIGHT
    yield f'<text x="0" y="{top + 17}">{escape(pod)}</text>'
    for number, second in enumerate(seconds):
        x = LABELS + number * CELL
        words = messages.text(
            "widgets.endpoints.second",
            pod=pod, second=number + 1, answered=second.answered, failed=second.failed,
        )  # fmt: skip
        fill = palette.REFUSED if second.failed else palette.SERVED
        count = second.failed or second.answered
        yield f"<g><title>{escape(words)}</title>"
        yield (
            f'<rect x="{x}" y="{top}" width="{CELL - 2}" height="24" fill="{fill}" '
            f'fill-opacity="{1 if count else 0.12}"/>'
        )
        if count:
            place = f'x="{x + CELL / 2 - 1}" y="{top + 17}" text-anchor="middle"'
            yield f'<text class="on" {place}>{count}</text>'
        if second.listed:
            yield f'<rect x="{x}" y="{top + 26}" width="{CELL}" height="3" class="ink"/>'
        yield "</g>"


class Endpoints(Panel):
    """A switch on the first pod behind a Service; each use sends it requests for 20 seconds.

    All on a copy of the cluster.
    `health.value` (well, failing, hang) can be set by code as well.
    """

    def __init__(self, cluster: Cluster, service: str) -> None:
        self._cluster, self._service = cluster.fork(), service
        self._pods = sorted(self._endpoints())
        self.health = ipywidgets.Dropdown(
            options=[(messages.text(f"widgets.endpoints.{how}"), how) for how in HEALTH],
            description=messages.text("widgets.endpoints.pod", pod=self._pods[0]),
            style={"description_width": "initial"},
        )
        self.reset = reset_button()
        self.picture = ipywidgets.HTML()
        self.text = ""
        self.health.observe(self._changed, "value")
        self.reset.on_click(self._reset)
        self._changed()
        super().__init__([self.health, self.reset], self.picture)

    def _changed(self, _: object = None) -> None:
        self._cluster.misbehave(self._pods[0], self.health.value)
        start, listed = self._cluster.now, []
        traffic = self._cluster.traffic(f"http://{self._service}", rate=RATE)
        for _second in range(SECONDS):
            listed.append(self._endpoints())
            self._cluster.advance(1 if len(listed) < SECONDS else 0.99)
        traffic.stop()
        self._cluster.advance(PATIENCE)
        seconds: dict[str, list[Second]] = {
            pod: [Second(0, 0, ready.get(pod, False)) for ready in listed] for pod in self._pods
        }
        for row in traffic.rows:
            cells, place = seconds[row.pod], int(row.time - start)
            ok, failed, there = cells[place]
            cells[place] = Second(ok + row.ok, failed + (not row.ok), there)
        self.text = _text(seconds)
        command = f'cluster.misbehave("{self._pods[0]}", "{self.health.value}")'
        self.picture.value = f"{timeline(self.text, seconds)}<code>{escape(command)}</code>"

    def _endpoints(self) -> dict[str, bool]:
        """The pods of the Service's EndpointSlices, and whether they may be sent requests."""
        return {
            endpoint.targetRef.name: bool(endpoint.conditions.ready)
            for piece in self._cluster.list("endpointslices")
            if (piece.metadata.labels or {}).get("kubernetes.io/service-name") == self._service
            for endpoint in piece.endpoints or ()
        }

    def _reset(self, _: object) -> None:
        self.health.value = HEALTH[0]


def _text(seconds: dict[str, list[Second]]) -> str:
    """The finding, in one line."""
    failed = [n + 1 for row in seconds.values() for n, cell in enumerate(row) if cell.failed]
    answered = [sum(cell.answered for cell in row) for row in seconds.values()]
    lost = sum(cell.failed for row in seconds.values() for cell in row)
    if lost:
        return messages.text(
            "widgets.endpoints.some", failed=lost, sent=lost + sum(answered), last=max(failed)
        )
    return messages.text(
        "widgets.endpoints.even", sent=sum(answered), least=min(answered), most=max(answered)
    )
