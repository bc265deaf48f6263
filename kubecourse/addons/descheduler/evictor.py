"""Who may be evicted, and evicting them: through the API, so that disruption budgets are kept.

Sources: `github.com/kubernetes-sigs/descheduler/pkg/framework/plugins/defaultevictor/
defaultevictor.go`, `pkg/descheduler/evictions/evictions.go`, `pkg/descheduler/node/node.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from kubecourse.addons.descheduler.policy import DefaultEvictor, Policy, PolicyError
from kubecourse.api import codec, conditions, disruption, models
from kubecourse.api.duration import parse_duration
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import EVERYTHING, Selector, parse_selector, selector_from_label_selector
from kubecourse.api.memo import memo
from kubecourse.api.placement import (
    Amounts,
    RequiredNodes,
    amounts,
    requests_of,
    untolerated,
)
from kubecourse.client import Client, EventRecorder

core = models.core_v1

SYSTEM_CRITICAL = 2_000_000_000
ANNOTATION = "descheduler.alpha.kubernetes.io/evict"
"""A pod that has it may always be evicted."""
FINISHED = ("Succeeded", "Failed")
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

allocatable_of = memo(lambda status: amounts(status.allocatable or status.capacity))

Say = Callable[..., None]


class View:
    """The cluster as it is at the moment: ready nodes, and the pods on them."""

    def __init__(self, client: Client, node_selector: str = "") -> None:
        self.now = client.clock.now
        self.clock = client.clock
        nodes: list[Any] = client.list(core.Node, labels=parse_selector(node_selector))
        self.nodes = [node for node in nodes if conditions.is_true(node.status.conditions, "Ready")]
        self.by_name: dict[str, Any] = {node.metadata.name: node for node in self.nodes}
        self.pods: list[Any] = client.list(core.Pod)
        self.on: dict[str, list[Any]] = {name: [] for name in self.by_name}
        for pod in self.pods:
            if pod.spec.nodeName in self.on:
                self.on[pod.spec.nodeName].append(pod)

    def active(self, node: str) -> list[Any]:
        """The pods of a node that are not finished."""
        return [pod for pod in self.on[node] if pod.status.phase not in FINISHED]

    def requested(self, node: str) -> Amounts:
        """What the pods of a node request in all, and how many they are."""
        pods = self.active(node)
        total: Amounts = {"cpu": 0, "memory": 0, "pods": len(pods)}
        for pod in pods:
            for name, amount in requests_of(pod.spec).items():
                total[name] = total.get(name, 0) + amount
        return total

    def fits(self, pod: Any, node: Any) -> bool:
        """Whether a node that a pod is not on would take it, by its labels, taints and room."""
        name, spec = node.metadata.name, pod.spec
        if node.spec is not None and node.spec.unschedulable:
            return False
        if not RequiredNodes(spec).matches(name, node.metadata.labels or {}):
            return False
        if untolerated(spec.tolerations, node) is not None:
            return False
        room, used = allocatable_of(node.status), self.requested(name)
        asked = {**requests_of(spec), "pods": 1}
        return all(
            used.get(what, 0) + amount <= room.get(what, 0) for what, amount in asked.items()
        )

    def fits_elsewhere(self, pod: Any, nodes: Iterable[Any]) -> bool:
        """Whether any of the nodes but the pod's own would take it."""
        return any(
            node.metadata.name != pod.spec.nodeName and self.fits(pod, node) for node in nodes
        )


def selector_of(given: dict[str, Any] | None) -> Selector:
    """A label selector of a policy; without one, everything."""
    if given is None:
        return EVERYTHING
    return selector_from_label_selector(codec.decode(given, "meta/v1.LabelSelector")[0])


def _owners(pod: Any) -> list[Any]:
    return pod.metadata.ownerReferences or []


def _has_volume(pod: Any, *kinds: str) -> bool:
    volumes = pod.spec.volumes or ()
    return any(getattr(volume, kind) is not None for volume in volumes for kind in kinds)


PROTECTED: dict[str, Callable[[Any], str]] = {
    "PodsWithLocalStorage": lambda pod: (
        "pod has local storage and is protected against eviction"
        if _has_volume(pod, "emptyDir", "hostPath")
        else ""
    ),
    "DaemonSetPods": lambda pod: (
        "daemonset pods are protected against eviction"
        if any(owner.kind == "DaemonSet" for owner in _owners(pod))
        else ""
    ),
    "SystemCriticalPods": lambda pod: (
        "pod has system critical priority and is protected against eviction"
        if (pod.spec.priority or 0) >= SYSTEM_CRITICAL
        else ""
    ),
    "FailedBarePods": lambda pod: "" if _owners(pod) else "pod does not have any ownerRefs",
    "PodsWithPVC": lambda pod: (
        "pod with PVC is protected against eviction"
        if _has_volume(pod, "persistentVolumeClaim")
        else ""
    ),
}
"""Why a pod that falls under a protection is not evicted."""
ON_BY_DEFAULT = ("PodsWithLocalStorage", "DaemonSetPods", "SystemCriticalPods", "FailedBarePods")
WITHOUT_BUDGET = "PodsWithoutPDB"


def _protections(given: DefaultEvictor) -> list[str]:
    """The protections in force, whether told in the newer or in the older way."""
    off = {
        "PodsWithLocalStorage": given.evict_local_storage_pods,
        "DaemonSetPods": given.evict_daemon_set_pods,
        "SystemCriticalPods": given.evict_system_critical_pods,
        "FailedBarePods": given.evict_failed_bare_pods,
    }
    extra = {"PodsWithPVC": given.ignore_pvc_pods, WITHOUT_BUDGET: given.ignore_pods_without_pdb}
    asked = given.pod_protections
    known = (*PROTECTED, WITHOUT_BUDGET)
    for name in (*asked.default_disabled, *asked.extra_enabled):
        if name not in known:
            raise PolicyError(f'pod protection "{name}" is not known here')
    return [
        name
        for name in known
        if (name in ON_BY_DEFAULT and not off[name] and name not in asked.default_disabled)
        or extra.get(name)
        or name in asked.extra_enabled
    ]


class Limits:
    """How many evictions are still allowed, over all strategies of a run."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.done: Counter[tuple[str, str]] = Counter()

    def refusal(self, pod: Any) -> str:
        """Which limit an eviction would break, or ''."""
        for most, what, name in (
            (self._policy.most, "total", ""),
            (self._policy.most_per_node, "node", pod.spec.nodeName),
            (self._policy.most_per_namespace, "namespace", pod.metadata.namespace),
        ):
            if most is not None and self.done[what, name] >= most:
                per = "" if what == "total" else f" per {what}"
                return f"maximum number of evicted pods{per} reached"
        return ""

    def count(self, pod: Any) -> None:
        """One more."""
        names = {"total": "", "node": pod.spec.nodeName, "namespace": pod.metadata.namespace}
        self.done.update(names.items())


class Evictor:
    """Evicts pods for the strategies of one profile. `say(message, **what)` is the log."""

    def __init__(
        self,
        client: Client,
        policy: Policy,
        given: DefaultEvictor,
        limits: Limits,
        say: Say,
        dry_run: bool = False,
    ) -> None:
        self._client = client
        self._given = given
        self._selector = selector_of(given.label_selector)
        self._protections = _protections(given)
        self._youngest = parse_duration(given.min_pod_age) if given.min_pod_age else 0.0
        self._limits = limits
        self._events = EventRecorder(client, "sigs.k8s.io/descheduler")
        self._dry_run = dry_run
        self.say = say
        self.view = View(client, given.node_selector or policy.node_selector)

    @cached_property
    def _highest(self) -> int | None:
        """The priority from which on pods stay; None for system-critical pods alone."""
        threshold = self._given.priority_threshold
        if threshold is None:
            return None
        if threshold.name:
            return self._client.get(models.scheduling_v1.PriorityClass, threshold.name).value or 0
        return threshold.value

    @cached_property
    def _budgets(self) -> list[Any]:
        return self._client.list(models.policy_v1.PodDisruptionBudget)

    # --- who may go

    def evictable(self, pod: Any) -> bool:
        """Whether a pod may be evicted at all, wherever it might go."""
        return not self.objection(pod)

    def objection(self, pod: Any) -> str:
        """Why a pod may not be evicted, or ''."""
        annotations = pod.metadata.annotations or {}
        if ANNOTATION in annotations:
            return ""
        if "kubernetes.io/config.mirror" in annotations:
            return "pod is a mirror pod"
        if annotations.get("kubernetes.io/config.source", "api") != "api":
            return "pod is a static pod"
        if pod.metadata.deletionTimestamp is not None:
            return "pod is terminating"
        for protection in self._protections:
            why = (
                PROTECTED[protection](pod) if protection in PROTECTED else self._without_budget(pod)
            )
            if why:
                return why
        if not _owners(pod) and pod.status.phase != "Failed":
            return "pod does not have any ownerRefs and is not in failed phase"
        highest = self._highest if "SystemCriticalPods" in self._protections else None
        if highest is not None and (pod.spec.priority or 0) >= highest:
            return "pod has higher priority than specified priority class threshold"
        if not self._selector.matches(pod.metadata.labels):
            return "pod labels do not match the labelSelector filter in the policy parameter"
        return self._too_few(pod) or self._too_young(pod)

    def _without_budget(self, pod: Any) -> str:
        namespace = pod.metadata.namespace
        covered = any(
            budget.metadata.namespace == namespace and disruption.covers(budget, pod)
            for budget in self._budgets
        )
        why = "pod does not have a PodDisruptionBudget and is protected against eviction"
        return "" if covered else why

    def _too_few(self, pod: Any) -> str:
        least, owners = self._given.min_replicas, _owners(pod)
        if least <= 1 or len(owners) != 1:
            return ""
        uid = owners[0].uid
        count = sum(any(owner.uid == uid for owner in _owners(other)) for other in self.view.pods)
        if count >= least:
            return ""
        return f"owner has {count} replicas which is less than minReplicas of {least}"

    def _too_young(self, pod: Any) -> str:
        started = pod.status.startTime
        if self._youngest and (
            started is None or self.view.now - self.view.clock.seconds(started) < self._youngest
        ):
            return f"pod age is not older than MinPodAge: {self._given.min_pod_age}"
        return ""

    def may_move(self, pod: Any) -> bool:
        """Whether a pod about to be evicted has somewhere to go, if the policy asks (nodeFit)."""
        return not self._given.node_fit or self.view.fits_elsewhere(pod, self.view.nodes)

    # --- evicting

    def full(self, pod: Any) -> bool:
        """Whether no more pods may be evicted from where this one is."""
        return bool(self._limits.refusal(pod))

    def evict(self, pod: Any, strategy: str) -> bool:
        """Evict a pod; False if a limit, a disruption budget or anything else says no."""
        metadata, node = pod.metadata, pod.spec.nodeName or ""
        name = f"{metadata.namespace}/{metadata.name}"
        why = self._limits.refusal(pod)
        if not why and not self._dry_run:
            try:
                self._client.evict(metadata.namespace, metadata.name)
            except ApiError as error:
                ignoring = " (ignoring)" if error.reason == "TooManyRequests" else ""
                why = f'error when evicting pod{ignoring} "{metadata.name}": {error.message}'
        if why:
            self.say("Error evicting pod", level="E", err=why, pod=name)
            return False
        self._limits.count(pod)
        mode = " in dry run mode" if self._dry_run else ""
        self.say(f"Evicted pod{mode}", pod=name, reason="", strategy=strategy, node=node)
        if not self._dry_run:
            text = f"pod evicted from {node} node by sigs.k8s.io/descheduler"
            self._events.normal(pod, strategy, text)
        return True
