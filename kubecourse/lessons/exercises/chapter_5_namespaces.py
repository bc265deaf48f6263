"""Chapter 5's checks on what is divided and kept: budgets, namespaces, quotas, default amounts."""

from __future__ import annotations

from kubecourse.api import conditions, models
from kubecourse.api.quantity import ZERO
from kubecourse.api.quantity import parse_quantity as Q
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import View, amounts, given, is_ready, replicas, selector

apps, core, policy = models.apps_v1, models.core_v1, models.policy_v1


def budget(view: View) -> Verdict:
    """A PodDisruptionBudget keeps two of the three pods of `web`."""
    web, budgets = view.deployment("web"), view.list(policy.PodDisruptionBudget)
    if not budgets:
        found = view.elsewhere(policy.PodDisruptionBudget, "web")
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


def blocked(view: View) -> Verdict:
    """The last node was emptied although a budget stood in the way, and `cache` answered."""
    cache, kept = view.deployment("cache"), view.prepared(policy.PodDisruptionBudget, "cache")
    nodes = view.list(core.Node)
    node = nodes[-1].metadata.name if nodes else ""
    pods = view.pods(selector(cache))
    spare = (kept.status and kept.status.disruptionsAllowed) or 0
    cordoned = bool(nodes and nodes[-1].spec and nodes[-1].spec.unschedulable)
    left = [pod for pod in pods if pod.spec.nodeName == node]
    if replicas(cache) == 0:
        return wrong("scaled")
    if left or not cordoned:
        untouched = not spare and not cordoned and replicas(cache) == 1
        if untouched and all(map(view.is_given, pods)):
            return untried()
        return wrong("not_empty" if spare or replicas(cache) > 1 else "still_blocked", node=node)
    if found := view.rollout(cache):
        return found
    if replicas(cache) == 1:
        return wrong("gap" if spare else "by_hand")
    return right() if spare else wrong("blocks_again")


def tidy(view: View) -> Verdict:
    """Everything of `trial` is gone, everything of `shop` is there."""
    kinds = (apps.Deployment, core.Service, core.ConfigMap)
    names = {(kind.__name__, obj.metadata.name) for kind in kinds for obj in view.list(kind)}
    for kind in ("Deployment", "ConfigMap"):
        if (kind, "shop") not in names:
            return wrong("too_much", kind=kind)
    left = [kind for kind in ("Deployment", "Service", "ConfigMap") if (kind, "trial") in names]
    pods = view.pods({"app": "trial"})
    if "Deployment" in left:
        web = view.deployment("trial")
        if replicas(web) != 2:
            return wrong("scaled")
        if any(not view.is_given(pod) for pod in pods):
            return wrong("pods_only")
        return untried() if len(left) == 3 else wrong("deployment_left")
    if left:
        return wrong("not_all", kind=left[0])
    return unclear("waiting") if pods else right()


def address(view: View) -> Verdict:
    """The address of a Service of this namespace, for pods of another one."""
    answer = view.answer.lower()
    if view.get(core.Service, "stock") is None:
        return unclear("gone", name="address")
    host = (answer.partition("://")[2] or answer).partition("/")[0]
    host, _, port = host.partition(":")
    parts = host.split(".")
    if port not in ("", "80"):
        return wrong("port", port=port)
    if host.replace(".", "").isdigit():
        return wrong("number")
    if parts[:2] == ["stock", view.namespace]:
        rest = ".".join(parts[2:])
        return right() if rest in ("", "svc", "svc.cluster.local") else wrong("ending", ending=rest)
    if parts[0] == view.namespace:
        return wrong("order")
    if parts == ["stock"]:
        return wrong("short")
    return wrong("nothing", answer=view.answer)


def quota(view: View) -> Verdict:
    """At most five pods, and one core of requests in all."""
    quotas = view.list(core.ResourceQuota)
    if not quotas:
        if view.list(core.LimitRange):
            return wrong("limit_range")
        return wrong("elsewhere") if view.in_default(core.ResourceQuota) else untried()
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


def missing(view: View) -> Verdict:
    """All four pods are there, within the quota as it is."""
    shop, team = view.deployment("shop"), view.prepared(core.ResourceQuota, "team")
    if Q((team.spec.hard or {}).get("requests.cpu", "0")) != Q("500m"):
        return wrong("quota_changed")
    if replicas(shop) != 4:
        return wrong("scaled", replicas=replicas(shop))
    cpu = amounts(shop)[0].get("cpu", ZERO)
    if cpu == ZERO:
        return wrong("no_request")
    if cpu == Q("200m"):
        return untried() if view.keeps_pods(shop) else wrong("restarted")
    if cpu > Q("125m"):
        return wrong("too_much", cpu=cpu)
    found = view.rollout(shop)
    if found and conditions.is_true(shop.status.conditions, "ReplicaFailure"):
        return wrong("later") if cpu <= Q("100m") else wrong("no_room", cpu=cpu)
    return found or right()


def defaults(view: View) -> Verdict:
    """A LimitRange, and a pod `plain` that has its amounts from it."""
    ranges, plain = view.list(core.LimitRange), view.get(core.Pod, "plain")
    if not ranges:
        if view.in_default(core.LimitRange):
            return wrong("elsewhere")
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
