"""The strategies that look at pods: duplicates, topology spread, age.

Sources: `github.com/kubernetes-sigs/descheduler/pkg/framework/plugins/
{removeduplicates,removepodsviolatingtopologyspreadconstraint,podlifetime}`.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Any

from msgspec.structs import replace

from kubecourse.addons.descheduler.evictor import Evictor, selector_of
from kubecourse.addons.descheduler.policy import (
    PodLifeTime,
    RemoveDuplicates,
    RemovePodsViolatingTopologySpreadConstraint,
)
from kubecourse.api import models
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.api.placement import RequiredNodes, required_terms, untolerated

core = models.core_v1

Key = tuple[Any, ...]


def pod_life_time(evictor: Evictor, given: PodLifeTime) -> None:
    """Evict the pods that are older than they may become, the oldest first."""
    view, selector = evictor.view, selector_of(given.label_selector)

    def asked(pod: Any) -> bool:
        statuses = pod.status.containerStatuses or ()
        waiting = [s.state.waiting.reason for s in statuses if s.state and s.state.waiting]
        return (
            given.namespaces.has(pod.metadata.namespace)
            and selector.matches(pod.metadata.labels)
            and view.now - view.clock.seconds(pod.metadata.creationTimestamp)
            > given.max_pod_life_time_seconds
            and (
                not given.states
                or any(state in given.states for state in (pod.status.phase, *waiting))
            )
        )

    found = [
        pod
        for pods in view.on.values()
        for pod in pods
        if asked(pod) and evictor.evictable(pod) and evictor.may_move(pod)
    ]
    for pod in sorted(found, key=lambda pod: pod.metadata.creationTimestamp):
        evictor.evict(pod, "PodLifeTime")


# --- duplicates


def remove_duplicates(evictor: Evictor, given: RemoveDuplicates) -> None:
    """Leave each node its fair share of an owner's pods, rounded up.

    Pods are duplicates if they are on one node, of the same owners, and run the same images.
    """
    view = evictor.view
    count: Counter[Key] = Counter()
    extra: dict[Key, dict[str, list[Any]]] = {}
    for node in view.by_name:
        first: set[Key] = set()
        for pod in view.active(node):
            owners = pod.metadata.ownerReferences or ()
            if (
                not owners
                or any(owner.kind in given.exclude_owner_kinds for owner in owners)
                or not given.namespaces.has(pod.metadata.namespace)
                or not evictor.evictable(pod)
                or not evictor.may_move(pod)
            ):
                continue
            images = tuple(sorted(container.image for container in pod.spec.containers))
            keys = [(pod.metadata.namespace, o.kind, o.name, images) for o in owners]
            count.update(keys)
            if (same := tuple(sorted(keys))) not in first:
                first.add(same)
                continue
            for key in keys:
                extra.setdefault(key, {}).setdefault(node, []).append(pod)
    for key, on in extra.items():
        targets = _targets(evictor, [pod for pods in on.values() for pod in pods])
        if len(targets) < 2:
            evictor.say("Less than two feasible nodes for duplicates to land, skipping eviction",
                        owner="/".join(key[:3]))  # fmt: skip
            continue
        share = ceil(count[key] / len(targets))
        for pods in on.values():
            for pod in pods[share - 1 :]:
                evictor.evict(pod, "RemoveDuplicates")


def _targets(evictor: Evictor, pods: list[Any]) -> set[str]:
    """The nodes that would take some of the pods, of those that have two or more to choose from."""
    found: set[str] = set()
    for pod in pods:
        required = RequiredNodes(pod.spec)
        takes = [
            name
            for name, node in evictor.view.by_name.items()
            if untolerated(pod.spec.tolerations, node) is None
            and required.matches(name, node.metadata.labels or {})
        ]
        found.update(takes if len(takes) > 1 else ())
    return found


# --- topology spread


def topology_spread(evictor: Evictor, given: RemovePodsViolatingTopologySpreadConstraint) -> None:
    """Evict as few pods as bring the domains of each constraint within its skew."""
    by_namespace: dict[str, list[Any]] = {}
    for pod in evictor.view.pods:
        if given.namespaces.has(pod.metadata.namespace):
            by_namespace.setdefault(pod.metadata.namespace, []).append(pod)
    chosen: dict[str, Any] = {}
    for pods in by_namespace.values():
        for constraint, selector, spec in _constraints(pods, given):
            matching = [
                pod
                for pod in pods
                if pod.metadata.deletionTimestamp is None
                and pod.spec.nodeName in evictor.view.by_name
                and selector.matches(pod.metadata.labels)
            ]
            for pod in _balance(evictor, constraint, spec, matching, given):
                chosen[pod.metadata.uid] = pod
    wanted = selector_of(given.label_selector)
    for pod in chosen.values():
        if wanted.matches(pod.metadata.labels) and evictor.evictable(pod) and evictor.may_move(pod):
            evictor.evict(pod, "RemovePodsViolatingTopologySpreadConstraint")


def _constraints(pods: list[Any], given: Any) -> list[tuple[Any, Any, Any]]:
    """The different constraints of a namespace's pods: with selector, and a spec that has it."""
    found: dict[Key, tuple[Any, Any, Any]] = {}
    for pod in pods:
        labels = pod.metadata.labels or {}
        for constraint in pod.spec.topologySpreadConstraints or ():
            if constraint.whenUnsatisfiable not in given.constraints:
                continue
            own = [
                models.meta_v1.LabelSelectorRequirement(key=k, operator="In", values=[labels[k]])
                for k in constraint.matchLabelKeys or ()
                if k in labels
            ]
            selector = constraint.labelSelector or models.meta_v1.LabelSelector()
            rules = [*(selector.matchExpressions or ()), *own]
            merged = selector_from_label_selector(replace(selector, matchExpressions=rules))
            spec = pod.spec
            nodes = spec.nodeSelector, required_terms(spec), spec.tolerations
            same = repr((replace(constraint, labelSelector=None), nodes)), str(merged)
            found.setdefault(same, (constraint, merged, spec))
    return list(found.values())


def _balance(
    evictor: Evictor, constraint: Any, spec: Any, pods: list[Any], given: Any
) -> list[Any]:
    """The pods to evict so that no domain has `maxSkew` more than another.

    The fullest domains give to the emptiest, none below the average and none above it.
    """
    view, key = evictor.view, constraint.topologyKey
    required = RequiredNodes(spec)
    domain_of: dict[str, str] = {}
    for name, node in view.by_name.items():
        labels = node.metadata.labels or {}
        if (
            key in labels
            and (constraint.nodeAffinityPolicy == "Ignore" or required.matches(name, labels))
            and (constraint.nodeTaintsPolicy != "Honor" or not untolerated(spec.tolerations, node))
        ):
            domain_of[name] = labels[key]
    domains: dict[str, list[Any]] = {domain: [] for domain in domain_of.values()}
    for pod in pods:
        if pod.spec.nodeName in domain_of:
            domains[domain_of[pod.spec.nodeName]].append(pod)
    sizes = [len(each) for each in domains.values()]
    if not sizes or max(sizes) - min(sizes) <= constraint.maxSkew:
        return []
    average = sum(sizes) / len(sizes)
    order = sorted(domains, key=lambda name: len(domains[name]))
    below = [view.by_name[n] for n, domain in domain_of.items() if len(domains[domain]) < average]
    piles = [sorted(domains[name], key=lambda pod: _stays(evictor, pod)) for name in order]
    moved: list[Any] = []
    low, high = 0, len(piles) - 1
    while low < high:
        if len(piles[high]) <= average:
            high -= 1
        skew = len(piles[high]) - len(piles[low])
        give = min(
            ceil(len(piles[high]) - average),
            ceil(average - len(piles[low])),
            ceil((skew - constraint.maxSkew) / 2),
        )
        if skew <= constraint.maxSkew or give <= 0:
            low += 1
            continue
        going, piles[high] = piles[high][-give:], piles[high][:-give]
        piles[low] += going
        fit = not given.topology_balance_node_fit
        moved += [pod for pod in going if fit or view.fits_elsewhere(pod, below)]
    return moved


def _stays(evictor: Evictor, pod: Any) -> tuple[Any, ...]:
    """In this order pods stay: the unevictable, those bound to nodes, those of high priority."""
    bound = bool(pod.spec.nodeSelector) or required_terms(pod.spec) is not None
    return evictor.evictable(pod), not bound, -(pod.spec.priority or 0)
