"""Chapter 5's closing case: a cluster that shall cost 40 % less, and survive. Marked on copies.

On copies of the learner's cluster the largest machine is lost, or all spot machines are wanted
back, while requests go on. What the programs need is read from what was prepared, not from what is
there now: who requests the most that it ever uses is neither throttled nor killed, whatever a
limit says, for a limit is never below the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import yaml

from kubecourse.api import models
from kubecourse.api.demand import Demand, declared
from kubecourse.api.placement import amounts
from kubecourse.cloud import hourly
from kubecourse.lessons.exercises.exercise import tasks
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import View, is_ready, replicas
from kubecourse.lessons.exercises.view import amounts as asked
from kubecourse.lessons.messages import text

apps, core = models.apps_v1, models.core_v1

PASS = 90
"""Points of 100 that it takes."""
GOAL = 0.4
"""The share of the bill that is to be saved."""
MOST = {"kept": 15, "requests": 15, "room": 15, "service": 15, "storm": 15, "bill": 25}
"""What is marked, the gravest failure first, and for how many points."""
PATIENCE = 900.0
"""Seconds in which everybody has found a place."""
TRIED = 4
"""So many machines of the same size are lost, each on a copy of its own."""
UNNOTICED = 60.0
"""Seconds until the cloud takes the Node of a machine away that is no more."""
RATE = 1.0
"""Requests a second to each Service."""
FULL, ENOUGH = 99.0, 95.0
"""Percent of requests answered for all points, and for two thirds of them."""
BEFORE = "before"
"""The ConfigMap with the bill of an hour at the beginning, and the volume that each claim had."""

_tried: WeakKeyDictionary[Any, tuple[tuple[Any, ...], list[Mark]]] = WeakKeyDictionary()
"""What came of the copies of a cluster, and at which state: it would come of them again."""


class Need(NamedTuple):
    """What was prepared: pods that are needed at least, whether they matter, and what one uses."""

    kind: type[Any]
    least: int
    matters: bool
    uses: dict[str, Demand]


class Mark(NamedTuple):
    """Points for one of `MOST`, and why, as a message of the exercise."""

    name: str
    points: int
    why: str
    values: dict[str, Any]

    def __str__(self) -> str:
        most = MOST[self.name]
        sign = "✓" if self.points == most else "·" if self.points else "✗"
        why = text(f"chapter_5.case.marks.{self.why}", **self.values)
        return f"{sign} {self.points}/{most} {why}"


def measure(cluster: Any) -> None:
    """Write down, for later, what an hour costs and which volume each claim has."""
    found = {each.metadata.name: each.spec.volumeName for each in cluster.list("pvc")}
    found["hour"] = f"{hourly(cluster.cloud):.4f}"
    literals = " ".join(f"--from-literal={name}={value}" for name, value in found.items())
    cluster.run(f"create configmap {BEFORE} {literals}")


def case(view: View) -> Verdict:
    """At least 90 of 100 points."""
    marks = grade(view)
    if isinstance(marks, Verdict):
        return marks
    score = sum(mark.points for mark in marks)
    values = {"score": score, "marks": "\n".join(map(str, marks))}
    if score >= PASS:
        return right(**values)
    worst = next(mark for mark in marks if mark.points < MOST[mark.name] / 2)
    return wrong(worst.why if worst.name == "kept" else worst.name, **values, **worst.values)


def grade(view: View) -> list[Mark] | Verdict:
    """All marks, in the order of `MOST`; or why there can be none now."""
    noted = view.prepared(core.ConfigMap, BEFORE).data or {}
    if not noted.get("hour", "").replace(".", "", 1).isdigit():
        return wrong("any.removed", kind="ConfigMap", name=BEFORE)
    cluster, cloud = view.cluster, view.cluster.cloud
    nodes = view.list(core.Node)
    found = {name: view.get(need.kind, name) for name, need in needs().items()}
    if _is_untouched(view, nodes, found, noted):
        return untried()
    waiting = [pod.metadata.name for pod in view.pods() if not pod.spec.nodeName]
    machines = {"", None, *(node.metadata.name for node in nodes)}
    going = [
        pod
        for pod in view.list(core.Pod)
        if pod.metadata.deletionTimestamp or pod.spec.nodeName not in machines
    ]
    if cloud.coming or going or not nodes:
        return unclear("waiting")
    kept = _kept(view, found, noted)
    if waiting and kept.points:
        return wrong("waiting", names=", ".join(waiting), number=len(waiting))
    state = (cluster.etcd.revision, cluster.now, len(cloud.past))
    if cluster not in _tried or _tried[cluster][0] != state:
        _tried[cluster] = state, [*_without_the_largest(cluster, nodes), _storm(cluster)]
    return [
        kept,
        _requests(found),
        *_tried[cluster][1],
        _bill(Decimal(noted["hour"]), hourly(cloud)),
    ]


@cache
def needs() -> dict[str, Need]:
    """What every workload needs, by name, from the manifests that prepare the exercise."""
    kinds = {"Deployment": apps.Deployment, "StatefulSet": apps.StatefulSet}
    return {
        obj["metadata"]["name"]: Need(
            kinds[obj["kind"]],
            int(obj["metadata"]["annotations"]["at-least"]),
            obj["metadata"]["labels"]["importance"] == "high",
            declared(obj["spec"]["template"]["metadata"]["annotations"])[""],
        )
        for obj in _prepared()
        if obj["kind"] in kinds
    }


def _prepared() -> Iterator[dict[str, Any]]:
    for step in tasks(5)["case"].setup:
        yield from yaml.safe_load_all(step)


@cache
def _services() -> list[str]:
    return [obj["metadata"]["name"] for obj in _prepared() if obj["kind"] == "Service"]


@cache
def _claims() -> dict[str, bool]:
    """The claims that were prepared, and whether what they hold is to be kept."""
    own = {
        obj["metadata"]["name"]: not obj["metadata"]["annotations"]["keep"].startswith("no")
        for obj in _prepared()
        if obj["kind"] == "PersistentVolumeClaim"
    }
    return own | {"data-db-0": True}


def _has(view: View, claim: str, noted: dict[str, str]) -> bool:
    """Whether a claim is there, with the volume that it had."""
    found = view.get(core.PersistentVolumeClaim, claim)
    return found is not None and found.spec.volumeName == noted.get(claim)


def _is_untouched(
    view: View, nodes: list[Any], found: dict[str, Any], noted: dict[str, str]
) -> bool:
    cloud = view.cluster.cloud
    return (
        len(cloud.pools) == 1
        and not cloud.past
        and all(obj is not None and obj.metadata.generation == 1 for obj in found.values())
        and all(_has(view, name, noted) for name in _claims())
        and not any(node.spec.unschedulable for node in nodes)
    )


# --- what is there


def _kept(view: View, found: dict[str, Any], noted: dict[str, str]) -> Mark:
    """Nobody's data is lost, and all that is needed runs as often as it must."""
    for name, keep in _claims().items():
        if keep and not _has(view, name, noted):
            return Mark("kept", 0, "data", {"name": name})
    for name in _services():
        if view.get(core.Service, name) is None:
            return Mark("kept", 0, "deleted", {"name": f"service/{name}"})
    for name, need in needs().items():
        obj = found[name]
        if need.least and obj is None:
            return Mark("kept", 0, "deleted", {"name": name})
        if need.least and replicas(obj) < need.least:
            values = {"name": name, "replicas": replicas(obj), "least": need.least}
            return Mark("kept", 0, "too_few", values)
    return Mark("kept", MOST["kept"], "kept", {})


def _requests(found: dict[str, Any]) -> Mark:
    """Nobody requests less than it uses at most."""
    for name, need in needs().items():
        obj = found[name]
        if obj is None or not replicas(obj):
            continue
        requests, _ = asked(obj)
        for resource, demand in need.uses.items():
            amount = requests[resource].nano / 10**9 if resource in requests else 0.0
            if amount < demand.peak:
                most = demand.peak * 1000 if resource == "cpu" else demand.peak / 2**20
                uses = f"{most:.0f}{'m' if resource == 'cpu' else 'Mi'}"
                values = {"name": name, "resource": resource, "uses": uses}
                return Mark("requests", 0, "requests_no", values)
    return Mark("requests", MOST["requests"], "requests_ok", {})


def _bill(before: Decimal, after: Decimal) -> Mark:
    saved = float(1 - after / before) if before else 0.0
    most = MOST["bill"]
    points = most if saved >= GOAL else int(max(saved, 0) / GOAL * most / 2)
    values = {"before": f"{before:.2f}", "after": f"{after:.2f}", "saved": round(100 * saved)}
    return Mark("bill", points, "bill", values)


# --- what would happen


def _without_the_largest(cluster: Any, nodes: list[Any]) -> tuple[Mark, Mark]:
    """Whether all find room without the largest machine, and what users notice of its loss.

    Of several that are as large, the worst to lose counts, of those with most that matters.
    """
    sizes = {node.metadata.name: amounts(node.status.allocatable)["cpu"] for node in nodes}
    largest = [name for name in sorted(sizes) if sizes[name] == max(sizes.values())]
    important = [pod.spec.nodeName for pod in cluster.list("pods", selector="importance=high")]
    largest.sort(key=important.count, reverse=True)
    tried = [_without(cluster, name) for name in largest[:TRIED]]
    room, service = zip(*tried, strict=True)
    return min(room, key=_points), min(service, key=_points)


def _points(mark: Mark) -> tuple[int, float]:
    return mark.points, float(mark.values.get("answered", 0))


def _without(cluster: Any, name: str) -> tuple[Mark, Mark]:
    copy, traffic = _copy(cluster)
    copy.fail_node(name)
    copy.advance(UNNOTICED)
    copy.client.delete(core.Node, name)
    copy.advance(PATIENCE - UNNOTICED)
    most, missing, others = MOST["room"], _missing(copy), _waiting(copy)
    if missing:
        room = Mark("room", 0, "room_no", {"node": name, "names": ", ".join(missing)})
    elif others:
        room = Mark(
            "room", max(most - others, most // 2 + 1), "room_low", {"node": name, "number": others}
        )
    else:
        room = Mark("room", most, "room_ok", {"node": name})
    answered = _answered(traffic)
    values = {"node": name, "answered": _percent(answered)}
    return room, Mark("service", _for_answers("service", answered), "service", values)


def _for_answers(name: str, answered: float) -> int:
    """Points for so many percent of answers."""
    return MOST[name] if answered >= FULL else 2 * MOST[name] // 3 if answered >= ENOUGH else 0


def _storm(cluster: Any) -> Mark:
    """Whether what matters goes on when all spot machines are wanted back, and no other comes."""
    copy, traffic = _copy(cluster)
    number = sum(copy.cloud.storm(name) for name, pool in copy.cloud.pools.items() if pool.spot)
    if not number:
        return Mark("storm", MOST["storm"], "storm_none", {})
    copy.advance(PATIENCE)
    missing, answered = _missing(copy), _answered(traffic)
    values = {"number": number, "answered": _percent(answered)}
    if missing:
        return Mark("storm", 0, "storm_no", values | {"names": ", ".join(missing)})
    return Mark("storm", _for_answers("storm", answered), "storm_ok", values)


def _copy(cluster: Any) -> tuple[Any, list[Any]]:
    """A copy to which no more machines come, under traffic."""
    copy = cluster.fork()
    copy.cloud.freeze()
    return copy, [copy.traffic(f"http://{name}", rate=RATE) for name in _services()]


def _answered(traffic: list[Any]) -> float:
    """Percent of the requests that were answered, of the Service that fared worst."""
    return min(100 * sum(row.ok for row in each.rows) / max(len(each.rows), 1) for each in traffic)


def _percent(amount: float) -> str:
    """Not rounded up to a hundred."""
    return f"{int(amount * 10) / 10:g}"


def _missing(cluster: Any) -> list[str]:
    """The workloads that matter and do not have as many pods ready as they need."""
    ready = [_app(pod) for pod in cluster.list("pods") if is_ready(pod)]
    return [name for name, n in needs().items() if n.matters and ready.count(name) < n.least]


def _waiting(cluster: Any) -> int:
    """How many pods have no machine."""
    pods = cluster.list("pods")
    return sum(not (pod.spec.nodeName or pod.metadata.deletionTimestamp) for pod in pods)


def _app(pod: Any) -> str:
    return (pod.metadata.labels or {}).get("app", "")
