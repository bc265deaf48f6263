"""A pod waits for the claims that it names, and goes only where their volumes are or can be.

Sources: `pkg/scheduler/framework/plugins/volumebinding/{volume_binding,binder}.go`,
`pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.api import volumes
from kubecourse.api.quota import storage_class_of
from kubecourse.control_plane.scheduler.cache import Cache, NodeInfo
from kubecourse.control_plane.scheduler.framework import ClusterEvent, Plugin, Verdict

NAME = "VolumeBinding"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
ELSEWHERE = "node(s) didn't match PersistentVolume's node affinity"
NOTHING = "node(s) didn't find available persistent volumes to bind"
GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"

Plan = list[tuple[Any, Any]]
"""Claims that wait for their pod, and the volume for each; None where one is to be made."""


class VolumeBinding(Plugin):
    """Refuses pods whose claims are missing, going away, or not bound though they should be.

    Refuses nodes that do not reach the volumes of bound claims, and where there is no volume for
    the others. It is made anew for each attempt at a pod with claims.
    """

    name = NAME
    fixed = True

    def __init__(self, pod: Any, cache: Cache) -> None:
        self._known = cache.claims
        self._bound: list[Any] = []
        self._waiting: list[Any] = []
        self._problem = self._sort(pod) if pod.spec.volumes else None
        self.judges = bool(self._bound or self._waiting)

    def _sort(self, pod: Any) -> str | None:
        """Put the pod's claims in their lists. Returns why that is no use."""
        ephemeral = {f"{pod.metadata.name}-{v.name}" for v in pod.spec.volumes if v.ephemeral}
        unbound = None
        for namespace, name in volumes.claims_of(pod):
            claim = self._known.claim(namespace, name)
            named = f'persistentvolumeclaim "{name}"'
            if claim is None and name in ephemeral:
                return f"waiting for ephemeral volume controller to create the {named}"
            if claim is None:
                return f"{named} not found"
            if claim.metadata.deletionTimestamp is not None:
                return f"{named} is being deleted"
            if claim.status is not None and claim.status.phase == "Lost":
                volume = claim.spec.volumeName
                return f'{named} bound to non-existent persistentvolume "{volume}"'
            if volumes.is_bound(claim):
                self._bound.append(self._known.volume(claim.spec.volumeName))
            elif claim.spec.volumeName or not volumes.waits(self._class_of(claim)):
                unbound = UNBOUND
            else:
                self._waiting.append(claim)
        self._waiting.sort(key=volumes.size_wanted)
        return unbound

    def _class_of(self, claim: Any) -> Any | None:
        return self._known.storage_class(storage_class_of(claim))

    def reject(self, pod: Any) -> str | None:
        return self._problem

    def facts(self, info: NodeInfo) -> Verdict | None:
        if None in self._bound:
            return Verdict(NAME, (GONE,), resolvable=False)
        reached = all(volumes.is_reached(volume, info.node) for volume in self._bound)
        reasons = [] if reached else [ELSEWHERE]
        if self.plan(info) is None:
            reasons.append(NOTHING)
        return Verdict(NAME, tuple(reasons), resolvable=False) if reasons else None

    def judge(self, survey: Any, summary: Verdict | None) -> Verdict | None:
        return summary

    def plan(self, info: NodeInfo) -> Plan | None:
        """What becomes of the waiting claims if the pod goes to a node; None if that cannot be."""
        near = [v for v in self._known.volumes() if volumes.is_reached(v, info.node)]
        plan: Plan = []
        for claim in self._waiting:
            chosen = (claim.metadata.annotations or {}).get(volumes.SELECTED_NODE)
            volume = None if chosen else volumes.best_match(claim, near)
            if volume is not None:
                near.remove(volume)
            elif chosen != info.name if chosen else not self._provisions(claim, info):
                return None
            plan.append((claim, volume))
        return plan

    def _provisions(self, claim: Any, info: NodeInfo) -> bool:
        found: Any = self._class_of(claim)
        if found.provisioner == volumes.NO_PROVISIONER:
            return False
        terms = [term.matchLabelExpressions or () for term in found.allowedTopologies or ()]
        return not terms or any(
            all(info.labels.get(wanted.key) in wanted.values for wanted in term) for term in terms
        )

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        obj = event.new
        if event.kind != "claim":
            return event.kind == "node" and obj is not None
        if obj is None or obj.kind != "PersistentVolumeClaim":
            return obj is not None
        return (obj.metadata.namespace, obj.metadata.name) in volumes.claims_of(pod)


def bindings(pod: Any, info: NodeInfo, known: Cache) -> Iterable[tuple[Any, Any]]:
    """What is to be done about a pod's claims before it can be bound to a node."""
    return (VolumeBinding(pod, known).plan(info) or ()) if pod.spec.volumes else ()
