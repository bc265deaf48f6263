"""The REST interface, without a network: a request in, a response out.

`handle` answers every verb on every resource as the real server does over HTTP; `watch` opens a
stream. What is stored and checked is `APIServer`'s business; here paths, queries, bodies, patches
and representations are understood.
Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from msgspec.structs import replace

from kubecourse.api import codec, errors, models
from kubecourse.api.resources import BY_PLURAL, Resource
from kubecourse.control_plane.apiserver import body, discovery, patching, representation, scale
from kubecourse.control_plane.apiserver.query import Query
from kubecourse.control_plane.apiserver.server import APIServer
from kubecourse.control_plane.apiserver.watch import Change, Watch

ObjectMeta = models.meta_v1.ObjectMeta

INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}
RETURNED_WHEN_DELETED = {
    "PersistentVolume", "PersistentVolumeClaim", "Pod", "ResourceQuota", "Service", "ServiceAccount",
    "StorageClass",
}  # fmt: skip
"""Kinds whose deletion answers with the object, others with a Status (ReturnDeletedObject)."""


@dataclass(slots=True)
class Request:
    """A request: `path` may carry its query; `body` is bytes, text, or a value already parsed."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"
    user: str = ""


@dataclass(slots=True)
class Response:
    """An answer: the HTTP code, the body as a JSON value, the texts of `Warning` headers."""

    code: int
    body: Any
    warnings: list[str] = field(default_factory=list)


class Target(NamedTuple):
    """What a path names. `name` is '' for a collection."""

    resource: Resource
    namespace: str | None
    name: str
    subresource: str


def handle(server: APIServer, request: Request) -> Response:
    """Answer a request. Failures are answers too, with a Status as their body."""
    warnings: list[str] = []
    try:
        code, answer = _answer(server, request, warnings)
    except errors.ApiError as error:
        code, answer = error.code, error.status()
    return Response(code, answer, warnings)


def watch(server: APIServer, request: Request, send: Callable[[dict[str, Any]], None]) -> Watch:
    """Open a watch: each change reaches `send` as `{"type": …, "object": …}` as time passes.

    Raises ApiError.
    """
    path, query = _split(request)
    return _open_watch(server, _target(path), query, request.accept, send)


# --- paths


def _split(request: Request) -> tuple[str, Query]:
    path, _, text = request.path.partition("?")
    values = dict(request.query)
    values.update(parse_qsl(text, keep_blank_values=True))
    return path, Query(values)


def _target(path: str) -> Target:
    """Take a path apart. Raises NotFound for one that is not served."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api":
        group, rest = "", parts[1:]
    elif parts[0] == "apis" and len(parts) > 2:
        group, rest = parts[1], parts[2:]
    else:
        raise errors.no_such_path()
    if not rest:
        raise errors.no_such_path()
    version, rest = rest[0], rest[1:]
    namespace = None
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3:
        raise errors.no_such_path()
    plural, name, subresource = (*rest, "", "")[:3]
    resource = BY_PLURAL.get((group, version, plural))
    if resource is None or (namespace is not None and not resource.namespaced):
        raise errors.no_such_path()
    if name and resource.namespaced and namespace is None:
        raise errors.no_such_path()
    if subresource and subresource not in resource.subresources:
        raise errors.no_such_path()
    return Target(resource, namespace, name, subresource)


# --- verbs


def _answer(server: APIServer, request: Request, warnings: list[str]) -> tuple[int, Any]:
    path, query = _split(request)
    if (
        request.method == "GET"
        and (document := discovery.document(path, request.accept)) is not None
    ):
        return 200, document
    target = _target(path)
    if target.subresource:
        verb = _SUBRESOURCES.get((target.subresource, request.method))
    else:
        verb = _VERBS.get((request.method, bool(target.name)))
        if request.method == "POST" and target.resource.namespaced and target.namespace is None:
            verb = None
    if verb is None:
        raise errors.method_not_allowed()
    return verb(server, target, query, request, warnings)


def _list(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    if query.flag("watch"):
        events: list[dict[str, Any]] = []
        stream = _open_watch(server, target, query, request.accept, events.append)
        stream.flush()
        stream.stop()
        return 200, events
    query.check_version()
    found = server.list(target.resource, target.namespace, query.labels(), query.fields())
    revision = str(server.etcd.revision)
    now = server.clock.utc()
    return 200, representation.collection(
        target.resource, found, revision, request.accept, query, now
    )


def _get(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    obj = server.get(target.resource, target.namespace, target.name)
    return 200, representation.single(
        target.resource, obj, request.accept, query, server.clock.utc()
    )


def _create(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    options = query.options("CreateOptions", request.user, warnings)
    resource = target.resource
    obj = body.read_object(request, resource, query.field_validation("CreateOptions"), warnings)
    created = server.create(resource, _in_namespace(obj, target), options)
    return 201, _shown(server, target, created, request, query)


def _update(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    options = query.options("UpdateOptions", request.user, warnings)
    resource = target.resource
    obj = body.read_object(request, resource, query.field_validation("UpdateOptions"), warnings)
    obj = _in_namespace(obj, target)
    name = obj.metadata.name
    if not name:
        raise errors.bad_request("name must be provided")
    if name != target.name:
        raise errors.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )
    updated = server.update(resource, obj, target.subresource, options)
    return 200, _shown(server, target, updated, request, query)


def _patch(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    patch = patching.read(request)
    options = query.options("PatchOptions", request.user, warnings)
    validation = query.field_validation("PatchOptions")
    change = patching.Change(target.resource, patch, validation, warnings)
    patched = server.patch(
        target.resource, target.namespace, target.name, change, target.subresource, options
    )
    return 200, _shown(server, target, patched, request, query)


def _delete(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    options = query.deletion(body.read_options(request), request.user, warnings)
    resource = target.resource
    obj, gone = server.delete(resource, target.namespace, target.name, options)
    if not gone or resource.kind in RETURNED_WHEN_DELETED:
        return 200, codec.encode(obj)
    details = {
        "name": target.name,
        "group": resource.group,
        "kind": resource.plural,
        "uid": obj.metadata.uid,
    }
    return 200, _success(details={key: value for key, value in details.items() if value})


def _delete_collection(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    options = query.deletion(body.read_options(request), request.user, warnings)
    found = server.list(target.resource, target.namespace, query.labels(), query.fields())
    for obj in found:
        server.delete(target.resource, obj.metadata.namespace, obj.metadata.name, options)
    revision = str(server.etcd.revision)
    now = server.clock.utc()
    return 200, representation.collection(
        target.resource, found, revision, request.accept, query, now
    )


# --- subresources


def _get_scale(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    return 200, scale.show(server.get(target.resource, target.namespace, target.name))


def _update_scale(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    options = query.options("UpdateOptions", request.user, warnings)
    validation = query.field_validation("UpdateOptions")
    wanted = body.read_object(request, scale.SCALE, validation, warnings)
    if wanted.metadata is not None and wanted.metadata.name not in (None, target.name):
        raise errors.bad_request(
            f"the name of the object ({wanted.metadata.name}) does not match "
            f"the name on the URL ({target.name})"
        )
    change = scale.Resize(target.resource, wanted)
    updated = server.patch(target.resource, target.namespace, target.name, change, "", options)
    return 200, scale.show(updated)


def _patch_scale(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    patch = patching.read(request)
    options = query.options("PatchOptions", request.user, warnings)
    current = server.get(target.resource, target.namespace, target.name)
    change = patching.Change(scale.SCALE, patch, query.field_validation("PatchOptions"), warnings)
    resize = scale.Resize(target.resource, change(scale.of(current)))
    updated = server.patch(target.resource, target.namespace, target.name, resize, "", options)
    return 200, scale.show(updated)


def _bind(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    options = query.options("CreateOptions", request.user, warnings)
    binding = body.read(request, "Binding")
    name = (binding.get("metadata") or {}).get("name")
    if name not in (None, "", target.name):
        raise errors.bad_request("name in URL does not match name in Binding object")
    node = (binding.get("target") or {}).get("name")
    if not node:
        raise errors.internal("target.name: Required value")
    assert target.namespace is not None
    if not options.dry_run:
        server.bind(target.namespace, target.name, node)
    return 201, _success(code=201)


def _evict(
    server: APIServer, target: Target, query: Query, request: Request, warnings: list[str]
) -> tuple[int, Any]:
    eviction = body.read(request, "Eviction")
    name = (eviction.get("metadata") or {}).get("name")
    if name != target.name:
        raise errors.bad_request("name in URL does not match name in Eviction object")
    options = query.deletion(eviction.get("deleteOptions") or {}, request.user, warnings)
    assert target.namespace is not None
    server.get(target.resource, target.namespace, target.name)
    if not options.dry_run:
        server.evict(target.namespace, target.name, options.grace_period)
    return 201, _success(code=201)


Verb = Callable[[APIServer, Target, Query, Request, list[str]], tuple[int, Any]]

_VERBS: dict[tuple[str, bool], Verb] = {
    ("GET", False): _list,
    ("POST", False): _create,
    ("DELETE", False): _delete_collection,
    ("GET", True): _get,
    ("PUT", True): _update,
    ("PATCH", True): _patch,
    ("DELETE", True): _delete,
}
_SUBRESOURCES: dict[tuple[str, str], Verb] = {
    ("status", "GET"): _get,
    ("status", "PUT"): _update,
    ("status", "PATCH"): _patch,
    ("finalize", "PUT"): _update,
    ("scale", "GET"): _get_scale,
    ("scale", "PUT"): _update_scale,
    ("scale", "PATCH"): _patch_scale,
    ("binding", "POST"): _bind,
    ("eviction", "POST"): _evict,
}


# --- what they share


def _in_namespace(obj: Any, target: Target) -> Any:
    """The object in the namespace of the path. Raises BadRequest if it says otherwise."""
    metadata = obj.metadata or ObjectMeta()
    if metadata.namespace and target.namespace and metadata.namespace != target.namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if metadata.namespace == target.namespace and not metadata.managedFields:
        return obj if obj.metadata is metadata else replace(obj, metadata=metadata)
    return replace(obj, metadata=replace(metadata, namespace=target.namespace, managedFields=None))


def _shown(server: APIServer, target: Target, obj: Any, request: Request, query: Query) -> Any:
    return representation.single(target.resource, obj, request.accept, query, server.clock.utc())


def _success(**more: Any) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", **more}


class _Sender:
    """Turns a watch's changes into events as the client asked for them."""

    __slots__ = ("form", "resource", "send")

    def __init__(
        self,
        resource: Resource,
        form: representation.Events,
        send: Callable[[dict[str, Any]], None],
    ) -> None:
        self.resource = resource
        self.form = form
        self.send = send

    def __call__(self, changes: list[Change]) -> None:
        for change in changes:
            self.send(self.form.event(change.type, change.object))


def _open_watch(
    server: APIServer,
    target: Target,
    query: Query,
    accept: str,
    send: Callable[[dict[str, Any]], None],
) -> Watch:
    form = representation.Events(target.resource, accept, query, server.clock)
    version = query.check_version()
    stream = server.watch(
        target.resource,
        _Sender(target.resource, form, send),
        namespace=target.namespace,
        labels=query.labels(),
        fields=query.fields(),
        after=version or None,
    )
    if query.flag("sendInitialEvents"):
        revision = str(server.etcd.revision)
        metadata = ObjectMeta(resourceVersion=revision, annotations=INITIAL_EVENTS_END)
        stream.send(Change("BOOKMARK", metadata))
    return stream
