"""Exercises on a cluster: each has a namespace of its own, `ex-<name>`, or a whole cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.cloud import Fleet, Pool
from kubecourse.cluster import Cluster, CourseError
from kubecourse.lessons.exercises.exercise import Task
from kubecourse.lessons.exercises.verdict import Verdict, unclear
from kubecourse.lessons.exercises.view import GIVEN, View
from kubecourse.tools import helm
from kubecourse.tools.sources import manifest

core = models.core_v1
LABEL = "kubecourse/exercise"
"""Label of an exercise's namespace: nothing else is ever deleted by `reset()`."""
PAUSE = 15.0
"""Seconds after each step of what is prepared."""


class Lab(Protocol):
    """What an exercise needs of a cluster; `kubecourse.Cluster` has it."""

    client: Any

    def run(self, command: str, stdin: str | None = None) -> Any:
        """Run a kubectl command without printing anything."""

    def give_time(self, seconds: float) -> None:
        """Let what was asked for happen, for as long at most."""


class OnCluster:
    """Where the exercises of a chapter take place, if that is a cluster."""

    kind = "namespace"

    def __init__(self, cluster: Lab) -> None:
        self._cluster = cluster

    def scope(self) -> Mapping[str, Any]:
        """What the names in a solution mean."""
        return {"cluster": self._cluster}

    def name(self, task: Task) -> str:
        return task.namespace

    def verdict(self, task: Task, answer: str) -> Verdict:
        try:
            if not self.is_prepared(task):
                no_helm = any(map(_is_helm, task.setup)) and not helm.available()
                return unclear("no_helm" if no_helm else "gone", name=task.name)
            return task.judge(View(self._cluster.client, task.namespace, answer, self._cluster))
        except (ApiError, CourseError) as error:
            return unclear("refused", why=str(error))

    def clear(self, task: Task) -> None:
        """Delete the exercise's namespace, if it is one."""
        found = self._namespace(task)
        if found is not None and LABEL in (found.metadata.labels or {}):
            self._cluster.run(f"delete namespace {task.namespace}")
            self._cluster.give_time(PAUSE)

    def prepare(self, task: Task) -> None:
        """Make the exercise's namespace and what is in it, if it is not there."""
        if self.is_prepared(task):
            return
        name, client = task.namespace, self._cluster.client
        if self._namespace(task) is None:
            labels = {LABEL: task.name}
            client.create(
                core.Namespace(metadata=models.meta_v1.ObjectMeta(name=name, labels=labels))
            )
        for step in task.setup:
            if not self._take(task, step.replace("{last_node}", self._last_node())):
                return
        view = View(client, name)
        given = [
            obj.metadata.uid
            for kind in (models.apps_v1.Deployment, core.Pod, core.Service)
            for obj in view.list(kind)
        ]
        made = client.get(core.Namespace, name)
        annotations = (made.metadata.annotations or {}) | {GIVEN: json.dumps(given)}
        client.update(replace(made, metadata=replace(made.metadata, annotations=annotations)))
        exec(task.breaks, dict(self.scope()))

    def is_prepared(self, task: Task) -> bool:
        found = self._namespace(task)
        return found is not None and GIVEN in (found.metadata.annotations or {})

    def _take(self, task: Task, step: str) -> bool:
        """A step of what is prepared: a manifest, a kubectl command, or one of Helm's.

        False where there is no Helm.
        """
        command, stdin = (step, None) if "\n" not in step else manifest(step)
        here = f"{command} --namespace {task.namespace}"
        cluster: Any = self._cluster
        output = helm.run(cluster, here) if _is_helm(step) else cluster.run(here, stdin)
        if output.stderr == helm.MISSING:
            return False
        if output.code:
            raise RuntimeError(f"{task.name}: {command}: {output.stderr}")
        self._cluster.give_time(PAUSE)
        return True

    def _last_node(self) -> str:
        nodes = [node.metadata.name for node in self._cluster.client.list(core.Node)]
        return nodes[-1] if nodes else ""

    def _namespace(self, task: Task) -> Any:
        try:
            return self._cluster.client.get(core.Namespace, task.namespace)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise


def _is_helm(step: str) -> bool:
    return step.startswith("helm ")


class OwnCluster(OnCluster):
    """A cluster that one exercise has to itself, since it breaks machines."""

    kind = "cluster"

    def __init__(self) -> None:
        self._made = False

    def name(self, task: Task) -> str:
        return f"ex.{task.name}.cluster"

    def is_prepared(self, task: Task) -> bool:
        """Asked of nobody: its API server may be what is broken."""
        return self._made

    def prepare(self, task: Task) -> None:
        if not self._made:
            given = dict(task.cluster or {})
            pools = given.pop("pools", ())
            self._cluster = Cluster(**given)
            if pools:
                Fleet(self._cluster, [msgspec.convert(pool, Pool) for pool in pools])
            super().prepare(task)
            self._made = True

    def clear(self, task: Task) -> None:
        """The next one is new."""
        self._made = False
