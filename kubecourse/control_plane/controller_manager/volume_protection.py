"""Lets claims and volumes that are being deleted go once nobody uses them.

Sources: `pkg/controller/volume/pvcprotection/pvc_protection_controller.go`,
`pkg/controller/volume/pvprotection/pv_protection_controller.go`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kubecourse.api import models
from kubecourse.api.volumes import by_claim
from kubecourse.client.informer import key_of
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.pods import FINISHED

core = models.core_v1


class Protection(ManagedController):
    """Takes a finalizer off terminating objects of a kind that are no longer in use."""

    kind: ClassVar[type[Any]]
    finalizer: ClassVar[str]

    def listen(self) -> None:
        self.objects = self.follow(self.kind, self._changed)

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None and new.metadata.deletionTimestamp is not None:
            self.enqueue(old, new)

    def sync(self, obj: Any) -> None:
        if obj.metadata.deletionTimestamp is not None and not self.in_use(obj):
            self.remove_finalizer(obj, self.finalizer)

    def in_use(self, obj: Any) -> bool:
        """Whether somebody would miss it."""
        raise NotImplementedError


class ClaimProtection(Protection):
    """A claim stays as long as a pod that has not finished has it."""

    name = "persistentvolumeclaim-protection-controller"
    kind = core.PersistentVolumeClaim
    finalizer = "kubernetes.io/pvc-protection"

    def listen(self) -> None:
        super().listen()
        self._pods = self.follow(core.Pod, self._pod_changed, by_claim)

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
