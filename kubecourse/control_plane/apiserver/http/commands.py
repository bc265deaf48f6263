"""Commands in containers: exec, attach, and shells to type into.

No command leaves its simulated container. Source:
`staging/src/k8s.io/kubelet/pkg/cri/streaming/remotecommand`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from kubecourse.api import errors
from kubecourse.control_plane.apiserver.http import channels
from kubecourse.control_plane.apiserver.http.containers import POLL, Entrance, reached
from kubecourse.control_plane.apiserver.http.terminal import END_OF_FILE, INTERRUPT, Terminal

SILENCE = 0.25
"""Real seconds after which a client that may type, but does not, is taken to have nothing."""
LONGEST_INPUT = 3 * 1024 * 1024
LONGEST_COMMAND = 86400.0
PROMPT = "# "


async def execute(request: web.BaseRequest, entrance: Entrance) -> None:
    """Run a command in a container and pass on what it writes, in its own time."""
    clock, command = entrance.clock, entrance.query.get("command", [])
    if not command:
        raise errors.bad_request("you must specify at least one command for the container")
    with clock.turn:
        entrance.running()
    wires = await channels.open_command(request, _wanted(entrance))
    if entrance.flag("stdin") and _is_shell(command):
        await _converse(entrance, wires)
        return
    typed = await _everything_typed(wires) if entrance.flag("stdin") else ""
    with clock.turn:
        container = entrance.running()
        result = entrance.access.kubelet().runtime.exec(container, command, typed)
        end = clock.now + result.seconds
    await _while_listening(wires, reached(clock, end))
    await wires.send("stdout", result.stdout.encode())
    await wires.send(_errors(entrance), result.stderr.encode())
    await wires.finish(_ended(result.code))


def _errors(entrance: Entrance) -> str:
    """Where errors are written."""
    return "stdout" if entrance.flag("tty") else "stderr"


async def _everything_typed(wires: channels.Channels) -> str:
    """What the client sends until it is done; nothing if it does not begin at once."""
    typed = b""
    wait: float | None = SILENCE
    while True:
        try:
            received = await asyncio.wait_for(wires.receive(), wait)
        except TimeoutError:
            return ""
        if received is None:
            raise ConnectionResetError("the client has gone")
        name, data = received
        if name == "stdin":
            if data is None:
                return typed.decode("utf-8", "replace")
            typed, wait = (typed + data)[:LONGEST_INPUT], None


# --- shells


def _is_shell(command: list[str]) -> bool:
    """Whether a command reads commands from its client."""
    flags = all(word.startswith("-") and "c" not in word for word in command[1:])
    return command[0].rpartition("/")[2] in ("ash", "bash", "sh") and flags


async def _converse(entrance: Entrance, wires: channels.Channels) -> None:
    """Do what is typed into a shell, line by line, until it is left."""
    clock = entrance.clock
    terminal = Terminal(entrance.flag("tty"))
    with clock.turn:
        session = entrance.access.kubelet().runtime.shell(entrance.running())
    prompt = terminal.shown(PROMPT if entrance.flag("tty") else "")
    await wires.send("stdout", prompt)
    async for shown, line in _lines_typed(terminal, wires):
        await wires.send("stdout", terminal.shown(shown))
        if line == END_OF_FILE:
            break
        if line and line != INTERRUPT:
            with clock.turn:
                result = session.run(line)
                end = min(clock.now + result.seconds, clock.now + LONGEST_COMMAND)
            await reached(clock, end)
            await wires.send("stdout", terminal.shown(result.stdout))
            await wires.send(_errors(entrance), terminal.shown(result.stderr))
        if session.over:
            break
        if line:
            await wires.send("stdout", prompt)
    await wires.finish(_ended(session.status))


async def _lines_typed(
    terminal: Terminal, wires: channels.Channels
) -> AsyncIterator[tuple[str, str]]:
    while (received := await wires.receive()) is not None:
        name, data = received
        if name == "stdin":
            if data is None:
                yield "", terminal.rest()
                yield "", END_OF_FILE
                return
            for each in terminal.typed(data):
                yield each
    raise ConnectionResetError("the client has gone")


# --- listening


async def attach(request: web.BaseRequest, entrance: Entrance) -> None:
    """Pass on what a container writes from now on, until it ends."""
    clock = entrance.clock
    with clock.turn:
        container = entrance.running()
        seen = len(container.log)
    wires = await channels.open_command(request, _wanted(entrance))

    async def pass_on() -> None:
        nonlocal seen
        over = False
        while not over:
            with clock.turn:
                over = not container.running
                lines = [text for _, text in container.log[seen:]]
                seen += len(lines)
            await wires.send("stdout", "".join(lines).encode())
            await asyncio.sleep(POLL)

    await _while_listening(wires, pass_on())
    await wires.finish(_ended(container.exit_code or 0))


def _wanted(entrance: Entrance) -> set[str]:
    """The channels that a client opens."""
    names = {name for name in ("stdin", "stdout", "stderr") if entrance.flag(name)}
    if entrance.flag("tty"):
        names = names - {"stderr"} | {"resize"}
    return {*names, "error"}


async def _while_listening(wires: channels.Channels, work: Any) -> None:
    """Do something for as long as the client is there. Raises ConnectionError if it goes."""

    async def listen() -> None:
        while await wires.receive() is not None:
            pass  # it has read what it wanted

    working, listening = asyncio.create_task(work), asyncio.create_task(listen())
    try:
        await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ConnectionResetError("the client has gone")
        working.result()
    finally:
        working.cancel()
        listening.cancel()


def _ended(code: int) -> dict[str, Any]:
    """How a command's end is told."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
