"""One look at a Deployment: finding and making its new ReplicaSet, sizing them all, telling of it.

Source: `pkg/controller/deployment/sync.go`. As there, a status written early in a sync makes a
later one of the same sync fail with a conflict, so that the next sync starts from what is stored.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Client, EventRecorder
from kubecourse.control_plane.controller_manager.controller import (
    controller_of,
    is_namespace_terminating,
    owned_by,
)
from kubecourse.control_plane.controller_manager.deployment import history, progress, rolling
from kubecourse.control_plane.controller_manager.pods import by_age

ReplicaSet = models.apps_v1.ReplicaSet


class Sync:
    """A Deployment and its ReplicaSets as they were when the sync began, and what it does to them.

    `old` are the ReplicaSets of other templates, `new` the one of the present template, if any,
    `decisions` what it did to their sizes, `writes` how often it wrote.
    Scaling writes to the API; the objects here keep their sizes, for the status tells of the
    state before.
    """

    def __init__(
        self, client: Client, recorder: EventRecorder, deployment: Any, replicasets: list[Any]
    ) -> None:
        self.client = client
        self.clock = client.clock
        self.recorder = recorder
        self.deployment = deployment
        self.new: Any = history.find_new(replicasets, deployment.spec.template)
        self.old = [rs for rs in replicasets if rs is not self.new]
        self.decisions: list[str] = []
        self.writes = 0

    @property
    def all(self) -> list[Any]:
        """Every ReplicaSet, the new one last."""
        return self.old if self.new is None else [*self.old, self.new]

    # --- the new ReplicaSet

    def find_new(self) -> None:
        """Bring the new ReplicaSet's annotations up to date, if there is one."""
        found = self.new
        if found is None:
            return
        number = self._next_revision()
        annotations = history.annotations_for(self.deployment, found.metadata.annotations, number)
        seconds = self.deployment.spec.minReadySeconds
        same = annotations == (found.metadata.annotations or {})
        if not same or (found.spec.minReadySeconds or 0) != (seconds or 0):
            metadata = replace(found.metadata, annotations=annotations)
            spec = replace(found.spec, minReadySeconds=seconds)
            self.new = self.client.update(replace(found, metadata=metadata, spec=spec))
            return
        news = None
        if conditions.get(self.deployment.status.conditions, progress.PROGRESSING) is None:
            message = f'Found new replica set "{found.metadata.name}"'
            news = self._progressing("True", "FoundNewReplicaSet", message)
        self._note_revision(annotations.get(history.REVISION, ""), news)

    def create_new(self) -> None:
        """Make the ReplicaSet of the present template, if there is none, as large as it may be."""
        if self.new is not None:
            return
        size = rolling.new_replicas(self.deployment, progress.spec_replicas(self.old), 0)
        number = self._next_revision()
        wanted = self._replicaset(size, number)
        name, news = wanted.metadata.name, None
        self.writes += 1
        try:
            self.new = self.client.create(wanted)
        except ApiError as error:
            self.new = self._after_refusal(wanted, error)
        else:
            if size > 0:
                self._tell(f"Scaled up replica set {name} from 0 to {size}")
            message = f'Created new replica set "{name}"'
            news = self._progressing("True", "NewReplicaSetCreated", message)
        self._note_revision(str(number), news)

    def _next_revision(self) -> int:
        return max((history.revision(rs) for rs in self.old), default=0) + 1

    def _replicaset(self, size: int, number: int) -> Any:
        deployment = self.deployment
        spec, selector = deployment.spec, deployment.spec.selector
        digest = history.template_hash(spec.template, deployment.status.collisionCount)
        mark = {history.HASH_LABEL: digest}
        given = spec.template.metadata
        labels = {**(given.labels or {}), **mark}
        annotations = history.annotations_for(deployment, None, number) | self._noted()
        name = f"{deployment.metadata.name}-{digest}"
        return ReplicaSet(
            metadata=owned_by(deployment, name=name, labels=labels, annotations=annotations),
            spec=models.apps_v1.ReplicaSetSpec(
                replicas=size,
                minReadySeconds=spec.minReadySeconds,
                selector=replace(selector, matchLabels={**(selector.matchLabels or {}), **mark}),
                template=replace(spec.template, metadata=replace(given, labels=labels)),
            ),
        )

    def _noted(self) -> dict[str, str]:
        surge = rolling.max_surge(self.deployment)
        return history.replica_annotations(self.deployment.spec.replicas, surge)

    def _after_refusal(self, wanted: Any, error: ApiError) -> Any:
        """The ReplicaSet that was there already, if it is ours; otherwise raises."""
        deployment, metadata = self.deployment, wanted.metadata
        if error.reason == "AlreadyExists":
            found: Any = self.client.get(ReplicaSet, metadata.name, metadata.namespace)
            owner = controller_of(found)
            mine = owner is not None and owner.uid == deployment.metadata.uid
            if mine and history.same_template(found.spec.template, deployment.spec.template):
                return found
            collisions = (deployment.status.collisionCount or 0) + 1
            self.write_status(replace(deployment.status, collisionCount=collisions))
        elif not is_namespace_terminating(error):
            message = f'Failed to create new replica set "{metadata.name}": {error.message}'
            news = self._progressing("False", "ReplicaSetCreateError", message)
            if news is not None:
                self.write_status(self._status_with(news))
            self.recorder.warning(self.deployment, "ReplicaSetCreateError", message)
        raise error

    # --- sizes

    def scale(self, replicaset: Any, size: int) -> Any | None:
        """Give a ReplicaSet a size and note the Deployment's. Returns it if its size changed."""
        noted = self._noted()
        annotations = replicaset.metadata.annotations or {}
        before = replicaset.spec.replicas or 0
        if before == size and noted.items() <= annotations.items():
            return None
        self.writes += 1
        metadata = replace(replicaset.metadata, annotations=annotations | noted)
        spec = replace(replicaset.spec, replicas=size)
        scaled = self.client.update(replace(replicaset, metadata=metadata, spec=spec))
        if before == size:
            return None
        way = "up" if size > before else "down"
        self._tell(f"Scaled {way} replica set {metadata.name} from {before} to {size}")
        return scaled

    def resize(self, replicaset: Any, size: int) -> Any | None:
        """`scale`, unless it has that size."""
        return self.scale(replicaset, size) if (replicaset.spec.replicas or 0) != size else None

    def is_scaling(self) -> bool:
        """Whether the Deployment's size has changed since the ReplicaSets got theirs."""
        wanted = self.deployment.spec.replicas
        return any(
            history.number_in(rs, history.DESIRED_REPLICAS) not in (None, wanted)
            for rs in active(self.all)
        )

    def scale_all(self) -> None:
        """Pass a change of the Deployment's size on to its ReplicaSets, each by its share."""
        wanted = self.deployment.spec.replicas
        only = self._only_active()
        if only is not None:
            # Even where its size is right: without the note of it the rollout would never go on.
            self.scale(only, wanted)
        elif self._is_saturated():
            for replicaset in active(self.old):
                self.resize(replicaset, 0)
        elif rolling.is_rolling(self.deployment):
            self._scale_proportionally()

    def _only_active(self) -> Any | None:
        """The one active ReplicaSet, or where none is, the newest."""
        found = active(self.all)
        if len(found) > 1:
            return None
        if found:
            return found[0]
        return self.new or max(self.old, key=by_age, default=None)

    def _is_saturated(self) -> bool:
        new, wanted = self.new, self.deployment.spec.replicas
        return (
            new is not None
            and history.number_in(new, history.DESIRED_REPLICAS) == wanted
            and (new.spec.replicas or 0) == wanted
            and (new.status.availableReplicas or 0) == wanted
        )

    def _scale_proportionally(self) -> None:
        deployment = self.deployment
        replicas, surge = deployment.spec.replicas, rolling.max_surge(deployment)
        order = sorted(active(self.all), key=by_age)
        if sum(rs.spec.replicas for rs in order) < (replicas + surge if replicas else 0):
            order.reverse()
        order.sort(key=_size, reverse=True)
        most = [history.number_in(rs, history.MAX_REPLICAS) for rs in order]
        shares = [rolling.Share(_size(rs), limit) for rs, limit in zip(order, most, strict=True)]
        before = deployment.status.replicas or 0
        sizes = rolling.proportional_sizes(shares, replicas, surge, before)
        for replicaset, size in zip(order, sizes, strict=True):
            self.scale(replicaset, size)

    def prune(self) -> None:
        for replicaset in history.to_prune(self.old, self.deployment.spec.revisionHistoryLimit):
            metadata = replicaset.metadata
            with ignoring("NotFound"):
                self.client.delete(ReplicaSet, metadata.name, metadata.namespace)

    # --- telling

    def update_status(self) -> None:
        """Write the counts, without a word on progress."""
        status = progress.calculate_status(self.deployment, self.all, self.new, self.clock.utc())
        if status != self.deployment.status:
            self.write_status(status)

    def update_rollout_status(self) -> float | None:
        """Write the counts and the progress. Returns in how many seconds a stuck one is late."""
        deployment = self.deployment
        now = self.clock.utc_precise()
        status = progress.rollout_status(deployment, self.all, self.new, self.clock.utc(), now)
        if status != deployment.status:
            self.write_status(status)
            return None
        return progress.seconds_to_deadline(deployment, status, now)

    def note_pause(self) -> None:
        """Say that the Deployment was paused or resumed."""
        known = conditions.get(self.deployment.status.conditions, progress.PROGRESSING)
        reason, paused = known and known.reason, bool(self.deployment.spec.paused)
        if reason == progress.TIMED_OUT or paused == (reason == progress.PAUSED):
            return
        told = (progress.PAUSED, "paused") if paused else ("DeploymentResumed", "resumed")
        news = self._progressing("Unknown", told[0], f"Deployment is {told[1]}")
        if news is not None:
            self.write_status(self._status_with(news))

    def write_status(self, status: Any) -> None:
        """Store a status. The Deployment here keeps its version, which is now an old one."""
        self.deployment = replace(self.deployment, status=status)
        self.writes += 1
        self.client.update_status(self.deployment)

    def _note_revision(self, number: str, news: Any | None) -> None:
        """Write the revision on the Deployment, and a condition, where either is new."""
        metadata = self.deployment.metadata
        annotations = metadata.annotations or {}
        if annotations.get(history.REVISION) != number:
            annotations = {**annotations, history.REVISION: number}
            metadata = replace(metadata, annotations=annotations)
            self.deployment = replace(self.deployment, metadata=metadata)
        elif news is None:
            return
        self.write_status(self.deployment.status if news is None else self._status_with(news))

    def _progressing(self, status: str, reason: str, message: str) -> Any | None:
        """A condition that tells of the progress; None where nobody waits for it."""
        if not progress.has_deadline(self.deployment):
            return None
        return progress.condition(progress.PROGRESSING, status, reason, message, self.clock.utc())

    def _status_with(self, news: Any) -> Any:
        status = self.deployment.status
        return replace(status, conditions=progress.set_condition(status.conditions, news))

    def _tell(self, message: str) -> None:
        self.decisions.append(message)
        self.recorder.normal(self.deployment, "ScalingReplicaSet", message)


def active(replicasets: list[Any]) -> list[Any]:
    """Those that are to have pods."""
    return [replicaset for replicaset in replicasets if replicaset.spec.replicas]


def _size(replicaset: Any) -> int:
    return int(replicaset.spec.replicas or 0)
