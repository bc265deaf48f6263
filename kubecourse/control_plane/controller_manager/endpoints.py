"""Keeps the addresses of a Service's pods in one object of its name, as was done before slices.

Sources: `pkg/controller/endpoint/endpoints_controller.go`, `pkg/api/v1/endpoints/util.go`,
`staging/src/k8s.io/endpointslice/trigger_time_tracker.go`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.conditions import get as condition
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Client
from kubecourse.client.informer import Key, key_of
from kubecourse.control_plane.controller_manager.controller import is_namespace_terminating
from kubecourse.control_plane.controller_manager.pods import FINISHED, is_ready
from kubecourse.control_plane.controller_manager.service_pods import (
    HEADLESS,
    Port,
    ServicePods,
    is_headless,
    is_named,
    ports_of,
)

core = models.core_v1

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"
TRIGGERED = "endpoints.kubernetes.io/last-change-trigger-time"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MAX_ADDRESSES = 1000


class Place(NamedTuple):
    """A pod's address, the ports that it has there, and whether it takes requests."""

    ip: str
    uid: str
    ready: bool
    ports: tuple[Port, ...]
    address: Any
    since: datetime | None
    """When it began or ceased to be ready."""


_by_address = attrgetter("ip", "uid")


class EndpointsController(ServicePods):
    """For each Service with a selector, one object with at most 1000 addresses."""

    name = "endpoints-controller"
    component = MANAGER
    patience = 5  # all addresses are written anew for any that changes

    def listen(self) -> None:
        super().listen()
        self._endpoints = self.follow(core.Endpoints, self._endpoints_changed)

    def start(self) -> None:
        self._since = self.clock.utc()
        super().start()

    def _endpoints_changed(self, old: Any, new: Any) -> None:
        obj = new if new is not None else old
        self.written(key_of(obj), obj, deleted=new is None)
        if old is None and obj.metadata.creationTimestamp < self._since:
            self.queue.add(key_of(obj))  # its Service may have gone while nobody looked

    def begin(self, key: Key) -> Addresses:
        return Addresses(self.client, self._endpoints.get(*key))

    def place(self, service: Any, pod: Any) -> Place | None:
        return place_of(service, pod)

    def let_go(self, key: Key, service: Any) -> None:
        super().let_go(key, service)
        if service is None and self._endpoints.get(*key) is not None:
            with ignoring("NotFound"):
                self.client.delete(core.Endpoints, key[1], key[0])


def place_of(service: Any, pod: Any) -> Place | None:
    """Where a pod is reached, in the family that the Service names first."""
    status, metadata, publish = pod.status, pod.metadata, service.spec.publishNotReadyAddresses
    if status.phase in FINISHED or (metadata.deletionTimestamp is not None and not publish):
        return None
    ports = ports_of(service, pod)
    if not ports and (service.spec.ports or not is_headless(service)):
        return None
    family = (service.spec.ipFamilies or ["IPv4"])[0]
    ready = condition(status.conditions, "Ready")
    for each in status.podIPs or ():
        if (":" in each.ip) == (family == "IPv6"):
            address = core.EndpointAddress(
                ip=each.ip,
                hostname=pod.spec.hostname if is_named(service, pod) else None,
                nodeName=pod.spec.nodeName,
                targetRef=core.ObjectReference(
                    kind="Pod", namespace=metadata.namespace, name=metadata.name, uid=metadata.uid
                ),
            )
            return Place(
                each.ip, metadata.uid, bool(publish) or is_ready(pod), ports, address,
                ready.lastTransitionTime if ready is not None else None,
            )  # fmt: skip
    return None


class Addresses:
    """What the controller knows of one Service's addresses, and of the object that has them."""

    def __init__(self, client: Client, obj: Any) -> None:
        self._client = client
        self._obj = obj
        self._places: dict[str, Place] = {}
        self._triggered: datetime | None = None
        self._known = False
        self.changed: dict[str, None] = {}
        self.stale = True
        self.busy_until = 0.0

    @property
    def size(self) -> int:
        return len(self._places)

    def absorb(self, obj: Any, deleted: bool) -> bool:
        """As there, what others write into it stays until a pod or the Service changes."""
        if deleted:
            self._obj = None
        elif self._obj is None or _version(obj) > _version(self._obj):
            self._obj = obj
        return deleted

    def begin_again(self, service: Any, pods: Iterable[str]) -> None:
        self.stale = False
        self.changed = dict.fromkeys(self._places) | dict.fromkeys(pods)

    def settle(self, service: Any, places: dict[str, Place | None]) -> int:
        self.changed = {}
        trigger = self._move(service, places)
        subsets = subsets_of(self._places.values())
        obj: Any = self._obj or core.Endpoints(
            metadata=models.meta_v1.ObjectMeta(
                name=service.metadata.name, namespace=service.metadata.namespace
            )
        )
        metadata, cut = obj.metadata, truncated(subsets)
        wanted = cut if cut is not None else subsets
        labels = {**(service.metadata.labels or {}), MANAGED_BY: MANAGER}
        if is_headless(service):
            labels[HEADLESS] = ""
        annotations = dict(metadata.annotations or {})
        over = annotations.pop(OVER_CAPACITY, None)
        if (
            self._obj is not None
            and wanted == obj.subsets
            and labels == metadata.labels
            and bool(over) == (cut is not None)
        ):
            return 0
        annotations.pop(TRIGGERED, None)
        if trigger is not None:
            annotations[TRIGGERED] = f"{trigger:%Y-%m-%dT%H:%M:%SZ}"
        if cut is not None:
            annotations[OVER_CAPACITY] = "truncated"
        metadata = replace(metadata, labels=labels, annotations=annotations or None)
        return self._write(replace(obj, metadata=metadata, subsets=wanted))

    def _move(self, service: Any, places: dict[str, Place | None]) -> datetime | None:
        """Take in where pods belong now. Returns when the first of what changed did."""
        created = service.metadata.creationTimestamp
        times = []
        if self._triggered is None or created > self._triggered:
            self._triggered = created
            times.append(created)
        for pod, place in places.items():
            known = self._places.get(pod)
            if place is None:
                self._places.pop(pod, None)
            elif place != known:
                self._places[pod] = place
                if place.since is not None and (known is None or place.since != known.since):
                    times.append(place.since)
        first, self._known = not self._known, True
        return created if first else min(times, default=None)

    def _write(self, obj: Any) -> int:
        if self._obj is not None:
            self._obj = self._client.update(obj)
            return 1
        try:
            self._obj = self._client.create(obj)
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise
        return 1


# --- subsets


def subsets_of(places: Iterable[Place]) -> list[Any] | None:
    """Addresses in order, each set of them with all the ports that are open at all of these."""
    groups: dict[tuple[Port, ...], list[Place]] = {}
    for place in sorted(places, key=_by_address):
        groups.setdefault(place.ports, []).append(place)
    open_at: dict[Port | None, list[tuple[Port, ...]]] = {}
    for ports in groups:
        for port in ports or (None,):
            open_at.setdefault(port, []).append(ports)
    together: dict[tuple[Any, ...], list[Port | None]] = {}
    for port, sets in open_at.items():
        together.setdefault(tuple(sets), []).append(port)
    found = []
    for where, alike in together.items():
        members = groups[where[0]]
        if len(where) > 1:
            members = sorted((each for ports in where for each in groups[ports]), key=_by_address)
        shown = sorted((_shown(port) for port in alike if port is not None), key=_hash)
        found.append(
            core.EndpointSubset(
                addresses=[each.address for each in members if each.ready] or None,
                notReadyAddresses=[each.address for each in members if not each.ready] or None,
                ports=shown or None,
            )
        )
    return sorted(found, key=_first_hash) if len(found) > 1 else found or None


def truncated(subsets: list[Any] | None) -> list[Any] | None:
    """Subsets of as many addresses as an object may have, of each its share; None if all fit.

    Those that are ready come first.
    """
    counts = {
        name: sum(len(getattr(each, name) or ()) for each in subsets or ())
        for name in ("addresses", "notReadyAddresses")
    }
    if sum(counts.values()) <= MAX_ADDRESSES:
        return None
    too_many_ready = counts["addresses"] > MAX_ADDRESSES
    name = "addresses" if too_many_ready else "notReadyAddresses"
    room = left = MAX_ADDRESSES - (0 if too_many_ready else counts["addresses"])
    found = []
    for each in subsets or ():
        members = getattr(each, name) or []
        share = min(left, math.ceil(len(members) / counts[name] * room))
        left -= len(members[:share])
        rest = {"notReadyAddresses": None} if too_many_ready else {}
        found.append(replace(each, **rest, **{name: members[:share] or None}))
    return found


def _shown(port: Port) -> Any:
    return core.EndpointPort(
        name=port.name or None, port=port.port, protocol=port.protocol,
        appProtocol=port.app_protocol,
    )  # fmt: skip


def _hash(port: Any) -> bytes:
    """The order of ports: by the digest of how Go's debugger prints them."""
    protocol = port.appProtocol or "<nil>"
    printed = (
        f"(v1.EndpointPort){{Name:(string){port.name or ''} Port:(int32){port.port} "
        f"Protocol:(v1.Protocol){port.protocol} AppProtocol:(*string){protocol}}}"
    )
    return hashlib.md5(printed.encode(), usedforsecurity=False).digest()


def _first_hash(subset: Any) -> bytes:
    return _hash(subset.ports[0]) if subset.ports else b""


def _version(obj: Any) -> int:
    return int(obj.metadata.resourceVersion)
