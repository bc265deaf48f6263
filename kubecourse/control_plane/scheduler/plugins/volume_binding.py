"""A pod waits for the claims that it names, and goes only where their volumes are or can be.

Sources: `pkg/scheduler/framework/plugins/volumebinding/{volume_binding,binder}.go`,
`pkg/scheduler/framework/plugins/{volumerestrictions/volume_restrictions,
volumezone/volume_zone}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.api import volumes
from kubecourse.api.quota import storage_class_of
from kubecourse.control_plane.scheduler.cache import REGION, ZONE, Cache, NodeInfo, labels_of
from kubecourse.control_plane.scheduler.framework import Census, ClusterEvent, Plugin, Verdict

NAME = "VolumeBinding"
ALONE = "ReadWriteOncePod"
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


class VolumeRestrictions(Plugin):
    """A claim that one pod alone may use is used by one pod alone, wherever that is.

    A summary is how many pods of a node use such claims of the pod.
    """

    name = "VolumeRestrictions"
    counts = True
    refusal = Verdict(
        name,
        (
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod "
            "access mode",
        ),
    )

    def __init__(self, pod: Any, cache: Cache) -> None:
        used = volumes.claims_of(pod) if pod.spec.volumes else ()
        found = {key: cache.claims.claim(*key) for key in used}
        self._own = [
            key for key, claim in found.items() if claim and ALONE in (claim.spec.accessModes or ())
        ]
        self.judges = bool(self._own)

    def _clashes(self, pod: Any) -> bool:
        return bool(pod.spec.volumes) and any(key in self._own for key in volumes.claims_of(pod))

    def summary(self, info: NodeInfo, facts: Any) -> int:
        return sum(self._clashes(placed.pod) for placed in info.pods.values())

    def survey(self, census: Census) -> int:
        return sum(pods * nodes for pods, nodes in census.items())

    def judge(self, survey: int, summary: int) -> Verdict | None:
        return self.refusal if survey else None

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        return event.kind == "pod" and event.new is None and self._clashes(event.old)


class VolumeZone(Plugin):
    """A pod goes only to the zones and regions that its volumes' labels name."""

    name = "VolumeZone"
    fixed = True
    refusal = Verdict(name, ("node(s) had no available volume zone",), resolvable=False)

    def __init__(self, pod: Any, cache: Cache) -> None:
        used = volumes.claims_of(pod) if pod.spec.volumes else ()
        claims = [claim for key in used if (claim := cache.claims.claim(*key)) is not None]
        found = [cache.claims.volume(claim.spec.volumeName or "") for claim in claims]
        self._places = [
            (key, labels_of(volume)[key].split("__"))
            for volume in found
            for key in (ZONE, REGION)
            if volume is not None and key in labels_of(volume)
        ]
        self.judges = bool(self._places)

    def facts(self, info: NodeInfo) -> Verdict | None:
        labels = info.labels
        if ZONE not in labels and REGION not in labels:
            return None
        fits = all(labels.get(key) in values for key, values in self._places)
        return None if fits else self.refusal

    def judge(self, survey: Any, summary: Verdict | None) -> Verdict | None:
        return summary

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        return event.kind in ("node", "claim") and event.new is not None


def bindings(pod: Any, info: NodeInfo, known: Cache) -> Iterable[tuple[Any, Any]]:
    """What is to be done about a pod's claims before it can be bound to a node."""
    return (VolumeBinding(pod, known).plan(info) or ()) if pod.spec.volumes else ()
