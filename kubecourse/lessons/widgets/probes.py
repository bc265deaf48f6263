"""Probes against what an application does: when it is noticed, and what clients see until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets

from kubecourse.api import conditions, models
from kubecourse.api import yaml as files
from kubecourse.cluster import Cluster
from kubecourse.lessons import palette
from kubecourse.lessons.recording import FAILED, PENDING, READY, RUNNING, TERMINATING
from kubecourse.lessons.widgets.story import Story, applied, pick, slider, words, yaml
from kubecourse.lessons.widgets.timeline import (
    Lane,
    Mark,
    Requests,
    Row,
    Track,
    by_second,
    timeline,
)
from kubecourse.lessons.widgets.workload import web

core = models.core_v1
MOODS = ("hang", "failing", "slow", "well")
"""What the first pod's application does from second `SICK` on. They name messages."""
BEGIN, SICK, WELL, END = 10.0, 20.0, 60.0, 90.0
"""Seconds at which clients begin, the application falls ill, and, if it is only taken out of the
Service and not restarted, is well again; how long all is shown."""
START_UP = 3
RATE = 10
LOOK = {
    "well": READY,
    "slow": RUNNING,
    "failing": FAILED,
    "hang": FAILED,
    "stopping": TERMINATING,
}
RANGES = {
    "initialDelaySeconds": (0, 40),
    "periodSeconds": (1, 20),
    "timeoutSeconds": (1, 6),
    "failureThreshold": (1, 15),
}
CONTROLS = {
    "liveness": {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3},
    "readiness": {"periodSeconds": 5, "timeoutSeconds": 1, "failureThreshold": 3},
    "startup": {"initialDelaySeconds": 0, "periodSeconds": 5, "failureThreshold": 3},
}
"""The fields of a probe that can be moved, where they begin. For `startup` the first is the
liveness probe's own delay, which is what people used before there were startup probes."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What happened to the first pod, and what clients saw.

    `noticed`: the second at which it was first told to stop, or taken out of the Service, or None.
    """

    kind: str
    app: str | int
    rows: list[Row]
    restarts: int
    noticed: float | None
    failed: int
    sent: int


class Witness:
    """Hears what becomes of one pod: from the API server, and of its probes."""

    def __init__(self, cluster: Cluster, pod: str, start: float, start_up: float) -> None:
        self._clock, self._pod, self._start, self._start_up = cluster.clock, pod, start, start_up
        self.program, self.ready = Track(), Track()
        self.probes: dict[str, list[Mark]] = {}
        self.restarts = 0
        self.noticed: float | None = None
        self._mood, self._up = "well", 0.0
        for kubelet in cluster.kubelets.values():
            kubelet.on_probe = self._probed
        cluster.client.watch(core.Pod, self._changed, "default")
        cluster.client.watch(core.Event, self._told, "default")

    @property
    def _now(self) -> float:
        return self._clock.now - self._start

    def behave(self, mood: str) -> None:
        """From now on its application is like that."""
        self._mood = mood
        self._does()

    def _does(self) -> None:
        self.program.set(self._now, LOOK[self._mood], words(f"probes.{self._mood}"))

    def _probed(self, pod: Any, kind: str, ok: bool) -> None:
        if pod.metadata.name == self._pod:
            sign, colour = ("✓", palette.SERVED) if ok else ("✗", palette.REFUSED)
            said = words("probes.passed" if ok else "probes.failed", at=self._now)
            self.probes.setdefault(kind, []).append(Mark(self._now, sign, colour, said))

    def _changed(self, changes: list[Any]) -> None:
        for _, pod in changes:
            if pod.metadata.name == self._pod and pod.status.containerStatuses:
                self._status(pod.status.containerStatuses[0])
                ready = conditions.is_true(pod.status.conditions, "Ready")
                if not ready and self.ready.goes_on:
                    self._notice()
                self.ready.set(self._now, READY if ready else "", words("probes.listed"))

    def _told(self, changes: list[Any]) -> None:
        for _, event in changes:
            if event.reason == "Killing" and event.involvedObject.name == self._pod:
                self._notice()
                self._mood = "stopping"
                self._does()

    def _notice(self) -> None:
        if self.noticed is None:
            self.noticed = self._now

    def _status(self, status: Any) -> None:
        if status.restartCount > self.restarts:
            self.restarts, self._mood, self._up = status.restartCount, "well", 0.0
        state = status.state
        if state.running is None:
            why = state.waiting.reason if state.waiting else state.terminated.reason
            self.program.set(self._now, FAILED if state.terminated else PENDING, why)
            self._up = 0.0
        elif not self._up:
            self._up = self._now
            self.program.set(self._now, PENDING, words("probes.starting"))
            self._clock.call_later(self._start_up, self._does_if, self._up)

    def _does_if(self, up: float) -> None:
        if self._up == up and self._mood != "stopping":
            self._does()


def probes(kind: str, fields: Mapping[str, int]) -> dict[str, Any]:
    """The probes of the container, as its YAML has them."""
    get = {"httpGet": {"path": "/", "port": 8080}}
    if kind != "startup":
        return {f"{kind}Probe": get | dict(fields)}
    own = {name: each for name, each in fields.items() if name != "initialDelaySeconds"}
    delay = {"initialDelaySeconds": fields["initialDelaySeconds"]}
    liveness = {"livenessProbe": get | delay | {"periodSeconds": 5, "failureThreshold": 3}}
    return liveness | ({"startupProbe": get | own} if own["failureThreshold"] else {})


def run(kind: str, app: str | int, **fields: int) -> Probed:
    """Start two pods with such a probe; the first one's application does `app`.

    That is a mood for some time, or for `startup` how many seconds it takes to start.
    """
    start_up = float(app) if kind == "startup" else START_UP
    cluster = Cluster(nodes=2)
    cluster.images.declare("web:1", start_up=start_up)
    applied(cluster, web(2, **probes(kind, fields)))
    cluster.advance(0.01)
    pod, start = cluster.pods("web")[0], cluster.now
    witness = Witness(cluster, pod, start, start_up)
    cluster.advance(BEGIN)
    traffic = cluster.traffic("http://web", rate=RATE)
    if kind != "startup" and app != "well":
        cluster.advance(SICK - BEGIN)
        cluster.misbehave(pod, str(app))
        witness.behave(str(app))
        if kind == "readiness":
            cluster.advance(WELL - SICK)
            cluster.misbehave(pod, "well")
            witness.behave("well")
    cluster.advance(start + END - cluster.now)
    traffic.stop()
    served, failed = by_second(traffic.rows, start, END)
    rows: list[Row] = [
        Lane(words("probes.app"), witness.program.spans),
        *(Lane(f"{name} probe", (), marks) for name, marks in witness.probes.items()),
        Lane(words("probes.service"), witness.ready.spans),
    ]
    if kind != "startup":
        rows.append(Requests(words("rate"), served, failed))
    sent = sum(failed) + sum(served)
    return Probed(kind, app, rows, witness.restarts, witness.noticed, sum(failed), sent)


def text(probed: Probed) -> str:
    """The finding in one line."""
    if probed.kind == "startup":
        key = "killed" if probed.restarts else "started"
    elif probed.app == "well":
        key = "well"
    elif probed.noticed is None:
        key = "unnoticed"
    else:
        key = probed.kind
    values = {"restarts": probed.restarts, "failed": probed.failed, "sent": probed.sent}
    seconds = (probed.noticed or 0.0) - SICK
    return words(f"probes.{key}_text", seconds=seconds, **values)


class ProbeTimeline(Story[Probed]):
    """A probe of one kind (`liveness`, `readiness`, `startup`): its fields, and the application."""

    app: ipywidgets.Dropdown
    initialDelaySeconds: ipywidgets.IntSlider
    periodSeconds: ipywidgets.IntSlider
    timeoutSeconds: ipywidgets.IntSlider
    failureThreshold: ipywidgets.IntSlider

    def __init__(self, kind: str = "liveness") -> None:
        self.kind = kind
        apps: dict[Any, str] = {mood: words(f"probes.{mood}") for mood in MOODS}
        if kind == "startup":
            apps = {time: words("probes.starts", seconds=time) for time in (5, 25, 60)}
        ranges = RANGES | ({"failureThreshold": (0, 15)} if kind == "startup" else {})
        fields = {name: slider(name, at, *ranges[name]) for name, at in CONTROLS[kind].items()}
        super().__init__(
            app=pick(words("probes.app"), apps, 25 if kind == "startup" else "hang"), **fields
        )

    def tell(self, **values: Any) -> Probed:
        return run(self.kind, **values)

    def say(self, told: Probed) -> str:
        return text(told)

    def show(self, told: Probed) -> str:
        fields = {name: each for name, each in self.values.items() if name != "app"}
        sick = self.kind != "startup" and self.app.value != "well"
        drawn = timeline(text(told), END, told.rows, moments=[(SICK, "")] if sick else [])
        return drawn + yaml(files.dump(probes(self.kind, fields)))
