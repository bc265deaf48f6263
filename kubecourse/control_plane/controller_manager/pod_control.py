"""Creating and deleting the pods of an owner, and telling of it in events.

Source: `pkg/controller/controller_utils.go` (RealPodControl, slowStartBatch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client import Client, EventRecorder
from kubecourse.control_plane.controller_manager.controller import (
    controller_reference,
    is_namespace_terminating,
)
from kubecourse.control_plane.controller_manager.expectations import Expectations

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
