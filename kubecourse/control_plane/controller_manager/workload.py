"""What the controllers of DaemonSets, StatefulSets and Jobs have in common: owners and their pods.

Source: `pkg/controller/controller_utils.go`, `pkg/controller/controller_ref_manager.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from kubecourse.api import models
from kubecourse.api.labels import selector_from_label_selector
from kubecourse.client import Client, InformerFactory
from kubecourse.client.informer import by_namespace, key_of
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    busy,
    claim,
    controller_of,
    controller_or_namespace,
)
from kubecourse.control_plane.controller_manager.pod_control import Expectations, PodControl

Pod = models.core_v1.Pod
Key = tuple[str, str]


class WorkloadController(ManagedController):
    """Looks at an owner when it or one of its pods has changed."""

    model: ClassVar[type[Any]]
    """The class of the owners."""

    def __init__(self, client: Client, informers: InformerFactory) -> None:
        super().__init__(client, informers)
        self.control = PodControl(client, self.recorder)
        self.owners = informers.informer(self.model, by_namespace)
        self.pods = informers.informer(Pod, controller_or_namespace)
        self.expected: dict[str, Expectations] = {}
        self.subscribe(self.owners, self.owner_changed)
        self.subscribe(self.pods, self.pod_changed)

    def forget(self) -> None:
        self.expected.clear()

    def owner_changed(self, old: Any, new: Any) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self.expected.pop(old.metadata.uid, None)
        if new is not None and new.metadata.uid not in self.expected:
            self.expected[new.metadata.uid] = Expectations()
        self.enqueue(old, new)

    def pod_changed(self, old: Any, new: Any) -> None:
        """A pod has changed: look at its owner, or at those that it might belong to."""
        if not self.expected:
            return  # as nearly always: there is nobody to own it
        pod = new if new is not None else old
        owner = controller_of(pod)
        if old is not None and new is not None:
            former = controller_of(old)
            if former is not owner and former is not None and former.uid in self.expected:
                self.queue.add((pod.metadata.namespace, former.name))
        if owner is None:
            if new is not None and (old is None or old.metadata.labels != new.metadata.labels):
                self._offer(new)
            return
        expected = self.expected.get(owner.uid)
        if expected is None:
            return
        if new is None or new.metadata.deletionTimestamp is not None:
            expected.deletion_seen(pod.metadata.name)
        elif old is None:
            expected.creation_seen()
        self.queue.add_after((pod.metadata.namespace, owner.name), self.patience(owner.uid))

    def patience(self, uid: str) -> float:
        """Seconds for which changes of an owner's pods gather until it is looked at."""
        return busy(len(self.pods_of(uid)))

    def pods_of(self, uid: str) -> Any:
        return self.pods.indexed(controller_or_namespace, uid)

    def _offer(self, pod: Any) -> None:
        """Let every owner that selects a pod that nobody manages look at it."""
        for owner in self.owners.indexed(by_namespace, pod.metadata.namespace):
            if selector_from_label_selector(owner.spec.selector).matches(pod.metadata.labels):
                self.queue.add(key_of(owner))

    def claimed(self, owner: Any, wanted: Callable[[Any], bool]) -> list[Any]:
        """An owner's pods, after adopting those that are `wanted` and releasing others."""
        metadata = owner.metadata
        strays = self.pods.indexed(controller_or_namespace, f"{metadata.namespace}/")
        candidates = [*self.pods_of(metadata.uid), *strays]
        selector = selector_from_label_selector(owner.spec.selector)
        return claim(self.client, owner, selector, candidates, wanted)
