"""Requests and limits decide a pod's class, and when the kernel kills it if memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import ipywidgets

from kubecourse.api import quantity
from kubecourse.api.placement import pod_requests
from kubecourse.cluster import Cluster
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import page, table
from kubecourse.lessons.widgets.story import Story, keep, pick, words, yaml
from kubecourse.lessons.widgets.workload import pod
from kubecourse.node.kubelet.eviction import Candidate, rank
from kubecourse.node.resources.memory import oom_score, oom_score_adj

SHAPE = "4cpu-4Gi"
NEIGHBOURS = {
    "db": ("1", "1", "1Gi", "1Gi", "900Mi"),
    "api": ("250m", "", "512Mi", "1Gi", "700Mi"),
    "cache": ("", "", "1536Mi", "", "600Mi"),
    "batch": ("", "", "", "", "200Mi"),
}
"""Pods on the same node: CPU request and limit, memory request and limit, memory in use."""
MINE, USES = "yours", "400Mi"
COLOUR = {"Guaranteed": palette.NEW, "Burstable": palette.OLD, "BestEffort": palette.GREY}
CPU = ("", "100m", "500m", "1")
MEMORY = ("", "128Mi", "256Mi", "512Mi", "1Gi", "2Gi")


@dataclass(frozen=True, slots=True)
class Standing:
    """A pod's memory request and limit, what it uses, its class, and how the kernel counts it.

    `eviction` is its place in the order in which the kubelet would evict.
    """

    pod: str
    says: str
    uses: str
    qos: str
    adjustment: int
    score: int
    eviction: int = 0


@dataclass(frozen=True, slots=True)
class Sorted:
    """The pods, those that the kernel kills first at the top; or what the API server refused."""

    pods: list[Standing]
    problem: str = ""


def manifest(name: str, says: Sequence[str]) -> str:
    """A pod that says so: CPU request and limit, memory request and limit."""
    requests, limits = ({"cpu": says[n], "memory": says[n + 2]} for n in (0, 1))
    return pod(name, requests, limits)


def sort(*mine: str) -> Sorted:
    """Create the pods on a node, and sort them as the kernel does."""
    cluster = Cluster(nodes=1, node_shape=SHAPE)
    capacity = quantity.value(cluster.get("node/node-1").status.capacity["memory"])
    found, candidates = [], []
    for name, (*says, uses) in (NEIGHBOURS | {MINE: (*mine, USES)}).items():
        output = cluster.run("create -f -", manifest(name, says))
        if output.code:
            return Sorted([], output.stderr.strip())
        made = cluster.get(f"pod/{name}")
        adjustment = oom_score_adj(made.spec, made.spec.containers[0], capacity)
        score = oom_score(quantity.value(uses), adjustment, capacity)
        said = " / ".join(each or "–" for each in says[2:])
        found.append(Standing(name, said, uses, made.status.qosClass, adjustment, round(score)))
        asked = pod_requests(made.spec).get("memory", 0)
        candidates.append(Candidate(name, quantity.value(uses), asked))
    places = {each.name: place for place, each in enumerate(rank(candidates), 1)}
    placed = [replace(each, eviction=places[each.pod]) for each in found]
    return Sorted(sorted(placed, key=lambda each: -each.score))


def text(found: Sorted) -> str:
    """The finding in one line."""
    if found.problem:
        return words("refused")
    place, mine = next((n, each) for n, each in enumerate(found.pods, 1) if each.pod == MINE)
    return words(
        "qos.finding", qos=mine.qos, place=place, count=len(found.pods), adjustment=mine.adjustment
    )


def _row(place: int, each: Standing) -> list[str]:
    colour = COLOUR[each.qos]
    name = f"<b>{each.pod} ◂</b>" if each.pod == MINE else each.pod
    width = max(each.score, 0) / 2000 * 160
    bar = f'<div style="height: 8px; width: {width:.0f}px; background: {colour}"></div>'
    kind = f'<span style="color: {colour}" aria-hidden="true">■</span> {each.qos}'
    score = f"{round(each.score - each.adjustment)} + {each.adjustment} = {each.score}"
    cells = [keep(cell) for cell in (name, each.says, each.uses, kind, score.replace("-", "−"))]
    return [str(place), *cells[:-1], cells[-1] + bar, str(each.eviction)]


class QoSSorter(Story[Sorted]):
    """What your container requests and what its limits are, for CPU and memory."""

    cpu_request: ipywidgets.Dropdown
    cpu_limit: ipywidgets.Dropdown
    memory_request: ipywidgets.Dropdown
    memory_limit: ipywidgets.Dropdown

    def __init__(self) -> None:
        cpu, memory = ({each: each or words("unsaid") for each in given} for given in (CPU, MEMORY))
        super().__init__(
            cpu_request=pick("requests.cpu", cpu, "100m"),
            cpu_limit=pick("limits.cpu", cpu, ""),
            memory_request=pick("requests.memory", memory, "256Mi"),
            memory_limit=pick("limits.memory", memory, "512Mi"),
        )

    def tell(self, **values: Any) -> Sorted:
        return sort(*values.values())

    def say(self, told: Sorted) -> str:
        return text(told)

    def show(self, told: Sorted) -> str:
        rows = [_row(place, each) for place, each in enumerate(told.pods, 1)]
        keys = ("place", "pod", "says", "uses", "class", "score", "eviction")
        head = [words(f"qos.{key}") for key in keys]
        below = f"<pre>{escape(told.problem)}</pre>" if told.problem else table(head, rows)
        return page(text(told), below) + yaml(manifest(MINE, list(self.values.values())))
