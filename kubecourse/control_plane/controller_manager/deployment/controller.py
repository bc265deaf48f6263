"""Brings a Deployment's pods from one template to the next, in one of two ways.

Source: `pkg/controller/deployment/{deployment_controller,rolling,recreate}.go`. Each look makes
one kind of move; what that changes brings the next.
"""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.client import Result
from kubecourse.client.informer import Key, by_namespace, key_of
from kubecourse.control_plane.controller_manager.controller import (
    NOTICE_TIME,
    WRITE_TIME,
    ManagedController,
    controller_of,
    controller_or_namespace,
    family,
    owner_keys,
)
from kubecourse.control_plane.controller_manager.deployment import progress, rolling
from kubecourse.control_plane.controller_manager.deployment.sync import Sync, active
from kubecourse.control_plane.controller_manager.pods import FINISHED, by_age


class DeploymentController(ManagedController):
    """Makes a ReplicaSet for each template and moves the replicas from the old ones to the new."""

    name = "deployment-controller"

    def listen(self) -> None:
        apps = models.apps_v1
        self.objects = self.follow(apps.Deployment, self.enqueue, by_namespace)
        self._replicasets = self.follow(
            apps.ReplicaSet, self._replicaset_changed, controller_or_namespace
        )
        pod = models.core_v1.Pod
        self._pods = self.follow(pod, self._pod_changed, controller_or_namespace)

    def forget(self) -> None:
        self._busy_until: dict[Key, float] = {}

    def enqueue(self, old: Any, new: Any) -> None:
        if new is None:
            self._busy_until.pop(key_of(old), None)
        self._soon(key_of(old if new is None else new))

    def _soon(self, key: Key, least: float = 0.0) -> None:
        """Look at a Deployment once what was last decided about it has been written."""
        self.queue.add_after(key, max(self._busy_until.get(key, 0.0) - self.clock.now, least))

    def _replicaset_changed(self, old: Any, new: Any) -> None:
        for key in owner_keys("Deployment", old, new):
            self._soon(key, NOTICE_TIME)
        if new is not None and controller_of(new) is None:
            for deployment in self.objects.indexed(by_namespace, new.metadata.namespace):
                selector = selector_from_label_selector(deployment.spec.selector)
                if selector.matches(new.metadata.labels):
                    self.enqueue(None, deployment)

    def _pod_changed(self, old: Any, new: Any) -> None:
        """A Deployment that recreates waits for its last pod to go."""
        if new is not None:
            return
        for replicaset in owner_keys("ReplicaSet", old):
            for key in owner_keys("Deployment", self._replicasets.get(*replicaset)):
                deployment = self.objects.get(*key)
                if deployment is not None and deployment.spec.strategy.type == "Recreate":
                    self.enqueue(None, deployment)

    def sync(self, deployment: Any) -> Result | None:
        replicasets = self.claimed(deployment, family(deployment, self._replicasets))
        sync = Sync(self.client, self.recorder, deployment, replicasets)
        key = key_of(deployment)
        try:
            after = self._move(deployment, sync)
        finally:
            self._busy_until[key] = self.clock.now + sync.writes * WRITE_TIME
            for decision in sync.decisions:
                self.note(key, decision)
        # Upkeep: a rollout that is stuck changes nothing until somebody does.
        return None if after is None else Result(after, background=True)

    def _move(self, deployment: Any, sync: Sync) -> float | None:
        going, paused = deployment.metadata.deletionTimestamp is not None, deployment.spec.paused
        if not going:
            sync.note_pause()
        sync.find_new()
        if going or paused or sync.is_scaling():
            if not going:
                sync.scale_all()
            if paused and not going:
                sync.prune()
            sync.update_status()
            return None
        if deployment.spec.strategy.type == "Recreate":
            return self._recreate(sync)
        return _roll(sync)

    def _recreate(self, sync: Sync) -> float | None:
        """No new pod before the last old one has gone."""
        sync.find_new()
        moved = [sync.resize(replicaset, 0) is not None for replicaset in active(sync.old)]
        if any(moved) or self._old_pods_run(sync.old):
            return sync.update_rollout_status()
        sync.create_new()
        sync.resize(sync.new, sync.deployment.spec.replicas)
        return _end(sync)

    def _old_pods_run(self, replicasets: list[Any]) -> bool:
        """Whether a pod of an old ReplicaSet is left that has not finished, be it terminating."""
        return bool(progress.count(replicasets, "replicas")) or any(
            pod.status.phase not in FINISHED
            for old in replicasets
            for pod in self._pods.indexed(controller_or_namespace, old.metadata.uid)
        )


def _roll(sync: Sync) -> float | None:
    """RollingUpdate: new pods as the surge allows, old ones away as availability allows."""
    sync.find_new()
    sync.create_new()
    moved = _grow_new(sync) or _shrink_old(sync)
    return sync.update_rollout_status() if moved else _end(sync)


def _end(sync: Sync) -> float | None:
    if progress.is_complete(sync.deployment, sync.deployment.status):
        sync.prune()
    return sync.update_rollout_status()


def _grow_new(sync: Sync) -> bool:
    deployment, new = sync.deployment, sync.new
    size, wanted = new.spec.replicas or 0, deployment.spec.replicas
    if size < wanted:
        wanted = rolling.new_replicas(deployment, progress.spec_replicas(sync.all), size)
    return sync.resize(new, wanted) is not None


def _shrink_old(sync: Sync) -> bool:
    old, new = sorted(active(sync.old), key=by_age), sync.new
    least = rolling.min_available(sync.deployment)
    available = [replicaset.status.availableReplicas or 0 for replicaset in old]
    new_available = new.status.availableReplicas or 0
    budget = progress.spec_replicas(old) + new_available - least
    if not old or budget <= 0:
        return False
    sizes, certain = rolling.clean_up(_sizes(old), available, budget)
    cleaned = _resize(sync, old, sizes)
    if not certain:
        return False
    spare = sum(available) + new_available - least
    left = _resize(sync, cleaned, rolling.shrink(_sizes(cleaned), max(0, spare)))
    return any(a is not b for a, b in zip(old, left, strict=True))


def _sizes(replicasets: list[Any]) -> list[int]:
    return [replicaset.spec.replicas for replicaset in replicasets]


def _resize(sync: Sync, replicasets: list[Any], sizes: list[int]) -> list[Any]:
    """Give ReplicaSets their sizes. Returns them as they are then."""
    return [sync.resize(rs, size) or rs for rs, size in zip(replicasets, sizes, strict=True)]
