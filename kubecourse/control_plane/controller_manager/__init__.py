"""The controllers that keep a cluster as its objects say, in one program.

Source: `cmd/kube-controller-manager`.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubecourse.client import Client, InformerFactory
from kubecourse.control_plane.controller_manager import service_account as accounts
from kubecourse.control_plane.controller_manager import volume_protection as protection
from kubecourse.control_plane.controller_manager.controller import ManagedController
from kubecourse.control_plane.controller_manager.cronjob import CronJobController
from kubecourse.control_plane.controller_manager.daemonset import DaemonSetController
from kubecourse.control_plane.controller_manager.deployment import DeploymentController
from kubecourse.control_plane.controller_manager.disruption import DisruptionController
from kubecourse.control_plane.controller_manager.endpoints import EndpointsController
from kubecourse.control_plane.controller_manager.endpointslice import EndpointSliceController
from kubecourse.control_plane.controller_manager.endpointslice_mirroring import (
    EndpointSliceMirroringController,
)
from kubecourse.control_plane.controller_manager.garbage_collector import GarbageCollector
from kubecourse.control_plane.controller_manager.horizontal_pod_autoscaler import (
    HorizontalController,
)
from kubecourse.control_plane.controller_manager.job import JobController
from kubecourse.control_plane.controller_manager.namespace import NamespaceController
from kubecourse.control_plane.controller_manager.node_lifecycle import NodeLifecycleController
from kubecourse.control_plane.controller_manager.persistent_volume import PersistentVolumeBinder
from kubecourse.control_plane.controller_manager.pod_gc import PodGarbageCollector
from kubecourse.control_plane.controller_manager.replicaset import (
    ReplicaSetController,
    ReplicationManager,
)
from kubecourse.control_plane.controller_manager.resource_quota import ResourceQuotaController
from kubecourse.control_plane.controller_manager.statefulset import StatefulSetController
from kubecourse.control_plane.controller_manager.taint_eviction import TaintEvictionController
from kubecourse.control_plane.controller_manager.ttl_after_finished import TTLAfterFinished

CONTROLLERS: tuple[type[ManagedController], ...] = (
    DeploymentController, ReplicaSetController, DaemonSetController, StatefulSetController,
    JobController, CronJobController, TTLAfterFinished, EndpointSliceController,
    EndpointsController, EndpointSliceMirroringController, GarbageCollector, NamespaceController,
    NodeLifecycleController, TaintEvictionController, PodGarbageCollector, DisruptionController,
    ResourceQuotaController, accounts.ServiceAccountController, accounts.RootCAPublisher,
    HorizontalController, PersistentVolumeBinder, protection.ClaimProtection,
    protection.VolumeProtection, ReplicationManager,
)  # fmt: skip


class ControllerManager:
    """Runs the controllers on informers that they share.

    `controllers` has them by their real names, such as `deployment-controller`. `enabled` chooses
    some, as the flag `--controllers` does.
    """

    name = "kube-controller-manager"

    def __init__(
        self, client: Client, enabled: Iterable[type[ManagedController]] = CONTROLLERS
    ) -> None:
        self._informers = InformerFactory(client)
        made = [controller(client, self._informers) for controller in enabled]
        self.controllers = {controller.name: controller for controller in made}
        self._stopped: dict[str, None] = {}
        self.running = False

    def start(self, controller: str | None = None) -> None:
        """Start all controllers, or again the one of that name.

        Raises KeyError where there is none of that name.
        """
        if controller is not None:
            self._stopped.pop(controller, None)
            if self.running:
                self.controllers[controller].start()
            return
        self.running = True
        for name, each in self.controllers.items():
            if name not in self._stopped:
                each.start()
        self._informers.start()

    def stop(self, controller: str | None = None) -> None:
        """Stop them all, or one, until that one is started again by its name."""
        if controller is not None:
            self.controllers[controller].stop()
            self._stopped[controller] = None
            return
        self.running = False
        for each in self.controllers.values():
            each.stop()
        self._informers.stop()


__all__ = ["ControllerManager"]
