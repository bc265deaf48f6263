"""Deletes what belonged to something that is gone.

Source: `pkg/controller/garbagecollector/garbagecollector.go`, `graph_builder.go`, `operations.go`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from kubecourse.api import custom
from kubecourse.api.errors import ignoring
from kubecourse.api.resources import BY_KIND, RESOURCES, Resource, resource_of
from kubecourse.control_plane.controller_manager.controller import ManagedController

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
IGNORED = {"Event"}

Identity = tuple[Resource, str, str]
"""Resource, namespace ('' for none) and name."""


class Node(NamedTuple):
    """An object in the graph of owners, by what matters here."""

    identity: Identity
    owners: list[Any] | None
    deleting: bool
    foreground: bool
    orphan: bool


def _place(identity: Identity) -> tuple[str, str, str]:
    """Where an object lies, whatever its version."""
    resource, namespace, name = identity
    return resource.prefix, namespace, name


def node_of(resource: Resource, obj: Any) -> Node:
    """An object's node."""
    metadata = obj.metadata
    deleting = metadata.deletionTimestamp is not None
    finalizers = metadata.finalizers or () if deleting else ()
    return Node(
        (resource, metadata.namespace or "", metadata.name),
        metadata.ownerReferences,
        deleting,
        FOREGROUND in finalizers,
        ORPHAN in finalizers,
    )


class GarbageCollector(ManagedController):
    """Follows `ownerReferences`: objects all of whose owners are gone are deleted.

    Its queue holds uids.
    """

    name = "garbage-collector-controller"

    def listen(self) -> None:
        for resource in RESOURCES:
            if resource.kind not in IGNORED:
                self.follow(resource.model, self._changed)
        self.follow(custom.DEFINITIONS.model, self._defined)

    def forget(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def _defined(self, old: Any, new: Any) -> None:
        """Follow the objects of a definition too."""
        for resource in custom.resources_of(new)[:1] if new is not None else ():
            informer = self.informers.informer(resource.model)
            if (informer, self._changed) not in self._subscriptions:
                self.follow(resource.model, self._changed).on_change(self._changed)
                informer.start()
                for obj in list(informer):
                    self._changed(None, obj)

    def _changed(self, old: Any, new: Any) -> None:
        if new is None:
            self._removed(old)
            return
        metadata = new.metadata
        if old is not None:
            before = old.metadata
            if (
                before.ownerReferences is metadata.ownerReferences
                and before.deletionTimestamp is metadata.deletionTimestamp
                and before.finalizers is metadata.finalizers
                and before.uid == metadata.uid
            ):
                return
            if before.uid != metadata.uid:
                self._removed(old)
        self._put(new)

    def _put(self, obj: Any) -> None:
        uid = obj.metadata.uid
        before = self._nodes.get(uid)
        node = self._nodes[uid] = node_of(resource_of(obj), obj)
        if before is None or before.owners != node.owners:
            self._link(uid, before, node)
            if node.owners:
                self._warn(obj, node)
        if node.foreground:
            # Each dependent is to go; when the last one has, so does this.
            for dependent in self._dependents.get(uid, ()):
                self.queue.add(dependent)
            self.queue.add(uid)
        elif node.orphan:
            self.queue.add(uid)

    def _link(self, uid: str, before: Node | None, node: Node) -> None:
        for owner in (before.owners if before is not None else None) or ():
            self._unlink(owner.uid, uid)
        for owner in node.owners or ():
            self._dependents.setdefault(owner.uid, {})[uid] = None
            parent = self._nodes.get(owner.uid)
            if parent is None or parent.deleting:
                self.queue.add(uid)
        if before is not None and before.owners:
            # An owner that goes in the foreground may have waited for this one.
            for owner in before.owners:
                self._nudge(owner.uid)
            self.queue.add(uid)

    def _warn(self, obj: Any, node: Node) -> None:
        """Tell of owners that are elsewhere: nothing can belong to what another namespace has."""
        namespace = node.identity[1]
        for owner in node.owners or ():
            parent = self._nodes.get(owner.uid)
            if parent is not None and parent.identity[1] not in ("", namespace):
                named = f"[{owner.apiVersion}/{owner.kind}, namespace: {namespace}, "
                named += f"name: {owner.name}, uid: {owner.uid}]"
                message = f'ownerRef {named} does not exist in namespace "{namespace}"'
                self.recorder.warning(obj, "OwnerRefInvalidNamespace", message)
                self.queue.add(obj.metadata.uid)

    def _unlink(self, owner: str, uid: str) -> None:
        group = self._dependents.get(owner)
        if group is not None:
            group.pop(uid, None)
            if not group:
                del self._dependents[owner]

    def _nudge(self, owner: str) -> None:
        parent = self._nodes.get(owner)
        if parent is not None and parent.foreground:
            self.queue.add(owner)

    def _removed(self, obj: Any) -> None:
        uid = obj.metadata.uid
        node = self._nodes.pop(uid, None)
        for owner in (node.owners if node is not None else None) or ():
            self._unlink(owner.uid, uid)
            self._nudge(owner.uid)
        for dependent in self._dependents.get(uid, ()):
            self.queue.add(dependent)

    def reconcile(self, key: str) -> None:
        node = self._nodes.get(key)
        obj = self._read(node.identity) if node is not None else None
        if node is None or obj is None or obj.metadata.uid != key:
            return  # the news of its end is on its way
        if node.orphan:
            self._orphan_dependents(key, obj)
        elif node.foreground:
            self._delete_in_foreground(key, obj)
        elif not node.deleting and obj.metadata.ownerReferences:
            self._look_after(key, obj)

    def _read(self, identity: Identity) -> Any | None:
        resource, namespace, name = identity
        with ignoring("NotFound"):
            return self.client.get(resource.model, name, namespace or None)
        return None

    def _look_after(self, uid: str, obj: Any) -> None:
        """Delete an object without owners left, or take the absent ones off its list."""
        solid, waiting, absent = self._classify(obj)
        finalizers = obj.metadata.finalizers or ()
        policy = "Background"
        if solid:
            gone = {owner.uid for owner in (*waiting, *absent)}
            if gone:
                self._drop_owners(obj, gone)
            return
        if waiting and self._dependents.get(uid):
            policy = "Foreground"
        elif ORPHAN in finalizers:
            policy = "Orphan"
        elif FOREGROUND in finalizers:
            policy = "Foreground"
        self.discard(obj, propagation=policy)

    def _drop_owners(self, obj: Any, gone: Collection[str]) -> None:
        owners = [owner for owner in obj.metadata.ownerReferences or () if owner.uid not in gone]
        self.write_metadata(obj, ownerReferences=owners or None)

    def _classify(self, obj: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Its owners: those that stay, those that wait for it to go, those that are not there."""
        solid: list[Any] = []
        waiting: list[Any] = []
        absent: list[Any] = []
        for owner in obj.metadata.ownerReferences:
            resource = self._kind(owner)
            if resource is None:
                solid.append(owner)  # a kind that is not served: nothing can be said about it
                continue
            if resource.namespaced and not obj.metadata.namespace:
                absent.append(owner)
                continue
            node = self._nodes.get(owner.uid)
            namespace = obj.metadata.namespace if resource.namespaced else ""
            here = (resource, namespace, owner.name)
            if node is None or _place(node.identity) != _place(here):
                found = self._read(here)
                if found is None or found.metadata.uid != owner.uid:
                    absent.append(owner)
                    continue
                node = node_of(resource, found)
            (waiting if node.foreground else solid).append(owner)
        return solid, waiting, absent

    def _kind(self, owner: Any) -> Resource | None:
        """What kind an owner is of, of whichever version."""
        kind = (owner.apiVersion, owner.kind)
        served = (each for each in self.client.resources if (each.api_version, each.kind) == kind)
        return BY_KIND.get(kind) or next(served, None)

    def _delete_in_foreground(self, uid: str, obj: Any) -> None:
        """Take the finalizer off an owner that no dependent holds up."""
        blocking = [d for d in self._dependents.get(uid, ()) if self._blocks(d, uid)]
        if not blocking:
            self.remove_finalizer(obj, FOREGROUND)
            return
        for dependent in blocking:
            if not self._nodes[dependent].foreground:
                self.queue.add(dependent)

    def _blocks(self, dependent: str, owner: str) -> bool:
        owners = self._nodes[dependent].owners or ()
        return any(o.uid == owner and o.blockOwnerDeletion for o in owners)

    def _orphan_dependents(self, uid: str, obj: Any) -> None:
        """Let the dependents go their own ways, then the owner."""
        for dependent in list(self._dependents.get(uid, ())):
            found = self._read(self._nodes[dependent].identity)
            if found is not None and found.metadata.uid == dependent:
                self._drop_owners(found, (uid,))
        self.remove_finalizer(obj, ORPHAN)
