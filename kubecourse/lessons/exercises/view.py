"""What a check may see: the objects of one namespace, and the nodes. It cannot change them."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from kubecourse.api import conditions, models
from kubecourse.api.errors import ApiError
from kubecourse.api.pod_resources import Amounts
from kubecourse.api.pod_resources import amounts as resources
from kubecourse.api.quantity import parse_quantity as Q
from kubecourse.lessons.exercises.verdict import NoAnswer, Removed, Verdict, unclear, wrong

T = TypeVar("T")
apps, core, discovery = models.apps_v1, models.core_v1, models.discovery_v1

GIVEN = "kubecourse/given"
"""Annotation of an exercise's namespace: the uids of what was prepared in it."""

UNPULLABLE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")


class Reader(Protocol):
    """A connection to an API server; `kubecourse.client.Client` is one."""

    def get(self, cls: type[T], name: str, namespace: str | None = None) -> T:
        """One object; raises ApiError."""

    def list(
        self, cls: type[T], namespace: str | None = None, labels: str | None = None
    ) -> builtins.list[T]:
        """All objects of a kind, in a namespace or (None) in all; raises ApiError."""


class View:
    """A namespace as an API server shows it.

    `cluster` is the whole of it, for checks that try something on a copy.
    """

    def __init__(
        self, reader: Reader, namespace: str, answer: str = "", cluster: Any = None
    ) -> None:
        self.namespace = namespace
        self.cluster = cluster
        self._answer = answer
        self._reader = reader

    @property
    def answer(self) -> str:
        """What the learner passed to `check()`. Raises NoAnswer."""
        if not self._answer:
            raise NoAnswer
        return self._answer

    def get(self, cls: type[Any], name: str) -> Any:
        """An object of the namespace (or, for a kind without one, of the cluster), or None."""
        try:
            return self._reader.get(
                cls, name, None if cls in (core.Node, core.Namespace) else self.namespace
            )
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    def list(self, cls: type[Any], labels: Mapping[str, str] | None = None) -> builtins.list[Any]:
        """The namespace's objects of a kind, or those with certain labels."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        return self._reader.list(
            cls, None if cls is core.Node else self.namespace, selector or None
        )

    def elsewhere(self, cls: type[Any], name: str) -> str:
        """Another namespace that has an object of this kind and name, or an empty string."""
        found: Iterable[Any] = self._reader.list(cls)
        return next(
            (
                obj.metadata.namespace
                for obj in found
                if obj.metadata.name == name and obj.metadata.namespace != self.namespace
            ),
            "",
        )

    def in_default(self, cls: type[Any]) -> bool:
        """Whether there is one in `default`, where an object goes whose author named no place."""
        return any(obj.metadata.namespace == "default" for obj in self._reader.list(cls))

    def prepared(self, cls: type[Any], name: str) -> Any:
        """An object that the exercise began with. Raises Removed."""
        found = self.get(cls, name)
        if found is None:
            raise Removed(cls.__name__, name)
        return found

    def deployment(self, name: str) -> Any:
        """A Deployment that the exercise began with. Raises Removed."""
        return self.prepared(apps.Deployment, name)

    def leases(self, namespace: str) -> builtins.list[Any]:
        """The leases of another namespace: who leads, and which nodes were heard of."""
        return self._reader.list(models.coordination_v1.Lease, namespace)

    def pods(self, labels: Mapping[str, str] | None = None) -> builtins.list[Any]:
        """The pods, without those that are ending."""
        return [pod for pod in self.list(core.Pod, labels) if not pod.metadata.deletionTimestamp]

    def served(self, service: str) -> builtins.list[Any]:
        """The pods that a Service sends requests to."""
        labels = {"kubernetes.io/service-name": service}
        names = {
            endpoint.targetRef.name
            for piece in self.list(discovery.EndpointSlice, labels)
            for endpoint in piece.endpoints or ()
            if endpoint.targetRef and endpoint.conditions and endpoint.conditions.ready
        }
        return [pod for pod in self.pods() if pod.metadata.name in names]

    def is_given(self, obj: Any) -> bool:
        """Whether an object is one of those that were prepared, and not a new one of its name."""
        namespace = self.get(core.Namespace, self.namespace)
        annotations = (namespace and namespace.metadata and namespace.metadata.annotations) or {}
        try:
            return obj.metadata.uid in json.loads(annotations.get(GIVEN, "[]"))
        except (ValueError, TypeError):
            return False

    def keeps_pods(self, deployment: Any) -> bool:
        """Whether all pods of a Deployment are those that were prepared."""
        return all(map(self.is_given, self.pods(selector(deployment))))

    def rollout(self, deployment: Any) -> Verdict | None:
        """Why a Deployment is not all there yet; None if it is."""
        wanted, status = replicas(deployment), deployment.status
        labels = selector(deployment)
        pods = self.pods(labels) if labels else []
        seen = ((status and status.observedGeneration) or 0) >= (
            deployment.metadata.generation or 0
        )
        if (
            seen
            and status is not None
            and (
                (status.updatedReplicas or 0)
                == (status.replicas or 0)
                == (status.availableReplicas or 0)
                == wanted
            )
        ):
            return None
        return (seen and trouble(pods)) or unclear("waiting")


# --- reading objects; most of their fields may be left out


def replicas(deployment: Any) -> int:
    """How many pods a Deployment wants."""
    return 1 if deployment.spec.replicas is None else deployment.spec.replicas


def selector(workload: Any) -> dict[str, str]:
    """The labels that a Deployment counts by."""
    return dict(workload.spec.selector.matchLabels or {})


def labels_of(obj: Any) -> dict[str, str]:
    """An object's labels, or a pod template's."""
    return dict((obj.metadata and obj.metadata.labels) or {})


def image(obj: Any) -> str:
    """The first container's image, of a pod or of a Deployment's pods."""
    return container(obj).image or ""


def container(obj: Any) -> Any:
    """The first container of a pod, or of a Deployment's pods."""
    template = getattr(obj.spec, "template", None)
    return (template.spec if template else obj.spec).containers[0]


def is_ready(obj: Any) -> bool:
    """Whether a pod or a node is ready."""
    return obj.status is not None and conditions.is_true(obj.status.conditions, "Ready")


def is_owned(pod: Any) -> bool:
    """Whether a controller counts this pod."""
    return any(owner.controller for owner in pod.metadata.ownerReferences or ())


def trouble(pods: Iterable[Any]) -> Verdict | None:
    """What keeps pods from becoming ready and does not pass by itself."""
    for pod in pods:
        status = pod.status
        for state in (status and status.containerStatuses) or ():
            waiting = state.state and state.state.waiting
            reason = (waiting and waiting.reason) or ""
            if reason in UNPULLABLE:
                return wrong("any.unpullable", pod=pod.metadata.name, image=state.image)
            if reason == "CrashLoopBackOff" or (state.restartCount or 0) > 1:
                return wrong("any.crashing", pod=pod.metadata.name)
        scheduled = conditions.get(status.conditions if status else None, "PodScheduled")
        if scheduled is not None and scheduled.status == "False":
            return wrong("any.unschedulable", pod=pod.metadata.name, why=scheduled.message or "")
    return None


def reaches(port: Any, pod: Any, wanted: int) -> bool:
    """Whether a Service's port leads to a port of a pod; a name stands for one of the pod's."""
    target = port.port if port.targetPort is None else port.targetPort
    ports = {one.name: one.containerPort for one in container(pod).ports or () if one.name}
    return ports.get(str(target), target) == wanted


def in_words(labels: Mapping[str, str]) -> str:
    """Labels as kubectl writes them."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def amounts(obj: Any) -> tuple[Amounts, Amounts]:
    """What the first container of a pod or of a Deployment's pods requests, and its limits."""
    needs = container(obj).resources
    return resources(needs, "requests"), resources(needs, "limits")


def given(**quantities: str) -> Amounts:
    """Amounts as they are written: `given(cpu="250m")`."""
    return {name: Q(text) for name, text in quantities.items()}
