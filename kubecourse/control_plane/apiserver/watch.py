"""Watches: a client's stream of changes, filtered as the client asked.

Source: `staging/src/k8s.io/apiserver/pkg/storage/cacher`. As there, watches that select pods of
one node are found by that node's name, so a thousand kubelets cost no more than one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from kubecourse.api.labels import Selector
from kubecourse.clock import Clock
from kubecourse.control_plane.etcd import Event
from kubecourse.copy_on_write import Cell

LATENCY = 0.001
"""Virtual seconds from a write to its arrival at whoever watches."""


class Change(NamedTuple):
    """What a watch delivers: `ADDED`, `MODIFIED` or `DELETED`, and the object."""

    type: str
    object: Any


Handler = Callable[[list[Change]], None]
FieldFilter = Callable[[Any], bool]


class Watch:
    """One stream. Changes arrive at its handler in order, in batches; `stop()` ends it.

    If the handler is a cell's, that is entered.
    """

    CONSTANT = ("fields", "labels")
    __slots__ = (
        "_buffer", "_cell", "_clock", "_handler", "_owner", "fields", "labels", "namespace", "node",
    )  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        owner: Dispatcher,
        handler: Handler,
        namespace: str | None,
        labels: Selector | None,
        fields: FieldFilter | None,
        node: str | None,
    ) -> None:
        self._clock = clock
        self._owner: Dispatcher | None = owner
        self._handler = handler
        listener = getattr(handler, "__self__", None)
        self._cell = listener if isinstance(listener, Cell) else None
        self._buffer: list[Change] | None = None
        self.namespace = namespace
        self.labels = labels
        self.fields = fields
        self.node = node

    @property
    def active(self) -> bool:
        """Whether changes still arrive."""
        return self._owner is not None

    def stop(self) -> None:
        """End the stream; what is on its way no longer arrives."""
        self.leave()
        self._buffer = None

    def leave(self) -> None:
        """End the stream; what is on its way still arrives."""
        if self._owner is not None:
            self._owner.remove(self)
            self._owner = None

    def selects(self, obj: Any) -> bool:
        """Whether the client asked for such objects."""
        metadata = obj.metadata
        if self.namespace is not None and metadata.namespace != self.namespace:
            return False
        if self.labels is not None and not self.labels.matches(metadata.labels):
            return False
        return self.fields is None or self.fields(obj)

    def offer(self, old: Any, new: Any) -> None:
        """Pass on a change as this client sees it: what stops matching is deleted to it."""
        before = old is not None and self.selects(old)
        after = new is not None and self.selects(new)
        if after:
            self.send(Change("MODIFIED" if before else "ADDED", new))
        elif before:
            self.send(Change("DELETED", old if new is None else new))

    def send(self, change: Change) -> None:
        """Put a change on its way."""
        if self._buffer is None:
            self._clock.call_later(LATENCY, self._deliver)
            self._buffer = []
        self._buffer.append(change)

    def flush(self) -> None:
        """Deliver at once what is on its way."""
        self._deliver()

    def _deliver(self) -> None:
        changes, self._buffer = self._buffer, None
        if changes:
            if self._cell is not None:
                self._cell.enter()
            self._handler(changes)


class OutsideWatch(Watch):
    """A stream that leaves the simulation: changes arrive as they happen, whatever time it is.

    It is no part of the cluster: no snapshot or copy of that has it.
    """

    __slots__ = ()

    def send(self, change: Change) -> None:
        self._handler([change])


_outside: WeakKeyDictionary[Dispatcher, list[Watch]] = WeakKeyDictionary()


class Dispatcher:
    """All watches on one resource."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._by_node: dict[str, list[Watch]] = {}
        self._early: list[tuple[int, Watch]] = []

    def add(self, watch: Watch, after: int = 0) -> None:
        """Start a stream; with changes after a revision, which may have yet to come."""
        if after:
            self._early.append((after, watch))
        else:
            self._group(watch).append(watch)

    def remove(self, watch: Watch) -> None:
        """End a stream."""
        self._early = [early for early in self._early if early[1] is not watch]
        group = self._group(watch)
        if watch in group:
            group.remove(watch)

    def _group(self, watch: Watch) -> list[Watch]:
        if isinstance(watch, OutsideWatch):
            return _outside.setdefault(self, [])
        return self._watches if watch.node is None else self._by_node.setdefault(watch.node, [])

    def dispatch(self, event: Event) -> None:
        """Offer a change to every watch that it may concern."""
        old, new = event.old, event.new
        if self._early:
            for revision, watch in list(self._early):
                if event.revision > revision:
                    self.remove(watch)
                    self.add(watch)
        for watch in self._watches:
            watch.offer(old, new)
        for watch in _outside.get(self, ()):
            watch.offer(old, new)
        if self._by_node:
            before = old.spec.nodeName if old is not None else None
            after = new.spec.nodeName if new is not None else None
            for node in (before,) if before == after else (before, after):
                if node:
                    for watch in self._by_node.get(node, ()):
                        watch.offer(old, new)
