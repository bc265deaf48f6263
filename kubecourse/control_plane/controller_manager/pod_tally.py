"""The pods of a ReplicaSet, counted one by one as they change rather than all anew."""

from __future__ import annotations

from typing import Any, NamedTuple

from kubecourse.api.labels import selector_from_label_selector, selector_from_map
from kubecourse.control_plane.controller_manager.pod_control import Expectations
from kubecourse.control_plane.controller_manager.pods import FINISHED, is_ready

ACTIVE, LABELLED, READY, TERMINATING = 1, 2, 4, 8


class Counts(NamedTuple):
    """The pods of a ReplicaSet, as its status tells of them."""

    replicas: int
    labelled: int
    ready: int
    available: int


class Tally:
    """The pods that one ReplicaSet manages, counted, and what it waits for."""

    __slots__ = (
        "active", "busy_until", "expected", "labelled", "pods", "ready", "terminating", "unclaimed",
    )  # fmt: skip

    def __init__(self) -> None:
        self.expected = Expectations()
        self.busy_until = 0.0  # when the last status will have been written
        self.unclaimed = True  # pods may be there to adopt or to release
        self.clear()

    def clear(self) -> None:
        self.pods: dict[str, int] = {}
        self.active = self.labelled = self.ready = self.terminating = 0

    def put(self, name: str, state: int) -> bool:
        """Note a pod's state, 0 if it is gone. Returns whether that changed a count."""
        before = self.pods.get(name, 0)
        if state == before:
            return False
        if state:
            self.pods[name] = state
        else:
            del self.pods[name]
        changed = before ^ state
        if changed & ACTIVE:
            self.active += 1 if state & ACTIVE else -1
        if changed & LABELLED:
            self.labelled += 1 if state & LABELLED else -1
        if changed & READY:
            self.ready += 1 if state & READY else -1
        if changed & TERMINATING:
            self.terminating += 1 if state & TERMINATING else -1
        return True


def state_of(pod: Any, replicaset: Any, tally: Tally) -> int:
    """What a managed pod counts as. Notes it where the pod is no longer selected."""
    metadata = pod.metadata
    if pod.status.phase in FINISHED:
        return 0
    labels = metadata.labels
    wanted = replicaset.spec.template.metadata.labels
    same = labels is wanted or labels == wanted
    if not same and not selector_from_label_selector(replicaset.spec.selector).matches(labels):
        tally.unclaimed = True
        if metadata.deletionTimestamp is not None:
            return 0
    if metadata.deletionTimestamp is not None:
        return TERMINATING
    labelled = same or selector_from_map(wanted).matches(labels)
    return ACTIVE | (LABELLED if labelled else 0) | (READY if is_ready(pod) else 0)
