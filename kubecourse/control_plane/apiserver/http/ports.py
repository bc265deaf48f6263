"""The wires of a port-forward: pairs of streams over SPDY, or channels of a WebSocket.

Source: `staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.http.channels import COMMAND, spdy, upgrade, websocket
from kubecourse.control_plane.apiserver.http.spdy import Session, Stream

TUNNEL = "SPDY/3.1+portforward.k8s.io"
FORWARD = "portforward.k8s.io"


class Way(Protocol):
    """One direction to and from a port; what comes is in `arrived`, None at its end."""

    arrived: asyncio.Queue[bytes | None]

    async def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


class Ports(Protocol):
    """What a port-forward's client opens."""

    def opened(self) -> AsyncIterator[tuple[int, Way, Way]]:
        """Each connection: its port, the way of its data, and where errors are told."""

    def end(self) -> None: ...


class SpdyPorts:
    """Two streams for each connection."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def opened(self) -> AsyncIterator[tuple[int, Way, Way]]:
        half: dict[str, Stream] = {}
        async for stream in self._session.streams():
            number = stream.headers.get("requestid", "")
            other = half.pop(number, None)
            if other is None:
                half[number] = stream
                continue
            both = {each.headers.get("streamtype", ""): each for each in (stream, other)}
            port = stream.headers.get("port", "")
            if both.keys() == {"data", "error"} and port.isascii() and port.isdigit():
                yield int(port), both["data"], both["error"]

    def end(self) -> None:
        self._session.end()


class WebSocketPorts:
    """One connection for each port of the query, on two channels, which begin with its number."""

    def __init__(self, socket: web.WebSocketResponse, ports: list[int]) -> None:
        self._socket = socket
        self._ports = ports
        self._ways = [_Way(socket, number) for number in range(2 * len(ports))]
        self._closing: asyncio.Task[Any] | None = None

    async def opened(self) -> AsyncIterator[tuple[int, Way, Way]]:
        ways = zip(self._ports, self._ways[::2], self._ways[1::2], strict=True)
        for port, data, problems in ways:
            for way in (data, problems):
                await way.write(port.to_bytes(2, "little"))
            yield port, data, problems
        async for message in self._socket:
            data = message.data
            if isinstance(data, bytes) and data and data[0] < len(self._ways):
                self._ways[data[0]].arrived.put_nowait(data[1:])

    def end(self) -> None:
        for way in self._ways:
            way.arrived.put_nowait(None)
        self._closing = asyncio.create_task(_closed(self._socket))


class _Way:
    """One channel of a WebSocket; when it is closed, so is that."""

    def __init__(self, socket: web.WebSocketResponse, number: int) -> None:
        self._socket = socket
        self._number = number
        self.arrived: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def write(self, data: bytes) -> None:
        await self._socket.send_bytes(bytes([self._number]) + data)

    async def close(self) -> None:
        await self._socket.close()


# --- opening


async def open_forward(request: web.BaseRequest, ports: list[int]) -> Ports:
    """Open the connection of a port-forward; `ports` are those of its query. Raises BadRequest."""
    if upgrade(request) != "websocket":
        return SpdyPorts(await spdy(request, FORWARD))
    if TUNNEL in request.headers.get("Sec-WebSocket-Protocol", ""):
        return SpdyPorts(Session(_Tunnel(await websocket(request, (TUNNEL,)))))
    if not ports:
        raise errors.bad_request('query parameter "ports" is required')
    return WebSocketPorts(await websocket(request, COMMAND, optional=True), ports)


class _Tunnel:
    """A pipe through a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._closing: asyncio.Task[Any] | None = None

    async def read(self) -> bytes:
        async for message in self._socket:
            if message.type is WSMsgType.BINARY and message.data:
                data: bytes = message.data
                return data
        return b""

    async def write(self, data: bytes) -> None:
        await self._socket.send_bytes(data)

    def close(self) -> None:
        self._closing = asyncio.create_task(_closed(self._socket))


async def _closed(socket: web.WebSocketResponse) -> None:
    await socket.close()
