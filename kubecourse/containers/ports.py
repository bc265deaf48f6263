"""Run containers and reach them: published ports, conflicts, and the way a request takes."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from kubecourse.containers import bases
from kubecourse.containers.engines import (
    HOST,
    LABEL,
    EngineError,
    client,
    discard,
    explained,
    need_local,
    ours,
    plain,
)
from kubecourse.containers.recording import on_engine
from kubecourse.containers.shown import Shown
from kubecourse.lessons.messages import text
from kubecourse.tools.tables import columns

_TAKEN = re.compile(
    r"port is already allocated|address already in use|ports are not available", re.IGNORECASE
)
_STARTING = 5.0
"""Seconds that a request gives a program behind a published port to begin listening."""


class Port(Shown):
    """A published port: `inside` the container, and where the host listens for it."""

    inside: str
    host: str
    outside: int

    def __str__(self) -> str:
        return f"{self.host}:{self.outside} -> {self.inside}"


class Container(Shown):
    """A container as `inspect` describes it. `exposed` is what its image declares, no more."""

    name: str
    id: str
    image: str
    status: str
    exit_code: int
    network: str
    address: str
    gateway: str
    exposed: list[str]
    ports: list[Port]

    @property
    def port(self) -> int:
        """The first published port on this machine. Raises IndexError if there is none."""
        return self.ports[0].outside

    def __str__(self) -> str:
        reach = ", ".join(map(str, self.ports)) or "no published ports"
        return f"{self.name} ({self.image}), {self.status}, {reach}"


class Answer(Shown):
    """What came back for a request: a status and a body, or a problem.

    `problem` is `refused`, `silent` or `broken`; `said`, what the system said of it.
    """

    url: str
    status: int = 0
    body: str = ""
    problem: str = ""
    said: str = ""

    def __str__(self) -> str:
        if not self.problem:
            return f"{self.url}: {self.status} {self.body.rstrip()}"
        return f"{self.url}: {text(f'containers.answer.{self.problem}', error=self.said)}"


class Holder(Shown):
    """What holds a port: a `container` or `process` of that name, `somebody`, or nobody."""

    kind: str
    name: str = ""

    def __bool__(self) -> bool:
        return self.kind != "nobody"

    @property
    def message(self) -> dict[str, str]:
        """The key of what it is called in the reader's language, and its value."""
        return {"key": f"containers.holder.{self.kind}", "name": self.name}

    def __str__(self) -> str:
        return text(**self.message)


class Bridge(Shown):
    """A network between the host and containers, with the host's own address in it."""

    name: str
    subnet: str
    gateway: str


class PortMap(Shown):
    """Host, bridges and containers of ours, as the engine describes them now."""

    bridges: list[Bridge]
    containers: list[Container]

    def __str__(self) -> str:
        rows = [("on this machine", "container", "in its network")]
        for each in self.containers:
            inside = f"{each.address or '-'} in {each.network}"
            rows += [
                (f"{p.host}:{p.outside}", each.name, f"{inside}, {p.inside}") for p in each.ports
            ]
            if not each.ports:
                exposed = f", {', '.join(each.exposed)} exposed" if each.exposed else ""
                rows.append(("(not published)", each.name, inside + exposed))
        nets = [f"{net.name}: {net.subnet}, host is {net.gateway}" for net in self.bridges]
        return "\n".join([columns(rows), *nets])


@on_engine
def run(
    image: str,
    name: str | None = None,
    publish: Mapping[int, int] | None = None,
    command: list[str] | str | None = None,
    environment: Mapping[str, str] | None = None,
    memory: str | int | None = None,
    cpus: float | None = None,
) -> Container:
    """Start a container; `publish={8080: 18080}` maps this machine's 18080 to its 8080.

    An outside port of 0 is any free one. A container of ours with the same name is replaced.
    Raises EngineError: `port_taken`, `name_taken`, `no_image`, `remote`, ...
    """
    from docker.errors import APIError

    if publish:
        need_local()
    title = ours(name or re.split(r"[/:@]", image.rpartition("/")[2])[0])
    _make_room(title)
    container = client().containers.create(
        bases.resolve(image),
        command,
        name=title,
        labels={LABEL: "lab"},
        ports={f"{inside}/tcp": (HOST, out or None) for inside, out in (publish or {}).items()},
        environment=dict(environment or {}),
        mem_limit=memory,
        memswap_limit=memory,  # no swap: a limit on memory is a limit
        nano_cpus=int(float(cpus) * 1e9) if cpus else None,
    )
    try:
        container.start()
    except APIError as error:
        said = str(error.explanation)
        if _TAKEN.search(said):
            discard(container)  # created, but it never ran
            raise _taken(said, publish or {}) from None
        if not inspect(title).exit_code:  # 126 and 127 are answers: its command cannot run
            discard(container)
            raise explained(said) from None
    return inspect(title)


@on_engine
def inspect(name: str) -> Container:
    """A container by its name. Raises EngineError."""
    return _read(client().containers.get(ours(name)))


@on_engine
def containers() -> list[Container]:
    """All containers of ours, running or not, by name."""
    found = client().containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    return sorted(map(_read, found), key=lambda each: each.name)


@on_engine
def logs(name: str) -> str:
    """What a container printed. Raises EngineError."""
    return str(client().containers.get(ours(name)).logs().decode("utf-8", "replace"))


@on_engine
def execute(name: str, command: list[str]) -> int:
    """Run a command inside a running container; its exit code. Raises EngineError."""
    return int(client().containers.get(ours(name)).exec_run(command).exit_code)


@on_engine
def stop(name: str) -> Container:
    """Ask a container to end (SIGTERM); after 10 seconds, end it (SIGKILL). Raises EngineError."""
    client().containers.get(ours(name)).stop()
    return inspect(name)


@on_engine
def remove(name: str) -> None:
    """Remove a container, running or not. Raises EngineError."""
    container = client().containers.get(ours(name))
    if LABEL not in container.labels:
        raise EngineError("name_taken", name=ours(name))
    discard(container)


@on_engine
def get(port: int, path: str = "/") -> Answer:
    """Send an HTTP request to a port of this machine. Nobody listening is an answer too.

    Raises EngineError if the engine's ports are on another machine.
    """
    need_local()
    until = monotonic() + _STARTING
    while True:
        answer, again = _ask(port, path)
        if not again or monotonic() > until or not _published_by_us(port):
            return answer
        sleep(0.05)


@on_engine
def holder(port: int) -> Holder:
    """What holds a port of this machine: a container or a process; false for nobody."""
    for each in client().containers.list(ignore_removed=True):
        if port in (one.outside for one in _read(each).ports):
            return Holder("container", each.name)
    if process := _process(port):
        return Holder("process", process)
    with socket.socket() as trial:
        trial.settimeout(1)
        return Holder("nobody" if trial.connect_ex((HOST, port)) else "somebody")


@on_engine
def port_map() -> PortMap:
    """The picture of who can be reached where, read from the engine."""
    found = [each for each in containers() if each.status == "running"]
    bridges = []
    for name in dict.fromkeys(each.network for each in found if each.network):
        for pool in client().networks.get(name).attrs["IPAM"]["Config"] or ():
            gateway = pool.get("Gateway") or next(e.gateway for e in found if e.network == name)
            bridges.append(Bridge(name, pool.get("Subnet", ""), gateway))
    return PortMap(bridges, found)


def _read(container: Any) -> Container:
    """What the course shows of an SDK's container."""
    attrs = container.attrs
    found: list[tuple[str, dict[str, Any]]] = list(attrs["NetworkSettings"]["Networks"].items())
    network, settings = found[0] if found else ("", {})
    published = attrs["NetworkSettings"].get("Ports") or {}
    return Container(
        name=container.name,
        id=container.short_id,
        image=plain(attrs["Config"]["Image"]),
        status=attrs["State"]["Status"],
        exit_code=attrs["State"]["ExitCode"],
        network=network,
        address=settings.get("IPAddress") or "",
        gateway=settings.get("Gateway") or "",
        exposed=sorted(attrs["Config"].get("ExposedPorts") or ()),
        ports=[
            Port(inside, each["HostIp"], int(each["HostPort"]))
            for inside, bindings in sorted(published.items())
            for each in bindings or ()
        ],
    )


def _make_room(name: str) -> None:
    """Remove a container of ours that has the name, perhaps from a lab that was cut short."""
    from docker.errors import NotFound

    with suppress(NotFound):
        found = client().containers.get(name)
        if LABEL not in found.labels:
            raise EngineError("name_taken", name=name)
        discard(found)


# --- requests


def _ask(port: int, path: str) -> tuple[Answer, bool]:
    """One request, and whether to ask again if the program is only starting."""
    url = f"http://{HOST}:{port}{path}"
    connection = http.client.HTTPConnection(HOST, port, timeout=_STARTING)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode("utf-8", "replace")
        return Answer(url, response.status, body), False
    except TimeoutError:
        return Answer(url, problem="silent"), False
    except ConnectionRefusedError:
        return Answer(url, problem="refused"), True
    except (OSError, http.client.HTTPException) as error:
        return Answer(url, problem="broken", said=str(error)), True
    finally:
        connection.close()


def _published_by_us(port: int) -> bool:
    return any(
        each.status == "running" and port in (one.outside for one in each.ports)
        for each in containers()
    )


# --- who holds a port


def _taken(said: str, publish: Mapping[int, int]) -> EngineError:
    wanted = [outside for outside in publish.values() if outside]
    port = next((each for each in wanted if re.search(rf":{each}\b", said)), wanted[0])
    return EngineError(
        "port_taken",
        " ".join(said.split()),
        port=port,
        holder=(holder(port) or Holder("somebody")).message,
        free=free_port(),
    )


def _process(port: int) -> str:
    """The program that listens on a port, as Linux tells; empty if it does not."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                cells = line.split()
                if cells[3] == "0A" and int(cells[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{cells[9]}]")
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        with suppress(OSError):
            if str(link.readlink()) in inodes:
                place = link.parents[1]
                return f"{(place / 'comm').read_text().strip()} (PID {place.name})"
    return ""


def free_port() -> int:
    """A port of this machine that nobody holds now."""
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        return int(trial.getsockname()[1])
