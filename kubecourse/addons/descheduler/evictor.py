"""Who may be evicted, and evicting them: through the API, so that disruption budgets are kept.

Sources: `github.com/kubernetes-sigs/descheduler/pkg/framework/plugins/defaultevictor/
defaultevictor.go`, `pkg/descheduler/evictions/evictions.go`, `pkg/descheduler/node/node.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from math import inf
from typing import Any, NamedTuple

from kubecourse.addons.descheduler.policy import DefaultEvictor, Policy
from kubecourse.api import codec, conditions, models
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
CRITICAL = "evict_system_critical_pods"

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


class Protection(NamedTuple):
    """Pods that stay, unless the policy's field has the other value, and the words for why."""

    field: str
    value: bool
    covers: Callable[[Any], bool]
    why: str


PROTECTIONS = (
    Protection(
        "evict_local_storage_pods", False, lambda pod: _has_volume(pod, "emptyDir", "hostPath"),
        "pod has local storage and is protected against eviction",
    ),
    Protection(
        "evict_daemon_set_pods", False,
        lambda pod: any(owner.kind == "DaemonSet" for owner in _owners(pod)),
        "daemonset pods are protected against eviction",
    ),
    Protection(
        CRITICAL, False, lambda pod: (pod.spec.priority or 0) >= SYSTEM_CRITICAL,
        "pod has system critical priority and is protected against eviction",
    ),
    Protection(
        "evict_failed_bare_pods", False, lambda pod: not _owners(pod),
        "pod does not have any ownerRefs",
    ),
    Protection(
        "ignore_pvc_pods", True, lambda pod: _has_volume(pod, "persistentVolumeClaim"),
        "pod with PVC is protected against eviction",
    ),
)  # fmt: skip


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
        self._protections = [p for p in PROTECTIONS if getattr(given, p.field) == p.value]
        self._limits = limits
        self._events = EventRecorder(client, "sigs.k8s.io/descheduler")
        self._dry_run = dry_run
        self.say = say
        self.view = View(client, given.node_selector or policy.node_selector)

    @cached_property
    def _highest(self) -> float:
        """The priority from which on pods stay, system-critical ones apart."""
        threshold = self._given.priority_threshold
        if threshold is None or getattr(self._given, CRITICAL):
            return inf
        if threshold.name:
            return self._client.get(models.scheduling_v1.PriorityClass, threshold.name).value or 0
        return inf if threshold.value is None else threshold.value

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
            if protection.covers(pod):
                return protection.why
        if not _owners(pod) and pod.status.phase != "Failed":
            return "pod does not have any ownerRefs and is not in failed phase"
        if (pod.spec.priority or 0) >= self._highest:
            return "pod has higher priority than specified priority class threshold"
        if not self._selector.matches(pod.metadata.labels):
            return "pod labels do not match the labelSelector filter in the policy parameter"
        return self._too_few(pod)

    def _too_few(self, pod: Any) -> str:
        least, owners = self._given.min_replicas, _owners(pod)
        if least <= 1 or len(owners) != 1:
            return ""
        uid = owners[0].uid
        count = sum(any(owner.uid == uid for owner in _owners(other)) for other in self.view.pods)
        if count >= least:
            return ""
        return f"owner has {count} replicas which is less than minReplicas of {least}"

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
