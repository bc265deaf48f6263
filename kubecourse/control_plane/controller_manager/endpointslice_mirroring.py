"""Writes slices for the Endpoints that people keep themselves, of Services without a selector.

Source: `pkg/controller/endpointslicemirroring`. What carries traffic reads slices only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client.informer import SERVICE_NAME, Key, by_service, key_of
from kubecourse.control_plane.controller_manager.controller import (
    ManagedController,
    is_namespace_terminating,
    owned_by,
)
from kubecourse.control_plane.controller_manager.endpoints import TRIGGERED
from kubecourse.control_plane.controller_manager.service_pods import Port
from kubecourse.control_plane.controller_manager.slice_content import (
    MANAGED_BY,
    Group,
    group_of,
    ports_in,
)

core, discovery = models.core_v1, models.discovery_v1

MIRROR = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ADDRESSES = 1000
"""How many addresses of a subset are mirrored."""

_TOO_MANY = (
    "A max of {} addresses can be mirrored to EndpointSlices per Endpoints subset. "
    "{} addresses were skipped"
)


class EndpointSliceMirroringController(ManagedController):
    """For each such Endpoints, a slice for each address family and set of ports."""

    name = "endpointslice-mirroring-controller"

    def listen(self) -> None:
        self.objects = self.follow(core.Endpoints, self._endpoints_changed)
        self._services = self.follow(core.Service, self._service_changed)
        self._slices = self.follow(discovery.EndpointSlice, self._slice_changed, by_mirrored)

    def _endpoints_changed(self, old: Any, new: Any) -> None:
        if any(each is not None and is_mirrored(each) for each in (old, new)):
            self.queue.add(key_of(new if new is not None else old))

    def _service_changed(self, old: Any, new: Any) -> None:
        alone = [each is not None and each.spec.selector is None for each in (old, new)]
        if alone[0] != alone[1]:
            self.queue.add(key_of(new if new is not None else old))

    def _slice_changed(self, old: Any, new: Any) -> None:
        obj = new if new is not None else old
        for service in by_mirrored(obj):
            namespace, _, name = service.partition("/")
            self.queue.add((namespace, name))

    def reconcile(self, key: Key) -> None:
        endpoints: Any = self.objects.get(*key)
        service = self._services.get(*key)
        there = list(self._slices.indexed(by_mirrored, "/".join(key)))
        wanted: dict[Group, list[Any]] = {}
        alone = service is not None and service.spec.selector is None
        if alone and endpoints is not None and is_mirrored(endpoints):
            wanted, skipped = mirrored(endpoints)
            if skipped:
                text = _TOO_MANY.format(MAX_ADDRESSES, skipped)
                self.recorder.event(endpoints, "Warning", "TooManyAddressesToMirror", text)
        spare: list[Any] = []
        for obj in there:
            members = wanted.pop(group_of(obj), None)
            if members is None:
                spare.append(obj)
            else:
                self._update(endpoints, obj, obj.ports, members)
        for group, members in wanted.items():
            ports = ports_in(group[1])
            old = next((each for each in spare if each.addressType == group[0]), None)
            if old is not None:
                spare.remove(old)
                self._update(endpoints, old, ports, members)
            elif endpoints.metadata.deletionTimestamp is None:
                self._create(endpoints, group[0], ports, members)
        for obj in spare:
            self.discard(obj)

    def _update(self, endpoints: Any, obj: Any, ports: Any, members: list[Any]) -> None:
        metadata = replace(obj.metadata, **_passed_on(endpoints))
        new = replace(obj, metadata=metadata, ports=ports, endpoints=members)
        if new != obj:
            self.client.update(new)

    def _create(self, endpoints: Any, family: str, ports: Any, members: list[Any]) -> None:
        prefix = f"{endpoints.metadata.name}-"
        metadata = owned_by(endpoints, generateName=prefix, **_passed_on(endpoints))
        try:
            self.client.create(
                discovery.EndpointSlice(
                    metadata=metadata, addressType=family, ports=ports, endpoints=members
                )
            )
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise


def is_mirrored(endpoints: Any) -> bool:
    """Whether nobody has asked to leave them alone."""
    labels, annotations = endpoints.metadata.labels or {}, endpoints.metadata.annotations or {}
    return labels.get(SKIP) != "true" and LEADER not in annotations


def mirrored(endpoints: Any) -> tuple[dict[Group, list[Any]], int]:
    """Its endpoints by what they have in common, and how many addresses were too many."""
    found: dict[Group, list[Any]] = {}
    skipped = 0
    for subset in endpoints.subsets or ():
        ports = tuple(
            Port(port.name or "", port.protocol or "TCP", port.port, port.appProtocol)
            for port in subset.ports or ()
        )
        addresses = [(each, True) for each in subset.addresses or ()]
        addresses += [(each, False) for each in subset.notReadyAddresses or ()]
        skipped += len(addresses[MAX_ADDRESSES:])
        for each, ready in addresses[:MAX_ADDRESSES]:
            family = "IPv6" if ":" in each.ip else "IPv4"
            found.setdefault((family, ports), []).append(
                discovery.Endpoint(
                    addresses=[each.ip],
                    conditions=discovery.EndpointConditions(ready=ready),
                    hostname=each.hostname or None,
                    nodeName=each.nodeName,
                    targetRef=each.targetRef,
                )
            )
    return found, skipped


def _passed_on(endpoints: Any) -> dict[str, Any]:
    """What slices say of the object that they mirror."""
    metadata = endpoints.metadata
    own = {SERVICE_NAME: metadata.name, MANAGED_BY: MIRROR}
    annotations = {
        key: value
        for key, value in (metadata.annotations or {}).items()
        if key not in (TRIGGERED, LAST_APPLIED)
    }
    return {"labels": {**(metadata.labels or {}), **own}, "annotations": annotations or None}


def by_mirrored(obj: Any) -> Iterable[str]:
    """Index: the Endpoints that a slice of this controller mirrors."""
    mine = (obj.metadata.labels or {}).get(MANAGED_BY) == MIRROR
    return by_service(obj) if mine else ()
