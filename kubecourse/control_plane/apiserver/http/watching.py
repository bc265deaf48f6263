"""Watches over HTTP: one JSON value for each change, for as long as the client listens.

Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/watch.go`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from kubecourse.api import errors, models
from kubecourse.control_plane.apiserver import rest
from kubecourse.control_plane.apiserver.representation import Events
from kubecourse.control_plane.apiserver.watch import Change

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver import APIServer
    from kubecourse.control_plane.apiserver.http.containers import Front

BOOKMARK_SECONDS = 60.0
MOST_WAITING = 32 * 1024 * 1024
"""Bytes that wait for a client; one that reads so slowly is sent away."""
DEFAULT_TIMEOUT = 3600.0


class Outlet:
    """What is on its way to one client. Anybody may push, from any thread; one reads."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._lock = Lock()
        self._waiting: list[bytes] = []
        self._size = 0
        self.closed = False

    def push(self, data: bytes) -> None:
        """Send this."""
        if self.closed:
            return
        with self._lock:
            self._waiting.append(data)
            self._size += len(data)
            first = len(self._waiting) == 1
        if self._size > MOST_WAITING:
            self.close()
        elif first:
            self._wake()

    def close(self) -> None:
        """Nothing more comes."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is over
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def take(self, timeout: float) -> bytes:
        """All that waits, as soon as anything does; nothing after so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), timeout)
        self._arrived.clear()
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._size = 0
        return b"".join(waiting)


class Encoded:
    """Events as bytes. What many clients want in the same form is written once for all."""

    MOST = 256

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[Any, bytes]] = {}

    def event(self, form: Events, change: Change) -> bytes:
        """One event, on a line of its own."""
        kind, obj = change
        look = (form.form, form.query.get("includeObject"), form.headed)
        key = (id(obj), kind, *look, form.server.clock.utc())  # tables tell ages
        found = self._known.get(key)
        if found is None or found[0] is not obj:
            if len(self._known) >= self.MOST:
                self._known.clear()
            found = self._known[key] = (obj, line(form.event(kind, obj)))
        form.headed = form.headed or kind != "BOOKMARK"
        return found[1]


def line(event: dict[str, Any]) -> bytes:
    """An event as it is sent."""
    return msgspec.json.encode(event) + b"\n"


class Watches:
    """All watches of one cluster."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._turn = front.clock.turn
        self._server: APIServer | None = None
        self._encoded = Encoded()
        self._outlets: set[Outlet] = set()
        self.told = monotonic()
        """When a client was last told of a change, in real seconds."""
        self.check()

    @property
    def any(self) -> bool:
        """Whether anybody watches anything."""
        return bool(self._outlets)

    def close(self) -> None:
        """End all of them: their clients will ask again."""
        for outlet in list(self._outlets):
            outlet.close()

    def check(self) -> None:
        """End all of them if another server, or none, answers people now."""
        server = None
        with self._turn, suppress(errors.Unreachable):
            server = self._front.server
        if server is not self._server:
            self._server = server
            self.close()

    async def serve(
        self, request: web.BaseRequest, asked: rest.Request, query: dict[str, str]
    ) -> web.StreamResponse:
        """Answer a watch request until it has lasted as long as it should. Raises ApiError."""
        seconds = _seconds(query.get("timeoutSeconds", ""))
        outlet = Outlet()

        def pass_on(form: Events, changes: list[Change]) -> None:
            self.told = monotonic()
            for change in changes:
                outlet.push(self._encoded.event(form, change))

        stream, warnings = None, list[str]()
        try:
            with self._turn:
                server = self._front.server
                stream = rest.stream(server, asked, pass_on, warnings)
        except errors.ApiError as error:
            if error.code != 410:
                raise
            outlet.push(line({"type": "ERROR", "object": error.status()}))
            outlet.close()
        self._outlets.add(outlet)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        add_warnings(response, warnings)
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            await self._run(outlet, response, server, stream, query, seconds)
            await response.write_eof()
        except ConnectionError:
            pass  # the client has gone
        finally:
            self._outlets.discard(outlet)
            if stream is not None:
                with self._turn:
                    stream.stop()
        return response

    async def _run(
        self,
        outlet: Outlet,
        response: web.StreamResponse,
        server: APIServer,
        stream: Any,
        query: dict[str, str],
        seconds: float,
    ) -> None:
        clock = asyncio.get_running_loop().time
        end, bookmark = clock() + seconds, clock() + BOOKMARK_SECONDS
        while not outlet.closed and clock() < end:
            data = await outlet.take(min(end, bookmark) - clock())
            if data:
                await response.write(data)
            if stream is not None and clock() >= bookmark:
                bookmark = clock() + BOOKMARK_SECONDS
                if query.get("allowWatchBookmarks", "").lower() in ("true", "1"):
                    with self._turn:
                        version = str(server.etcd.revision)
                        mark = models.meta_v1.ObjectMeta(resourceVersion=version)
                        stream.send(Change("BOOKMARK", mark))
        if data := await outlet.take(0):
            await response.write(data)


def add_warnings(response: web.StreamResponse, warnings: list[str]) -> None:
    """Put warnings into an answer's head."""
    for warning in warnings:
        shown = "".join(c if c.isprintable() else " " for c in warning)
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')


def _seconds(text: str) -> float:
    if not text:
        return DEFAULT_TIMEOUT
    if not text.isascii() or not text.isdigit():
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return min(float(text), 86400.0) or DEFAULT_TIMEOUT
