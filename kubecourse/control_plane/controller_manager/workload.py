"""What the controllers of workloads have in common: owners, their pods, and what is expected.

Source: `pkg/controller/controller_utils.go` (RealPodControl, slowStartBatch),
`pkg/controller/controller_ref_manager.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.client.informer import by_namespace, key_of
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    busy,
    controller_of,
    controller_or_namespace,
    is_namespace_terminating,
    owned_by,
)

TIMEOUT = 300.0
"""Seconds after which a controller no longer waits for its cache to show what it did."""

Pod = models.core_v1.Pod


class Expectations:
    """What was created and deleted for one owner and has not been seen to come back.

    A controller's cache is a moment behind its own writes: it touches nothing until its cache
    shows them, or until it has waited too long.
    """

    __slots__ = ("_creations", "_deletions", "_since")

    def __init__(self) -> None:
        self._creations = 0
        self._deletions: set[str] = set()
        self._since = 0.0

    def satisfied(self, now: float) -> bool:
        """Whether everything was seen, or waited for too long; nothing is awaited then."""
        if (self._creations > 0 or self._deletions) and now - self._since <= TIMEOUT:
            return False
        self._creations = 0
        self._deletions.clear()
        return True

    def expect(self, now: float, creations: int = 0, deletions: Iterable[str] = ()) -> None:
        self._creations += creations
        self._deletions.update(deletions)
        self._since = now

    def creation_seen(self, count: int = 1) -> None:
        """So many of the created objects have appeared, or will not."""
        self._creations -= count

    def deletion_seen(self, name: str) -> None:
        """One of the deleted objects is going or gone, or was not deleted after all."""
        self._deletions.discard(name)


class WorkloadController(ManagedController):
    """Looks at an owner when it or one of its pods has changed."""

    model: ClassVar[type[Any]]
    """The class of the owners."""
    record: ClassVar[type[Expectations]] = Expectations
    """What is kept in mind for each of them."""

    def listen(self) -> None:
        self.objects = self.follow(self.model, self.owner_changed, by_namespace)
        self.pods = self.follow(Pod, self.pod_changed, controller_or_namespace)

    def forget(self) -> None:
        self.expected: dict[str, Any] = {}

    def owner_changed(self, old: Any, new: Any) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self.expected.pop(old.metadata.uid, None)
        if new is not None and new.metadata.uid not in self.expected:
            self.expected[new.metadata.uid] = self.record()
        self.enqueue(old, new)

    def pod_changed(self, old: Any, new: Any) -> None:
        """A pod has changed: look at its owner, or at those that it might belong to."""
        if not self.expected:
            return  # as nearly always: there is nobody to own it
        pod = new if new is not None else old
        owner = controller_of(pod)
        former = controller_of(old) if old is not None else None
        left = new is not None and (owner is None or former is None or former.uid != owner.uid)
        if left and former is not None and former.uid in self.expected:
            self.pod_left(former, pod)
        if owner is None:
            if new is not None and new.metadata.deletionTimestamp is None:
                self._offer(old, new)
            return
        expected = self.expected.get(owner.uid)
        if expected is None:
            return
        if new is None or new.metadata.deletionTimestamp is not None:
            expected.deletion_seen(pod.metadata.name)
        elif old is None:
            expected.creation_seen()
        if self.matters(owner, pod, new is None):
            self.queue.add_after((pod.metadata.namespace, owner.name), self.patience(owner.uid))

    def pod_left(self, former: Any, pod: Any) -> None:
        """A pod does not belong to this owner any more."""
        self.queue.add((pod.metadata.namespace, former.name))

    def _offer(self, old: Any, pod: Any) -> None:
        """Let every owner that selects a pod that nobody manages look at it, if that is news."""
        before, metadata = old and old.metadata, pod.metadata
        if (
            before is not None
            and before.labels == metadata.labels
            and before.ownerReferences is metadata.ownerReferences
        ):
            return
        for owner in self.objects.indexed(by_namespace, pod.metadata.namespace):
            if selector_from_label_selector(owner.spec.selector).matches(pod.metadata.labels):
                self.offered(owner)

    def offered(self, owner: Any) -> None:
        self.queue.add(key_of(owner))

    def matters(self, owner: Any, pod: Any, gone: bool) -> bool:
        """Whether an owner has to be looked at for a pod of its that has changed."""
        return True

    def patience(self, uid: str) -> float:
        """Seconds for which changes of an owner's pods gather until it is looked at."""
        return busy(len(self.pods_of(uid)))

    def pods_of(self, uid: str) -> Any:
        return self.pods.indexed(controller_or_namespace, uid)

    def create_pods(self, owner: Any, pods: Sequence[Any]) -> tuple[int, ApiError | None]:
        """Create pods in batches of 1, 2, 4, …; one failure, and no further batch is tried.

        Returns how many were created, and the first problem.
        """
        expected = self.expected[owner.metadata.uid]
        expected.expect(self.clock.now, creations=len(pods))
        problem: ApiError | None = None
        created, start, batch = 0, 0, 1
        while start < len(pods) and problem is None:
            for pod in pods[start : start + batch]:
                try:
                    self._create_pod(owner, pod)
                    created += 1
                except ApiError as error:
                    problem = problem or error
            start += batch
            batch *= 2
        expected.creation_seen(len(pods) - created)
        return created, problem

    def _create_pod(self, owner: Any, pod: Any) -> None:
        try:
            name = self.client.create(pod).metadata.name
        except ApiError as error:
            if is_namespace_terminating(error):
                return  # no pod will ever come of it, and nobody needs to be told
            self.recorder.warning(owner, "FailedCreate", f"Error creating: {error.message}")
            raise
        self.recorder.normal(owner, "SuccessfulCreate", f"Created pod: {name}")

    def delete_pods(self, owner: Any, names: Sequence[str]) -> ApiError | None:
        """Delete pods. Returns the first problem; that one is gone already is none."""
        expected = self.expected[owner.metadata.uid]
        expected.expect(self.clock.now, deletions=names)
        problem: ApiError | None = None
        for name in names:
            try:
                self.client.delete(Pod, name, owner.metadata.namespace)
            except ApiError as error:
                expected.deletion_seen(name)
                if error.reason != "NotFound":
                    message = f"Error deleting: {error.message}"
                    self.recorder.warning(owner, "FailedDelete", message)
                    problem = problem or error
            else:
                self.recorder.normal(owner, "SuccessfulDelete", f"Deleted pod: {name}")
        return problem


def pod_from_template(owner: Any, **metadata: Any) -> Any:
    """A pod as its owner wants it. All of an owner's pods share the template's spec and labels.

    `metadata` says what is different about this one.
    """
    template = owner.spec.template
    given = template.metadata or models.meta_v1.ObjectMeta()
    common = {
        "generateName": f"{owner.metadata.name}-",
        "labels": given.labels,
        "annotations": given.annotations,
        "finalizers": given.finalizers,
    }
    return Pod(metadata=owned_by(owner, **(common | metadata)), spec=template.spec)
