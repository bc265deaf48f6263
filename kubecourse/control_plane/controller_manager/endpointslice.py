"""Keeps the addresses of a Service's pods in EndpointSlices.

Source: `pkg/controller/endpointslice/endpointslice_controller.go`,
`staging/src/k8s.io/endpointslice/reconciler.go`, `utils.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubecourse.api import models
from kubecourse.client.informer import Key, by_node, by_service
from kubecourse.control_plane.controller_manager.service_pods import ServicePods
from kubecourse.control_plane.controller_manager.service_slices import ServiceSlices
from kubecourse.control_plane.controller_manager.slice_content import (
    MANAGED_BY,
    MANAGER,
    ZONE,
    Place,
    place_of,
)

core = models.core_v1


class EndpointSliceController(ServicePods):
    """For each Service with a selector, slices of at most 100 endpoints each."""

    name = "endpointslice-controller"

    def listen(self) -> None:
        super().listen()
        self.pods.add_index(by_node)
        self._nodes = self.follow(core.Node, self._node_changed)
        slices = models.discovery_v1.EndpointSlice
        self._slices = self.follow(slices, self._slice_changed, by_own_service)

    def _node_changed(self, old: Any, new: Any) -> None:
        """A zone is part of an endpoint, and a node that is not there is no place for one."""
        if old is not None and new is not None and zone_of(old) == zone_of(new):
            return
        node = new if new is not None else old
        for pod in self.pods.indexed(by_node, node.metadata.name):
            self.mark(pod)

    def _slice_changed(self, old: Any, new: Any) -> None:
        """Somebody else touched a slice: look at the whole service again."""
        obj = new if new is not None else old
        for service in by_own_service(obj):
            namespace, _, name = service.partition("/")
            self.written((namespace, name), obj, deleted=new is None)

    def begin(self, key: Key) -> ServiceSlices:
        return ServiceSlices(self.client, self._slices.indexed(by_own_service, "/".join(key)))

    def place(self, service: Any, pod: Any) -> Place:
        node = self._nodes.get(None, pod.spec.nodeName or "")
        if node is None and not service.spec.publishNotReadyAddresses:
            return {}
        return place_of(service, pod, zone_of(node) if node is not None else None)


def by_own_service(obj: Any) -> Iterable[str]:
    """Index: the Service of a slice that this controller keeps."""
    mine = (obj.metadata.labels or {}).get(MANAGED_BY) == MANAGER
    return by_service(obj) if mine else ()


def zone_of(node: Any) -> str | None:
    """The zone that a node is labelled with."""
    return (node.metadata.labels or {}).get(ZONE)
