"""How many replicas a workload needs, from what its pods use; and how fast it may get there.

Sources: `pkg/controller/podautoscaler/{replica_calculator,horizontal}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any, NamedTuple

from kubecourse.api import conditions, quantity
from kubecourse.api.pod_resources import is_sidecar, pod_resources

TOLERANCE = 0.1
INITIALIZATION = 300.0
"""Seconds after a pod's start in which its CPU counts only if it was ready all the while."""
READINESS_DELAY = 30.0
"""Seconds after a pod's start until which it was never ready, if it is not."""
STABILIZATION = 300
"""Seconds for which scaling down waits, if nobody says otherwise."""

Event = tuple[float, int]
"""When replicas were recommended, or changed, and how many or by how many."""


class NoMetric(Exception):
    """A metric cannot be worked out; the message says why."""


class Use(NamedTuple):
    """What a pod used, and what it should have: in thousandths of the resource's unit."""

    used: int
    requested: int


class Look(NamedTuple):
    """The pods of a workload: what those that count used, and those for which that is not known."""

    counted: dict[str, Use]
    unready: dict[str, Use]
    missing: dict[str, Use]


class Answer(NamedTuple):
    """How many replicas, and what the pods use: in per cent of requests, and each on average."""

    replicas: int
    utilization: int | None
    average: int


def look(pods: list[Any], measured: dict[str, Any], resource: str, part: str, clock: Any) -> Look:
    """Sort the pods. `part` is a container's name, or empty for whole pods.

    Raises NoMetric for a pod that is measured without that container.
    """
    found = Look({}, {}, {})
    for metrics in measured.values():
        if part and part not in metrics.parts:
            meta = metrics.obj.metadata
            pod_name = f"{meta.namespace}/{meta.name}"
            why = f"container {part} not present in metrics for pod {pod_name}"
            raise NoMetric(f"failed to get container metrics: {why}")
    for pod in pods:
        name, status = pod.metadata.name, pod.status
        if pod.metadata.deletionTimestamp is not None or status.phase == "Failed":
            continue
        metrics = measured.get(name)
        if status.phase == "Pending":
            found.unready[name] = Use(0, 0)
        elif metrics is None:
            found.missing[name] = Use(0, 0)
        else:
            use = Use(_used(metrics, resource, part), 0)
            where = found.unready if _unready(pod, metrics, resource, clock) else found.counted
            where[name] = use
    return found


def with_requests(found: Look, pods: list[Any], resource: str, part: str) -> Look:
    """The same with what every pod requests. Raises NoMetric if one does not."""
    asked = {pod.metadata.name: _requested(pod, resource, part) for pod in pods}
    return Look(*({n: Use(u.used, asked[n]) for n, u in group.items()} for group in found))


def _used(metrics: Any, resource: str, part: str) -> int:
    amount = metrics.parts[part] if part else metrics.total
    return round(amount.cores * 1000) if resource == "cpu" else round(amount.memory) * 1000


def _requested(pod: Any, resource: str, part: str) -> int:
    name, spec = pod.metadata.name, pod.spec
    if not part and spec.resources is not None and spec.resources.requests:
        amount = pod_resources(spec, "requests").get(resource)
        if amount is None:
            raise NoMetric(f"missing pod-level request for {resource} in Pod {name}")
        return amount.milli
    total = 0
    for container in (*spec.containers, *filter(is_sidecar, spec.initContainers or ())):
        if part and container.name != part:
            continue
        given = (container.resources.requests if container.resources is not None else None) or {}
        if resource not in given:
            where = f"container {container.name} of Pod {name}"
            raise NoMetric(f"missing request for {resource} in {where}")
        total += quantity.milli(given[resource])
    return total


def _unready(pod: Any, metrics: Any, resource: str, clock: Any) -> bool:
    """Whether a pod's CPU says nothing yet."""
    if resource != "cpu":
        return False
    ready = conditions.get(pod.status.conditions, "Ready")
    if ready is None or pod.status.startTime is None:
        return True
    started, changed = clock.seconds(pod.status.startTime), clock.seconds(ready.lastTransitionTime)
    if started + INITIALIZATION > clock.now:
        return bool(ready.status == "False" or metrics.time < changed + metrics.window)
    return bool(ready.status == "False" and started + READINESS_DELAY > changed)


def by_utilization(
    current: int, found: Look, target: int, tolerances: tuple[float, float]
) -> Answer:
    """So many that pods use `target` per cent of their requests."""

    def ratio(uses: dict[str, Use]) -> tuple[float, int]:
        requested = sum(use.requested for use in uses.values())
        share = sum(use.used for use in uses.values()) * 100 // requested if requested else 0
        return share / target, share

    first, share = ratio(found.counted)
    average = sum(use.used for use in found.counted.values()) // len(found.counted)
    low = max(100, target)
    replicas = _settled(current, found, first, lambda uses: ratio(uses)[0], low, tolerances)
    return Answer(replicas, share, average)


def by_average(current: int, found: Look, target: int, tolerances: tuple[float, float]) -> Answer:
    """So many that each uses `target` thousandths of the resource's unit."""

    def ratio(uses: dict[str, Use]) -> float:
        return sum(use.used for use in uses.values()) // len(uses) / target

    average = sum(use.used for use in found.counted.values()) // len(found.counted)
    whole = {name: Use(use.used, target) for name, use in found.missing.items()}
    found = found._replace(missing=whole)
    replicas = _settled(current, found, ratio(found.counted), ratio, 100, tolerances)
    return Answer(replicas, None, average)


def _settled(
    current: int, found: Look, first: float, ratio: Any, low: int, tolerances: tuple[float, float]
) -> int:
    """The replicas, those not measured taken to be what would change least."""
    up = bool(found.unready) and first > 1
    if not up and not found.missing:
        return current if _close(first, tolerances) else ceil(first * len(found.counted))
    uses = dict(found.counted)
    for name, use in found.missing.items():
        if first < 1:
            uses[name] = use._replace(used=use.requested * low // 100)
        elif first > 1:
            uses[name] = use._replace(used=0)
    if up:
        uses |= {name: use._replace(used=0) for name, use in found.unready.items()}
    second = ratio(uses)
    turned = (first < 1 < second) or (second < 1 < first)
    if _close(second, tolerances) or turned:
        return current
    replicas = ceil(second * len(uses))
    return current if (second < 1) == (replicas > current) else replicas


def _close(ratio: float, tolerances: tuple[float, float]) -> bool:
    down, up = tolerances
    return 1 - down <= ratio <= 1 + up


# --- how fast


def stabilized(
    current: int | None, wanted: int, past: Iterable[Event], up: float, down: float, now: float
) -> int:
    """A recommendation, held back by those of the last `up` or `down` seconds.

    Without rules, None for `current`, it can be held above the replicas that there are.
    """
    recent = [(time, replicas) for time, replicas in past]
    least = min([wanted, *(r for t, r in recent if t > now - up)])
    most = max([wanted, *(r for t, r in recent if t > now - down)])
    return max(most if current is None else min(current, most), least)


def limit(rules: Any, current: int, changes: list[Event], now: float, up: bool) -> int:
    """The most (or the least) replicas that the policies of one direction allow now."""
    if rules.selectPolicy == "Disabled":
        return current
    sign, proposals = 1 if up else -1, []
    for policy in rules.policies or ():
        since = now - policy.periodSeconds
        start = current - sum(n for t, n in changes if t > since)
        if policy.type == "Pods":
            proposals.append(start + sign * policy.value)
        else:
            # With the same error of rounding as there: 10 % more than 50 is 56.
            share = start * (1 + sign * policy.value / 100)
            proposals.append(ceil(share) if up else int(share))
    widest = max if up == (rules.selectPolicy != "Min") else min
    return widest(proposals) if proposals else current
