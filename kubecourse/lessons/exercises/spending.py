"""Checks of chapter 5's second half: what is paid for and not needed, read from the API.

What a machine costs, its labels and the catalog say. What would happen is tried on a copy.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api.demand import NOTHING, Demand, declared
from kubecourse.api.quantity import ZERO
from kubecourse.cloud.waste import OWNER
from kubecourse.lessons.exercises.verdict import Verdict, right, unanswered, unclear, untried, wrong
from kubecourse.lessons.exercises.view import View, amounts, given, replicas, selector

core, policy = models.core_v1, models.policy_v1
HOUR = 3600
CLOSE = 1.5
"""A request that is at most so many times what is used is near it."""


def _removed(there: View, *names: str) -> Verdict | None:
    """The first of some Deployments that is not there."""
    gone = next((name for name in names if there.deployment(name) is None), "")
    return wrong("any.removed", kind="Deployment", name=gone) if gone else None


def wants(workload: Any, resource: str) -> Demand:
    """What a workload's first container wants of a resource, as its pods declare."""
    found = declared(workload.spec.template.metadata.annotations)
    return found.get("", {}).get(resource, NOTHING)


def spare(there: View) -> Verdict:
    """`wiki` runs once; what a budget and the traffic need is as it was."""
    if gone := _removed(there, "wiki", "checkout", "search"):
        return gone
    budget = there.get(policy.PodDisruptionBudget, "checkout")
    if budget is None:
        return wrong("any.removed", kind="PodDisruptionBudget", name="checkout")
    counts = {name: replicas(there.deployment(name)) for name in ("wiki", "checkout", "search")}
    if str(budget.spec.minAvailable) != "2":
        return wrong("budget_changed")
    if counts["checkout"] < 3:
        return wrong("budget", replicas=counts["checkout"])
    if counts["search"] < 3:
        return wrong("traffic", replicas=counts["search"])
    if counts["wiki"] == 0:
        return wrong("zero")
    if counts["wiki"] > 1:
        return untried() if counts["wiki"] == 3 else wrong("more", replicas=counts["wiki"])
    return there.rollout(there.deployment("wiki")) or right()


def nearer(there: View) -> Verdict:
    """`search` requests what it uses at most, and not much more."""
    if gone := _removed(there, "search"):
        return gone
    search = there.deployment("search")
    most = {name: wants(search, name).peak for name in ("cpu", "memory")}
    if most != {"cpu": 0.24, "memory": 300 * 2**20}:
        return wrong("program_changed")
    requests, _ = amounts(search)
    if requests == given(cpu="1500m", memory="1Gi"):
        touched = any(not there.is_given(pod) for pod in there.pods(selector(search)))
        return wrong("restarted") if touched else untried()
    if not replicas(search):
        return wrong("scaled")
    asked = {name: requests.get(name, ZERO).nano / 10**9 for name in most}
    for name, amount in asked.items():
        if not amount:
            return wrong("nothing", resource=name)
        if amount < most[name]:
            return wrong(f"{name}_short", amount=requests[name])
        if amount > CLOSE * most[name]:
            return wrong("far", resource=name, amount=requests[name])
    return there.rollout(search) or right(cpu=requests["cpu"], memory=requests["memory"])


def metric(there: View) -> Verdict:
    """Name the workload that its own CPU limit holds back."""
    if not there.answer:
        return unanswered("metric")
    found = {name: there.deployment(name) for name in ("encoder", "indexer", "thumbs")}
    if None in found.values():
        return unclear("gone", name="metric")
    name = there.answer.lower().rpartition("/")[2]
    if name not in found:
        name = next((each for each in found if name.startswith(f"{each}-")), "")
    if not name:
        return wrong("nothing", answer=there.answer)
    limit = amounts(found[name])[1].get("cpu")
    if limit is None:
        return wrong("no_limit", name=name)
    if wants(found[name], "cpu").peak <= limit.nano / 10**9:
        return wrong("below", name=name)
    return right(name=name)


def owner(there: View) -> Verdict:
    """The one whose team is known has an owner; the other is stopped, and still there."""
    if gone := _removed(there, "cart", "ledger"):
        return gone
    cart, ledger, trial = (there.deployment(name) for name in ("cart", "ledger", "trial"))
    if trial is None:
        return wrong("deleted")
    owners = {
        each.metadata.name: (each.metadata.annotations or {}).get(OWNER)
        for each in (cart, ledger, trial)
    }
    if owners["cart"] != "shop":
        return wrong("overwrote")
    if owners["trial"]:
        return wrong("invented", owner=owners["trial"])
    for used in (cart, ledger):
        if replicas(used) == 0:
            return wrong("stopped", name=used.metadata.name)
    if not owners["ledger"]:
        if OWNER in (ledger.metadata.labels or {}):
            return wrong("label")
        return untried() if replicas(trial) == 2 else wrong("unasked")
    if owners["ledger"] != "accounting":
        return wrong("other", owner=owners["ledger"])
    if replicas(trial):
        return wrong("running", replicas=replicas(trial))
    return unclear("waiting") if there.pods(selector(trial)) else right()


def finished(there: View) -> Verdict:
    """The Job that has finished is taken away by itself, after an hour."""
    job = there.get(models.batch_v1.Job, "import")
    if job is None:
        return wrong("deleted")
    seconds = job.spec.ttlSecondsAfterFinished
    if seconds is None:
        return untried()
    if seconds != HOUR:
        return wrong("sooner" if seconds < HOUR else "later", seconds=seconds)
    return right()
