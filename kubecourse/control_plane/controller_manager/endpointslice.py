"""Keeps the addresses of a Service's pods in EndpointSlices.

Source: `pkg/controller/endpointslice/endpointslice_controller.go`,
`staging/src/k8s.io/endpointslice/reconciler.go`, `utils.go`. Unlike there, a pod's change is
carried to the slice that holds the pod; the others are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.api.labels import Selector, selector_from_map
from kubecourse.api.memo import memo
from kubecourse.client.informer import Key, by_label, by_node, by_service, key_of
from kubecourse.control_plane.controller_manager.controller import (
    WRITE_TIME,
    ManagedController,
    busy,
)
from kubecourse.control_plane.controller_manager.endpoints import (
    MANAGED_BY,
    MANAGER,
    ZONE,
    Place,
    place_of,
)
from kubecourse.control_plane.controller_manager.pods import is_ready
from kubecourse.control_plane.controller_manager.service_slices import ServiceSlices

core = models.core_v1
_selector = memo(selector_from_map)


class EndpointSliceController(ManagedController):
    """For each Service with a selector, slices of at most 100 endpoints each."""

    name = "endpointslice-controller"

    def listen(self) -> None:
        self.objects = self.follow(core.Service, self._service_changed, by_selected_label)
        self._pods = self.follow(core.Pod, self._pod_changed, by_label, by_node)
        self._nodes = self.follow(core.Node, self._node_changed)
        slices = models.discovery_v1.EndpointSlice
        self._slices = self.follow(slices, self._slice_changed, by_own_service)

    def forget(self) -> None:
        self._states: dict[Key, ServiceSlices] = {}

    def _service_changed(self, old: Any, new: Any) -> None:
        key = key_of(new if new is not None else old)
        state = self._states.get(key)
        if state is not None:
            state.stale = True
        self.queue.add(key)

    def _pod_changed(self, old: Any, new: Any) -> None:
        if not ((old is not None and old.status.podIPs) or (new is not None and new.status.podIPs)):
            return  # without an address it was and is nobody's endpoint
        if old is not None and new is not None and not _matters(old, new):
            return
        self._mark(new if new is not None else old)
        if old is not None and new is not None and old.metadata.labels != new.metadata.labels:
            self._mark(old)

    def _mark(self, pod: Any) -> None:
        """Let the services that select a pod look at it again, together with others."""
        namespace, labels = pod.metadata.namespace, pod.metadata.labels
        for label, value in labels.items() if labels and len(self.objects) else ():
            index = f"{namespace}/{label}={value}"
            for service in self.objects.indexed(by_selected_label, index):
                key = (namespace, service.metadata.name)
                state = self._states.get(key)
                if state is not None and _selector(service.spec.selector).matches(labels):
                    state.changed[pod.metadata.name] = None
                    wait = max(busy(state.size), state.busy_until - self.clock.now)
                    self.queue.add_after(key, wait)

    def _node_changed(self, old: Any, new: Any) -> None:
        """A zone is part of an endpoint, and a node that is not there is no place for one."""
        if old is not None and new is not None and zone_of(old) == zone_of(new):
            return
        node = new if new is not None else old
        for pod in self._pods.indexed(by_node, node.metadata.name):
            self._mark(pod)

    def _slice_changed(self, old: Any, new: Any) -> None:
        """Somebody else touched a slice: look at the whole service again."""
        obj = new if new is not None else old
        for service in by_own_service(obj):
            namespace, _, name = service.partition("/")
            state = self._states.get((namespace, name))
            if state is not None and state.absorb(obj, deleted=new is None):
                self.queue.add((namespace, name))

    def reconcile(self, key: Key) -> None:
        service = self.objects.get(*key)
        if service is None or service.spec.selector is None:
            self._states.pop(key, None)
            return
        selector = _selector(service.spec.selector)
        state = self._states.get(key)
        if state is None:
            state = ServiceSlices(self.client, self._slices.indexed(by_own_service, "/".join(key)))
            self._states[key] = state
        if state.stale:
            pods = self._pods.select(key[0], selector)
            state.begin_again(service, [pod.metadata.name for pod in pods])
        places = {pod: self._place(service, selector, key[0], pod) for pod in state.changed}
        try:
            writes = state.settle(service, places)
        except ApiError:
            del self._states[key]  # what is stored is not what we thought: begin with that
            raise
        # The API server's answers take their time; meanwhile changes gather for the next turn.
        state.busy_until = self.clock.now + writes * WRITE_TIME

    def _place(self, service: Any, selector: Selector, namespace: str, name: str) -> Place:
        pod = self._pods.get(namespace, name)
        if pod is None or not selector.matches(pod.metadata.labels):
            return {}
        node = self._nodes.get(None, pod.spec.nodeName or "")
        if node is None and not service.spec.publishNotReadyAddresses:
            return {}
        return place_of(service, pod, zone_of(node) if node is not None else None)


def by_selected_label(service: Any) -> list[str]:
    """Index: one label that every pod of a service has, as `namespace/key=value`."""
    for key, value in (service.spec.selector or {}).items():
        return [f"{service.metadata.namespace}/{key}={value}"]
    return []


def by_own_service(obj: Any) -> Iterable[str]:
    """Index: the same for the slices that this controller keeps."""
    mine = (obj.metadata.labels or {}).get(MANAGED_BY) == MANAGER
    return by_service(obj) if mine else ()


def zone_of(node: Any) -> str | None:
    """The zone that a node is labelled with."""
    return (node.metadata.labels or {}).get(ZONE)


def _matters(old: Any, new: Any) -> bool:
    before, after = old.metadata, new.metadata
    if (
        before.labels is not after.labels
        or before.deletionTimestamp is not after.deletionTimestamp
        or before.uid != after.uid
        or old.spec.nodeName != new.spec.nodeName
    ):
        return True
    was, now = old.status, new.status
    return was is not now and (
        was.podIPs != now.podIPs or was.phase != now.phase or is_ready(old) != is_ready(new)
    )
