"""Chapter 3's checks: what the API still answers of clusters that lost something, and sums.

The names passed to `wrong` are those of the messages.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

from kubecourse.api import models
from kubecourse.api.errors import ApiError, Unreachable
from kubecourse.api.quantity import milli
from kubecourse.cloud import Workload, always_on, assumptions, break_even, compare, prices
from kubecourse.control_plane.etcd.raft import quorum
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import View, container, is_ready, replicas

core = models.core_v1
LEADERS = ("kube-scheduler", "kube-controller-manager")
SILENT = 15.0
"""Seconds by which a lease is older than the newest one, from which its holder says nothing: those
of nodes are renewed every ten."""
LOST = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
"""The taints of a node that has fallen silent, or says itself that it is not well."""


def missing_part(view: View) -> Verdict:
    """All pods of `web` have a node, from a scheduler that works."""
    web = view.deployment("web")
    if web.spec.template.spec.nodeName:
        return wrong("by_hand", node=web.spec.template.spec.nodeName)
    if replicas(web) != 3:
        return wrong("scaled", replicas=replicas(web))
    if all(pod.spec.nodeName for pod in view.pods()):
        return view.rollout(web) or right()
    soon = view.cluster.fork()
    soon.advance(5)
    found = all(pod.spec.nodeName for pod in soon.list("pods"))
    return unclear("waiting") if found else untried()


def handover(view: View) -> Verdict:
    """Neither leader is on `control-plane-1`, and all is at work."""
    leases = {lease.metadata.name: lease for lease in view.leases("kube-system")}
    holders = {name: (leases[name].spec.holderIdentity or "").split("_")[0] for name in LEADERS}
    silent = _silent([*view.leases("kube-node-lease"), *leases.values()])
    if stopped := [name for name in LEADERS if name in silent]:
        return wrong("nobody", part=stopped[0])
    there_still = [name for name in LEADERS if holders[name] == "control-plane-1"]
    if len(there_still) == 1:
        return wrong("one_lease", part=there_still[0])
    if there_still:
        return untried()
    if silent or not all(map(is_ready, view.list(core.Node))):
        return wrong("switched_off")
    return right(machine=holders["kube-scheduler"])


def rooms(view: View) -> Verdict:
    """Five members in three rooms, so that any room may burn down."""
    counts = sorted((int(each) for each in re.findall(r"\d+", view.answer)), reverse=True)
    if sum(counts) != 5:
        return wrong("count", number=sum(counts))
    used = [each for each in counts if each]
    if len(used) > 3:
        return wrong("too_many", number=len(used))
    if len(used) < 3:
        return wrong("two_rooms", left=5 - counts[0])
    if 5 - counts[0] < quorum(5):
        return wrong("majority", left=5 - counts[0])
    return right()


def refuses(view: View) -> Verdict:
    """It stores again, has all five orders, and every machine takes part."""
    try:
        orders = {each.metadata.name for each in view.list(core.ConfigMap)}
        silent = _silent(view.leases("kube-node-lease"))
    except Unreachable:
        return wrong("worse")
    except ApiError as error:
        if error.code == 500:  # no quorum, as at the beginning
            return untried()
        raise
    if lost := [f"order-{n}" for n in range(1, 6) if f"order-{n}" not in orders]:
        return wrong("lost", order=lost[0])
    if silent:
        return wrong("no_spare", machine=silent[0])
    return right()


def noticed(view: View) -> Verdict:
    """Which of five outages made requests fail; it was measured when they were prepared."""
    said = set(re.sub(r"[^a-z]|and", "", view.answer.lower()))
    measured = view.get(core.Secret, "measured")
    if measured is None:
        return unclear("gone", name="noticed")
    failed = {name: int(b64decode(count)) for name, count in measured.data.items()}
    if said - failed.keys():
        return wrong("letters", letter=min(said - failed.keys()))
    for name, count in sorted(failed.items()):
        if count and name not in said:
            return wrong(f"also_{name}", failed=count)
        if not count and name in said:
            return wrong(f"not_{name}")
    return right()


def sooner(view: View) -> Verdict:
    """Pods of `shop` stay for ten to thirty seconds on a node that is lost."""
    shop = view.deployment("shop")
    written = shop.spec.template.spec.tolerations or ()
    if not written:
        return untried()
    limits = {}
    for toleration in written:
        if toleration.effect not in (None, "", "NoExecute"):
            return wrong("effect", effect=toleration.effect)
        for taint in LOST if toleration.key is None else (toleration.key,):
            limits[taint] = toleration.tolerationSeconds
    if missing := [taint for taint in LOST if taint not in limits]:
        return wrong("one_of_two" if len(missing) == 1 else "other_taint", taint=missing[0])
    seconds = [limits[taint] for taint in LOST]
    if None in seconds:
        return wrong("for_ever")
    if max(seconds) > 30:
        return wrong("late", seconds=max(seconds))
    if min(seconds) < 10:
        return wrong("hasty", seconds=min(seconds))
    return view.rollout(shop) or right(seconds=max(seconds))


def buried(view: View) -> Verdict:
    """Nothing is left of a machine that will not come back."""
    web = view.deployment("web")
    nodes = {node.metadata.name: node for node in view.list(core.Node)}
    if any(name not in nodes or not is_ready(nodes[name]) for name in ("node-1", "node-3")):
        return wrong("other_node")
    ending = [pod for pod in view.list(core.Pod) if pod.metadata.deletionTimestamp]
    if "node-2" in nodes:
        if is_ready(nodes["node-2"]):
            return wrong("came_back")
        return untried() if ending else wrong("node_left")
    if ending:
        return unclear("waiting")
    if replicas(web) != 3:
        return wrong("scaled", replicas=replicas(web))
    return view.rollout(web) or right()


def night(view: View) -> Verdict:
    """Name the node that was silent for so long that its pod was replaced."""
    answer = view.answer.lower().rpartition("/")[2]
    events = view.list(core.Event)
    placed = {
        event.involvedObject.name: (event.message or "").split()[-1]
        for event in events
        if event.reason == "Scheduled"
    }
    given_up = {
        placed.get(event.involvedObject.name)
        for event in events
        if event.reason == "TaintManagerEviction" and (event.message or "").startswith("Marking")
    }
    silent = {event.involvedObject.name for event in events if event.reason == "NodeNotReady"}
    if not given_up:
        return unclear("gone", name="night")
    if answer in given_up:
        return right(node=answer)
    if answer in silent:
        return wrong("in_time", node=answer)
    if view.get(core.Node, answer) is not None:
        return wrong("never_silent", node=answer)
    return wrong("nothing", answer=view.answer)


def wage(view: View) -> Verdict:
    """The least whole wage at which a school's own machines cost more than a managed cluster."""
    answer = _number(view.answer)
    if answer is None:
        return wrong("no_number", answer=view.answer)

    def dearer(wage: float) -> bool:
        school = {"machine_hour": 0.01, "disk_month": 0, "balancer_month": 0}
        return compare(assumptions(prices(), person_hour=wage, **school)).difference > 0

    if answer < 1:
        return wrong("nothing")
    if not dearer(answer):
        return wrong("low", wage=view.answer)
    if dearer(answer - 1):
        return wrong("high", wage=view.answer)
    return right(wage=view.answer)


def whole_node(view: View) -> Verdict:
    """Four pods on one node of four cores, with as much as is left of it."""
    render = view.deployment("render")
    if replicas(render) != 4:
        return wrong("scaled", replicas=replicas(render))
    needs = container(render).resources
    cpu = ((needs and needs.requests) or {}).get("cpu")
    if cpu is None:
        return wrong("no_request")
    node = view.get(core.Node, "node-1")
    if node is None:
        return unclear("gone", name="whole_node")
    most = milli(node.status.allocatable["cpu"]) // 4
    if milli(cpu) == 1000:
        return wrong("more_nodes") if len(view.list(core.Node)) > 1 else untried()
    if milli(cpu) > most:
        return wrong("still_too_much", cpu=cpu)
    if milli(cpu) < 900:
        return wrong("wasteful", cpu=cpu)
    return view.rollout(render) or right(cpu=cpu)


def nightly(view: View) -> Verdict:
    """From how many hours a day a node is cheaper than Cloud Run for two containers."""
    answer, table = _number(view.answer), prices()
    if answer is None:
        return wrong("no_number", answer=view.answer)
    load = Workload(cores=1, memory=2, containers=2)
    _, node = always_on(table.machines["e2-standard-2"], load)
    share = break_even(table.clusterless["Cloud Run"], load, node.total) or 1.0
    hours = 24 * share
    if abs(answer - hours) <= 1:
        return right(hours=round(hours), percent=round(100 * share))
    if answer > 24:
        return wrong("percent", answer=view.answer)
    if answer == 24:
        return wrong("never")
    return wrong("early" if answer < hours else "late", hours=view.answer)


def _silent(leases: list[Any]) -> list[str]:
    """The names of leases that were not renewed when the others were."""
    renewed = {each.metadata.name: each.spec.renewTime for each in leases if each.spec.renewTime}
    newest = max(renewed.values(), default=None)
    return [name for name, at in renewed.items() if (newest - at).total_seconds() > SILENT]


def _number(answer: str) -> float | None:
    """The number that an answer begins with: `16`, `16h`, `$3.50`."""
    found = re.match(r"\$?(\d+(\.\d+)?)", answer)
    return float(found[1]) if found else None
