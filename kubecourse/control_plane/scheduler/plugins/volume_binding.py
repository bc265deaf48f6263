"""A pod waits for the claims that it names: they must be there, and bound if they bind at once.

Which node a volume can be reached from is not asked yet.

Sources: `pkg/scheduler/framework/plugins/volumebinding/volume_binding.go`,
`pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go`.
"""

from __future__ import annotations

from typing import Any

from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.framework import ClusterEvent, Plugin


def claims_of(pod: Any) -> list[str]:
    """The names of the claims that a pod's volumes are about."""
    found = []
    for volume in pod.spec.volumes or ():
        if volume.persistentVolumeClaim is not None:
            found.append(volume.persistentVolumeClaim.claimName)
        elif volume.ephemeral is not None:
            found.append(f"{pod.metadata.name}-{volume.name}")
    return found


class VolumeBinding(Plugin):
    """Refuses pods whose claims are missing, going away, or not bound though they should be."""

    name = "VolumeBinding"

    def __init__(self, pod: Any, cache: Cache) -> None:
        self._known = cache.claims

    def reject(self, pod: Any) -> str | None:
        unbound = False
        for name in claims_of(pod) if pod.spec.volumes else ():
            claim = self._known.claims.get((pod.metadata.namespace, name))
            named = f'persistentvolumeclaim "{name}"'
            if claim is None:
                return f"{named} not found"
            if claim.metadata.deletionTimestamp is not None:
                return f"{named} is being deleted"
            volume = claim.spec.volumeName
            if claim.status is not None and claim.status.phase == "Lost":
                return f'{named} bound to non-existent persistentvolume "{volume}"'
            if not volume and not self._known.waiting.get(claim.spec.storageClassName or ""):
                unbound = True
        return "pod has unbound immediate PersistentVolumeClaims" if unbound else None

    def might_help(self, event: ClusterEvent, pod: Any) -> bool:
        if event.kind != "claim" or event.new is None:
            return False
        metadata = event.new.metadata
        return metadata.namespace == pod.metadata.namespace and metadata.name in claims_of(pod)
