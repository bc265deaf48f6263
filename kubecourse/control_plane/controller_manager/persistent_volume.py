"""Binds claims to volumes, and says what becomes of volumes whose claims are gone.

A claim that waits for its first pod is bound to the volume that the scheduler has kept for it,
or provisioned for the node that the scheduler has chosen.
Source: `pkg/controller/volume/persistentvolume/pv_controller.go`.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models, volumes
from kubecourse.api.quota import storage_class_of
from kubecourse.api.volumes import BOUND_BY_CONTROLLER, SELECTED_NODE, best_match, by_claim, is_for
from kubecourse.client import Result
from kubecourse.client.informer import Key, key_of
from kubecourse.control_plane.controller_manager.controller import ManagedController

core = models.core_v1

RESYNC = 15.0
"""Seconds after which an unbound claim is looked at again."""
PROVISIONERS = ("volume.beta.kubernetes.io/storage-provisioner", volumes.PROVISIONER)
IN_TREE = "kubernetes.io/"

_NOTHING_TO_BIND = "no persistent volumes available for this claim and no storage class is set"
_WAITING = "waiting for first consumer to be created before binding"
_EXTERNAL = (
    "Waiting for a volume to be created either by the external provisioner '{}' or manually by the "
    "system administrator. If volume creation is delayed, please verify that the provisioner is "
    "running and correctly registered."
)
_LOST = "Bound claim has lost {} PersistentVolume. Data on the volume is lost!"
_MISBOUND = "Two claims are bound to the same volume, this one is bound incorrectly"
_DELETABLE = re.compile(r"/tmp/.+")
"""Host paths that are deleted with their volume."""


class PersistentVolumeBinder(ManagedController):
    """Keeps claims and volumes together, and the phases of both."""

    name = "persistentvolume-binder-controller"
    component = "persistentvolume-controller"

    def listen(self) -> None:
        self._claims = self.follow(core.PersistentVolumeClaim, self._claim_changed)
        self._volumes = self.follow(core.PersistentVolume, self._volume_changed)
        self._classes = self.follow(models.storage_v1.StorageClass, self._class_changed)
        self._pods = self.follow(core.Pod, None, by_claim)

    def forget(self) -> None:
        self._unbound: dict[Key, None] = {}

    # --- hearing

    def _claim_changed(self, old: Any, new: Any) -> None:
        claim = new if new is not None else old
        if new is not None:
            self.enqueue(old, new)
        if claim.spec.volumeName:
            self.queue.add(("", claim.spec.volumeName))

    def _volume_changed(self, old: Any, new: Any) -> None:
        self.enqueue(old, new)
        kept = (new if new is not None else old).spec.claimRef
        if kept is not None:
            self.queue.add((kept.namespace, kept.name))
        elif new is not None and new.status.phase == "Available":
            for key in self._unbound:
                self.queue.add(key)

    def _class_changed(self, old: Any, new: Any) -> None:
        for key in self._unbound:
            self.queue.add(key)

    def reconcile(self, key: Key) -> Result | None:
        if not key[0]:
            volume = self._volumes.get(*key)
            if volume is not None:
                self._sync_volume(volume)
            return None
        claim = self._claims.get(*key)
        self._unbound.pop(key, None)
        if claim is None:
            return None
        if volumes.BIND_COMPLETED in (claim.metadata.annotations or {}):
            self._sync_bound(claim)
            return None
        volume = self._choose(claim)
        if volume is not None:
            self._bind(volume, claim)
            return None
        self._unbound[key] = None
        if not claim.spec.volumeName:
            claim = self._explain(claim)
        self._set_claim(claim, "Pending", None)
        return Result(RESYNC, background=True)

    # --- claims without a volume

    def _choose(self, claim: Any) -> Any | None:
        if claim.spec.volumeName:
            volume = self._volumes.get(None, claim.spec.volumeName)
            free = volume is not None and (volume.spec.claimRef is None or is_for(volume, claim))
            return volume if free else None
        return best_match(claim, self._volumes, kept_only=self._waits(claim))

    def _class_of(self, claim: Any) -> Any | None:
        return self._classes.get(None, storage_class_of(claim))

    def _waits(self, claim: Any) -> bool:
        """Whether it is not time for a claim yet: no node was chosen for its first pod."""
        chosen = (claim.metadata.annotations or {}).get(SELECTED_NODE)
        return not chosen and volumes.waits(self._class_of(claim))

    def _explain(self, claim: Any) -> Any:
        """Say why a claim is not bound. Returns it, marked for its provisioner if it has one."""
        tell = self.recorder
        if self._waits(claim):
            pods = self._pods.indexed(by_claim, "/".join(key_of(claim)))
            names = [pod.metadata.name for pod in pods]
            if names:
                who = f"pod {names[0]}" if len(names) == 1 else f"pods {', '.join(names)}"
                tell.normal(claim, "WaitForPodScheduled", f"waiting for {who} to be scheduled")
            else:
                tell.normal(claim, "WaitForFirstConsumer", _WAITING)
            return claim
        name = storage_class_of(claim)
        found = self._class_of(claim)
        if not name:
            tell.normal(claim, "FailedBinding", _NOTHING_TO_BIND)
        elif found is None:
            why = f'storageclass.storage.k8s.io "{name}" not found'
            tell.warning(claim, "ProvisioningFailed", why)
        elif found.provisioner.startswith(IN_TREE):
            why = f"no volume plugin matched name: {found.provisioner}"
            tell.warning(claim, "ProvisioningFailed", why)
        else:
            claim = self._annotate(claim, dict.fromkeys(PROVISIONERS, found.provisioner))
            tell.normal(claim, "ExternalProvisioning", _EXTERNAL.format(found.provisioner))
        return claim

    def _annotate(self, obj: Any, added: dict[str, str], **spec: Any) -> Any:
        """Store an object with more annotations and another spec, if that changes anything."""
        had = obj.metadata.annotations or {}
        metadata, wanted = obj.metadata, obj.spec
        if any(had.get(key) != value for key, value in added.items()):
            metadata = replace(metadata, annotations={**had, **added})
        if any(getattr(wanted, field) != value for field, value in spec.items()):
            wanted = replace(wanted, **spec)
        if metadata is obj.metadata and wanted is obj.spec:
            return obj
        return self.client.update(replace(obj, metadata=metadata, spec=wanted))

    # --- binding

    def _bind(self, volume: Any, claim: Any) -> None:
        """Make a volume and a claim point at each other, and say so in both."""
        had, uid = volume.spec.claimRef, claim.metadata.uid
        reference = had if had is not None and had.uid == uid else volumes.reference_to(claim)
        chosen = {BOUND_BY_CONTROLLER: "yes"}
        volume = self._annotate(volume, {} if had is not None else chosen, claimRef=reference)
        self._set_volume(volume, "Bound")
        asked = claim.spec.volumeName == volume.metadata.name
        claim = self._annotate(
            claim,
            {volumes.BIND_COMPLETED: "yes"} | ({} if asked else chosen),
            volumeName=volume.metadata.name,
        )
        self._set_claim(claim, "Bound", volume)

    def _sync_bound(self, claim: Any) -> None:
        volume = self._volumes.get(None, claim.spec.volumeName or "")
        if volume is None:
            what = "its" if claim.spec.volumeName else "reference to"
            lost = "ClaimLost", _LOST.format(what)
        elif volume.spec.claimRef is None or volume.spec.claimRef.uid == claim.metadata.uid:
            self._bind(volume, claim)
            return
        else:
            lost = "ClaimMisbound", _MISBOUND
        if claim.status.phase != "Lost":
            self._set_claim(claim, "Lost", None)
            self.recorder.warning(claim, *lost)

    def _set_claim(self, claim: Any, phase: str, volume: Any) -> None:
        modes, capacity = volume and volume.spec.accessModes, volume and volume.spec.capacity
        status = replace(claim.status, phase=phase, accessModes=modes, capacity=capacity)
        if status != claim.status:
            self.note(key_of(claim), f"claim is {phase}")
            self.client.update_status(replace(claim, status=status))

    def _set_volume(self, volume: Any, phase: str, message: str | None = None) -> Any:
        status = volume.status
        if (status.phase, status.message) == (phase, message):
            return volume
        since = self.clock.utc() if status.phase != phase else status.lastPhaseTransitionTime
        status = replace(status, phase=phase, message=message, lastPhaseTransitionTime=since)
        self.note(key_of(volume), f"volume is {phase}")
        return self.client.update_status(replace(volume, status=status))

    # --- volumes

    def _sync_volume(self, volume: Any) -> None:
        kept = volume.spec.claimRef
        if kept is None or not kept.uid:
            self._set_volume(volume, "Available")
            return
        claim = self._claims.get(kept.namespace, kept.name)
        if claim is None or claim.metadata.uid != kept.uid:
            if volume.status.phase not in ("Released", "Failed"):
                volume = self._set_volume(volume, "Released")
            self._reclaim(volume)
        elif claim.spec.volumeName == volume.metadata.name:
            self._set_volume(volume, "Bound")
        elif claim.spec.volumeName:
            self._unbind(volume)

    def _unbind(self, volume: Any) -> None:
        """The claim has another volume: this one is free again, or kept as it was asked to be."""
        annotations = dict(volume.metadata.annotations or {})
        reference = replace(volume.spec.claimRef, uid=None)
        if annotations.pop(BOUND_BY_CONTROLLER, None):
            reference = None
        metadata = replace(volume.metadata, annotations=annotations or None)
        spec = replace(volume.spec, claimRef=reference)
        self._set_volume(
            self.client.update(replace(volume, metadata=metadata, spec=spec)), "Available"
        )

    def _reclaim(self, volume: Any) -> None:
        """Delete a released volume where its policy says so and something here could."""
        spec = volume.spec
        made_by = (volume.metadata.annotations or {}).get(volumes.PROVISIONED_BY, IN_TREE)
        outside = spec.csi is not None or not made_by.startswith(IN_TREE)
        if spec.persistentVolumeReclaimPolicy != "Delete" or outside:
            return  # kept, or left to the driver's own deleter
        if spec.hostPath is None:
            why = f'error getting deleter volume plugin for volume "{volume.metadata.name}": '
            why += "no deletable volume plugin matched"
        elif not _DELETABLE.fullmatch(spec.hostPath.path):
            why = "host_path deleter only supports /tmp/.+ but received provided "
            why += spec.hostPath.path
        else:
            if volume.metadata.deletionTimestamp is None:
                self.discard(volume)
            return
        if volume.status.phase != "Failed":
            self._set_volume(volume, "Failed", why)
            self.recorder.warning(volume, "VolumeFailedDelete", why)
