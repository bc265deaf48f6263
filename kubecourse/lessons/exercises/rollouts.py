"""What happened during a rollout, as far as the API still tells."""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.lessons.exercises.view import View, image, selector

core = models.core_v1


def fewest_ready(view: View, deployment: Any) -> int | None:
    """How few pods were ready during the last rollout, or None if its events are gone.

    Each time that old pods were taken away, the deployment controller left an event; how many
    new ones were ready by then, they say themselves.
    """
    pods = [pod for pod in view.pods(selector(deployment)) if image(pod) == image(deployment)]
    began = min((pod.metadata.creationTimestamp for pod in pods), default=None)
    ready = [
        condition.lastTransitionTime
        for pod in pods
        for condition in pod.status.conditions or ()
        if condition.type == "Ready" and condition.lastTransitionTime
    ]
    left = []
    for event in view.list(core.Event):
        words = (event.message or "").split()
        if (
            event.reason == "ScalingReplicaSet"
            and event.involvedObject.uid == deployment.metadata.uid
            and words[:2] == ["Scaled", "down"]
            and words[-1].isdigit()
            and event.lastTimestamp
            and began
            and event.lastTimestamp >= began
        ):
            left.append(int(words[-1]) + sum(time <= event.lastTimestamp for time in ready))
    return min(left, default=None)
