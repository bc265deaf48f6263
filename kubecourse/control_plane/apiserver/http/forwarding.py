"""Port-forward: connections from a client's machine to the ports of a simulated pod.

What is understood is HTTP, as it is all that simulated containers speak. Source:
`staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import web

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.http import ports
from kubecourse.control_plane.apiserver.http.containers import Entrance, reached
from kubecourse.control_plane.apiserver.http.spdy import ProtocolError

LONGEST_HEAD = 64 * 1024


async def forward(request: web.BaseRequest, entrance: Entrance) -> None:
    """Lead connections to a pod's ports."""
    with entrance.clock.turn:
        phase = entrance.pod.status.phase if entrance.pod.status else None
        if phase != "Running":
            why = f"unable to forward port because pod is not running. Current status={phase}"
            raise errors.bad_request(why)
        entrance.access.kubelet()
    session = await ports.open_forward(request, _ports(entrance))
    tasks = set()
    try:
        async for port, data, problems in session.opened():
            task = asyncio.create_task(_connect(entrance, port, data, problems))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except ProtocolError:
        pass
    finally:
        for task in list(tasks):
            task.cancel()
        session.end()


def _ports(entrance: Entrance) -> list[int]:
    named = ",".join(entrance.query.get("ports", [])).split(",")
    return [int(port) for port in named if re.fullmatch("[0-9]{1,5}", port) and int(port) < 1 << 16]


async def _connect(entrance: Entrance, port: int, data: ports.Way, problems: ports.Way) -> None:
    """One connection: HTTP requests in, the answers of the pod's server out."""
    async for path, last in _requests(data):
        clock, network = entrance.clock, entrance.front.network
        address = f"{entrance.pod.status.podIP}:{port}"
        with clock.turn:
            answer = network.request(f"http://{address}{path}")
            end = clock.now + answer.latency
        await reached(clock, end)
        if not answer.status:
            metadata = entrance.pod.metadata
            why = f"error forwarding port {port} to pod {metadata.name}, uid : {answer.error}"
            await problems.write(why.encode())
            break
        body = answer.body.encode()
        head = f"HTTP/1.1 {answer.status} {_reason(answer.status)}\r\nContent-Length: {len(body)}"
        end_of_head = "\r\nConnection: close\r\n\r\n" if last else "\r\n\r\n"
        await data.write((head + end_of_head).encode() + body)
        if last:
            break
    await data.close()
    await problems.close()


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


async def _requests(data: ports.Way) -> AsyncIterator[tuple[str, bool]]:
    """The paths that are asked for on a connection, and whether each is the last."""
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            piece = await data.arrived.get()
            if piece is None or len(buffer) > LONGEST_HEAD:
                return
            buffer += piece
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines)}
        length = headers.get("content-length", "0")
        if len(words) != 3 or not words[1].startswith("/") or not length.isdigit():
            return
        while len(buffer) < int(length):
            piece = await data.arrived.get()
            if piece is None:
                return
            buffer += piece
        buffer = buffer[int(length) :]
        yield words[1], headers.get("connection", "").lower() == "close" or words[2] != "HTTP/1.1"
