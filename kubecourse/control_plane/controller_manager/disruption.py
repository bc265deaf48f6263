"""Works out how many pods each PodDisruptionBudget can spare, and says so in its status.

Source: `pkg/controller/disruption/disruption.go`. Unlike there, a pod under several budgets has
all of them looked at, not one of them; and a pod that was marked for eviction and yet is not
deleted stays marked.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import disruption, models
from kubecourse.api.errors import ignoring
from kubecourse.api.intstr import IntOrPercentError, scaled_value
from kubecourse.api.resources import BY_KIND
from kubecourse.client import Result
from kubecourse.client.informer import by_label, by_namespace, key_of
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    busy,
    controller_of,
)
from kubecourse.control_plane.controller_manager.pods import is_ready

policy = models.policy_v1

DELETION_TIMEOUT = 120.0
"""Seconds in which an evicted pod must begin to go; then it counts again."""

_UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a "
    "result, the status of the PDB cannot be calculated correctly, which may result in undefined "
    'behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an '
    "integer value."
)


class Uncountable(Exception):
    """How many pods there should be cannot be told; the message says why."""


class DisruptionController(ManagedController):
    """Keeps the status of PodDisruptionBudgets."""

    name = "disruption-controller"
    component = "controllermanager"

    def listen(self) -> None:
        budgets = policy.PodDisruptionBudget
        self.objects = self.follow(budgets, self.enqueue, by_namespace)
        self._pods = self.follow(models.core_v1.Pod, self._pod_changed, by_label)

    def _pod_changed(self, old: Any, new: Any) -> None:
        if not self.objects:
            return
        pod = new if new is not None else old
        for budget in self.objects.indexed(by_namespace, pod.metadata.namespace):
            if disruption.covers(budget, pod):
                self.queue.add_after(key_of(budget), busy(budget.status.expectedPods or 0))

    def sync(self, budget: Any) -> Result | None:
        pods = self._pods.select(
            budget.metadata.namespace, disruption.selector_of(budget.spec.selector)
        )
        if not pods:
            self.recorder.normal(budget, "NoPods", "No matching pods found")
        try:
            expected, desired = self._wanted(budget, pods)
        except (Uncountable, IntOrPercentError) as error:
            message = f"Failed to calculate the number of expected pods: {error}"
            self.recorder.warning(budget, "CalculateExpectedPodCountFailed", message)
            # Allow no disruption while nobody knows what would be left.
            status = replace(budget.status, disruptionsAllowed=0)
            self._write(budget, status, disruption.SYNC_FAILED, str(error))
            return None
        disrupted, recheck = self._disrupted(budget, pods)
        healthy = sum(
            pod.metadata.deletionTimestamp is None
            and pod.metadata.name not in disrupted
            and is_ready(pod)
            for pod in pods
        )
        status = policy.PodDisruptionBudgetStatus(
            currentHealthy=healthy,
            desiredHealthy=desired,
            disruptionsAllowed=max(healthy - desired, 0) if expected > 0 else 0,
            expectedPods=expected,
            disruptedPods=disrupted or None,
            observedGeneration=budget.metadata.generation,
            conditions=budget.status.conditions,
        )
        self._write(budget, status)
        return Result(recheck, background=True) if disrupted else None

    def _write(self, budget: Any, status: Any, reason: str = "", message: str = "") -> None:
        generation = budget.metadata.generation
        status = disruption.with_condition(status, generation, self.clock.utc(), reason, message)
        if status != budget.status:
            self.note(key_of(budget), f"{status.disruptionsAllowed} pods can be spared")
            self.client.update_status(replace(budget, status=status))

    def _wanted(self, budget: Any, pods: list[Any]) -> tuple[int, int]:
        """How many pods there should be, and how many of them must be healthy."""
        spec = budget.spec
        if spec.maxUnavailable is not None:
            expected = self._scale(budget, pods)
            return expected, max(expected - scaled_value(spec.maxUnavailable, expected, True), 0)
        if spec.minAvailable is None:
            return 0, 0
        if isinstance(spec.minAvailable, int):
            return len(pods), spec.minAvailable
        expected = self._scale(budget, pods)
        return expected, scaled_value(spec.minAvailable, expected, True)

    def _scale(self, budget: Any, pods: list[Any]) -> int:
        """The pods that all controllers of these pods want together. Raises Uncountable."""
        owners = {owner.uid: (pod, owner) for pod in pods if (owner := controller_of(pod))}
        workloads = [self._workload(pod, owner) for pod, owner in owners.values()]
        scales = {each.metadata.uid: each.spec.replicas or 0 for each in workloads}
        if any(controller_of(pod) is None for pod in pods):
            shown = _go_selector(budget.spec.selector)
            self.recorder.warning(budget, "UnmanagedPods", _UNMANAGED.format(shown))
        return sum(scales.values())

    def _workload(self, pod: Any, owner: Any) -> Any:
        """The object whose `spec.replicas` decides how many pods like this one there are."""
        found = self._owner(pod, owner)
        above = controller_of(found)
        if above is not None and found.kind == "ReplicaSet" and above.kind == "Deployment":
            return self._owner(pod, above)
        return found

    def _owner(self, pod: Any, owner: Any) -> Any:
        resource = BY_KIND.get((owner.apiVersion, owner.kind))
        if resource is not None and "scale" not in resource.subresources:
            raise Uncountable(f"{resource.qualified} does not implement the scale subresource")
        found: Any = None
        if resource is not None:
            with ignoring("NotFound"):
                found = self.client.get(resource.model, owner.name, pod.metadata.namespace)
        if found is None or found.metadata.uid != owner.uid:
            raise Uncountable(f'found no controllers for pod "{pod.metadata.name}"')
        return found

    def _disrupted(self, budget: Any, pods: list[Any]) -> tuple[dict[str, Any], float]:
        """Evicted pods that have not begun to go yet, and in how many seconds to look again."""
        disrupted: dict[str, Any] = {}
        recheck = DELETION_TIMEOUT
        since = budget.status.disruptedPods or {}
        for pod in pods if since else ():
            name = pod.metadata.name
            if name not in since or pod.metadata.deletionTimestamp is not None:
                continue
            left = self.clock.seconds(since[name]) + DELETION_TIMEOUT - self.clock.now
            if left >= 0:
                disrupted[name] = since[name]
                recheck = min(recheck, left + 0.001)
        return disrupted, recheck


def _go_selector(selector: Any) -> str:
    """A selector as Go prints the structure."""
    labels = "".join(f"{k}: {v}," for k, v in sorted((selector.matchLabels or {}).items()))
    terms = "".join(
        f"LabelSelectorRequirement{{Key:{e.key},Operator:{e.operator},"
        f"Values:[{' '.join(e.values or ())}],}},"
        for e in selector.matchExpressions or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{terms}}},}}"
    )
