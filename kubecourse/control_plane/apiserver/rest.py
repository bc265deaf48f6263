"""The REST interface, without a network: a request in, a response out.

`handle` answers every verb on every resource as the real server does over HTTP; `watch` opens a
stream. What is stored and checked is `APIServer`'s business; here paths are understood, and in the
modules beside it queries, bodies, patches and representations.
Source: `staging/src/k8s.io/apiserver/pkg/endpoints`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote

from kubecourse.api import errors
from kubecourse.api.resources import BY_PLURAL
from kubecourse.api.versions import BY_OLDER_PLURAL
from kubecourse.control_plane.apiserver import authorization, discovery, reviews, verbs
from kubecourse.control_plane.apiserver.call import Call, Request, Target
from kubecourse.control_plane.apiserver.query import Query
from kubecourse.control_plane.apiserver.representation import Events
from kubecourse.control_plane.apiserver.server import APIServer
from kubecourse.control_plane.apiserver.watch import Change, OutsideWatch, Watch

__all__ = ["Request", "Response", "handle", "watch"]


@dataclass(slots=True)
class Response:
    """An answer: the HTTP code, the body as a JSON value, the texts of `Warning` headers."""

    code: int
    body: Any
    warnings: list[str] = field(default_factory=list)


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
    return verbs.open_watch(_watching(server, request, []), send)


def stream(
    server: APIServer,
    request: Request,
    handler: Callable[[Events, list[Change]], None],
    warnings: list[str],
) -> Watch:
    """Open a watch for somebody outside: `handler` gets changes as they are made.

    And with them what turns them into events in the form asked for. `warnings` gets those that
    the answer begins with. Raises ApiError.
    """
    call = _watching(server, request, warnings)
    return verbs.open_stream(call, partial(handler, verbs.events(call)), OutsideWatch)


def _watching(server: APIServer, request: Request, warnings: list[str]) -> Call:
    path, query = _split(request)
    _authorize(server, request, path, query)
    target = _target(server, path)
    _warn(target, warnings)
    return Call(server, target, query, request, warnings)


def _warn(target: Target, warnings: list[str]) -> None:
    """Who asks for a deprecated kind is told so, whatever else comes of it."""
    if target.resource.deprecation:
        warnings.append(target.resource.deprecation)


def _answer(server: APIServer, request: Request, warnings: list[str]) -> verbs.Answer:
    path, query = _split(request)
    _authorize(server, request, path, query)
    if request.method == "GET":
        document = discovery.document(path, request.accept, server.resources)
        if document is None:
            document = server.extensions.answer(path, query.values)
        elif path.strip("/") == "apis" and server.extensions.groups:
            document = server.extensions.listed(document)
        if document is not None:
            return 200, document
    review = reviews.answer(server, path, request)
    if review is not None:
        return 201, review
    target = _target(server, path)
    if target.subresource:
        verb = verbs.SUBRESOURCES.get((target.subresource, request.method))
    else:
        verb = verbs.VERBS.get((request.method, bool(target.name)))
    everywhere = target.resource.namespaced and target.namespace is None
    if verb is None or (everywhere and request.method == "POST"):
        raise errors.method_not_allowed()
    _warn(target, warnings)
    return verb(Call(server, target, query, request, warnings))


def _authorize(server: APIServer, request: Request, path: str, query: Query) -> None:
    if authorization.MASTERS not in request.groups:
        wanted = authorization.attributes(request.method, path, query.values)
        authorization.check(server, authorization.User(request.user, request.groups), wanted)


# --- paths


def _split(request: Request) -> tuple[str, Query]:
    path, _, text = request.path.partition("?")
    values = dict(request.query)
    values.update(parse_qsl(text, keep_blank_values=True))
    return path, Query(values)


def _target(server: APIServer, path: str) -> Target:
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
    place = (group, version, plural)
    resource = BY_PLURAL.get(place) or BY_OLDER_PLURAL.get(place) or server.custom(*place)
    if resource is None or (namespace is not None and not resource.namespaced):
        raise errors.no_such_path()
    if name and resource.namespaced and namespace is None:
        raise errors.no_such_path()
    if subresource and subresource not in resource.subresources:
        raise errors.no_such_path()
    return Target(resource, namespace, name, subresource)
