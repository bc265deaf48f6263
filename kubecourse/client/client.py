"""A component's connection to the API server.

Objects are named by their class, `client.get(Pod, "web-1", "default")`. They are shared with
everybody else and never changed: make a new one with `msgspec.structs.replace`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kubecourse.api.fields import FieldSelector, parse_field_selector
from kubecourse.api.labels import Selector, parse_selector
from kubecourse.api.resources import BY_MODEL, Resource
from kubecourse.clock import Clock

if TYPE_CHECKING:
    Handler = Callable[[builtins.list[Any]], None]

T = TypeVar("T")


class Stream(Protocol):
    """A watch in progress."""

    def stop(self) -> None:
        """End it."""


class Connection(Protocol):
    """A way to an API server, who is one to himself. Watches go on when it leads elsewhere."""

    @property
    def server(self) -> Server: ...
    def watch(
        self,
        resource: Resource,
        handler: Handler,
        *,
        namespace: str | None = None,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
        after: int | None = None,
    ) -> Stream: ...


class Server(Protocol):
    """What a client asks of an API server; `control_plane.apiserver.APIServer` is one."""

    extensions: Any

    @property
    def resources(self) -> Sequence[Resource]: ...
    def get(self, resource: Resource, namespace: str | None, name: str) -> Any: ...
    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
    ) -> builtins.list[Any]: ...
    def create(self, resource: Resource, obj: Any, *, manager: str = "") -> Any: ...
    def update(
        self, resource: Resource, obj: Any, subresource: str = "", *, manager: str = ""
    ) -> Any: ...
    def bind(self, namespace: str, name: str, node: str) -> None: ...
    def remove(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_period: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
    ) -> Any: ...
    def evict(self, namespace: str, name: str) -> Any: ...


class Client:
    """Talks to an API server on behalf of `user`, such as `kube-scheduler` or `kubelet/node-1`.

    Every method raises `kubecourse.api.errors.ApiError` where the server refuses.
    """

    def __init__(self, connection: Connection, clock: Clock, user: str) -> None:
        self._connection = connection
        self.clock = clock
        self.user = user
        self._manager = user.partition("/")[0]

    @property
    def _server(self) -> Server:
        return self._connection.server

    @property
    def resources(self) -> Sequence[Resource]:
        """All kinds that are served."""
        return self._server.resources

    def get(self, cls: type[T], name: str, namespace: str | None = None) -> T:
        """One object."""
        return self._server.get(BY_MODEL[cls], namespace, name)

    def list(
        self,
        cls: type[T],
        namespace: str | None = None,
        labels: str | Selector | None = None,
        fields: str | None = None,
    ) -> builtins.list[T]:
        """All objects of a kind, in one namespace or in all, by namespace and name."""
        return self._server.list(BY_MODEL[cls], namespace, _labels(labels), _fields(fields))

    def watch(
        self,
        cls: type[T],
        handler: Handler,
        namespace: str | None = None,
        labels: str | Selector | None = None,
        fields: str | None = None,
        after: int | None = None,
    ) -> Stream:
        """Pass changes to `handler`, in batches of `(type, object)`; first what there is as ADDED.

        With `after`, a resourceVersion, only what came later.
        """
        return self._connection.watch(
            BY_MODEL[cls],
            handler,
            namespace=namespace,
            labels=_labels(labels),
            fields=_fields(fields),
            after=after,
        )

    def create(self, obj: T) -> T:
        """Store a new object; returns it with its uid, defaults and resourceVersion."""
        return self._server.create(BY_MODEL[type(obj)], obj, manager=self._manager)

    def update(self, obj: T) -> T:
        """Replace an object, status aside. Raises Conflict if it changed since it was read."""
        return self._server.update(BY_MODEL[type(obj)], obj, manager=self._manager)

    def update_status(self, obj: T) -> T:
        """Replace an object's status and nothing else."""
        return self._server.update(BY_MODEL[type(obj)], obj, "status", manager=self._manager)

    def finalize(self, namespace: T) -> T:
        """Replace a namespace's `spec.finalizers`; without any left, a terminating one goes."""
        resource, manager = BY_MODEL[type(namespace)], self._manager
        return self._server.update(resource, namespace, "finalize", manager=manager)

    def delete(
        self,
        cls: type[Any],
        name: str,
        namespace: str | None = None,
        *,
        grace_period: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
    ) -> Any:
        """Delete an object.

        `grace_period` is in seconds, `propagation` is Background, Foreground or Orphan.
        """
        return self._server.remove(
            BY_MODEL[cls],
            namespace,
            name,
            grace_period=grace_period,
            propagation=propagation,
            uid=uid,
        )

    def extension(self, api_version: str) -> Any:
        """Who serves a group that the server passes on: `metrics.k8s.io/v1beta1`.

        Raises NotFound if nobody does.
        """
        return self._server.extensions.group(api_version)

    def bind(self, namespace: str, name: str, node: str) -> None:
        """Assign a pod to a node."""
        self._server.bind(namespace, name, node)

    def evict(self, namespace: str, name: str) -> Any:
        """Delete a pod unless a disruption budget forbids it (TooManyRequests)."""
        return self._server.evict(namespace, name)


def _labels(selector: str | Selector | None) -> Selector | None:
    return parse_selector(selector) if isinstance(selector, str) else selector


def _fields(selector: str | None) -> FieldSelector | None:
    return parse_field_selector(selector) if selector else None
