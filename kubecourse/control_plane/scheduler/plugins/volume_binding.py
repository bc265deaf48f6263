"""A pod waits for the claims that it names: they must be there, and bound if they bind at once.

Which node a volume can be reached from is not asked yet.

Sources: `pkg/scheduler/framework/plugins/volumebinding/volume_binding.go`,
`pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubecourse.client.informer import Key, key_of
from kubecourse.control_plane.scheduler.cache import Cache
from kubecourse.control_plane.scheduler.framework import ClusterEvent, Part, Plugin

WAITS = "WaitForFirstConsumer"


class Claims:
    """The claims, and the storage classes whose claims wait for a pod before they are bound."""

    def __init__(self) -> None:
        self.claims: dict[Key, Any] = {}
        self.waiting: dict[str, bool] = {}

    def set_claim(self, old: Any, new: Any) -> None:
        """Take over a claim (informer handler)."""
        if new is None:
            self.claims.pop(key_of(old), None)
        else:
            self.claims[key_of(new)] = new

    def set_class(self, old: Any, new: Any) -> None:
        """Take over a storage class (informer handler)."""
        name = (old if new is None else new).metadata.name
        self.waiting[name] = new is not None and new.volumeBindingMode == WAITS


def claims_of(pod: Any) -> Iterator[str]:
    """The names of the claims that a pod's volumes are about."""
    for volume in pod.spec.volumes or ():
        if volume.persistentVolumeClaim is not None:
            yield volume.persistentVolumeClaim.claimName
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}"


class VolumeBinding(Plugin):
    """Refuses pods whose claims are missing, going away, or not bound though they should be."""

    name = "VolumeBinding"

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def prepare(self, pod: Any, cache: Cache) -> Part | None:
        return None

    def reject(self, pod: Any) -> str | None:
        if not pod.spec.volumes:
            return None
        unbound = False
        for name in claims_of(pod):
            claim = self._claims.claims.get((pod.metadata.namespace, name))
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if claim.metadata.deletionTimestamp is not None:
                return f'persistentvolumeclaim "{name}" is being deleted'
            if claim.status is not None and claim.status.phase == "Lost":
                volume = claim.spec.volumeName
                return (
                    f'persistentvolumeclaim "{name}" bound to non-existent '
                    f'persistentvolume "{volume}"'
                )
            if not claim.spec.volumeName:
                storage_class = claim.spec.storageClassName or ""
                unbound = unbound or not self._claims.waiting.get(storage_class, False)
        return "pod has unbound immediate PersistentVolumeClaims" if unbound else None

    def might_help(self, event: ClusterEvent, pod: Any, cache: Cache) -> bool:
        if event.kind != "claim" or event.new is None:
            return False
        metadata = event.new.metadata
        return metadata.namespace == pod.metadata.namespace and metadata.name in claims_of(pod)
