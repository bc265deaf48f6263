"""What the API server held at some moment: etcd keeps every change, so any past can be read."""

from __future__ import annotations

import builtins
from typing import Any

from kubecourse.api.resources import BY_MODEL, Resource
from kubecourse.clock import Clock
from kubecourse.control_plane.etcd import Compacted, Etcd
from kubecourse.control_plane.etcd.store import Event


class Past:
    """All objects as they were after a revision; without one, as they are.

    `now` is the virtual second of that moment. Raises `etcd.Compacted` if it is forgotten.
    """

    def __init__(self, etcd: Etcd, clock: Clock, revision: int | None = None) -> None:
        self._etcd = etcd
        self.clock = clock
        self.revision = self._etcd.revision if revision is None else revision
        self.now = self.clock.now if revision is None else etcd.time_of(revision)
        lately = self.revision < self._etcd.revision
        self._before = self._etcd.before(self.revision, "/registry/") if lately else {}

    def at(self, revision: int) -> Past:
        """The same cluster at another moment."""
        return Past(self._etcd, self.clock, revision)

    def time_of(self, revision: int) -> float:
        """The virtual second at which a revision was written."""
        return self._etcd.time_of(revision)

    def history(self, prefix: str) -> builtins.list[Event]:
        """Every change below a prefix that etcd remembers, up to this moment."""
        try:
            found = self._etcd.history(prefix, 0)
        except Compacted as forgotten:
            if self.revision < forgotten.oldest:
                raise
            found = self._etcd.history(prefix, forgotten.oldest)
        return [event for event in found if event.revision <= self.revision]

    def get(self, resource: Resource, namespace: str | None, name: str) -> Any | None:
        """One object, or None."""
        key = resource.key(namespace if resource.namespaced else None, name)
        if key in self._before:
            return self._before[key]
        found = self._etcd.get(key)
        return found.value if found is not None else None

    def list(self, cls: type[Any], namespace: str | None = None) -> builtins.list[Any]:
        """All objects of a class, in one namespace or in all, oldest first."""
        prefix = BY_MODEL[cls].prefix + (f"{namespace}/" if namespace else "")
        found = {kv.value.metadata.uid: kv.value for kv in self._etcd.range(prefix)}
        for key, old in self._before.items():
            if key.startswith(prefix):
                now = self._etcd.get(key)
                if now is not None:
                    found.pop(now.value.metadata.uid, None)
                if old is not None:
                    found[old.metadata.uid] = old
        return sorted(found.values(), key=_age)

    def changes(self, resource: Resource, namespace: str | None, name: str) -> builtins.list[Event]:
        """Every change of one object up to this moment."""
        key = resource.key(namespace if resource.namespaced else None, name)
        return [event for event in self.history(key) if event.key == key]


def _age(obj: Any) -> tuple[Any, str, str]:
    metadata = obj.metadata
    return metadata.creationTimestamp, metadata.namespace or "", metadata.name
