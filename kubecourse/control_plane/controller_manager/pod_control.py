"""Creating and deleting the pods of an owner, and telling of it in events.

Source: `pkg/controller/controller_utils.go` (RealPodControl, slowStartBatch).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client import Client, EventRecorder
from kubecourse.control_plane.controller_manager.controller import (
    controller_reference,
    is_namespace_terminating,
)

TIMEOUT = 300.0
"""Seconds after which a controller no longer waits for its cache to show what it did."""

Pod = models.core_v1.Pod
ObjectMeta = models.meta_v1.ObjectMeta


def pod_from_template(owner: Any, **metadata: Any) -> Any:
    """A pod as its owner wants it. All of an owner's pods share the template's spec and labels.

    `metadata` says what is different about this one.
    """
    template = owner.spec.template
    given = template.metadata or ObjectMeta()
    common = {
        "generateName": f"{owner.metadata.name}-",
        "namespace": owner.metadata.namespace,
        "labels": given.labels,
        "annotations": given.annotations,
        "finalizers": given.finalizers,
        "ownerReferences": [controller_reference(owner)],
    }
    return Pod(metadata=ObjectMeta(**(common | metadata)), spec=template.spec)


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

    def expect_creations(self, count: int, now: float) -> None:
        self._creations += count
        self._since = now

    def expect_deletions(self, names: Iterable[str], now: float) -> None:
        self._deletions.update(names)
        self._since = now

    def creation_seen(self, count: int = 1) -> None:
        """So many of the created objects have appeared, or will not."""
        self._creations -= count

    def deletion_seen(self, name: str) -> None:
        """One of the deleted objects is going or gone, or was not deleted after all."""
        self._deletions.discard(name)


class PodControl:
    """Creates and deletes pods for the owners that one controller looks after."""

    def __init__(self, client: Client, recorder: EventRecorder) -> None:
        self._client = client
        self._clock = client.clock
        self._recorder = recorder

    def create(
        self, owner: Any, pods: Sequence[Any], expected: Expectations
    ) -> tuple[int, ApiError | None]:
        """Create pods in batches of 1, 2, 4, …; one failure, and no further batch is tried.

        Returns how many were created, and the first problem.
        """
        count = len(pods)
        expected.expect_creations(count, self._clock.now)
        created = 0
        start = 0
        batch = 1
        while start < count:
            problem: ApiError | None = None
            for pod in pods[start : start + batch]:
                try:
                    self._create(owner, pod)
                    created += 1
                except ApiError as error:
                    problem = problem or error
            if problem is not None:
                expected.creation_seen(count - created)
                return created, problem
            start += batch
            batch *= 2
        return created, None

    def _create(self, owner: Any, pod: Any) -> None:
        try:
            name = self._client.create(pod).metadata.name
        except ApiError as error:
            if is_namespace_terminating(error):
                return  # no pod will ever come of it, and nobody needs to be told
            self._recorder.warning(owner, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.normal(owner, "SuccessfulCreate", f"Created pod: {name}")

    def delete(self, owner: Any, names: Sequence[str], expected: Expectations) -> ApiError | None:
        """Delete pods. Returns the first problem; that one is gone already is none."""
        expected.expect_deletions(names, self._clock.now)
        problem: ApiError | None = None
        for name in names:
            try:
                self._client.delete(Pod, name, owner.metadata.namespace)
            except ApiError as error:
                expected.deletion_seen(name)
                if error.reason != "NotFound":
                    message = f"Error deleting: {error.message}"
                    self._recorder.warning(owner, "FailedDelete", message)
                    problem = problem or error
            else:
                self._recorder.normal(owner, "SuccessfulDelete", f"Deleted pod: {name}")
        return problem
