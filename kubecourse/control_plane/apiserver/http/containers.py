"""The way into containers: logs, exec, attach, port-forward.

No command leaves the simulated container, and no connection the simulated network.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from aiohttp import web

from kubecourse.api import errors
from kubecourse.clock import START, Clock
from kubecourse.control_plane.apiserver import APIServer
from kubecourse.control_plane.apiserver.authorization import Attributes
from kubecourse.control_plane.apiserver.pod_access import PodAccess
from kubecourse.control_plane.apiserver.strategy import PODS

POLL = 0.02
"""Real seconds between two looks at something that takes virtual time."""


class Front(Protocol):
    """A cluster, as whoever serves it sees it. `server` raises Unreachable."""

    clock: Clock
    network: Any
    kubelets: dict[str, Any]

    @property
    def server(self) -> APIServer: ...


class Entrance:
    """One pod that a request wants to get into, and what its query says."""

    def __init__(self, front: Front, wanted: Attributes, query: Mapping[str, list[str]]) -> None:
        self.front = front
        self.clock = front.clock
        self.query = query
        self.pod = front.server.get(PODS, wanted.namespace, wanted.name)
        self.access = PodAccess(front.server, self.pod, front.kubelets)

    def flag(self, name: str) -> bool:
        """Whether something is asked for."""
        return self.query.get(name, ["false"])[0].lower() in ("true", "1")

    def number(self, name: str) -> int | None:
        """A number that is asked for, if any. Raises BadRequest."""
        text = self.query.get(name, [""])[0]
        if text and not re.fullmatch(r"[0-9]{1,18}", text):
            raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text) if text else None

    # --- which container

    @property
    def name(self) -> str:
        """The container's name. Raises BadRequest."""
        return self.access.container(self.query.get("container", [""])[0])

    def running(self) -> Any:
        """The container that runs, in the node's runtime. Raises BadRequest, an error 500."""
        return self.access.running(self.name)


# --- logs


async def logs(request: web.BaseRequest, entrance: Entrance) -> web.StreamResponse:
    """Send what a container wrote, and with `follow` what it goes on to write."""
    clock = entrance.clock
    with clock.turn:
        container = entrance.access.logged(entrance.name, entrance.flag("previous"))
        lines, seen = _lines(entrance, container)
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    left = entrance.number("limitBytes")
    while True:
        data = b"".join(_shown(line, entrance.flag("timestamps")) for line in lines)[:left]
        left = None if left is None else left - len(data)
        if data:
            await response.write(data)
        if container is None or left == 0 or not entrance.flag("follow"):
            break
        with clock.turn:
            over = not container.running
            lines = [line for line in container.log[seen:] if over or line[1].endswith("\n")]
            seen += len(lines)
        if over and not lines:
            break
        await asyncio.sleep(0 if lines else POLL)
    await response.write_eof()
    return response


def _lines(entrance: Entrance, container: Any) -> tuple[list[tuple[float, str]], int]:
    """The lines of a log that are wanted, and how many there are."""
    log = [] if container is None else list(container.log)
    tail, since = entrance.number("tailLines"), entrance.number("sinceSeconds")
    begin = 0.0 if since is None else entrance.clock.now - since
    if text := entrance.query.get("sinceTime", [""])[0]:
        try:
            begin = entrance.clock.seconds(datetime.fromisoformat(text.replace("Z", "+00:00")))
        except (ValueError, TypeError):
            raise errors.bad_request(f'parsing time "{text}" as RFC3339') from None
    lines = [line for line in log if line[0] >= begin]
    return lines if tail is None else lines[-tail:] if tail else [], len(log)


def _shown(line: tuple[float, str], timestamps: bool) -> bytes:
    when, text = line
    time = START + timedelta(seconds=when)
    return (f"{time:%Y-%m-%dT%H:%M:%S.%f}000Z {text}" if timestamps else text).encode()


async def reached(clock: Clock, end: float) -> None:
    """Until it is that virtual second."""
    while clock.now < end:
        await asyncio.sleep(POLL)
