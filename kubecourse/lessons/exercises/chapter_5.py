"""Chapter 5's checks, one function for each exercise: what they ask for, read from the API.

A check tells the misconceptions apart that the learner's objects speak of. The names passed to
`wrong` are those of the messages.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import conditions, models
from kubecourse.api.quantity import ZERO, QuantityError
from kubecourse.api.quantity import parse_quantity as Q
from kubecourse.lessons.exercises.closing_case import case as case
from kubecourse.lessons.exercises.spending import disk as disk
from kubecourse.lessons.exercises.spending import finished as finished
from kubecourse.lessons.exercises.spending import machines as machines
from kubecourse.lessons.exercises.spending import metric as metric
from kubecourse.lessons.exercises.spending import nearer as nearer
from kubecourse.lessons.exercises.spending import owner as owner
from kubecourse.lessons.exercises.spending import recommended as recommended
from kubecourse.lessons.exercises.spending import room as room
from kubecourse.lessons.exercises.spending import spare as spare
from kubecourse.lessons.exercises.spending import spot as spot
from kubecourse.lessons.exercises.spending import uneven as uneven
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import (
    View,
    amounts,
    container,
    given,
    is_owned,
    is_ready,
    replicas,
    selector,
)

apps, core, policy = models.apps_v1, models.core_v1, models.policy_v1

LOADING = 40
"""Seconds that `catalog` loads in exercise `slow`."""
LIVES = 10
"""Seconds that version 2 lives in exercise `patient`."""
NEEDED = Q("250M")
"""Memory that `resize` takes in exercise `hungry`."""


def reserve(there: View) -> Verdict:
    """`api`: 250m and 128Mi requested, at most 256Mi, no limit of CPU."""
    api = there.deployment("api")
    requests, limits = amounts(api)
    if not requests and not limits:
        return untried()
    if limits.get("cpu"):
        return wrong("cpu_limit", cpu=limits["cpu"])
    if "memory" not in limits:
        return wrong("no_limit")
    if requests.get("memory", limits["memory"]) == limits["memory"]:
        return wrong("only_limit")
    if requests["memory"] < Q("1Mi"):
        return wrong("units", memory=requests["memory"])
    if requests != given(cpu="250m", memory="128Mi") or limits != given(memory="256Mi"):
        return wrong("amounts")
    return there.rollout(api) or right()


def crowded(there: View) -> Verdict:
    """A pending pod runs, because others reserve no more than they need."""
    demo, report = there.deployment("demo"), there.deployment("report")
    if amounts(report)[0] != given(cpu="2"):
        return wrong("report_changed")
    if replicas(demo) != 3 or replicas(report) != 1:
        return wrong("scaled", demo=replicas(demo), report=replicas(report))
    reserved = amounts(demo)[0].get("cpu", ZERO)
    if reserved == ZERO:
        return wrong("nothing_reserved")
    if reserved == Q("2500m"):
        return untried()
    if there.rollout(report) and reserved > Q("1"):
        return wrong("still_full", cpu=reserved)
    return there.rollout(report) or there.rollout(demo) or right()


def hungry(there: View) -> Verdict:
    """A container that was killed for its memory has room for what it takes."""
    resize = there.deployment("resize")
    if replicas(resize) == 0:
        return wrong("scaled")
    words = " ".join([*(container(resize).command or ()), *(container(resize).args or ())])
    if "250M" not in words:
        return wrong("program_changed")
    requests, limits = amounts(resize)
    if "memory" not in limits:
        return wrong("no_limit")
    if limits["memory"] <= NEEDED:
        if limits != given(memory="200Mi"):
            return wrong("too_little", memory=limits["memory"])
        if requests != given(memory="100Mi"):
            return wrong("only_request")
        return untried() if _untouched(there, resize) else wrong("restarted")
    return there.rollout(resize) or right(memory=limits["memory"])


def guaranteed(there: View) -> Verdict:
    """`db` has the class Guaranteed, and may take no more than before."""
    db = there.deployment("db")
    requests, limits = amounts(db)
    most = given(cpu="500m", memory="256Mi")
    if not limits:
        return wrong("best_effort")
    if any(name not in limits or limits[name] > most[name] for name in most):
        return wrong("more")
    if (requests, limits) == (given(cpu="200m", memory="128Mi"), most):
        return untried()
    missing = [name for name in ("cpu", "memory") if requests.get(name) != limits.get(name)]
    if missing:
        return wrong("burstable", resource=missing[0])
    if found := there.rollout(db):
        return found
    classes = {pod.status.qosClass for pod in there.pods(selector(db))}
    return right() if classes == {"Guaranteed"} else unclear("waiting")


def first(there: View) -> Verdict:
    """Name the pod that a node short of memory would evict first."""
    name = there.answer.lower().rpartition("/")[2]
    pods = {pod.metadata.name: pod for pod in there.pods()}
    over = {name: _over_request(pod) for name, pod in pods.items()}
    if len(over) < 3:
        return unclear("gone", name="first")
    if name not in over:
        return wrong("nothing", answer=there.answer)
    if name == max(over, key=lambda each: over[each]):
        return right(name=name)
    if over[name] <= 0:
        return wrong("within", name=name)
    return wrong("class" if pods[name].status.qosClass == "BestEffort" else "less", name=name)


def _over_request(pod: Any) -> float:
    """By how many bytes a pod's use of memory exceeds its request."""
    try:
        used = Q((pod.metadata.annotations or {}).get("kubecourse.dev/memory", "0"))
    except QuantityError:
        used = ZERO
    return (used.nano - amounts(pod)[0].get("memory", ZERO).nano) / 10**9


def _untouched(there: View, deployment: Any) -> bool:
    """Whether all pods of a Deployment are those that were prepared."""
    return all(there.is_given(pod) for pod in there.pods(selector(deployment)))


def crashing(there: View) -> Verdict:
    """The program that ended for want of a variable has it."""
    mailer = there.deployment("mailer")
    if replicas(mailer) == 0:
        return wrong("scaled")
    if "SMTP_HOST is not set" not in " ".join(container(mailer).command or ()):
        return wrong("program_changed")
    values = {one.name: one.value for one in container(mailer).env or ()}
    if not values.get("SMTP_HOST"):
        if values:
            return wrong("variable", name=next(iter(values)))
        return untried() if _untouched(there, mailer) else wrong("restarted")
    return there.rollout(mailer) or right(value=values["SMTP_HOST"])


def slow(there: View) -> Verdict:
    """A slow starter is given time, and is still watched."""
    catalog = there.deployment("catalog")
    own = container(catalog)
    if "sleep 40" not in " ".join(own.command or ()):
        return wrong("program_changed")
    if own.livenessProbe is None:
        return wrong("probe_removed")
    if own.readinessProbe is None:
        return wrong("readiness_removed")
    patience = _patience(own.startupProbe or own.livenessProbe)
    if patience <= LOADING:
        return untried() if patience == 5 else wrong("too_soon", seconds=patience)
    return there.rollout(catalog) or right()


def _patience(probe: Any) -> int:
    """Seconds from a container's start to the last answer that its probe waits for."""
    period, failures = probe.periodSeconds or 10, probe.failureThreshold or 3
    return (probe.initialDelaySeconds or 0) + (failures - 1) * period


def unready(there: View) -> Verdict:
    """The pods are asked where they answer, and get requests."""
    stock = there.deployment("stock")
    there.prepared(core.Service, "stock")
    probe = container(stock).readinessProbe
    if probe is None:
        return wrong("probe_removed")
    if probe.httpGet is None:
        return wrong("weaker")
    if replicas(stock) != 2:
        return wrong("scaled")
    if (found := there.rollout(stock)) is None:
        return right(number=len(there.served("stock")))
    if _untouched(there, stock):
        return untried()
    if probe.httpGet.path == "/health":
        return wrong("restarted")
    if probe.httpGet.path != "/ready":
        return wrong("path", path=probe.httpGet.path)
    return found


def patient(there: View) -> Verdict:
    """Version 2 was begun, and none of the three of version 1 was given up for it."""
    web = there.deployment("web")
    waits = web.spec.minReadySeconds or 0
    if _version(web) != "2":
        return wrong("not_begun") if waits else untried()
    if 0 < waits <= LIVES:
        return wrong("too_short", seconds=waits)
    strategy = web.spec.strategy
    if strategy is not None and strategy.type == "Recreate":
        return wrong("recreate")
    pods = there.pods(selector(web))
    if not any(_version(pod) == "2" for pod in pods):
        return unclear("waiting")
    kept = [pod for pod in pods if _version(pod) == "1" and is_ready(pod)]
    if len(kept) < 3:
        return wrong("lost", kept=len(kept))
    return right(seconds=waits) if waits else wrong("not_yet")


def _version(obj: Any) -> str:
    return next((one.value for one in container(obj).env or () if one.name == "VERSION"), "")


def aside(there: View) -> Verdict:
    """One pod out of the Service by its file, and otherwise as it was."""
    web = there.deployment("web")
    there.prepared(core.Service, "web")
    pods = there.pods()
    if any(not is_owned(pod) for pod in pods):
        return wrong("relabelled")
    if replicas(web) != 3:
        return wrong("scaled", replicas=replicas(web))
    if any(not there.is_given(pod) for pod in pods):
        return wrong("replaced")
    states = [state for pod in pods for state in pod.status.containerStatuses or ()]
    if any(state.restartCount for state in states):
        return wrong("restarted")
    out = [pod for pod in pods if not is_ready(pod)]
    if len(out) > 1:
        return wrong("several", number=len(out))
    return right(name=out[0].metadata.name) if out else untried()


def budget(there: View) -> Verdict:
    """A PodDisruptionBudget keeps two of the three pods of `web`."""
    web, budgets = there.deployment("web"), there.list(policy.PodDisruptionBudget)
    if not budgets:
        found = there.elsewhere(policy.PodDisruptionBudget, "web")
        return wrong("elsewhere", namespace=found) if found else untried()
    status = budgets[0].status
    if len(budgets) > 1:
        return wrong("two")
    if (status.observedGeneration or 0) < (budgets[0].metadata.generation or 0):
        return unclear("waiting")
    if not status.expectedPods:
        chosen = budgets[0].spec.selector
        return wrong("matches_nothing", labels=dict((chosen and chosen.matchLabels) or {}))
    if replicas(web) != 3:
        return wrong("scaled", replicas=replicas(web))
    if status.desiredHealthy == 2:
        return right() if status.disruptionsAllowed == 1 else unclear("waiting")
    kept = "too_many" if (status.desiredHealthy or 0) > 2 else "too_few"
    return wrong(kept, number=status.desiredHealthy)


def blocked(there: View) -> Verdict:
    """The last node was emptied although a budget stood in the way, and `cache` answered."""
    cache, kept = there.deployment("cache"), there.prepared(policy.PodDisruptionBudget, "cache")
    nodes = there.list(core.Node)
    node = nodes[-1].metadata.name if nodes else ""
    pods = there.pods(selector(cache))
    spare = (kept.status and kept.status.disruptionsAllowed) or 0
    cordoned = bool(nodes and nodes[-1].spec and nodes[-1].spec.unschedulable)
    left = [pod for pod in pods if pod.spec.nodeName == node]
    if replicas(cache) == 0:
        return wrong("scaled")
    if left or not cordoned:
        untouched = not spare and not cordoned and replicas(cache) == 1
        if untouched and all(map(there.is_given, pods)):
            return untried()
        return wrong("not_empty" if spare or replicas(cache) > 1 else "still_blocked", node=node)
    if found := there.rollout(cache):
        return found
    if replicas(cache) == 1:
        return wrong("gap" if spare else "by_hand")
    return right() if spare else wrong("blocks_again")


def tidy(there: View) -> Verdict:
    """Everything of `trial` is gone, everything of `shop` is there."""
    kinds = (apps.Deployment, core.Service, core.ConfigMap)
    names = {(kind.__name__, obj.metadata.name) for kind in kinds for obj in there.list(kind)}
    for kind in ("Deployment", "ConfigMap"):
        if (kind, "shop") not in names:
            return wrong("too_much", kind=kind)
    left = [kind for kind in ("Deployment", "Service", "ConfigMap") if (kind, "trial") in names]
    pods = there.pods({"app": "trial"})
    if "Deployment" in left:
        web = there.deployment("trial")
        if replicas(web) != 2:
            return wrong("scaled")
        if any(not there.is_given(pod) for pod in pods):
            return wrong("pods_only")
        return untried() if len(left) == 3 else wrong("deployment_left")
    if left:
        return wrong("not_all", kind=left[0])
    return unclear("waiting") if pods else right()


def address(there: View) -> Verdict:
    """The address of a Service of this namespace, for pods of another one."""
    answer = there.answer.lower()
    if there.get(core.Service, "stock") is None:
        return unclear("gone", name="address")
    host = (answer.partition("://")[2] or answer).partition("/")[0]
    host, _, port = host.partition(":")
    parts = host.split(".")
    if port not in ("", "80"):
        return wrong("port", port=port)
    if host.replace(".", "").isdigit():
        return wrong("number")
    if parts[:2] == ["stock", there.namespace]:
        rest = ".".join(parts[2:])
        return right() if rest in ("", "svc", "svc.cluster.local") else wrong("ending", ending=rest)
    if parts[0] == there.namespace:
        return wrong("order")
    if parts == ["stock"]:
        return wrong("short")
    return wrong("nothing", answer=there.answer)


def quota(there: View) -> Verdict:
    """At most five pods, and one core of requests in all."""
    quotas = there.list(core.ResourceQuota)
    if not quotas:
        if there.list(core.LimitRange):
            return wrong("limit_range")
        return untried()
    hard: dict[str, str] = {}
    for each in quotas:
        hard |= each.spec.hard or {}
    pods, cpu = hard.get("pods", hard.get("count/pods")), hard.get("requests.cpu", hard.get("cpu"))
    if pods is None:
        return wrong("no_pods", names=", ".join(sorted(hard)))
    if cpu is None:
        return wrong("limits" if "limits.cpu" in hard else "no_cpu")
    if Q(pods) != Q("5"):
        return wrong("pods", pods=pods)
    if Q(cpu) != Q("1"):
        return wrong("cpu", cpu=cpu)
    return right()


def missing(there: View) -> Verdict:
    """All four pods are there, within the quota as it is."""
    shop, team = there.deployment("shop"), there.prepared(core.ResourceQuota, "team")
    if Q((team.spec.hard or {}).get("requests.cpu", "0")) != Q("500m"):
        return wrong("quota_changed")
    if replicas(shop) != 4:
        return wrong("scaled", replicas=replicas(shop))
    cpu = amounts(shop)[0].get("cpu", ZERO)
    if cpu == ZERO:
        return wrong("no_request")
    if cpu == Q("200m"):
        return untried() if _untouched(there, shop) else wrong("restarted")
    if cpu > Q("125m"):
        return wrong("too_much", cpu=cpu)
    found = there.rollout(shop)
    if found and conditions.is_true(shop.status.conditions, "ReplicaFailure"):
        return wrong("later") if cpu <= Q("100m") else wrong("no_room", cpu=cpu)
    return found or right()


def defaults(there: View) -> Verdict:
    """A LimitRange, and a pod `plain` that has its amounts from it."""
    ranges, plain = there.list(core.LimitRange), there.get(core.Pod, "plain")
    if not ranges:
        return wrong("no_range") if plain else untried()
    items = [item for each in ranges for item in each.spec.limits or ()]
    own = [item for item in items if item.type == "Container"]
    if not own:
        return wrong("type", type=items[0].type if items else "-")
    requests, limits = given(**own[0].defaultRequest or {}), given(**own[0].default or {})
    if (requests, limits) != (given(cpu="100m", memory="64Mi"), given(memory="128Mi")):
        return wrong("bounds" if own[0].min or own[0].max else "amounts")
    if plain is None:
        return wrong("no_pod")
    found = amounts(plain)
    if not any(found):
        return wrong("older")
    if "kubernetes.io/limit-ranger" not in (plain.metadata.annotations or {}):
        return wrong("own_amounts")
    return right() if is_ready(plain) else unclear("waiting")
