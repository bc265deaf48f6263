"""The control plane goes away for a while: what goes on without it, and what does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import ipywidgets

from kubecourse.cluster import Cluster
from kubecourse.lessons import messages
from kubecourse.lessons.recording import RUNNING
from kubecourse.lessons.widgets.node_failure import MANIFEST, TOLERATIONS, Shares, requests_of
from kubecourse.lessons.widgets.story import Story, applied, pick, slider
from kubecourse.lessons.widgets.timeline import Curve, Lane, Row, Track, timeline
from kubecourse.tools.kubectl import Output

SERVED, REFUSED = "served", "failed"
"""How it looks when the control plane works, and when it does not."""
MACHINES = 3
WANTED = 3
BEFORE, KILLED = 20.0, 30.0
"""Seconds that are shown before it goes away, and from then until a pod is killed."""
AFTER = 20.0
"""Seconds that are shown after all is well again."""
PATIENCE = 900.0
"""Seconds after the control plane's return in which all must be well again."""
RATE = 1.0
VICTIM = "node-2"
NOTHING, CONTAINER, NODE = "nothing", "container", "node"
"""What else goes wrong meanwhile: nothing, a pod's program ends, its machine dies."""


@dataclass
class Account:
    """What happened, in seconds from the beginning of the picture.

    `running` are the numbers of pods whose programs run, `reported` those that the API calls ready;
    a point for each second. `healed` is when as many ran again as are wanted. `said` is what
    kubectl printed in the middle of it.
    """

    back: float
    said: Output
    healed: float | None = None
    end: float = 0.0
    plane: Track = field(default_factory=Track)
    controllers: Track = field(default_factory=Track)
    running: list[tuple[float, float]] = field(default_factory=list)
    reported: list[tuple[float, float]] = field(default_factory=list)
    requests: dict[float, list[int]] = field(default_factory=dict)
    killed: float | None = None
    away: bool = False
    """Whether nothing could be written when the pod was killed."""

    @property
    def answered(self) -> float:
        """The share of requests that were answered, in percent."""
        answered, failed = (sum(each[n] for each in self.requests.values()) for n in (0, 1))
        return 100 * answered / (answered + failed)


class _World:
    """A cluster that is looked at every second."""

    def __init__(self) -> None:
        self.cluster = cluster = Cluster(nodes=3, control_plane=MACHINES)
        applied(cluster, MANIFEST.format(tolerations=TOLERATIONS.format(seconds=300)))
        cluster.settle()
        cluster.advance(5)
        self.start = cluster.now
        self.traffic = cluster.traffic("http://web", rate=RATE)
        self.told = Account(0.0, Output("", "", 0))
        self._said = {key: _words(key) for key in ("works", "gone", "heals", "idle")}

    @property
    def now(self) -> float:
        """Seconds since the picture begins."""
        return self.cluster.now - self.start

    def look(self) -> None:
        """Note how things are."""
        told, now, plane = self.told, self.now, self.cluster.control_plane
        works, said = plane.has_quorum, self._said
        leads = works and plane.leader("kube-controller-manager") is not None
        told.plane.set(now, SERVED if works else REFUSED, said["works" if works else "gone"])
        told.controllers.set(now, SERVED if leads else RUNNING, said["heals" if leads else "idle"])
        for points, number in (
            (told.running, running(self.cluster)), (told.reported, reported(self.cluster))
        ):  # fmt: skip
            if points and points[-1][1] != number:
                points.append((now, points[-1][1]))  # a step, no slope
            elif len(points) > 1 and points[-2][1] == number:
                points.pop()
            points.append((now, number))

    def pass_until(self, end: float) -> None:
        """Let time pass, second by second."""
        while end - self.now > 1e-5:
            self.cluster.advance(min(1.0, end - self.now))
            self.look()

    @property
    def well(self) -> bool:
        """Whether all that is wanted runs, is known to, and somebody looks after it."""
        told = self.told
        whole = told.running[-1][1] == told.reported[-1][1] == WANTED
        return whole and told.controllers.spans[-1].look == SERVED


def running(cluster: Cluster) -> int:
    """How many pods of `web` have a program that runs, whoever knows of it."""
    return sum(
        container.running
        for kubelet in cluster.kubelets.values()
        if kubelet.runtime.powered
        for sandbox in kubelet.runtime.sandboxes.values()
        if sandbox.pod_name.startswith("web-")
        for container in sandbox.containers.values()
    )


def reported(cluster: Cluster) -> int:
    """How many pods of `web` its Deployment's status calls ready."""
    return cluster.get("deployment/web").status.readyReplicas or 0


def play(machines: int = MACHINES, minutes: float = 5, kill: str = NODE) -> Account:
    """Take some of three control-plane machines away for so many minutes, under traffic."""
    world = _World()
    cluster, told = world.cluster, world.told
    names = [machine.name for machine in cluster.control_plane][:machines]
    world.look()
    world.pass_until(BEFORE)
    for name in names:
        cluster.fail_node(name)
    told.back = BEFORE + 60 * minutes
    world.look()
    world.pass_until(BEFORE + KILLED)
    told.away = not cluster.control_plane.has_quorum
    if kill != NOTHING:
        told.killed = world.now
        _kill(cluster, kill)
        world.look()
    told.said = cluster.fork().run("get pods")
    world.pass_until(told.back)
    for name in names:
        cluster.recover_node(name)
    end = told.back + PATIENCE
    while not world.well and world.now < end:
        world.pass_until(world.now + 1)
    told.end = world.now + AFTER
    world.pass_until(told.end)
    world.traffic.stop()
    cluster.advance(6)  # for those under way
    lacking = [at for at, number in told.running if number < WANTED]
    if world.well:
        told.healed = max(lacking, default=None)
    told.requests = requests_of(world.traffic, world.start, told.end)
    return told


def _kill(cluster: Cluster, what: str) -> None:
    if what == NODE:
        cluster.fail_node(VICTIM)
    else:
        cluster.crash(cluster.pods("web")[0])


def _words(key: str, **values: object) -> str:
    return messages.text(f"cluster.outage.{key}", **values)


def text(told: Account) -> str:
    """The picture in one line."""
    answered = _words("answered", percent=told.answered)
    if told.killed is None:
        return f"{answered}; {_words('nothing_lost')}"
    if told.healed is None:
        return f"{answered}; {_words('never')}"
    missing = told.healed - told.killed
    later = told.healed - told.back
    key = "healed_later" if told.away and later > 0 else "healed"
    return f"{answered}; {_words(key, missing=missing, later=later)}"


def chart(told: Account) -> str:
    """The control plane, its controllers, pods that run and that are reported, and requests."""
    lines = [(float(WANTED), _words("wanted"))]
    rows: list[Row] = [
        Lane(_words("plane"), told.plane.spans),
        Lane(_words("controllers"), told.controllers.spans),
        Curve(_words("running"), told.running, WANTED + 1, lines=lines, height=48),
        Curve(_words("reported"), told.reported, WANTED + 1, lines=lines, look="old", height=48),
        Shares(_words("requests"), told.requests, RATE),
    ]
    moments = [] if told.killed is None else [(told.killed, _words("killed"))]
    return timeline(text(told), told.end, rows, moments=moments, key=())


class Outage(Story[Account]):
    """Which machines go away, for how long, and what else goes wrong meanwhile.

    The controls are attributes (`machines`, `minutes`, `kill`) whose `value` can be set by code;
    `told` is what happened.
    """

    machines: ipywidgets.Dropdown
    minutes: ipywidgets.IntSlider
    kill: ipywidgets.Dropdown

    def __init__(self) -> None:
        counts = {n: _words(f"lose.{n}") for n in range(1, MACHINES + 1)}
        kills = {what: _words(f"kill.{what}") for what in (NOTHING, CONTAINER, NODE)}
        super().__init__(
            machines=pick(_words("machines"), counts, MACHINES),
            minutes=slider(_words("minutes"), 5, 1, 10),
            kill=pick(_words("meanwhile"), kills, CONTAINER),
        )

    def tell(self, machines: int, minutes: float, kill: str) -> Account:  # type: ignore[override]
        return play(machines, minutes, kill)

    def say(self, told: Account) -> str:
        return text(told)

    def show(self, told: Account) -> str:
        names = [f"control-plane-{number + 1}" for number in range(self.machines.value)]
        calls = "\n".join(f'cluster.fail_node("{name}")' for name in names)
        printed = (told.said.stdout + told.said.stderr).strip()
        typed = escape(f"{calls}\n\n$ kubectl get pods\n{printed}")
        return f'{chart(told)}<pre style="white-space: pre-wrap">{typed}</pre>'
