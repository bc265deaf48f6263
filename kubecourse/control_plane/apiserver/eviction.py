"""Eviction: a deletion of a pod that asks the disruption budgets first.

Source: `pkg/registry/core/pod/storage/eviction.go`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, disruption, errors
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.request import Options

PODS = BY_PLURAL["", "v1", "pods"]
BUDGETS = BY_PLURAL["policy", "v1", "poddisruptionbudgets"]

MOST_DISRUPTED = 2000
"""Pods whose eviction the disruption controller has not seen; with more than these none goes."""
BEHIND_SECONDS = 10
"""When to try again where the budget's status is older than the budget."""

_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_TWO_BUDGETS = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


def evict(server: Any, namespace: str, name: str, options: Options) -> Any:
    """Delete a pod, or begin to, if its budget allows it. Returns its last state.

    Raises NotFound, Conflict (preconditions), TooManyRequests where a budget says no, and an
    error 500 where two budgets have a say.
    """
    pod = server.get(PODS, namespace, name)
    if not _may_always_go(pod):
        budgets = [b for b in server.list(BUDGETS, namespace) if disruption.covers(b, pod)]
        if len(budgets) > 1:
            raise errors.ApiError(500, "", _TWO_BUDGETS)
        for budget in budgets:
            _ask(server, budget, pod, options)
    tried, _ = server.delete(PODS, namespace, name, dataclasses.replace(options, dry_run=True))
    if options.dry_run:
        return tried
    _mark(server, pod)
    marked = dataclasses.replace(options, resource_version=None)
    return server.delete(PODS, namespace, name, marked)[0]


def _may_always_go(pod: Any) -> bool:
    """Whether nobody is served by a pod: it has not begun, has finished, or is going anyway."""
    return pod.status.phase != "Running" or pod.metadata.deletionTimestamp is not None


def _ask(server: Any, budget: Any, pod: Any, options: Options) -> None:
    """Take one disruption off a budget, unless the pod is none of its healthy ones."""
    status = budget.status
    if not conditions.is_true(pod.status.conditions, "Ready"):
        if budget.spec.unhealthyPodEvictionPolicy == "AlwaysAllow":
            return
        healthy, desired = status.currentHealthy or 0, status.desiredHealthy or 0
        if healthy >= desired > 0:
            return
    if (status.observedGeneration or 0) < (budget.metadata.generation or 0):
        raise _refusal(budget, "is still being processed by the server.", BEHIND_SECONDS)
    if len(status.disruptedPods or ()) > MOST_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise errors.forbidden("poddisruptionbudget", "policy", budget.metadata.name, why)
    if not status.disruptionsAllowed:
        raise _exhausted(budget)
    if options.dry_run:
        return
    now = server.clock.utc()
    status = replace(
        status,
        disruptionsAllowed=status.disruptionsAllowed - 1,
        disruptedPods={**(status.disruptedPods or {}), pod.metadata.name: now},
    )
    if not status.disruptionsAllowed:
        status = disruption.with_condition(status, status.observedGeneration, now)
    server.update(BUDGETS, replace(budget, status=status), "status", manager="kube-apiserver")


def _exhausted(budget: Any) -> errors.ApiError:
    status = budget.status
    text = "does not allow evicting pods currently"
    condition = conditions.get(status.conditions, disruption.ALLOWED)
    desired, healthy = status.desiredHealthy or 0, status.currentHealthy or 0
    if condition is not None and condition.reason == disruption.SYNC_FAILED:
        text += f" because it failed sync: {condition.message}"
    elif healthy <= desired:
        text = f"needs {desired} healthy pods and has {healthy} currently"
    return _refusal(budget, text)


def _refusal(budget: Any, text: str, retry_after: int = 0) -> errors.ApiError:
    message = f"The disruption budget {budget.metadata.name} {text}"
    causes = [{"reason": "DisruptionBudget", "message": message}]
    return errors.too_many_requests(_REFUSED, causes, retry_after)


def _mark(server: Any, pod: Any) -> None:
    """Say in the pod's status why it goes."""
    why = "EvictionByEvictionAPI", "Eviction API: evicting"
    status = conditions.status_with(pod, server.clock.utc(), "DisruptionTarget", "True", *why)
    server.update(PODS, replace(pod, status=status), "status")
