"""One request in progress: what it is about, and what every verb needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec.structs import replace

from kubecourse.api import errors, models
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import body, representation
from kubecourse.control_plane.apiserver.authorization import AUTHENTICATED, MASTERS
from kubecourse.control_plane.apiserver.query import Query
from kubecourse.control_plane.apiserver.request import Options
from kubecourse.control_plane.apiserver.server import APIServer

ObjectMeta = models.meta_v1.ObjectMeta


@dataclass(slots=True)
class Request:
    """A request: `path` may carry its query; `body` is bytes, text, or a value already parsed.

    `agent` is the client's User-Agent, such as `kubectl/v1.36.2`; `groups` are the user's.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"
    user: str = ""
    agent: str = ""
    groups: tuple[str, ...] = (MASTERS, AUTHENTICATED)


class Target(NamedTuple):
    """What a path names. `name` is '' for a collection."""

    resource: Resource
    namespace: str | None
    name: str
    subresource: str

    @property
    def place(self) -> tuple[Resource, str | None, str]:
        """What finds the object on the server."""
        return self.resource, self.namespace, self.name


@dataclass(slots=True)
class Call:
    """A request whose path and query are understood, and the warnings of its answer.

    Methods raise ApiError for what may not be.
    """

    server: APIServer
    target: Target
    query: Query
    request: Request
    warnings: list[str]

    def options(self, kind: str, applying: bool = False) -> Options:
        """The options of a write; `kind` as in errors: CreateOptions, UpdateOptions."""
        return self.query.options(kind, self.request.agent, self.warnings, applying)

    def deletion(self, given: dict[str, Any]) -> Options:
        """The options of a deletion, given those of the body."""
        return self.query.deletion(given, self.warnings)

    def read(self, resource: Resource, options: Options) -> Any:
        """The object in the body, of a resource's kind."""
        return body.read_object(self.request, resource, options.validation, self.warnings)

    def read_here(self, options: Options) -> Any:
        """The object in the body, in the namespace of the path, which it may not contradict."""
        obj = self.read(self.target.resource, options)
        metadata, namespace = obj.metadata or ObjectMeta(), self.target.namespace
        if metadata.namespace and namespace and metadata.namespace != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match "
                "the namespace sent on the request"
            )
        if metadata.namespace == namespace:
            return obj if obj.metadata is metadata else replace(obj, metadata=metadata)
        return replace(obj, metadata=replace(metadata, namespace=namespace))

    def check_name(self, name: str | None) -> None:
        """The name in a body must be that of the path."""
        if name != self.target.name:
            raise errors.bad_request(
                f"the name of the object ({name}) does not match "
                f"the name on the URL ({self.target.name})"
            )

    def selected(self) -> list[Any]:
        """The objects of the collection that the selectors match."""
        target, query = self.target, self.query
        return self.server.list(target.resource, target.namespace, query.labels(), query.fields())

    def show(self, obj: Any) -> dict[str, Any]:
        """An object in the form that the client asked for."""
        resource, accept = self.target.resource, self.request.accept
        return representation.single(self.server, resource, obj, accept, self.query)

    def show_all(self, found: list[Any], metadata: dict[str, Any]) -> dict[str, Any]:
        """A list in the form that the client asked for."""
        resource, accept = self.target.resource, self.request.accept
        return representation.collection(self.server, resource, found, metadata, accept, self.query)
