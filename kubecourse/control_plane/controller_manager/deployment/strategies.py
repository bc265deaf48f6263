"""The two ways from an old template to a new one.

Source: `pkg/controller/deployment/rolling.go`, `recreate.go`. Each call makes one kind of move;
what that changes brings the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.control_plane.controller_manager.deployment import history, progress, rolling
from kubecourse.control_plane.controller_manager.deployment.sync import Sync, active
from kubecourse.control_plane.controller_manager.pods import FINISHED


def roll(sync: Sync) -> float | None:
    """RollingUpdate: new pods as the surge allows, old ones away as availability allows."""
    sync.find_new()
    sync.create_new()
    if not (_grow_new(sync) or _shrink_old(sync)) and progress.is_complete(
        sync.deployment, sync.deployment.status
    ):
        sync.prune()
    return sync.update_rollout_status()


def _grow_new(sync: Sync) -> bool:
    deployment, new = sync.deployment, sync.new
    size, wanted = new.spec.replicas or 0, deployment.spec.replicas
    if size > wanted:
        return sync.resize(new, wanted) is not None
    if size == wanted:
        return False
    total = progress.spec_replicas(sync.all)
    return sync.resize(new, rolling.new_replicas(deployment, total, size)) is not None


def _shrink_old(sync: Sync) -> bool:
    old = sorted(active(sync.old), key=history.by_creation)
    if not old:
        return False
    new, least = sync.new, rolling.min_available(sync.deployment)
    new_unavailable = (new.spec.replicas or 0) - (new.status.availableReplicas or 0)
    budget = progress.spec_replicas([*old, new]) - least - new_unavailable
    if budget <= 0:
        return False
    available = [replicaset.status.availableReplicas or 0 for replicaset in old]
    sizes, certain = rolling.clean_up(_sizes(old), available, budget)
    cleaned = _resize(sync, old, sizes)
    if not certain:
        return False
    spare = sum(available) + (new.status.availableReplicas or 0) - least
    left = _resize(sync, cleaned, rolling.shrink(_sizes(cleaned), max(0, spare)))
    return any(a is not b for a, b in zip(old, left, strict=True))


def _sizes(replicasets: list[Any]) -> list[int]:
    return [replicaset.spec.replicas for replicaset in replicasets]


def _resize(sync: Sync, replicasets: list[Any], sizes: list[int]) -> list[Any]:
    """Give ReplicaSets their sizes. Returns them as they are then."""
    return [sync.resize(rs, size) or rs for rs, size in zip(replicasets, sizes, strict=True)]


def recreate(sync: Sync, pods: Iterable[Any]) -> float | None:
    """Recreate: no new pod before the last old one has gone. `pods` are all of the Deployment."""
    sync.find_new()
    moved = [sync.resize(replicaset, 0) is not None for replicaset in active(sync.old)]
    if any(moved) or _old_pods_run(sync, pods):
        return sync.update_rollout_status()
    sync.create_new()
    sync.resize(sync.new, sync.deployment.spec.replicas)
    if progress.is_complete(sync.deployment, sync.deployment.status):
        sync.prune()
    return sync.update_rollout_status()


def _old_pods_run(sync: Sync, pods: Iterable[Any]) -> bool:
    """Whether a pod of an old ReplicaSet is left that has not finished, be it terminating."""
    if progress.count(sync.old, "replicas"):
        return True
    old = {replicaset.metadata.uid for replicaset in sync.old}
    return any(
        owner.uid in old
        for pod in pods
        if pod.status.phase not in FINISHED
        for owner in pod.metadata.ownerReferences or ()
        if owner.controller
    )
