"""Pods that use what they are told to, and what becomes of them."""

from __future__ import annotations

from typing import Any

from kubecourse.api import models
from kubecourse.api import yaml as files
from kubecourse.api.demand import PREFIX
from kubecourse.cluster import Cluster
from kubecourse.lessons.recording import FAILED, PENDING, READY, Recording
from kubecourse.lessons.widgets.timeline import Track

core = models.core_v1


def pod(
    name: str,
    requests: dict[str, str],
    limits: dict[str, str],
    demand: dict[str, str] | None = None,
    **spec: Any,
) -> str:
    """A pod as YAML, without what is not said (""). `demand` is what its program will use."""
    container: dict[str, Any] = {"name": name, "image": "nginx:1.27"}
    sides = {"requests": requests, "limits": limits}
    said = {side: {k: v for k, v in each.items() if v} for side, each in sides.items()}
    if resources := {side: each for side, each in said.items() if each}:
        container["resources"] = resources
    metadata: dict[str, Any] = {"name": name}
    if demand:
        metadata["annotations"] = {f"{PREFIX}{key}": value for key, value in demand.items()}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    return str(files.dump(made | {"spec": {**spec, "containers": [container]}}))


def web(replicas: int, **container: Any) -> str:
    """A Deployment `web` of `web:1`, with fields of its container, and a Service, as YAML."""
    labels = {"app": "web"}
    made = {"name": "web", "image": "web:1", "ports": [{"containerPort": 8080}]} | container
    spec = {"metadata": {"labels": labels}, "spec": {"containers": [made]}}
    wanted = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": spec}
    ports = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    objects = (("apps/v1", "Deployment", wanted), ("v1", "Service", ports))
    return "---\n".join(
        files.dump({"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec})
        for version, kind, spec in objects
    )


def ready_steps(recording: Recording, start: float, end: float) -> list[tuple[float, float]]:
    """Steps: how many pods of a recording are Ready, from a second on, for so many seconds."""
    points: list[tuple[float, float]] = []
    for count in recording.counts:
        if points:
            points.append((count.time - start, points[-1][1]))
        points.append((count.time - start, count.pods[READY]))
    return [*points, (end, points[-1][1])]


class Life:
    """Hears what a pod's container is doing from now on, and how often it was OOM-killed."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._clock, self._pod, self._start = cluster.clock, name, cluster.now
        self.track, self.kills = Track(), 0
        cluster.client.watch(core.Pod, self._changed, "default")

    def _changed(self, changes: list[Any]) -> None:
        for _, seen in changes:
            if seen.metadata.name == self._pod:
                self._status(seen.status)

    def _status(self, status: Any) -> None:
        at, containers = self._clock.now - self._start, status.containerStatuses
        if status.phase == "Failed":
            self.track.set(at, FAILED, status.reason or status.phase)
            return
        state = containers[0].state if containers else None
        if state is None or state.running is not None:
            self.track.set(at, READY if state else PENDING, status.phase)
            return
        why = (state.waiting or state.terminated).reason
        self.track.set(at, PENDING if state.waiting else FAILED, why)
        self.kills += why == "OOMKilled"
