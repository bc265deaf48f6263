"""Checks of chapter 5's second half: what is paid for and not needed, read from the API.

What a machine costs, its labels and the catalog say. What would happen is tried on a copy.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kubecourse.addons.vpa import policy as vpa
from kubecourse.api import models
from kubecourse.api.demand import NOTHING, Demand, declared
from kubecourse.api.quantity import ZERO
from kubecourse.api.quantity import parse_quantity as Q
from kubecourse.cloud import catalog, cheapest_disk, hourly
from kubecourse.cloud.fleet import SPOT
from kubecourse.cloud.waste import OWNER
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import View, amounts, given, replicas, selector

apps, core, policy = models.apps_v1, models.core_v1, models.policy_v1
HOUR, DAY = 3600, 86_400
CLOSE = 1.5
"""A request that is at most so many times what is used is near it."""


def wants(workload: Any, resource: str) -> Demand:
    """What a workload's first container wants of a resource, as its pods declare."""
    found = declared(workload.spec.template.metadata.annotations)
    return found.get("", {}).get(resource, NOTHING)


def spare(view: View) -> Verdict:
    """`wiki` runs once; what a budget and the traffic need is as it was."""
    counts = {name: replicas(view.deployment(name)) for name in ("wiki", "checkout", "search")}
    budget = view.prepared(policy.PodDisruptionBudget, "checkout")
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
    return view.rollout(view.deployment("wiki")) or right()


def nearer(view: View) -> Verdict:
    """`search` requests what it uses at most, and not much more."""
    search = view.deployment("search")
    most = {name: wants(search, name).peak for name in ("cpu", "memory")}
    if most != {"cpu": 0.24, "memory": 300 * 2**20}:
        return wrong("program_changed")
    requests, _ = amounts(search)
    if requests == given(cpu="1500m", memory="1Gi"):
        return untried() if view.keeps_pods(search) else wrong("restarted")
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
    return view.rollout(search) or right(cpu=requests["cpu"], memory=requests["memory"])


def metric(view: View) -> Verdict:
    """Name the workload that its own CPU limit holds back."""
    name = view.answer.lower().rpartition("/")[2]
    found = {each: view.get(apps.Deployment, each) for each in ("encoder", "indexer", "thumbs")}
    if None in found.values():
        return unclear("gone", name="metric")
    if name not in found:
        name = next((each for each in found if name.startswith(f"{each}-")), "")
    if not name:
        return wrong("nothing", answer=view.answer)
    limit = amounts(found[name])[1].get("cpu")
    if limit is None:
        return wrong("no_limit", name=name)
    if wants(found[name], "cpu").peak <= limit.nano / 10**9:
        return wrong("below", name=name)
    return right(name=name)


def owner(view: View) -> Verdict:
    """The one whose team is known has an owner; the other is stopped, and still there."""
    cart, ledger = view.deployment("cart"), view.deployment("ledger")
    trial = view.get(apps.Deployment, "trial")
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
    return unclear("waiting") if view.pods(selector(trial)) else right()


def finished(view: View) -> Verdict:
    """The Job that has finished is taken away by itself, after an hour."""
    job = view.get(models.batch_v1.Job, "import")
    if job is None:
        return wrong("deleted")
    seconds = job.spec.ttlSecondsAfterFinished
    if seconds is None:
        return untried()
    if seconds != HOUR:
        return wrong("sooner" if seconds < HOUR else "later", seconds=seconds)
    return right()


# --- on machines of their own


def recommended(view: View) -> Verdict:
    """`api` requests what a VPA recommends after a day of looking on."""
    api = view.deployment("api")
    if wants(api, "cpu").text != "sine(60m, 400m, 1d)" or wants(api, "memory").text != "400Mi":
        return wrong("program_changed")
    requests, _ = amounts(api)
    unchanged = requests == given(cpu="1", memory="2Gi")
    scalers = view.list(vpa.vpa.VerticalPodAutoscaler)
    scaler = next((s for s in scalers if s.spec.targetRef and s.spec.targetRef.name == "api"), None)
    if scaler is None:
        other = scalers[0].spec.targetRef.name if scalers and scalers[0].spec.targetRef else ""
        return (
            wrong("target", name=other) if scalers else untried() if unchanged else wrong("guess")
        )
    if vpa.mode(scaler) != "Off":
        return wrong("mode", mode=vpa.mode(scaler))
    seen = view.cluster.now - view.cluster.clock.seconds(scaler.metadata.creationTimestamp)
    found = next(iter(vpa.recommended(scaler).values()), None)
    if found is None or seen < DAY - HOUR:
        return wrong("early", hours=round(seen / HOUR, 1))
    target = {"cpu": "-", "memory": "-", **found.target}
    if unchanged:
        return wrong("not_applied", **target)
    for bound in ("target", "lowerBound", "upperBound"):
        if all(_is_near(requests, getattr(found, bound), name) for name in ("cpu", "memory")):
            cpu = target["cpu"]
            return (
                wrong(bound, cpu=cpu) if bound != "target" else view.rollout(api) or right(cpu=cpu)
            )
    return wrong("other", **target)


def _is_near(requests: Any, recommended: dict[str, str], resource: str) -> bool:
    """Whether a request is what was recommended, which goes on changing a little."""
    wanted = Q(recommended.get(resource, "0")).nano
    return resource in requests and abs(requests[resource].nano - wanted) <= 0.1 * wanted


def _waiting(view: View) -> int:
    return sum(not pod.spec.nodeName for pod in view.pods())


def _fleet(view: View, replicas_needed: int, name: str) -> Verdict | None:
    """Why it cannot be said yet whether rented machines are right; None if it can."""
    cloud, number = view.cluster.cloud, replicas(view.deployment(name))
    if number < replicas_needed:
        return wrong("scaled", replicas=number)
    if any(pool.spot or pool.committed for n, pool in cloud.pools.items() if cloud.sizes[n]):
        return wrong("not_on_demand")
    if cloud.coming:
        return unclear("waiting")
    number = _waiting(view)
    return wrong("waiting", number=number) if number else None


def machines(view: View) -> Verdict:
    """Twelve pods on machines of which any may die, for a dollar an hour."""
    api, cloud = view.deployment("api"), view.cluster.cloud
    if amounts(api)[0].get("cpu") != Q("1"):
        return wrong("requests_changed")
    if list(cloud.pools) == ["big"] and cloud.sizes["big"] == 1:
        return untried()
    if found := _fleet(view, 12, "api"):
        return found
    hour = hourly(cloud)
    if not (drill := view.cluster.what_if()).survived:
        return wrong("fragile", node=drill.failed[0], number=len(drill.pending))
    if hour > 1:
        cores = min(cloud.machine(name).cores for name in cloud.pools if cloud.sizes[name])
        return wrong("stranded" if cores <= 2 else "dear", hour=f"{hour:.2f}")
    return view.rollout(api) or right(hour=f"{hour:.2f}")


def disk(view: View) -> Verdict:
    """A claim on the cheapest kind of disk that is fast enough."""
    claim = view.get(core.PersistentVolumeClaim, "archive")
    if claim is None:
        found = [each.metadata.name for each in view.list(core.PersistentVolumeClaim)]
        return wrong("name", name=found[0]) if found else untried()
    size = (claim.spec.resources.requests or {}).get("storage", "0")
    if Q(size) != Q("500Gi"):
        return wrong("size", size=size)
    name, disks = claim.spec.storageClassName or "", catalog().disks
    if name not in disks:
        return wrong("other", name=name)
    if disks[name].throughput < 200:
        return wrong("slow", name=name, throughput=disks[name].throughput)
    month, cheapest = disks[name].month(500), cheapest_disk(catalog(), 500, throughput=200)
    if name != cheapest:
        return wrong("dear", name=name, month=f"{month:.2f}")
    return right(month=f"{month:.2f}") if claim.status.phase == "Bound" else unclear("waiting")


def room(view: View) -> Verdict:
    """The largest machine may die, and nobody waits."""
    web, cloud = view.deployment("web"), view.cluster.cloud
    if amounts(web)[0].get("cpu", ZERO) < Q("800m"):
        return wrong("requests")
    if found := _fleet(view, 10, "web"):
        return found
    if not (drill := view.cluster.what_if()).survived:
        if not cloud.past and cloud.sizes == {"base": 2, "big": 1} and web.metadata.generation == 1:
            return untried()
        cores = f"{drill.missing_cpu:g}"
        return wrong("pending", node=drill.failed[0], number=len(drill.pending), cores=cores)
    hour = hourly(cloud)
    if hour > Decimal("0.96"):
        return wrong("dear", hour=f"{hour:.2f}")
    return view.rollout(web) or right(node=drill.failed[0], number=drill.moved)


def spot(view: View) -> Verdict:
    """`thumbs` prefers spot machines and can do without; `checkout` stays off them."""
    thumbs, checkout = view.deployment("thumbs"), view.deployment("checkout")
    nodes = [node for node in view.list(core.Node) if SPOT in (node.metadata.labels or {})]
    if any(SPOT not in {taint.key for taint in node.spec.taints or ()} for node in nodes):
        return wrong("untainted")
    if _placing(checkout):
        return wrong("important")
    placing = _placing(thumbs)
    if "requires" in placing:
        return wrong("required")
    if not placing:
        return untried()
    if placing != {"tolerates", "prefers"}:
        return wrong("only_toleration" if "tolerates" in placing else "no_toleration")
    if found := view.rollout(thumbs):
        return found
    names = {node.metadata.name for node in nodes}
    moved = sum(pod.spec.nodeName in names for pod in view.pods(selector(thumbs)))
    return right(number=moved) if moved else wrong("none_moved")


def _placing(deployment: Any) -> set[str]:
    """Of spot machines, what a Deployment's pods do: tolerate, prefer, require."""
    spec, found = deployment.spec.template.spec, set()
    if any(t.key in (SPOT, None, "") for t in spec.tolerations or ()):
        found.add("tolerates")
    if SPOT in (spec.nodeSelector or {}):
        found.add("requires")
    affinity = spec.affinity.nodeAffinity if spec.affinity is not None else None
    if affinity is None:
        return found
    wished = [
        each.preference for each in affinity.preferredDuringSchedulingIgnoredDuringExecution or ()
    ]
    needed = affinity.requiredDuringSchedulingIgnoredDuringExecution
    for name, terms in (
        ("prefers", wished),
        ("requires", needed.nodeSelectorTerms if needed else ()),
    ):
        keys = {
            e.key for t in terms for e in t.matchExpressions or () if e.operator in ("In", "Exists")
        }
        if SPOT in keys:
            found.add(name)
    return found


def uneven(view: View) -> Verdict:
    """The descheduler has spread the pods, as a CronJob, and the budget was kept."""
    web = view.deployment("web")
    view.prepared(policy.PodDisruptionBudget, "web")
    if replicas(web) != 6:
        return wrong("scaled", replicas=replicas(web))
    crons = view.cluster.list("cronjobs", None)
    own = [
        c
        for c in crons
        if "descheduler" in c.spec.jobTemplate.spec.template.spec.containers[0].image
    ]
    places = [pod.spec.nodeName for pod in view.pods(selector(web))]
    counts = [places.count(node.metadata.name) for node in view.list(core.Node)] or [0]
    even = max(counts) - min(counts) <= 1
    if not own:
        return wrong("by_hand") if even else untried()
    if own[0].spec.suspend:
        return wrong("suspended")
    if not even:
        if own[0].status is None or own[0].status.lastSuccessfulTime is None:
            return wrong("not_run", schedule=own[0].spec.schedule)
        return wrong("still", most=max(counts), least=min(counts))
    return view.rollout(web) or right()
