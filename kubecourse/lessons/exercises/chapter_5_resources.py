"""Chapter 5's checks on what programs need: CPU, memory, time to start, a word when they are well.

The names passed to `wrong` are those of the messages.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api.quantity import ZERO, QuantityError
from kubecourse.api.quantity import parse_quantity as Q
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

core = models.core_v1

LOADING = 40
"""Seconds that `catalog` loads in exercise `slow`."""
LIVES = 10
"""Seconds that version 2 lives in exercise `patient`."""
NEEDED = Q("250M")
"""Memory that `resize` takes in exercise `hungry`."""


def reserve(view: View) -> Verdict:
    """`api`: 250m and 128Mi requested, at most 256Mi, no limit of CPU."""
    api = view.deployment("api")
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
    return view.rollout(api) or right()


def crowded(view: View) -> Verdict:
    """A pending pod runs, because others reserve no more than they need."""
    demo, report = view.deployment("demo"), view.deployment("report")
    if amounts(report)[0] != given(cpu="2"):
        return wrong("report_changed")
    if replicas(demo) != 3 or replicas(report) != 1:
        return wrong("scaled", demo=replicas(demo), report=replicas(report))
    reserved = amounts(demo)[0].get("cpu", ZERO)
    if reserved == ZERO:
        return wrong("nothing_reserved")
    if reserved == Q("2500m"):
        return untried()
    if view.rollout(report) and reserved > Q("1"):
        return wrong("still_full", cpu=reserved)
    return view.rollout(report) or view.rollout(demo) or right()


def hungry(view: View) -> Verdict:
    """A container that was killed for its memory has room for what it takes."""
    resize = view.deployment("resize")
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
        return untried() if view.keeps_pods(resize) else wrong("restarted")
    return view.rollout(resize) or right(memory=limits["memory"])


def guaranteed(view: View) -> Verdict:
    """`db` has the class Guaranteed, and may take no more than before."""
    db = view.deployment("db")
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
    if found := view.rollout(db):
        return found
    classes = {pod.status.qosClass for pod in view.pods(selector(db))}
    return right() if classes == {"Guaranteed"} else unclear("waiting")


def first(view: View) -> Verdict:
    """Name the pod that a node short of memory would evict first."""
    name = view.answer.lower().rpartition("/")[2]
    pods = {pod.metadata.name: pod for pod in view.pods()}
    over = {name: _over_request(pod) for name, pod in pods.items()}
    if len(over) < 3:
        return unclear("gone", name="first")
    if name not in over:
        return wrong("nothing", answer=view.answer)
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


def crashing(view: View) -> Verdict:
    """The program that ended for want of a variable has it."""
    mailer = view.deployment("mailer")
    if replicas(mailer) == 0:
        return wrong("scaled")
    if "SMTP_HOST is not set" not in " ".join(container(mailer).command or ()):
        return wrong("program_changed")
    values = {one.name: one.value for one in container(mailer).env or ()}
    if not values.get("SMTP_HOST"):
        if "SMTP_HOST" in values:
            return wrong("empty")
        if values:
            return wrong("variable", name=next(iter(values)))
        return untried() if view.keeps_pods(mailer) else wrong("restarted")
    return view.rollout(mailer) or right(value=values["SMTP_HOST"])


def slow(view: View) -> Verdict:
    """A slow starter is given time, and is still watched."""
    catalog = view.deployment("catalog")
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
    return view.rollout(catalog) or right()


def _patience(probe: Any) -> int:
    """Seconds from a container's start to the last answer that its probe waits for."""
    period, failures = probe.periodSeconds or 10, probe.failureThreshold or 3
    return (probe.initialDelaySeconds or 0) + (failures - 1) * period


def unready(view: View) -> Verdict:
    """The pods are asked where they answer, and get requests."""
    stock = view.deployment("stock")
    view.prepared(core.Service, "stock")
    probe = container(stock).readinessProbe
    if probe is None:
        return wrong("probe_removed")
    if probe.httpGet is None:
        return wrong("weaker")
    if replicas(stock) != 2:
        return wrong("scaled")
    if (found := view.rollout(stock)) is None:
        return right(number=len(view.served("stock")))
    if view.keeps_pods(stock):
        return untried()
    if probe.httpGet.path == "/health":
        return wrong("restarted")
    if probe.httpGet.path != "/ready":
        return wrong("path", path=probe.httpGet.path)
    return found


def patient(view: View) -> Verdict:
    """Version 2 was begun, and none of the three of version 1 was given up for it."""
    web = view.deployment("web")
    waits = web.spec.minReadySeconds or 0
    if _version(web) != "2":
        return wrong("not_begun") if waits else untried()
    if 0 < waits <= LIVES:
        return wrong("too_short", seconds=waits)
    strategy = web.spec.strategy
    if strategy is not None and strategy.type == "Recreate":
        return wrong("recreate")
    pods = view.pods(selector(web))
    if not any(_version(pod) == "2" for pod in pods):
        return unclear("waiting")
    kept = [pod for pod in pods if _version(pod) == "1" and is_ready(pod)]
    if len(kept) < 3:
        return wrong("lost", kept=len(kept))
    return right(seconds=waits) if waits else wrong("not_yet")


def _version(obj: Any) -> str:
    return next((one.value for one in container(obj).env or () if one.name == "VERSION"), "")


def aside(view: View) -> Verdict:
    """One pod out of the Service by its file, and otherwise as it was."""
    web = view.deployment("web")
    view.prepared(core.Service, "web")
    pods = view.pods()
    if any(not is_owned(pod) for pod in pods):
        return wrong("relabelled")
    if replicas(web) != 3:
        return wrong("scaled", replicas=replicas(web))
    if any(not view.is_given(pod) for pod in pods):
        return wrong("replaced")
    states = [state for pod in pods for state in pod.status.containerStatuses or ()]
    if any(state.restartCount for state in states):
        return wrong("restarted")
    out = [pod for pod in pods if not is_ready(pod)]
    if len(out) > 1:
        return wrong("several", number=len(out))
    return right(name=out[0].metadata.name) if out else untried()
