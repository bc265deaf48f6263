"""The wires between a client and a container: named channels, over a WebSocket or SPDY.

Sources: `staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go`,
`staging/src/k8s.io/kubelet/pkg/cri/streaming/remotecommand`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from aiohttp import WSMsgType, web

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.http.spdy import ProtocolError, Session, Stream

NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2, "error": 3, "resize": 4}
_BY_NUMBER = {number: name for name, number in NUMBERS.items()}
_CLOSE = 255
COMMAND = ("v5.channel.k8s.io", "v4.channel.k8s.io")
"""How commands are spoken to, the best way first."""
LARGEST = 32 * 1024
OPENING = 30.0
"""Real seconds that a client has to open its streams."""

Received = tuple[str, bytes | None]
"""What came on a channel; None where nothing more will."""


class Channels(Protocol):
    """What a command and its client say to one another."""

    async def send(self, name: str, data: bytes) -> None: ...
    async def receive(self) -> Received | None:
        """The next; None when the client has gone."""

    async def finish(self, status: dict[str, Any]) -> None:
        """Tell how it ended."""


class WebSocketChannels:
    """Each message begins with its channel's number."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def send(self, name: str, data: bytes) -> None:
        for start in range(0, len(data), LARGEST):
            piece = data[start : start + LARGEST]
            await self._socket.send_bytes(bytes([NUMBERS[name]]) + piece)

    async def receive(self) -> Received | None:
        async for message in self._socket:
            data = message.data.encode() if message.type is WSMsgType.TEXT else message.data
            if not isinstance(data, bytes) or not data:
                continue
            if data[0] == _CLOSE:
                if data[1:2] == b"\0":
                    return "stdin", None
            elif data[0] in _BY_NUMBER:
                return _BY_NUMBER[data[0]], data[1:]
        return None

    async def finish(self, status: dict[str, Any]) -> None:
        await self.send("error", msgspec.json.encode(status))
        await self._socket.close()


class SpdyChannels:
    """Each channel is a stream, which the client has opened."""

    def __init__(self, session: Session, streams: dict[str, Stream], reading: Any) -> None:
        self._session = session
        self._streams = streams
        self._arrived: asyncio.Queue[Received | None] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._until_gone(reading))]
        for name in ("stdin", "resize"):
            if name in streams:
                self._tasks.append(asyncio.create_task(self._read(name, streams[name])))

    async def _until_gone(self, reading: Any) -> None:
        with suppress(ProtocolError):
            async for _ in reading:
                pass
        await self._arrived.put(None)

    async def _read(self, name: str, stream: Stream) -> None:
        data: bytes | None = b""
        while data is not None:
            data = await stream.arrived.get()
            await self._arrived.put((name, data))

    async def send(self, name: str, data: bytes) -> None:
        if name in self._streams:
            await self._streams[name].write(data)

    async def receive(self) -> Received | None:
        return await self._arrived.get()

    async def finish(self, status: dict[str, Any]) -> None:
        if status.get("status") != "Success":
            await self.send("error", msgspec.json.encode(status))
        for stream in self._streams.values():
            await stream.close()
        with suppress(TimeoutError):  # the client closes when it has read everything
            await asyncio.wait_for(self._tasks[0], 1.0)
        for task in self._tasks:
            task.cancel()
        self._session.end()


# --- opening


def is_upgrade(request: web.BaseRequest) -> bool:
    """Whether a request wants to go on as something else than HTTP."""
    return "upgrade" in request.headers.get("Connection", "").lower()


async def open_command(request: web.BaseRequest, wanted: set[str]) -> Channels:
    """Open the channels of a command. Raises BadRequest where its client speaks otherwise."""
    if upgrade(request) == "websocket":
        return WebSocketChannels(await websocket(request, COMMAND))
    session = await spdy(request, COMMAND[-1])
    reading = session.streams()
    streams: dict[str, Stream] = {}
    async with asyncio.timeout(OPENING):
        async for stream in reading:
            streams[stream.headers.get("streamtype", "")] = stream
            if wanted <= streams.keys():
                break
    return SpdyChannels(session, streams, reading)


def upgrade(request: web.BaseRequest) -> str:
    """What a request wants to go on as. Raises BadRequest."""
    wanted = request.headers.get("Upgrade", "").lower()
    if not is_upgrade(request) or wanted not in ("websocket", "spdy/3.1"):
        raise errors.bad_request("Upgrade request required")
    return wanted


async def websocket(
    request: web.BaseRequest, protocols: tuple[str, ...], optional: bool = False
) -> web.WebSocketResponse:
    """Go on as a WebSocket that speaks one of the protocols, or none. Raises BadRequest."""
    socket = web.WebSocketResponse(protocols=protocols, timeout=2.0)
    offered = request.headers.get("Sec-WebSocket-Protocol", "").replace(" ", "").split(",")
    if not set(offered) & set(protocols) and not (optional and offered == [""]):
        raise errors.bad_request(
            f"unable to upgrade: unable to negotiate protocol: client supports {offered}, "
            f"server accepts {list(protocols)}"
        )
    try:
        await socket.prepare(request)
    except web.HTTPException as error:
        raise errors.bad_request(f"unable to upgrade: {error.text}") from None
    return socket


async def spdy(request: web.BaseRequest, protocol: str) -> Session:
    """Go on as SPDY, with streams as one protocol has them. Raises an error 403."""
    offered = request.headers.getall("X-Stream-Protocol-Version", [protocol])
    names = [name.strip() for value in offered for name in value.split(",")]
    if protocol not in names:
        raise errors.ApiError(403, "", f"unable to upgrade: no protocol of {names} is spoken here")
    transport = request.transport
    if transport is None:
        raise errors.bad_request("the client has gone")
    pipe = _Socket(request, transport)
    transport.set_protocol(pipe)
    head = ("Connection: Upgrade", "Upgrade: SPDY/3.1", f"X-Stream-Protocol-Version: {protocol}")
    lines = ("HTTP/1.1 101 Switching Protocols", *head, "", "")
    await pipe.write("\r\n".join(lines).encode())
    return Session(pipe)


class _Socket(asyncio.Protocol):
    """A pipe that was an HTTP connection."""

    def __init__(self, request: web.BaseRequest, transport: Any) -> None:
        self._before = request.protocol
        self._transport = transport
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._ready = asyncio.Event()
        self._ready.set()

    def data_received(self, data: bytes) -> None:
        self._arrived.put_nowait(data)

    def connection_lost(self, problem: Exception | None) -> None:
        self._arrived.put_nowait(b"")
        self._ready.set()
        self._before.connection_lost(problem)

    def pause_writing(self) -> None:
        self._ready.clear()

    def resume_writing(self) -> None:
        self._ready.set()

    async def read(self) -> bytes:
        return await self._arrived.get()

    async def write(self, data: bytes) -> None:
        await self._ready.wait()
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()
