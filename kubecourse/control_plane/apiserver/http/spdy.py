"""SPDY/3.1, as much of it as exec, attach and port-forward use: streams of bytes over one pipe.

Sources: the draft "SPDY Protocol - Draft 3.1", `github.com/moby/spdystream`.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol

_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base "
    "content-encoding content-language content-length content-location content-md5 "
    "content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location "
    "max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after "
    "server te trailer transfer-encoding upgrade user-agent vary via warning "
    "www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(
        struct.pack(">I", len(name)) + name.replace("_", " ").encode() for name in _NAMES.split()
    )
    + _TEXT.encode()
)
"""What both sides know of headers before the first."""

_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_VERSION = 3
_FIN = 1
_CONTROL = 1 << 31
LARGEST_FRAME = 1 << 20
LARGEST_HEADERS = 1 << 16
LARGEST_DATA = 1 << 14


class ProtocolError(Exception):
    """What came is no SPDY."""


class Pipe(Protocol):
    """What carries the bytes."""

    async def read(self) -> bytes:
        """Some bytes; none at the end."""

    async def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class Stream:
    """One of the streams of a connection; what comes is in `arrived`, None at its end."""

    def __init__(self, session: Session, number: int, headers: dict[str, str]) -> None:
        self._session = session
        self.number = number
        self.headers = headers
        self.arrived: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        for start in range(0, len(data), LARGEST_DATA):
            await self._session.data(self.number, data[start : start + LARGEST_DATA])

    async def close(self) -> None:
        """Send no more."""
        await self._session.data(self.number, b"", _FIN)


class Session:
    """One connection; its client opens streams."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._streams: dict[int, Stream] = {}
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._sending = asyncio.Lock()

    async def streams(self) -> AsyncIterator[Stream]:
        """The streams that the client opens, until it is done. Raises ProtocolError."""
        buffer = bytearray()
        while chunk := await self._pipe.read():
            buffer += chunk
            while len(buffer) >= 8:
                first, second = struct.unpack_from(">II", buffer)
                length = second & 0xFFFFFF
                if length > LARGEST_FRAME:
                    raise ProtocolError("a frame is too large")
                if len(buffer) < 8 + length:
                    break
                payload = bytes(buffer[8 : 8 + length])
                del buffer[: 8 + length]
                if first & _CONTROL:
                    kind = first & 0xFFFF
                    if kind == _GOAWAY:
                        return
                    opened = await self._control(kind, second >> 24, payload)
                    if opened is not None:
                        yield opened
                else:
                    self._received(first, second >> 24, payload)

    def end(self) -> None:
        """No more comes on any stream."""
        for stream in self._streams.values():
            stream.arrived.put_nowait(None)
        self._pipe.close()

    async def data(self, number: int, data: bytes, flags: int = 0) -> None:
        """Send a piece of a stream."""
        await self._send(struct.pack(">II", number, flags << 24 | len(data)) + data)

    async def _send(self, frame: bytes) -> None:
        async with self._sending:
            with suppress(ConnectionError):
                await self._pipe.write(frame)

    def _received(self, number: int, flags: int, data: bytes) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            if data:
                stream.arrived.put_nowait(data)
            if flags & _FIN:
                stream.arrived.put_nowait(None)

    async def _control(self, kind: int, flags: int, payload: bytes) -> Stream | None:
        """Do what a control frame says; the stream that it opens."""
        if kind == _SYN_STREAM:
            if len(payload) < 10:
                raise ProtocolError("a frame is too short")
            number = struct.unpack_from(">I", payload)[0] & 0x7FFFFFFF
            stream = Stream(self, number, self._headers(payload[10:]))
            if flags & _FIN:
                stream.arrived.put_nowait(None)
            self._streams[number] = stream
            async with self._sending:
                block = self._deflate.compress(b"\0\0\0\0")
                block += self._deflate.flush(zlib.Z_SYNC_FLUSH)
            await self._send(_frame(_SYN_REPLY, struct.pack(">I", number) + block))
            return stream
        if kind == _RST_STREAM and len(payload) >= 4:
            self._received(struct.unpack_from(">I", payload)[0], _FIN, b"")
        elif kind == _PING:
            await self._send(_frame(_PING, payload))
        return None

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, LARGEST_HEADERS)
        except zlib.error as error:
            raise ProtocolError(str(error)) from None
        if self._inflate.unconsumed_tail:
            raise ProtocolError("the headers are too large")
        found, place = [], 4
        while place + 4 <= len(plain):
            length = struct.unpack_from(">I", plain, place)[0]
            found.append(plain[place + 4 : place + 4 + length].decode("latin-1"))
            place += 4 + length
        return dict(zip([name.lower() for name in found[::2]], found[1::2], strict=False))


def _frame(kind: int, payload: bytes) -> bytes:
    head = struct.pack(">II", _CONTROL | _VERSION << 16 | kind, len(payload))
    return head + payload
