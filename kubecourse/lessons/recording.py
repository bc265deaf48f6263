"""What happened to some pods, as pictures need it: who was in which state from when to when.

A recording listens at the API server like any other client, so it sees what kubectl would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubecourse.api import conditions, models
from kubecourse.api.labels import parse_selector

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

core, apps = models.core_v1, models.apps_v1

PENDING, RUNNING, READY, TERMINATING, FAILED = (
    "Pending",
    "Running",
    "Ready",
    "Terminating",
    "Failed",
)
STATES = (READY, RUNNING, PENDING, TERMINATING, FAILED)
"""What a pod is doing, best first: Ready, Running but not ready, Pending, Terminating, Failed."""

_BAD_REASONS = {
    "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull",
    "ErrImagePull", "Error", "ImagePullBackOff", "InvalidImageName", "OOMKilled",
    "RunContainerError",
}  # fmt: skip


def state_of(pod: Any) -> str:
    """What a pod is doing, from its API object alone."""
    if pod.metadata.deletionTimestamp is not None:
        return TERMINATING
    if pod.status.phase == "Failed":
        return FAILED
    for container in pod.status.containerStatuses or ():
        state = container.state
        reason = None if state is None else (state.waiting or state.terminated)
        if reason is not None and reason.reason in _BAD_REASONS:
            return FAILED
    if conditions.is_true(pod.status.conditions, "Ready"):
        return READY
    return RUNNING if pod.status.phase == "Running" else PENDING


@dataclass(slots=True)
class Segment:
    """A pod in one state, from `start` to `end` (virtual seconds; None: still).

    `revision` is the pod-template-hash: pods of one ReplicaSet share it.
    """

    pod: str
    revision: str
    state: str
    start: float
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many pods of each state there were from second `time` on, and how many were wanted."""

    time: float
    desired: int
    pods: dict[str, int]

    @property
    def actual(self) -> int:
        """Pods that count: all but the terminating."""
        return sum(number for state, number in self.pods.items() if state != TERMINATING)


class Recording:
    """Everything that happens to a Deployment's pods from now on.

    `segments`: one for each state that each pod was in, in order of their beginnings.
    `counts`: a line for each moment at which a number changed.
    """

    def __init__(self, cluster: Cluster, name: str, namespace: str = "default") -> None:
        self._clock = cluster.clock
        self._name = name
        self._current: dict[str, Segment] = {}
        self._numbers = dict.fromkeys(STATES, 0)
        self._desired = 0
        self.segments: list[Segment] = []
        self.counts: list[Count] = []
        deployment: Any = cluster.client.get(apps.Deployment, name, namespace)
        wanted = deployment.spec.selector.matchLabels or {}
        selector = parse_selector(",".join(f"{key}={value}" for key, value in wanted.items()))
        self._streams = [
            cluster.client.watch(apps.Deployment, self._deployments, namespace),
            cluster.client.watch(core.Pod, self._pods, namespace, selector),
        ]
        cluster.advance(0.002)  # what exists already arrives

    def stop(self) -> None:
        """Listen no longer."""
        for stream in self._streams:
            stream.stop()

    def _deployments(self, changes: list[Any]) -> None:
        for kind, deployment in changes:
            if deployment.metadata.name == self._name:
                self._desired = 0 if kind == "DELETED" else deployment.spec.replicas
        self._count()

    def _pods(self, changes: list[Any]) -> None:
        for kind, pod in changes:
            self._pod(pod, None if kind == "DELETED" else state_of(pod))
        self._count()

    def _pod(self, pod: Any, state: str | None) -> None:
        name = pod.metadata.name
        current = self._current.get(name)
        if current is not None:
            if current.state == state:
                return
            current.end = self._clock.now
            self._numbers[current.state] -= 1
            del self._current[name]
        if state is not None:
            revision = (pod.metadata.labels or {}).get("pod-template-hash", "")
            segment = Segment(name, revision, state, self._clock.now)
            self._current[name] = segment
            self._numbers[state] += 1
            self.segments.append(segment)

    def _count(self) -> None:
        count = Count(self._clock.now, self._desired, dict(self._numbers))
        if self.counts and self.counts[-1].time == count.time:
            self.counts.pop()
        last = self.counts[-1] if self.counts else None
        if last is None or (last.desired, last.pods) != (count.desired, count.pods):
            self.counts.append(count)
