"""A local copy of a kind's objects, kept up to date by a watch, indexed, with handlers.

Source: `staging/src/k8s.io/client-go/tools/cache`. As there, what an informer shows may be a
little older than what the API server has; controllers must live with that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kubecourse.api.labels import Selector
from kubecourse.client.client import Client
from kubecourse.copy_on_write import Cell

Key = tuple[str, str]
"""Namespace ('' for objects without one) and name."""

IndexFunction = Callable[[Any], Iterable[str]]
ChangeHandler = Callable[[Any, Any], None]
"""Called with the object before and after: `(None, new)`, `(old, new)` or `(old, None)`."""
SERVICE_NAME = "kubernetes.io/service-name"


def key_of(obj: Any) -> Key:
    """An object's key."""
    return (obj.metadata.namespace or "", obj.metadata.name)


def by_namespace(obj: Any) -> Iterable[str]:
    """Index: the namespace."""
    return (obj.metadata.namespace or "",)


def by_node(obj: Any) -> Iterable[str]:
    """Index: the node that a pod is assigned to."""
    return (obj.spec.nodeName,) if obj.spec.nodeName else ()


def by_service(slice: Any) -> Iterable[str]:
    """Index: the Service that an EndpointSlice belongs to, as `namespace/name`."""
    name = (slice.metadata.labels or {}).get(SERVICE_NAME)
    return (f"{slice.metadata.namespace}/{name}",) if name else ()


def by_label(obj: Any) -> Iterable[str]:
    """Index: each label of the object, as `namespace/key=value`."""
    namespace = obj.metadata.namespace or ""
    return [f"{namespace}/{key}={value}" for key, value in (obj.metadata.labels or {}).items()]


class Informer(Cell):
    """The objects of one class, as last heard. Iterating gives them in order of arrival."""

    __slots__ = (
        "_client", "_cls", "_handlers", "_indexes", "_namespace", "_objects", "_stream",
        "page", "synced",
    )  # fmt: skip

    def __init__(
        self,
        client: Client,
        cls: type[Any],
        *,
        namespace: str | None = None,
    ) -> None:
        super().__init__()
        self._client = client
        self._cls = cls
        self._namespace = namespace
        self._objects: dict[Key, Any] = {}
        self._indexes: dict[IndexFunction, dict[str, dict[Key, Any]]] = {}
        self._handlers: list[ChangeHandler] = []
        self._stream: Any = None
        self.synced = False

    def start(self) -> None:
        """Begin to listen. Everything that exists arrives first."""
        if self._stream is None:
            self.enter()
            self._stream = self._client.watch(self._cls, self._receive, namespace=self._namespace)

    def stop(self) -> None:
        """Stop listening and forget everything."""
        self.enter()
        if self._stream is not None:
            self._stream.stop()
            self._stream = None
        self._objects.clear()
        for index in self._indexes.values():
            index.clear()

    def on_change(self, handler: ChangeHandler) -> None:
        """Call a bound method with every change from now on."""
        self.enter()
        self._handlers.append(handler)

    def off_change(self, handler: ChangeHandler) -> None:
        """Call a handler no more."""
        if handler in self._handlers:
            self.enter()
            self._handlers.remove(handler)

    def add_index(self, function: IndexFunction) -> None:
        """Keep an index by a module-level function, such as `by_node`."""
        if function not in self._indexes:
            self.enter()
            index = self._indexes[function] = {}
            for key, obj in self._objects.items():
                for value in function(obj):
                    index.setdefault(value, {})[key] = obj

    # --- reading

    def get(self, namespace: str | None, name: str) -> Any | None:
        """One object, or None."""
        return self._objects.get((namespace or "", name))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    def indexed(self, function: IndexFunction, value: str) -> Iterable[Any]:
        """The objects that an index function gave this value, in order of arrival."""
        found = self._indexes[function].get(value)
        return found.values() if found else ()

    def select(self, namespace: str, selector: Selector) -> list[Any]:
        """The objects of a namespace whose labels match. Needs the index `by_label`."""
        candidates: Iterable[Any] | None = None
        smallest = -1
        index = self._indexes[by_label]
        for key, value in selector.exact.items():
            found = index.get(f"{namespace}/{key}={value}")
            if not found:
                return []
            if candidates is None or len(found) < smallest:
                candidates, smallest = found.values(), len(found)
        if candidates is None:
            candidates = [o for o in self._objects.values() if o.metadata.namespace == namespace]
        return [obj for obj in candidates if selector.matches(obj.metadata.labels)]

    # --- hearing

    def _receive(self, changes: list[Any]) -> None:
        self.synced = True
        for kind, obj in changes:
            key = (obj.metadata.namespace or "", obj.metadata.name)
            old = self._objects.get(key)
            if kind == "DELETED":
                if old is None:
                    continue
                del self._objects[key]
                self._reindex(key, old, None)
                self._notify(obj, None)
            else:
                self._objects[key] = obj
                self._reindex(key, old, obj)
                self._notify(old, obj)

    def _notify(self, old: Any, new: Any) -> None:
        for handler in self._handlers:
            handler(old, new)

    def _reindex(self, key: Key, old: Any, new: Any) -> None:
        for function, index in self._indexes.items():
            before = function(old) if old is not None else ()
            after = function(new) if new is not None else ()
            if before != after:
                for value in before:
                    if value not in after:
                        group = index[value]
                        group.pop(key, None)
                        if not group:
                            del index[value]
            for value in after:
                try:
                    index[value][key] = new
                except KeyError:
                    index[value] = {key: new}


class InformerFactory:
    """The informers that the parts of one program share, one for each class."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._informers: dict[type[Any], Informer] = {}

    def informer(self, cls: type[Any], *indexes: IndexFunction) -> Informer:
        """The shared informer of a class, with these indexes."""
        informer = self._informers.get(cls)
        if informer is None:
            informer = self._informers[cls] = Informer(self.client, cls)
        for function in indexes:
            informer.add_index(function)
        return informer

    def start(self) -> None:
        """Start all of them."""
        for informer in self._informers.values():
            informer.start()

    def stop(self) -> None:
        """Stop all of them."""
        for informer in self._informers.values():
            informer.stop()
