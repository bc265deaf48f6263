"""The slices of one Service: which endpoint lies in which, and moving as few as can be.

Source: `staging/src/k8s.io/endpointslice/reconciler.go`. Endpoints stay in the slice they are
in; new ones fill the slices that change anyway, then one that has room for all of them, then
new slices. A Service without endpoints has one empty slice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError, ignoring
from kubecourse.client import Client
from kubecourse.control_plane.controller_manager.controller import (
    is_namespace_terminating,
    owned_by,
)
from kubecourse.control_plane.controller_manager.slice_content import (
    Group,
    Place,
    families_of,
    group_of,
    labels_for,
    ports_in,
)

EndpointSlice = models.discovery_v1.EndpointSlice

MAX_ENDPOINTS = 100


class Slice:
    """A slice as it is stored (`obj`, None before it is), and the endpoints that it shall have.

    `alone` are the slices of a pod that is in no other: one tuple for all such pods.
    """

    __slots__ = ("alone", "endpoints", "group", "obj")

    def __init__(self, group: Group, obj: Any = None) -> None:
        self.alone = (self,)
        self.group = group
        self.obj: Any = obj
        self.endpoints: dict[str, Any] = {}
        for number, endpoint in enumerate((obj.endpoints if obj is not None else None) or ()):
            target = endpoint.targetRef
            # An endpoint that is no pod's is nobody's, and goes at the next look.
            self.endpoints[target.name if target is not None else f"/{number}"] = endpoint

    def content(self) -> dict[str, Any]:
        """The fields in which a slice says it."""
        endpoints = list(self.endpoints.values()) or None
        return {"ports": ports_in(self.group[1]), "endpoints": endpoints}


class ServiceSlices:
    """What the controller knows of one Service's slices."""

    def __init__(self, client: Client, slices: Iterable[Any]) -> None:
        self._client = client
        self._slices: dict[str, Slice] = {}
        self._where: dict[str, tuple[Slice, ...]] = {}
        self._dirty: dict[str, Slice] = {}
        self.changed: dict[str, None] = {}
        self.stale = True
        self.busy_until = 0.0
        for obj in slices:
            self._add(obj)

    @property
    def size(self) -> int:
        return len(self._where)

    # --- knowing

    def _add(self, obj: Any) -> None:
        each = Slice(group_of(obj), obj)
        self._slices[obj.metadata.name] = each
        for pod in each.endpoints:
            self._remember(pod, each)

    def _drop(self, name: str) -> None:
        each = self._slices.pop(name, None)
        for pod in each.endpoints if each is not None else ():
            self._forget(pod, each)

    def _remember(self, pod: str, each: Slice) -> None:
        """A pod is in a slice now, and in no other one of its group."""
        others = tuple([s for s in self._where.get(pod, ()) if s.group != each.group])
        self._where[pod] = (*others, each) if others else each.alone

    def _forget(self, pod: str, each: Slice | None) -> None:
        slices = self._where.get(pod, ())
        if each is not None and each in slices:
            self._where[pod] = tuple([s for s in slices if s is not each])
            if len(slices) == 1:
                del self._where[pod]

    def absorb(self, obj: Any, deleted: bool) -> bool:
        """Take note of a slice as the API server shows it; whether that is news."""
        known = self._slices.get(obj.metadata.name)
        if known is None and deleted:
            return False
        if known is not None and not deleted and _version(obj) <= _version(known.obj):
            return False
        self._drop(obj.metadata.name)
        if not deleted:
            self._add(obj)
        self.stale = True
        return True

    def begin_again(self, service: Any, pods: Iterable[str]) -> None:
        """Look at everything: the slices that are there, and all pods in them or selected."""
        self.stale = False
        labels, families = labels_for(service), families_of(service)
        for name, each in self._slices.items():
            if each.group[0] not in families or not _is_owned(each.obj, service):
                for pod in each.endpoints:
                    self._forget(pod, each)
                each.endpoints = {}
                self._dirty[name] = each
            elif each.obj.metadata.labels != labels:
                self._dirty[name] = each
        self.changed = dict.fromkeys(self._where) | dict.fromkeys(pods)

    # --- changing

    def settle(self, service: Any, places: dict[str, Place | None]) -> int:
        self.changed = {}
        missing = self._move(places)
        doomed = {
            name: each
            for name, each in self._slices.items()
            if not each.endpoints and (name in self._dirty or each.group not in missing)
        }
        new = [s for group, pods in missing.items() for s in self._fill(group, pods, doomed)]
        new += self._placeholders(families_of(service), new, doomed)
        return self._write(service, new, doomed)

    def _move(self, places: dict[str, Place | None]) -> dict[Group, dict[str, Any]]:
        """Change and remove endpoints in place. Returns those that have no slice yet."""
        missing: dict[Group, dict[str, Any]] = {}
        for pod, place in places.items():
            for each in self._where.get(pod, ()):
                endpoint = place.get(each.group) if place else None
                if endpoint == each.endpoints[pod]:
                    continue
                self._dirty[each.obj.metadata.name] = each
                if endpoint is not None:
                    each.endpoints[pod] = endpoint
                else:
                    del each.endpoints[pod]
                    self._forget(pod, each)
            placed = [each.group for each in self._where.get(pod, ())]
            for group, endpoint in place.items() if place else ():
                if group not in placed:
                    missing.setdefault(group, {})[pod] = endpoint
        return missing

    def _fill(self, group: Group, pods: dict[str, Any], doomed: dict[str, Slice]) -> list[Slice]:
        kept = {n: s for n, s in self._slices.items() if s.group == group and n not in doomed}
        changing = [each for name, each in kept.items() if name in self._dirty]
        for each in sorted(changing, key=_length, reverse=True):
            self._put(each, pods)
        new = []
        while pods:
            room = MAX_ENDPOINTS - len(pods)
            fitting = [s for n, s in kept.items() if n not in self._dirty and _length(s) <= room]
            if fitting and room > 0:
                each = max(fitting, key=_length)
                self._dirty[each.obj.metadata.name] = each
            else:
                each = Slice(group)
                new.append(each)
            self._put(each, pods)
        return new

    def _put(self, each: Slice, pods: dict[str, Any]) -> None:
        while pods and len(each.endpoints) < MAX_ENDPOINTS:
            pod = next(iter(pods))
            each.endpoints[pod] = pods.pop(pod)
            self._remember(pod, each)

    def _placeholders(
        self, families: list[str], new: list[Slice], doomed: dict[str, Slice]
    ) -> list[Slice]:
        """An empty slice for each family that would have none; an empty one there stays."""
        made = []
        for family in families:
            there = {n: s for n, s in self._slices.items() if s.group[0] == family}
            if there.keys() - doomed.keys() or any(each.group[0] == family for each in new):
                continue
            spare = next((n for n, s in there.items() if s.group == (family, ())), None)
            if spare is not None and spare not in self._dirty and len(there) == 1:
                del doomed[spare]
            else:
                made.append(Slice((family, ())))
        return made

    # --- writing

    def _write(self, service: Any, new: list[Slice], doomed: dict[str, Slice]) -> int:
        dirty = {name: each for name, each in self._dirty.items() if name not in doomed}
        self._dirty = {}
        labels = labels_for(service)
        count = len(new) + len(dirty) + len(doomed)
        for name, each in list(doomed.items()):
            # Rather than delete one slice and create another, make the one into the other.
            heir = next((s for s in reversed(new) if s.group[0] == each.group[0]), None)
            if heir is not None and _is_owned(each.obj, service):
                new.remove(heir)
                del doomed[name]
                heir.obj = each.obj
                self._slices[name] = heir
                dirty[name] = heir
                count -= 1
        if service.metadata.deletionTimestamp is None:
            for each in new:
                self._create(service, each, labels)
        for each in dirty.values():
            self._update(each, labels)
        for name in doomed:
            self._drop(name)
            with ignoring("NotFound"):
                self._client.delete(EndpointSlice, name, service.metadata.namespace)
        return count

    def _create(self, service: Any, each: Slice, labels: dict[str, str]) -> None:
        obj = EndpointSlice(
            metadata=owned_by(service, generateName=f"{service.metadata.name}-", labels=labels),
            addressType=each.group[0],
            **each.content(),
        )
        try:
            each.obj = self._client.create(obj)
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise
            for pod in each.endpoints:
                self._forget(pod, each)
            return
        self._slices[each.obj.metadata.name] = each

    def _update(self, each: Slice, labels: dict[str, str]) -> None:
        metadata = each.obj.metadata
        if metadata.labels != labels:
            metadata = replace(metadata, labels=labels)
        each.obj = self._client.update(replace(each.obj, metadata=metadata, **each.content()))


def _version(obj: Any) -> int:
    return int(obj.metadata.resourceVersion)


def _length(each: Slice) -> int:
    return len(each.endpoints)


def _is_owned(obj: Any, service: Any) -> bool:
    return any(owner.uid == service.metadata.uid for owner in obj.metadata.ownerReferences or ())
