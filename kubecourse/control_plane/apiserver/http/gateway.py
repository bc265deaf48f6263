"""A request from the network in, an answer out.

Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from kubecourse.api import errors
from kubecourse.control_plane.apiserver import authorization, body, discovery, openapi, rest
from kubecourse.control_plane.apiserver.authorization import Attributes, User
from kubecourse.control_plane.apiserver.http import commands, containers, forwarding
from kubecourse.control_plane.apiserver.http.access import Access, printable
from kubecourse.control_plane.apiserver.http.containers import Front
from kubecourse.control_plane.apiserver.http.watching import Watches, add_warnings

log = logging.getLogger(__name__)

HEALTH = ("/healthz", "/livez", "/readyz")
UNWELL = "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n{} check failed\n"
"""What these answer while etcd has no quorum."""
PLAIN = dict.fromkeys(HEALTH, ("text/plain", b"ok")) | {
    "/openapi/v2": (
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        b"\x0a\x032.0\x12\x15\x0a\x0aKubernetes\x12\x07v1.36.2",
    )
}
"""Paths with an answer that is no JSON, their types and answers.

kubectl up to 1.28 insists on a document of OpenAPI v2, in protobuf, before it reads that of v3; it
finds only the version in it.
"""
_UNCHANGING = {
    "Cache-Control": "public, immutable",
    "Expires": "Thu, 31 Dec 2037 23:55:55 GMT",
}
Connect = Callable[[web.BaseRequest, containers.Entrance], Awaitable[web.StreamResponse | None]]
"""Answers, or returns nothing where the connection has become something else."""
CONNECTIONS: dict[tuple[str, str], Connect] = {
    ("GET", "log"): containers.logs,
    ("GET", "exec"): commands.execute, ("POST", "exec"): commands.execute,
    ("GET", "attach"): commands.attach, ("POST", "attach"): commands.attach,
    ("GET", "portforward"): forwarding.forward, ("POST", "portforward"): forwarding.forward,
}  # fmt: skip
"""By method and subresource of pods."""


class Gateway:
    """Answers the requests of one server's clients."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.turn = front.clock.turn
        self.access = Access(front)
        self.watches = Watches(front)
        self.heard = monotonic()
        """When somebody last asked for something or was answered, in real seconds."""
        self.changes: list[tuple[float, rest.Request]] | None = None
        """If there is a list: what is sent that changes something, and when (virtual seconds)."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; what goes wrong is an answer too."""
        self.heard = monotonic()
        try:
            return await self._answer(request)
        except (errors.Unreachable, ConnectionError, TimeoutError):
            return hang_up(request)
        except errors.ApiError as error:
            return _json(error.code, error.status())
        except Exception as error:
            log.exception("%s %s", request.method, request.path)
            return _json(500, errors.internal(f"{type(error).__name__}: {error}").status())
        finally:
            self.heard = monotonic()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        target = printable(request.raw_path)
        path, _, text = target.partition("?")
        queries = parse_qs(text, keep_blank_values=True)
        query = {key: values[0] for key, values in queries.items()}
        headers = request.headers
        with self.turn:
            user = self.access.user(headers)
        asked = rest.Request(
            request.method,
            target,
            {},
            None,
            headers.get("Content-Type", "application/json"),
            printable(headers.get("Accept", "")) or "application/json",
            user.name,
            printable(headers.get("User-Agent", "")),
            user.groups,
        )
        wanted = authorization.attributes(asked.method, path, query)
        if path in PLAIN:
            with self.turn:
                authorization.check(self.front.server, user, wanted)
                if path in HEALTH and not self.front.server.etcd.ready:
                    return web.Response(status=500, text=UNWELL.format(path.strip("/")))
            media, plain = PLAIN[path]
            return web.Response(body=plain, content_type=media)
        if wanted.verb == "watch":
            return await self.watches.serve(request, asked, query)
        connect = CONNECTIONS.get((asked.method, wanted.subresource))
        if connect is not None and (wanted.group, wanted.resource) == ("", "pods"):
            with self.turn:
                self._may_connect(user, wanted)
                entrance = containers.Entrance(self.front, wanted, queries)
            answer = await connect(request, entrance)
            return hang_up(request) if answer is None else answer
        asked.body = await _body(request)
        with self.turn:
            if self.changes is not None and asked.method != "GET":
                self.changes.append((self.front.clock.now, asked))
            response = rest.handle(self.front.server, asked)
        return _json(response.code, response.body, response.warnings, path, bool(query))

    def _may_connect(self, user: User, wanted: Attributes) -> None:
        """Raises Forbidden. Who only may look may not run commands, by whatever method."""
        verbs = {wanted.verb} | (set() if wanted.subresource == "log" else {"create"})
        for verb in sorted(verbs):
            authorization.check(self.front.server, user, wanted._replace(verb=verb))


def hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection, on which nothing can or need be answered."""
    if request.transport is not None:
        request.transport.close()
    request.protocol.force_close()
    return web.Response()


async def _body(request: web.BaseRequest) -> bytes:
    """The body of a request. Raises RequestEntityTooLarge."""
    data = bytearray()
    body.check_size(request.content_length or 0)
    async for chunk in request.content.iter_any():
        data += chunk
        body.check_size(len(data))
    return bytes(data)


def _json(
    code: int,
    answer: Any,
    warnings: list[str] | None = None,
    path: str = "",
    unchanging: bool = False,
) -> web.Response:
    aggregated = answer.get("kind") == "APIGroupDiscoveryList"
    kind = discovery.AGGREGATED if aggregated else "application/json"
    response = web.Response(
        status=code,
        body=encode(answer),
        headers={"Content-Type": kind, "Cache-Control": "no-cache, private"},
    )
    if unchanging and path.startswith(f"{openapi.ROOT}/"):
        response.headers.update(_UNCHANGING)
    if wait := (answer.get("details") or {}).get("retryAfterSeconds") if code >= 400 else 0:
        response.headers["Retry-After"] = str(wait)
    add_warnings(response, warnings or [])
    return response


def encode(answer: Any) -> bytes:
    """A JSON value as text; halves of characters, which JSON may escape, stay escaped."""
    try:
        return msgspec.json.encode(answer)
    except UnicodeEncodeError:
        return json.dumps(answer).encode()
