"""Brings a Deployment's pods from one template to the next.

Source: `pkg/controller/deployment/deployment_controller.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubecourse.api import models
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.client import Client, InformerFactory, Result
from kubecourse.client.informer import by_namespace, key_of
from kubecourse.control_plane.controller_manager.controller import (
    NOTICE_TIME,
    WRITE_TIME,
    ManagedController,
    claim,
    controller_of,
    controller_or_namespace,
)
from kubecourse.control_plane.controller_manager.deployment import strategies
from kubecourse.control_plane.controller_manager.deployment.sync import Sync

Deployment = models.apps_v1.Deployment
ReplicaSet = models.apps_v1.ReplicaSet
Pod = models.core_v1.Pod
Key = tuple[str, str]


class DeploymentController(ManagedController):
    """Makes a ReplicaSet for each template and moves the replicas from the old ones to the new."""

    name = "deployment-controller"

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self._deployments = informers.informer(Deployment, by_namespace)
        self._replicasets = informers.informer(ReplicaSet, controller_or_namespace)
        self._pods = informers.informer(Pod, controller_or_namespace)
        self._busy_until: dict[Key, float] = {}
        self.subscribe(self._deployments, self.enqueue)
        self.subscribe(self._replicasets, self._replicaset_changed)
        self.subscribe(self._pods, self._pod_changed)

    def forget(self) -> None:
        self._busy_until.clear()

    # --- hearing

    def enqueue(self, old: Any, new: Any) -> None:
        if new is None:
            self._busy_until.pop(key_of(old), None)
        self._soon(key_of(old if new is None else new))

    def _soon(self, key: Key, least: float = 0.0) -> None:
        """Look at a Deployment once what was last decided about it has been written."""
        self.queue.add_after(key, max(self._busy_until.get(key, 0.0) - self.clock.now, least))

    def _replicaset_changed(self, old: Any, new: Any) -> None:
        for replicaset in (old, new):
            owner = controller_of(replicaset) if replicaset is not None else None
            if owner is not None and owner.kind == "Deployment":
                self._soon((replicaset.metadata.namespace, owner.name), NOTICE_TIME)
        if new is not None and controller_of(new) is None:
            for deployment in self._deployments.indexed(by_namespace, new.metadata.namespace):
                selector = selector_from_label_selector(deployment.spec.selector)
                if selector.matches(new.metadata.labels):
                    self.enqueue(None, deployment)

    def _pod_changed(self, old: Any, new: Any) -> None:
        """A Deployment that recreates waits for its last pod to go."""
        if new is not None:
            return
        owner = controller_of(old)
        if owner is None or owner.kind != "ReplicaSet":
            return
        replicaset = self._replicasets.get(old.metadata.namespace, owner.name)
        parent = controller_of(replicaset) if replicaset is not None else None
        if parent is None:
            return
        deployment = self._deployments.get(old.metadata.namespace, parent.name)
        if deployment is not None and deployment.spec.strategy.type == "Recreate":
            self.enqueue(None, deployment)

    # --- working

    def reconcile(self, key: Key) -> Result | None:
        deployment = self._deployments.get(*key)
        if deployment is None:
            return None
        sync = Sync(self.client, self.recorder, deployment, self._claim(deployment))
        try:
            after = self._sync(deployment, sync)
        finally:
            self._busy_until[key] = self.clock.now + sync.writes * WRITE_TIME
            for decision in sync.decisions:
                self.note(key, decision)
        # Upkeep: a rollout that is stuck changes nothing until somebody does.
        return None if after is None else Result(after, background=True)

    def _sync(self, deployment: Any, sync: Sync) -> float | None:
        if deployment.metadata.deletionTimestamp is not None:
            sync.find_new()
            sync.update_status()
            return None
        sync.note_pause()
        if deployment.spec.paused:
            sync.find_new()
            sync.scale_all()
            sync.prune()
            sync.update_status()
            return None
        sync.find_new()
        if sync.is_scaling():
            sync.scale_all()
            sync.update_status()
            return None
        if deployment.spec.strategy.type == "Recreate":
            return strategies.recreate(sync, self._pods_of(sync.all))
        return strategies.roll(sync)

    def _claim(self, deployment: Any) -> list[Any]:
        metadata = deployment.metadata
        candidates = [
            replicaset
            for group in (metadata.uid, f"{metadata.namespace}/")
            for replicaset in self._replicasets.indexed(controller_or_namespace, group)
        ]
        selector = selector_from_label_selector(deployment.spec.selector)
        return claim(self.client, deployment, selector, candidates, _is_wanted)

    def _pods_of(self, replicasets: list[Any]) -> Iterator[Any]:
        for replicaset in replicasets:
            yield from self._pods.indexed(controller_or_namespace, replicaset.metadata.uid)


def _is_wanted(replicaset: Any) -> bool:
    return bool(replicaset.metadata.deletionTimestamp is None)
