"""A machine dies: what notices, what waits, what moves; and which setting makes it faster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

import ipywidgets

from kubecourse.api.resources import find
from kubecourse.cluster import Cluster
from kubecourse.lessons import messages, palette
from kubecourse.lessons.recording import FAILED, READY, Recording
from kubecourse.lessons.widgets import svg
from kubecourse.lessons.widgets.story import Story, applied, slider
from kubecourse.lessons.widgets.timeline import Lane, Mark, Row, Scale, Span, timeline
from kubecourse.node.traffic import Traffic
from kubecourse.tools.past import Past
from kubecourse.tools.timeline import Timeline

VICTIM = "node-2"
DIES_AFTER = 8.0
"""Seconds from the machine's last heartbeat to its death."""
AFTER = 25.0
"""Seconds that are shown after the last thing has happened."""
RATE, BUCKET = 2.0, 5.0
"""Requests a second, and the seconds that are counted together."""

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
{tolerations}
      containers:
      - name: web
        image: kubecourse/hello:1.0
        ports: [{{containerPort: 8080}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"""
TOLERATIONS = """      tolerations:
      - key: node.kubernetes.io/unreachable
        operator: Exists
        effect: NoExecute
        tolerationSeconds: {seconds}"""


@dataclass
class Failure:
    """What happened. All seconds count from the machine's last heartbeat.

    `pods` has what became of each pod that was on it and of each that took a place, `requests` the
    answered and the failed of each bucket, by its first second. `noticed`, `evicted`, `moved` (all
    replacements are ready) and `back` (the node is ready again) are None where that did not happen.
    """

    timeline: Timeline
    pods: dict[str, list[Span]] = field(default_factory=dict)
    beats: list[float] = field(default_factory=list)
    requests: dict[float, list[int]] = field(default_factory=dict)
    noticed: float | None = None
    evicted: float | None = None
    moved: float | None = None
    back: float | None = None
    last_failed: float = 0.0
    end: float = 0.0

    @property
    def sent(self) -> tuple[int, int]:
        """How many requests were answered, and how many failed."""
        answered, failed = (sum(each[n] for each in self.requests.values()) for n in (0, 1))
        return answered, failed


def play(grace: float = 50, period: float = 5, toleration: float = 300, back: float = 0) -> Failure:
    """Let one of three machines die under traffic; `back`: after how many seconds it returns.

    0 is never. On a cluster of its own, whose controller looks at nodes every `period` seconds and
    gives up those that are silent for `grace`.
    """
    cluster = Cluster(nodes=3)
    controller = cluster.controller_manager.controllers["node-lifecycle-controller"]
    cluster.stop(controller.name)
    controller.grace_period, controller.monitor_period = grace, period  # type: ignore[attr-defined]
    cluster.start(controller.name)
    applied(cluster, MANIFEST.format(tolerations=TOLERATIONS.format(seconds=int(toleration))))
    cluster.settle()
    recording = Recording(cluster, "web")
    cluster.advance(25)
    last = _beats(cluster)[-1]
    cluster.advance(last + 10 - cluster.now + 0.001)  # one more
    traffic = cluster.traffic("http://web", rate=RATE)
    start = _beats(cluster)[-1]
    cluster.advance(start + DIES_AFTER - cluster.now)
    cluster.fail_node(VICTIM)
    if back:
        cluster.advance(back)
        cluster.recover_node(VICTIM)
    cluster.advance(max(grace + period + toleration - back, 0) + 2 * AFTER)
    traffic.stop()
    recording.stop()
    cluster.advance(6)  # for those under way
    found = Failure(cluster.timeline(f"node/{VICTIM}"))
    found.beats = [beat - start for beat in _beats(cluster) if beat >= start]
    _read(found, start)
    _collect(found, recording, traffic, start)
    return found


def _beats(cluster: Cluster) -> list[float]:
    """When the machine's lease was renewed."""
    past, lease = Past(cluster.etcd, cluster.clock), find("lease")
    assert lease is not None
    changes = past.changes(lease, "kube-node-lease", VICTIM)
    return [past.time_of(change.revision) for change in changes]


def _read(found: Failure, start: float) -> None:
    """What the timeline says of noticing, moving and coming back."""
    rows = [row for row in found.timeline.rows if row.time >= start]
    first = {row.what: row.time - start for row in reversed(rows)}
    found.noticed, found.evicted = first.get("given up"), first.get("evicted")
    found.back = first.get("back")
    replaced = {row.object for row in rows if row.what == "replaced"}
    ready = [row.time - start for row in rows if row.what == "ready" and row.object in replaced]
    found.moved = max(ready, default=None) if len(ready) >= len(replaced) else None
    ends = (found.moved, found.back, found.noticed)
    found.end = max(end for end in (*ends, DIES_AFTER) if end is not None) + AFTER


def _collect(found: Failure, recording: Recording, traffic: Traffic, start: float) -> None:
    told = {row.object for row in found.timeline.rows if row.time >= start}
    for each in recording.segments:
        end = found.end if each.end is None else min(each.end - start, found.end)
        if f"pod/{each.pod}" in told and end > 0:
            span = Span(max(each.start - start, 0.0), end, each.state, each.state)
            found.pods.setdefault(each.pod, []).append(span)
    found.requests = requests_of(traffic, start, found.end)
    failed = [row.time - start for row in traffic.rows if not row.ok]
    found.last_failed = max((second for second in failed if second < found.end), default=0.0)


def requests_of(traffic: Traffic, start: float, end: float) -> dict[float, list[int]]:
    """The answered and the failed requests of each bucket of seconds, from `start` on."""
    found: dict[float, list[int]] = {}
    for row in traffic.rows:
        second = row.time - start
        if 0 <= second < end:
            found.setdefault(second // BUCKET * BUCKET, [0, 0])[not row.ok] += 1
    return found


def _words(key: str, **values: object) -> str:
    return messages.text(f"cluster.failure.{key}", **values)


def text(failure: Failure) -> str:
    """The picture in one line."""
    answered, failed = failure.sent
    lost = failure.last_failed - DIES_AFTER if failed else 0.0
    requests = _words("requests", failed=failed, sent=answered + failed, last=lost)
    if failure.moved is not None:
        rest = _words("moved", seconds=failure.moved - DIES_AFTER)
    elif failure.evicted is None and failure.back is not None:
        rest = _words("stayed", seconds=failure.back - DIES_AFTER)
    else:
        rest = _words("waiting")
    return f"{requests}; {rest}"


def chart(failure: Failure) -> str:
    """What is waited for, the node, its pods and those in their places, the requests, as HTML."""
    noticed, end = failure.noticed, failure.end
    back = end if failure.back is None else failure.back
    silent = min(back, end if noticed is None else noticed)
    waits = {_words("grace_span"): Span(0, silent, "old", _words("short", seconds=silent))}
    if noticed is not None:
        until = min(failure.evicted or end, back)
        length = _words("short", seconds=until - noticed)
        waits[_words("toleration_span")] = Span(noticed, until, "new", length)
    beats = [
        Mark(beat, "♥", palette.SERVED, f"{beat:.1f} s") for beat in failure.beats if beat <= end
    ]
    node = [Span(0, silent, READY, "Ready"), Span(silent, back, FAILED, "NotReady")]
    node += [Span(max(back, silent), end, READY, "Ready")]
    rows: list[Row] = [
        *(Lane(label, [span]) for label, span in waits.items()),
        Lane(_words("beats"), (), beats),
        Lane(VICTIM, [span for span in node if span.end > span.start]),
    ]
    for pod, spans in failure.pods.items():
        label = _words("replacement" if spans[0].start > 0 else "pod")
        rows.append(Lane(f"{label} {pod.rpartition('-')[2]}", spans))
    rows.append(Shares(_words("answers"), failure.requests, RATE))
    moments = [(DIES_AFTER, _words("dies"))]
    states = [span.look for spans in failure.pods.values() for span in spans]
    return timeline(
        text(failure), end, rows,
        moments=moments, key=dict.fromkeys(states), unit=_words("seconds"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shares:
    """For each bucket of seconds the requests that were answered, and above them the failed.

    `rate`: how many are sent a second.
    """

    label: str
    requests: dict[float, list[int]]
    rate: float
    height: int = 30

    def draw(self, top: float, scale: Scale) -> Iterator[str]:
        most = self.rate * BUCKET
        for second, numbers in self.requests.items():
            left, right, low = scale.x(second), scale.x(second + BUCKET), top + self.height
            said = _words("bucket", start=second, answered=numbers[0], failed=numbers[1])
            for number, colour in zip(numbers, (palette.SERVED, palette.REFUSED), strict=True):
                tall = self.height * min(number / most, 1.0)
                low -= tall
                if number:
                    yield svg.rect(left, low, right - left - 0.4, tall, colour, said)


class NodeFailure(Story[Failure]):
    """Four settings; each change lets the machine die again, on a cluster of its own.

    The controls are attributes (`grace`, `period`, `toleration`, `back`) whose `value` can be set
    by code; `told` is what happened, `timeline` all of it as text.
    """

    grace: ipywidgets.IntSlider
    period: ipywidgets.IntSlider
    toleration: ipywidgets.IntSlider
    back: ipywidgets.IntSlider

    def __init__(self) -> None:
        super().__init__(
            grace=slider(_words("grace"), 50, 15, 120, 5),
            period=slider(_words("period"), 5, 1, 10),
            toleration=slider(_words("toleration"), 300, 0, 600, 10),
            back=slider(_words("back"), 0, 0, 600, 10),
        )
        for control in (self.grace, self.period, self.toleration, self.back):
            control.layout.width = "28em"  # room to slide beside the long names

    @property
    def timeline(self) -> Timeline:
        """What happened, as `cluster.timeline` tells it."""
        return self.told.timeline

    def tell(self, grace: float, period: float, toleration: float, back: float) -> Failure:  # type: ignore[override]
        return play(grace, period, toleration, back)

    def say(self, told: Failure) -> str:
        return text(told)

    def show(self, told: Failure) -> str:
        flags = (
            f"kube-controller-manager --node-monitor-grace-period={self.grace.value}s "
            f"--node-monitor-period={self.period.value}s"
        )
        settings = TOLERATIONS.format(seconds=self.toleration.value)
        command = f'cluster.timeline("node/{VICTIM}")'
        return (
            f"{chart(told)}<pre>{escape(flags)}\n\n{escape(settings)}</pre>"
            f"<details><summary><code>{escape(command)}</code></summary>"
            f"<pre>{escape(repr(told.timeline))}</pre></details>"
        )
