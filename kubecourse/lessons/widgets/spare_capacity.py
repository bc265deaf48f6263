"""What if a machine failed? Tried on a copy: where its pods go, and how much room is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import ipywidgets

from kubecourse.api.placement import amounts
from kubecourse.cloud.drill import Drill, cores_requested
from kubecourse.cluster import Cluster
from kubecourse.lessons.widgets import svg
from kubecourse.lessons.widgets.drawn import button
from kubecourse.lessons.widgets.story import Story, pick, slider, words
from kubecourse.lessons.widgets.timeline import INK, Lane, Scale, Span, timeline

BIG, SMALL, ASKED = "4cpu-16Gi", "2cpu-8Gi", "500m"
"""The one large machine, the others, and what a pod requests."""
SHOWN = 6
"""Pods that are named; the others are counted."""


class Standing(NamedTuple):
    """A machine: its cores for pods, those requested before and afterwards, whether it failed."""

    name: str
    cores: float
    before: float
    after: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """The machines, how many pods they have, and what the drill found if there was one."""

    machines: list[Standing]
    pods: int
    drill: Drill | None


def little(machines: int, replicas: int) -> Cluster:
    """One large machine, so many small ones, and a Deployment."""
    cluster = Cluster(nodes=0)
    cluster.add_node("big-1", BIG)
    for number in range(machines):
        cluster.add_node(f"small-{number + 1}", SMALL)
    cluster.run(f"create deployment shop --image=nginx:1.27 --replicas={replicas}")
    cluster.run(f"set resources deployment shop --requests=cpu={ASKED},memory=512Mi")
    cluster.settle()
    return cluster


def run(cluster: Cluster, fails: str) -> Tried:
    """Look at a cluster, and let a machine of its copy fail."""
    drill = cluster.what_if(fail=fails) if fails else None
    before = cores_requested(cluster)
    machines = []
    for node in cluster.list("nodes"):
        name, used = node.metadata.name, before.get(node.metadata.name, 0.0)
        after = used if drill is None else drill.requested.get(name, 0.0)
        failed = drill is not None and name in drill.failed
        machines.append(
            Standing(name, amounts(node.status.allocatable)["cpu"] / 1000, used, after, failed)
        )
    return Tried(machines, len(cluster.list("pods", None)), drill)


def text(tried: Tried) -> str:
    """The finding in one line."""
    drill = tried.drill
    if drill is None:
        cores = sum(each.cores for each in tried.machines)
        free = cores - sum(each.before for each in tried.machines)
        counts = {"machines": len(tried.machines), "pods": tried.pods}
        return words("spare.before", free=free, cores=cores, **counts)
    return words(
        "spare.survived" if drill.survived else "spare.short",
        machine=", ".join(drill.failed),
        moved=drill.moved,
        waiting=len(drill.pending),
        cpu=drill.missing_cpu,
        memory=drill.missing_memory / 2**30,
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """A machine's cores: a frame as long as they are many, filled as far as they are requested."""

    label: str
    cores: float
    parts: Sequence[Span]
    height: int = 22

    def draw(self, top: float, scale: Scale) -> Iterator[str]:
        yield from Lane(self.label, self.parts, height=self.height).draw(top, scale)
        width = scale.x(self.cores) - scale.x(0)
        yield svg.rect(scale.x(0), top, width, self.height, edge=INK)


def _frame(machine: Standing) -> Frame:
    stays = min(machine.before, machine.after)
    if machine.failed:
        parts = [Span(0, machine.before, "failed", words("spare.lost", cores=machine.before))]
    else:
        came = words("spare.came", cores=machine.after - stays)
        parts = [
            Span(0, stays, "old", words("spare.there", cores=stays)),
            Span(stays, machine.after, "new", came),
        ]
    return Frame(machine.name, machine.cores, parts)


def picture(tried: Tried) -> str:
    """A bar for each machine; who waits below."""
    end = 1.02 * max((each.cores for each in tried.machines), default=1.0)
    drill = tried.drill
    below = ""
    if drill is not None and drill.pending:
        names = ", ".join(drill.pending[:SHOWN]) + " …" * (len(drill.pending) > SHOWN)
        below = f"<div>Pending: {escape(names)}</div>"
    return timeline(
        text(tried),
        end,
        [_frame(each) for each in tried.machines],
        unit=words("spare.unit"),
        key=(),
        below=below,
    )


class SpareCapacity(Story[Tried]):
    """A drill on a copy of a cluster, or of a little one of its own. `drill` lets a machine fail.

    Which one is `fails`. The cluster itself is never touched.
    """

    fails: ipywidgets.Dropdown

    def __init__(self, cluster: Cluster | None = None) -> None:
        self._cluster = cluster
        names = [node.metadata.name for node in cluster.list("nodes")] if cluster else ["small-1"]
        choices = {"": words("spare.nobody"), "largest": words("spare.largest")}
        controls: dict[str, Any] = {
            "fails": pick(words("spare.fails"), choices | {name: name for name in names}, "")
        }
        if cluster is None:
            controls["machines"] = slider(words("spare.machines"), 3, 1, 6)
            controls["replicas"] = slider("replicas", 13, 1, 24)
        super().__init__(**controls)
        self.drill = button(words("spare.drill"), self._drill)
        row = self.children[0]
        row.children = (self.drill, *row.children)

    def _drill(self, _: object) -> None:
        """Let the chosen machine fail, of the cluster as it is by now."""
        self._known.clear()
        if self.fails.value:
            self.draw()
        else:
            self.fails.value = "largest"

    def tell(self, **values: Any) -> Tried:
        cluster = self._cluster or little(values["machines"], values["replicas"])
        return run(cluster, values["fails"])

    def say(self, told: Tried) -> str:
        return text(told)

    def show(self, told: Tried) -> str:
        command = f'cluster.what_if(fail="{self.fails.value}")' if self.fails.value else ""
        return f"{picture(told)}<code>{escape(command)}</code>"
