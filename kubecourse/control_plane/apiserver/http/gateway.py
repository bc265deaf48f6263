"""A request from the network in, an answer out.

Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from kubecourse.api import errors
from kubecourse.control_plane.apiserver import APIServer, authorization, body, discovery, openapi, rest
from kubecourse.control_plane.apiserver.http.access import Access, printable
from kubecourse.control_plane.apiserver.http.watching import Watches

log = logging.getLogger(__name__)

PLAIN = dict.fromkeys(("/healthz", "/livez", "/readyz"), ("text/plain", b"ok")) | {
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


class Gateway:
    """Answers the requests of one server's clients."""

    def __init__(self, server: APIServer, kubelets: Mapping[str, Any]) -> None:
        self.server = server
        self.access = Access(server)
        self.watches = Watches(server)
        self.kubelets = kubelets

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; what goes wrong is an answer too."""
        try:
            return await self._answer(request)
        except errors.ApiError as error:
            return _json(error.code, error.status())
        except Exception as error:
            log.exception("%s %s", request.method, request.path)
            return _json(500, errors.internal(f"{type(error).__name__}: {error}").status())

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        target = printable(request.raw_path)
        path, _, text = target.partition("?")
        queries = parse_qs(text, keep_blank_values=True)
        query = {key: values[0] for key, values in queries.items()}
        headers = request.headers
        with self.server.clock.turn:
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
            with self.server.clock.turn:
                authorization.check(self.server, user, wanted)
            content_type, text = PLAIN[path]
            return web.Response(body=text, content_type=content_type)
        if wanted.verb == "watch":
            return await self.watches.serve(request, asked, query)
        asked.body = await _body(request)
        with self.server.clock.turn:
            response = rest.handle(self.server, asked)
        return _json(response.code, response.body, response.warnings, path, bool(query))


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
    for warning in warnings or ():
        response.headers.add("Warning", f'299 - "{_quoted(warning)}"')
    return response


def encode(answer: Any) -> bytes:
    """A JSON value as text; halves of characters, which JSON may escape, stay escaped."""
    try:
        return msgspec.json.encode(answer)
    except UnicodeEncodeError:
        return json.dumps(answer).encode()


def _quoted(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown.replace("\\", "\\\\").replace('"', '\\"')
