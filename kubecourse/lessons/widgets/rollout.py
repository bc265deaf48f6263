"""A rollout, pod by pod and second by second, under traffic: what surge and unavailable buy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from kubecourse.cluster import Cluster
from kubecourse.lessons import messages, palette
from kubecourse.lessons.recording import (
    FAILED,
    PENDING,
    READY,
    RUNNING,
    TERMINATING,
    Recording,
    Segment,
)
from kubecourse.lessons.widgets.panel import Panel, redraw, reset_button
from kubecourse.stack import large_frame

BEFORE = 5.0
"""Seconds of the old version alone, at the left of the picture."""
ROW, REQUESTS, GAP = 18, 90, 0.06
"""Pixels of a pod and of the requests, and the share of the height between the two."""
LIMIT = 90.0
"""Seconds after which a rollout that does not finish is shown as it is."""

VERSIONS = {
    "fast": ("hello:2", 2),
    "slow": ("hello:2-slow", 2),
    "unpullable": ("hello:2-typo", 2),
    "abrupt": ("hello:2", 0),
}
"""The programs to choose from: what the new version does, and how many seconds a pod that is
told to stop goes on serving (a preStop sleep), until every node has heard of it. The keys name
messages."""

PROBE = "readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}"
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: hello}}
spec:
  replicas: {replicas}
  minReadySeconds: {min_ready_seconds}
  selector: {{matchLabels: {{app: hello}}}}
  strategy:
    rollingUpdate: {{maxSurge: {max_surge}, maxUnavailable: {max_unavailable}}}
  template:
    metadata: {{labels: {{app: hello}}}}
    spec:
      containers:
      - name: hello
        image: hello:1
        ports: [{{containerPort: 8080}}]
        {probe}
        {pause}
---
apiVersion: v1
kind: Service
metadata: {{name: hello}}
spec:
  selector: {{app: hello}}
  ports: [{{port: 80, targetPort: 8080}}]
"""


@dataclass(slots=True)
class Rollout:
    """What happened: `segments` of pods, requests `served` and `failed` by second, all from 0.

    `begun` is the second of `kubectl set image`; `ended` when the rollout was complete, or None.
    `problem` is what the API server said if it refused the settings.
    """

    begun: float = BEFORE
    ended: float | None = None
    seconds: int = 0
    old: str = ""
    segments: list[Segment] = field(default_factory=list)
    served: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    fewest_ready: int = 0
    most_pods: int = 0
    problem: str = ""


def play(
    max_surge: int = 1,
    max_unavailable: int = 0,
    min_ready_seconds: int = 0,
    image: str = "hello:2",
    pause: int = 2,
    replicas: int = 4,
    rate: float = 10.0,
    start_up: float = 2.0,
    probe: bool = True,
    after: float = BEFORE,
) -> Rollout:
    """Roll a Deployment of `replicas` from `hello:1` to `image` on a cluster of its own.

    `rate` requests a second go to its Service all the while. A pod that is told to stop goes on
    serving for `pause` seconds. Version 2 takes `start_up` seconds until it answers, and with
    `probe` gets no requests before. The end is `after` seconds after that of the rollout.
    """
    cluster = Cluster(nodes=3)
    cluster.images.declare("hello:1", start_up=2.0)
    cluster.images.declare("hello:2", start_up=start_up)
    cluster.images.declare("hello:2-slow", start_up=8.0)
    cluster.images.declare("hello:2-typo", pullable=False)
    cluster.images.declare("hello:2-dies", start_up=start_up, exits_after=start_up + 6, exit_code=1)
    manifest = MANIFEST.format(
        replicas=replicas,
        max_surge=max_surge,
        max_unavailable=max_unavailable,
        min_ready_seconds=min_ready_seconds,
        probe=PROBE if probe else "",
        pause=f"lifecycle: {{preStop: {{sleep: {{seconds: {pause}}}}}}}" if pause else "",
    )
    output = cluster.run("apply -f -", manifest)
    if output.code:
        return Rollout(problem=output.stderr.strip())
    cluster.settle()
    start = cluster.now
    recording = Recording(cluster, "hello")
    traffic = cluster.traffic("http://hello", rate=rate)
    cluster.advance(BEFORE - 0.002)
    old = cluster.list("replicasets")[0].metadata.labels["pod-template-hash"]
    cluster.run(f"set image deployment/hello hello={image}")
    complete = cluster.wait_for(_Complete(cluster, replicas), LIMIT)
    ended = cluster.now - start if complete else None
    cluster.advance(after)
    traffic.stop()
    return _collect(recording, traffic, start, cluster.now, old, ended)


class _Complete:
    """Whether the rollout has finished, as `kubectl rollout status` decides it."""

    def __init__(self, cluster: Cluster, replicas: int) -> None:
        self._cluster = cluster
        self._replicas = replicas

    def __call__(self) -> bool:
        deployment = self._cluster.get("deployment/hello")
        status = deployment.status
        if status.observedGeneration != deployment.metadata.generation:
            return False
        numbers = (status.replicas, status.updatedReplicas, status.availableReplicas)
        return numbers == (self._replicas,) * 3 and not status.terminatingReplicas


def _collect(
    recording: Recording, traffic: Any, start: float, end: float, old: str, ended: float | None
) -> Rollout:
    recording.stop()
    seconds = int(end - start)
    rollout = Rollout(ended=ended, seconds=seconds, old=old)
    for segment in recording.segments:
        until = end if segment.end is None else segment.end
        rollout.segments.append(
            Segment(
                segment.pod, segment.revision, segment.state, segment.start - start, until - start
            )
        )
    rollout.served, rollout.failed = [0] * seconds, [0] * seconds
    for result in traffic.rows:
        if 0 <= result.time - start < seconds:
            (rollout.served if result.ok else rollout.failed)[int(result.time - start)] += 1
    rollout.fewest_ready = min(count.pods[READY] for count in recording.counts)
    rollout.most_pods = max(count.actual for count in recording.counts)
    return rollout


def text(rollout: Rollout) -> str:
    """The picture in one line."""
    return "; ".join(_lines(rollout))


def _lines(rollout: Rollout) -> list[str]:
    """What the picture says, in lines as long as it is wide."""
    if rollout.problem:
        return [_words("refused")]
    failed, sent = sum(rollout.failed), sum(rollout.failed) + sum(rollout.served)
    if rollout.ended is None:
        finish = _words("unfinished", seconds=LIMIT)
    else:
        finish = _words("done", seconds=rollout.ended - rollout.begun)
    return [
        f"{finish}; {_words('requests', failed=failed, sent=sent)}",
        _words("extremes", fewest=rollout.fewest_ready, most=rollout.most_pods),
    ]


def _words(key: str, **values: object) -> str:
    return messages.text(f"widgets.rollout.{key}", **values)


def figure(rollout: Rollout) -> go.Figure:
    """A row for each pod, coloured by what it is doing; requests by second underneath."""
    pods = list(dict.fromkeys(segment.pod for segment in rollout.segments))
    height = ROW * max(len(pods), 4)
    below = (1 - GAP) * REQUESTS / (height + REQUESTS)
    axis = palette.AXIS | {"range": [0, max(rollout.seconds, 1)]}
    begun = {"type": "line", "x0": rollout.begun, "x1": rollout.begun, "y0": 0, "y1": 1}
    begun["line"] = {"dash": "dash", "width": 1, "color": palette.GREY}
    # In one piece: what plotly is told bit by bit it checks all over again each time.
    layout = palette.LAYOUT | {
        "height": height + REQUESTS + 140,
        "barmode": "stack",
        "bargap": 0.15,
        "title": palette.LAYOUT["title"] | {"text": "<br>".join(_lines(rollout)), "font_size": 13},
        "showlegend": True,
        "legend": {"x": 1.02, "y": 1, "font": {"size": 12}, "traceorder": "normal"},
        "margin": palette.LAYOUT["margin"] | {"l": 64, "r": 140, "t": 64},
        "xaxis": axis | {"anchor": "y", "matches": "x2", "showticklabels": False},
        "xaxis2": axis | {"anchor": "y2", "title": {"text": messages.text("widgets.seconds")}},
        "yaxis": palette.AXIS
        | {
            "domain": [below + GAP, 1],
            "tickvals": list(range(len(pods))),
            "ticktext": [pod.rpartition("-")[2] for pod in pods],
            "autorange": "reversed",
        },
        "yaxis2": palette.AXIS
        | {
            "anchor": "x2",
            "domain": [0, below],
            "title": {"text": _words("rate")},
            "rangemode": "tozero",
        },
        "shapes": [begun | {"xref": f"x{n}", "yref": f"y{n} domain"} for n in ("", "2")],
    }
    return go.Figure(
        {"data": [*_pod_bars(rollout, pods), *_request_bars(rollout)], "layout": layout}
    )


def _pod_bars(rollout: Rollout, pods: list[str]) -> Iterator[dict[str, Any]]:
    groups: dict[str, list[Segment]] = {key: [] for key in _LOOK}
    for segment in rollout.segments:
        groups[_group(segment, rollout.old)].append(segment)
    for group, segments in groups.items():
        name, (colour, pattern) = _words(group), _LOOK[group]
        yield {
            "type": "bar",
            "y": [pods.index(s.pod) for s in segments],
            "x": [(s.end or 0.0) - s.start for s in segments],
            "base": [s.start for s in segments],
            "orientation": "h",
            "name": name,
            "marker": {
                "color": colour,
                "pattern": {"shape": pattern, "bgcolor": colour, "fgcolor": "white", "size": 6},
            },
            "customdata": [s.pod for s in segments],
            "hovertemplate": f"%{{customdata}}<br>{_words('since', name=name, start='%{base:.1f}')}"
            "<extra></extra>",
        }


def _request_bars(rollout: Rollout) -> Iterator[dict[str, Any]]:
    for outcome, numbers, colour in (
        ("served", rollout.served, palette.SERVED),
        ("failed", rollout.failed, palette.REFUSED),
    ):
        name = _words(outcome)
        yield {
            "type": "bar",
            "x": [second + 0.5 for second in range(len(numbers))],
            "y": numbers,
            "width": 1,
            "name": name,
            "marker": {"color": colour},
            "hovertemplate": f"%{{y}} {name}<extra></extra>",
            "xaxis": "x2",
            "yaxis": "y2",
        }


_GROUP = {
    READY: "new_ready",
    RUNNING: "running",
    PENDING: "pending",
    TERMINATING: "terminating",
    FAILED: "failing",
}
_LOOK = {
    "old_ready": (palette.OLD, ""),
    "new_ready": (palette.NEW, ""),
    **{
        _GROUP[state]: (palette.STATE[state], palette.PATTERN[state])
        for state in (RUNNING, PENDING, TERMINATING, FAILED)
    },
}
"""The groups of bars, in order of the legend: colour and pattern. Their keys name messages."""


def _group(segment: Segment, old: str) -> str:
    return (
        "old_ready" if segment.state == READY and segment.revision == old else _GROUP[segment.state]
    )


class RolloutPlayer(Panel):
    """Four settings of a rolling update; each change plays the rollout again from the start.

    The controls are attributes (`max_surge`, `max_unavailable`, `min_ready_seconds`, `version`)
    whose `value` can be set by code; `rollout` is the last one played.
    """

    @large_frame
    def __init__(self, replicas: int = 4) -> None:
        self._replicas = replicas
        self.max_surge = _slider("maxSurge", 1, replicas)
        self.max_unavailable = _slider("maxUnavailable", 1, replicas)
        self.min_ready_seconds = _slider("minReadySeconds", 0, 10)
        self.version = ipywidgets.Dropdown(
            options=[(_words(version), version) for version in VERSIONS],
            description=_words("program"),
            style={"description_width": "9em"},
        )
        self._controls = (
            self.max_surge,
            self.max_unavailable,
            self.min_ready_seconds,
            self.version,
        )
        self.reset = reset_button()
        self.yaml = ipywidgets.HTML()
        self._defaults = [control.value for control in self._controls]
        self.rollout = self._play()
        self.picture = go.FigureWidget(figure(self.rollout))
        self._say()
        for control in self._controls:
            control.observe(self._changed, "value")
        self.reset.on_click(self._reset)
        left = ipywidgets.VBox(self._controls[:2])
        right = ipywidgets.VBox(self._controls[2:])
        super().__init__([left, right, self.reset], self.picture, self.yaml)

    @property
    def text(self) -> str:
        """What the picture says, in one line."""
        return text(self.rollout)

    def _play(self) -> Rollout:
        image, pause = VERSIONS[self.version.value]
        return play(
            max_surge=self.max_surge.value,
            max_unavailable=self.max_unavailable.value,
            min_ready_seconds=self.min_ready_seconds.value,
            image=image,
            pause=pause,
            replicas=self._replicas,
        )

    def _changed(self, _: object) -> None:
        self.rollout = self._play()
        redraw(self.picture, figure(self.rollout))
        self._say()

    def _reset(self, _: object) -> None:
        for control, value in zip(self._controls, self._defaults, strict=True):
            control.value = value

    def _say(self) -> None:
        if self.rollout.problem:
            self.yaml.value = f"<pre>{escape(self.rollout.problem)}</pre>"
            return
        self.yaml.value = (
            "<pre>spec:\n"
            f"  minReadySeconds: {self.min_ready_seconds.value}\n"
            "  strategy:\n"
            "    rollingUpdate:\n"
            f"      maxSurge: {self.max_surge.value}\n"
            f"      maxUnavailable: {self.max_unavailable.value}</pre>"
        )


def _slider(description: str, value: int, maximum: int) -> ipywidgets.IntSlider:
    return ipywidgets.IntSlider(
        value=value,
        min=0,
        max=maximum,
        description=description,
        continuous_update=False,
        style={"description_width": "10em"},
    )
