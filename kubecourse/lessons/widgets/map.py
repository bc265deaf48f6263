"""The cluster as a map: its machines, what runs on each and who leads; nodes as cards of pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import ipywidgets

from kubecourse.api import conditions, models
from kubecourse.lessons import messages, palette
from kubecourse.lessons.recording import (
    FAILED,
    PENDING,
    READY,
    RUNNING,
    STATES,
    TERMINATING,
    state_of,
)
from kubecourse.lessons.widgets import svg
from kubecourse.lessons.widgets.drawn import button
from kubecourse.lessons.widgets.panel import Panel, picture
from kubecourse.tools.past import Past

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

core, coordination = models.core_v1, models.coordination_v1

SIGNS = {READY: "●", RUNNING: "◐", PENDING: "○", TERMINATING: "…", FAILED: "✕"}
"""A pod's state in grey."""
LOOKS = {
    "leader": (palette.SERVED, 1.0), "leading": (palette.SERVED, 1.0),
    "ready": (palette.SERVED, 1.0), "running": (palette.SERVED, 1.0),
    "follower": (palette.SERVED, 0.35), "waiting": (palette.SERVED, 0.35),
    "candidate": ("#E69F00", 1.0), "not ready": ("#E69F00", 1.0), "restarting": ("#E69F00", 1.0),
    "stopped": (palette.REFUSED, 1.0),
}  # fmt: skip
"""What a component is doing: its colour, and how much of it."""
PARTS = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager")
FEW, ACROSS, GAP = 3, 4, 8
"""Nodes side by side: as many, if there are no more; else as many as find room."""
CELL, CHIP = 48, 19
ROOMY = 250
"""Pixels in which a program's full name and its state find room."""
MOST_PODS, MOST_NODES = 24, 24
"""How many are drawn; more are counted."""


class Pod(NamedTuple):
    """A pod: its name, and what kubectl would call its state."""

    name: str
    state: str


class Machine(NamedTuple):
    """A machine. `parts` are the programs on it, with what each is doing and details.

    `status` is what the cluster says of it as a node, '' if it is none; `heard` the second of its
    last heartbeat; `side` numbers the sides of a cut network, 0 where there is none; `term` is its
    member of etcd's.
    """

    name: str
    zone: str
    powered: bool
    side: int
    parts: dict[str, tuple[str, str]]
    status: str = ""
    heard: float | None = None
    pods: tuple[Pod, ...] = ()
    term: int = 0


class Scene(NamedTuple):
    """All that the map shows, at a virtual second."""

    now: float
    planes: list[Machine]
    nodes: list[Machine]
    waiting: tuple[Pod, ...]

    @property
    def pods(self) -> Iterator[Pod]:
        """All pods, also those without a node."""
        for node in (*self.planes, *self.nodes):
            yield from node.pods
        yield from self.waiting


def planes(cluster: Cluster) -> list[Machine]:
    """The machines of the control plane as they are now."""
    machines = []
    facts = cluster.control_plane.facts()
    for fact in facts:
        states = (fact.etcd, fact.apiserver, fact.scheduler, fact.controller_manager)
        parts = {part: (state, "") for part, state in zip(PARTS, states, strict=True)}
        if fact.etcd != "stopped":
            said = _words("term", term=fact.term, revision=fact.revision)
            parts["etcd"] = fact.etcd, said
        if fact.in_rotation and len(facts) > 1:
            parts["kube-apiserver"] = fact.apiserver, _words("rotation")
        side = _side(cluster, fact.name)
        machines.append(Machine(fact.name, fact.zone, fact.powered, side, parts, term=fact.term))
    return machines


def _side(cluster: Cluster, name: str) -> int:
    sides = cluster.control_plane.sides
    return next((number for number, side in enumerate(sides, 1) if name in side), 0)


def workers(cluster: Cluster) -> list[Machine]:
    """The machines that are nodes as they are now, whatever the API server says of them."""
    return [
        Machine(
            name, kubelet.machine.zone or "", kubelet.runtime.powered, _side(cluster, name),
            {
                "kubelet": ("running" if kubelet.running else "stopped", ""),
                "kube-proxy": ("running" if cluster.proxy.running else "stopped", ""),
                "containerd": ("running", ""),
            },
        )
        for name, kubelet in cluster.kubelets.items()
    ]  # fmt: skip


def scene(past: Past, machines: Sequence[Machine], nodes: Sequence[Machine]) -> Scene:
    """Machines, with what the store held of them at a moment."""
    pods: dict[str, list[Pod]] = {}
    for pod in past.list(core.Pod):
        mine = pods.setdefault(pod.spec.nodeName or "", [])
        mine.append(Pod(pod.metadata.name, state_of(pod)))
    stored = {node.metadata.name: node for node in past.list(core.Node)}
    heard, held = _leases(past, "kube-node-lease"), _leases(past, "kube-system")

    def known(machine: Machine) -> Machine:
        name = machine.name
        node, parts = stored.get(name), dict(machine.parts)
        for part, (holder, renewed) in held.items():
            if holder.partition("_")[0] == name and part in parts:
                said = _words("lease", seconds=past.now - renewed)
                parts[part] = parts[part][0], said
        return machine._replace(
            parts=parts,
            status="" if node is None else status_of(node),
            heard=heard[name][1] if name in heard else None,
            pods=tuple(pods.get(name, ())),
        )

    programs = {node.name: node.parts for node in nodes}
    names = {machine.name for machine in machines}
    controlling = [m._replace(parts=m.parts | programs.get(m.name, {})) for m in machines]
    working = [node for node in nodes if node.name not in names and node.name in stored]
    waiting = tuple(pods.get("", ()))
    return Scene(past.now, list(map(known, controlling)), list(map(known, working)), waiting)


def _leases(past: Past, namespace: str) -> dict[str, tuple[str, float]]:
    """Who holds each lease of a namespace, and when it was last renewed."""
    return {
        lease.metadata.name: (
            lease.spec.holderIdentity or "", past.clock.seconds(lease.spec.renewTime)
        )
        for lease in past.list(coordination.Lease, namespace)
        if lease.spec.renewTime is not None
    }  # fmt: skip


def status_of(node: Any) -> str:
    """What `kubectl get nodes` shows under STATUS."""
    ready = conditions.is_true(node.status.conditions, "Ready")
    unschedulable = ",SchedulingDisabled" if node.spec.unschedulable else ""
    return f"{'Ready' if ready else 'NotReady'}{unschedulable}"


# --- in words


def _words(key: str, **values: object) -> str:
    return messages.text(f"cluster.map.{key}", **values)


def text(seen: Scene) -> str:
    """The map in one line: how many are well, and what is not."""
    pods, ready = list(seen.pods), sum(pod.state == READY for pod in seen.pods)
    well = sum(node.status.startswith("Ready") for node in seen.nodes)
    parts = [_words("well", nodes=well, all_nodes=len(seen.nodes), pods=ready, all_pods=len(pods))]
    if len(seen.planes) > 1:
        leaders = [machine for machine in seen.planes if machine.parts["etcd"][0] == "leader"]
        newest = max(leaders, key=_term, default=None)
        parts.append(_words("leader", name=newest.name) if newest else _words("no_leader"))
    trouble = [
        _words("unpowered", name=m.name) for m in (*seen.planes, *seen.nodes) if not m.powered
    ]
    for machine in (*seen.planes, *seen.nodes):
        stopped = [name for name, (state, _) in machine.parts.items() if state == "stopped"]
        if machine.powered and stopped:
            trouble.append(_words("stopped", parts=", ".join(stopped), name=machine.name))
        if machine.side:
            trouble.append(_words("cut", name=machine.name))
    return "; ".join([*parts, *trouble[:3]])


def _term(machine: Machine) -> int:
    return machine.term


# --- as a picture


class Place(NamedTuple):
    """Where something is on the map, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


class Plan:
    """The map of a scene: `shapes`, and the `places` of all that has a name.

    A component's place is `kubelet@node-1`, a machine's or pod's its name.
    """

    def __init__(self, seen: Scene, top: float = 0.0) -> None:
        self.shapes: list[str] = []
        self.places: dict[str, Place] = {}
        self._seen = seen
        across = min(len(seen.planes), 3) or 1
        width = min((palette.WIDTH - (across - 1) * GAP) / across, 316)
        top = self._rows(seen.planes, width, across, top)
        if seen.waiting:
            self._write(0, top + 13, _words("unplaced"))
            top = self._cells(0, top + 18, palette.WIDTH, seen.waiting) + GAP
        across = FEW if len(seen.nodes) <= FEW else ACROSS
        width = (palette.WIDTH - (across - 1) * GAP) / across
        self.height = self._rows(seen.nodes[:MOST_NODES], width, across, top)
        if len(seen.nodes) > MOST_NODES:
            self._write(0, self.height + 4, _words("more", count=len(seen.nodes) - MOST_NODES))
            self.height += 12

    def _rows(self, machines: Sequence[Machine], width: float, across: int, top: float) -> float:
        for first in range(0, len(machines), across):
            row = machines[first : first + across]
            heights = [self._card(m, n * (width + GAP), top, width) for n, m in enumerate(row)]
            for number, machine in enumerate(row):
                self._frame(machine, number * (width + GAP), top, width, max(heights))
            top += max(heights) + GAP
        return top

    def _card(self, machine: Machine, x: float, top: float, width: float) -> float:
        """What is on a machine's card; returns its height."""
        y = top + 16
        name = f"{machine.name} · {machine.zone}" if machine.zone else machine.name
        self._write(x + 6, y, name, 'font-weight="bold"')
        for line in self._said(machine):
            y += 15
            self._write(x + 6, y, line)
        y += 6
        for part, (state, detail) in machine.parts.items():
            state = state if machine.powered else "stopped"
            y = self._chip(
                f"{part}@{machine.name}", state, detail, Place(x + 4, y, width - 8, CHIP)
            )
        return self._cells(x + 4, y + 1, width - 8, machine.pods) + 4 - top

    def _said(self, machine: Machine) -> Iterator[str]:
        if machine.status:
            yield machine.status
        if machine.heard is not None and machine.parts:
            yield _words("heard", seconds=self._seen.now - machine.heard)
        if not machine.powered:
            yield _words("no_power")
        elif machine.side:
            several = any(each.side > 1 for each in (*self._seen.planes, *self._seen.nodes))
            yield _words("side" if several else "cut_off", number=machine.side)

    def _chip(self, name: str, state: str, detail: str, at: Place) -> float:
        """A program, what it is doing, and a line of details below; returns where they end."""
        self.places[name] = at
        colour, share = LOOKS[state]
        self.shapes.append(svg.rect(*at, palette.shade(colour, share), look='rx="3"'))
        ink = 'class="on"' if share == 1 else ""
        program = name.partition("@")[0]
        self._write(at.x + 4, at.y + 14, program.removeprefix("kube-" * (at.width < ROOMY)), ink)
        state = _words("state." + state.replace(" ", "_"))
        self._write(at.x + at.width - 4, at.y + 14, state, ink, "end")
        if not detail:
            return at.y + CHIP + 2
        self._write(at.x + 8, at.y + CHIP + 11, detail, 'style="font-size: 11px"')
        return at.y + CHIP + 16

    def _cells(self, x: float, top: float, width: float, pods: Sequence[Pod]) -> float:
        """Pods side by side; returns where they end."""
        across = int(width // CELL)
        cell = width / across
        for number, pod in enumerate(pods[:MOST_PODS]):
            row, column = divmod(number, across)
            at = Place(x + column * cell, top + row * 20, cell - 2, 18)
            self.places[pod.name] = at
            colour = palette.STATE[pod.state]
            hint = f"{pod.name}: {pod.state}"
            self.shapes.append(svg.rect(*at, colour, hint, look='rx="3"'))
            short = f"{SIGNS[pod.state]}{pod.name.rpartition('-')[2][:5]}"
            look = 'class="on" style="font-size: 10px" pointer-events="none"'
            self._write(at.x + 2, at.y + 13, short, look)
        end = top + -(-min(len(pods), MOST_PODS) // across) * 20
        if len(pods) > MOST_PODS:
            self._write(x, end + 11, _words("more", count=len(pods) - MOST_PODS))
            end += 15
        return end

    def _frame(self, machine: Machine, x: float, top: float, width: float, height: float) -> None:
        self.places[machine.name] = Place(x, top, width, height)
        lost = not machine.powered or machine.side
        edge = palette.REFUSED if lost else palette.GREY
        dash = 'stroke-dasharray="5 3"' if machine.side else ""
        look = f'rx="6" pointer-events="none" stroke-width="{2 if lost else 1}" {dash}'
        self.shapes.append(svg.rect(x + 1, top, width - 2, height, edge=edge, look=look))

    def _write(self, x: float, y: float, words: str, look: str = "", anchor: str = "start") -> None:
        self.shapes.append(svg.text(x, y, words, anchor, look))


def key(seen: Scene) -> str:
    """What the colours of the pods mean, of those that are there."""
    there = {pod.state for pod in seen.pods}
    return " &nbsp; ".join(
        f'<span style="color: {palette.STATE[state]}" aria-hidden="true">■</span> '
        f"{SIGNS[state]} {state}"
        for state in STATES
        if state in there
    )


def chart(seen: Scene) -> str:
    """The map, as HTML."""
    title, plan = text(seen), Plan(seen)
    return picture(title, svg.drawing(title, plan.height, plan.shapes), key(seen))


_live: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""The latest map of each cluster: it follows; earlier ones stay as they were."""


class ClusterMap(Panel):
    """The map of a cluster. It is drawn anew after each cell, and each move of another widget.

    Another map of the same cluster takes over from it. `step` lets a second pass, `play` one after
    another; `back.value` is how many seconds ago is shown. What programs did then is known from
    what the map saw; nodes and pods are read from the history.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._start = cluster.now
        self._drawn: tuple[Any, ...] = ()
        self._looks: list[tuple[float, list[Machine], list[Machine]]] = []
        self.play = ipywidgets.Play(min=0, max=1_000_000, interval=500, show_repeat=False)
        self.step = button(_words("step"), self._step)
        self.back = ipywidgets.IntSlider(
            value=0, min=0, max=1, description=_words("back"), continuous_update=True,
            style={"description_width": "initial"},
        )  # fmt: skip
        self.picture = ipywidgets.HTML()
        self.play.observe(self._step, "value")
        self.back.observe(self._look, "value")
        super().__init__([self.play, self.step, self.back], self.picture)
        _live[cluster] = ref(self)
        _follow()
        self.refresh()
        self._first = self.picture.value

    def still(self) -> str:
        """The map as it was when it was made: what a page says around it is about that."""
        return f"<div>{self._first}</div>"

    @property
    def text(self) -> str:
        """What the map says, in one line."""
        return text(self.scene)

    def refresh(self) -> None:
        """Draw it as things are now, if they have changed."""
        cluster = self._cluster
        machines, nodes = self._machines()
        now = (cluster.now, cluster.etcd.revision, machines, nodes)
        if now != self._drawn:
            self._drawn = now
            self._looks.append((cluster.now, machines, nodes))
            self.back.max = max(int(cluster.now - self._start), 1)
            if self.back.value:
                self.back.value = 0
            else:
                self._look()

    def _machines(self) -> tuple[list[Machine], list[Machine]]:
        """What is drawn: the control plane, and the nodes."""
        return planes(self._cluster), workers(self._cluster)

    def _below(self, then: float) -> str:
        """What is written underneath, at a virtual second."""
        return f"cluster.now = {then:.1f}"

    def _look(self, _: object = None) -> None:
        then = self._cluster.now - self.back.value
        store, clock = self._cluster.etcd, self._cluster.clock
        revision = store.revision_at(then) if self.back.value else None
        seen = [look for look in self._looks if look[0] <= then] or self._looks[:1]
        _, machines, nodes = seen[-1]
        self.scene = scene(Past(store, clock, revision), machines, nodes)._replace(now=then)
        self.picture.value = f"{chart(self.scene)}<code>{escape(self._below(then))}</code>"

    def _step(self, _: object) -> None:
        self._cluster.advance(1)
        self.refresh()


def _follow() -> None:
    """Draw the latest maps whenever the kernel has run a cell or answered a widget."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and _refresh_all not in shell.events.callbacks["post_execute"]:
        shell.events.register("post_execute", _refresh_all)


def _refresh_all() -> None:
    for shown in list(_live.values()):
        if (live := shown()) is not None:
            live.refresh()
