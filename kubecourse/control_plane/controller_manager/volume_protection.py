"""Lets claims and volumes that are being deleted go once nobody uses them.

Sources: `pkg/controller/volume/pvcprotection/pvc_protection_controller.go`,
`pkg/controller/volume/pvprotection/pv_protection_controller.go`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.volumes import by_claim
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.pods import FINISHED

core = models.core_v1
Key = tuple[str, str]


class Protection(ManagedController):
    """Takes a finalizer off terminating objects of a kind that are no longer in use."""

    kind: ClassVar[type[Any]]
    finalizer: ClassVar[str]

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._objects = informers.informer(self.kind)
        self.subscribe(self._objects, self._changed)

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None and new.metadata.deletionTimestamp is not None:
            self.enqueue(old, new)

    def reconcile(self, key: Key) -> Result | None:
        obj = self._objects.get(*key)
        if obj is None or obj.metadata.deletionTimestamp is None or self.in_use(obj):
            return None
        left = [f for f in obj.metadata.finalizers or () if f != self.finalizer]
        if left != (obj.metadata.finalizers or []):
            metadata = replace(obj.metadata, finalizers=left or None)
            self.client.update(replace(obj, metadata=metadata))
        return None

    def in_use(self, obj: Any) -> bool:
        """Whether somebody would miss it."""
        raise NotImplementedError


class ClaimProtection(Protection):
    """A claim stays as long as a pod that has not finished has it."""

    name = "persistentvolumeclaim-protection-controller"
    kind = core.PersistentVolumeClaim
    finalizer = "kubernetes.io/pvc-protection"

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._pods = informers.informer(core.Pod, by_claim)
        self.subscribe(self._pods, self._pod_changed)

    def _pod_changed(self, old: Any, new: Any) -> None:
        if new is not None and new.status.phase not in FINISHED:
            return
        for key in by_claim(new if new is not None else old):
            namespace, _, name = key.partition("/")
            self.queue.add((namespace, name))

    def in_use(self, obj: Any) -> bool:
        pods = self._pods.indexed(by_claim, "/".join(key_of(obj)))
        return any(pod.spec.nodeName and pod.status.phase not in FINISHED for pod in pods)


class VolumeProtection(Protection):
    """A volume stays as long as it is bound."""

    name = "persistentvolume-protection-controller"
    kind = core.PersistentVolume
    finalizer = "kubernetes.io/pv-protection"

    def in_use(self, obj: Any) -> bool:
        return bool(obj.status.phase == "Bound")
