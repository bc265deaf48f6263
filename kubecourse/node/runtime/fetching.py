"""curl, wget, nc, nslookup, databases' clients: asking the network, and saying what came of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubecourse.node.runtime.script import Result

if TYPE_CHECKING:
    from kubecourse.node.network import Response
    from kubecourse.node.runtime.programs import Call
    from kubecourse.node.runtime.sandbox import Sandbox

DNS_SERVER = "10.96.0.10"
PATIENCE = 130.0
"""Seconds that they wait for a connection if nobody says otherwise."""
_LIMITS = ("m", "max-time", "T", "timeout", "w", "connect-timeout")
_FAILURES: dict[str, tuple[int, str, str, str]] = {
    # what failed: curl's exit code, what curl says, what wget says, what nc says
    "status": (22, "The requested URL returned error: {status}",
               "wget: server returned error: HTTP/1.1 {status}", ""),
    "name": (6, "Could not resolve host: {name}", "wget: bad address '{host}'",
             "bad address '{name}'"),
    "refused": (7, "Failed to connect to {name} port {port} after 0 ms: Could not connect to "
                "server", "Connecting to {host} ({address})\nwget: can't connect to remote host "
                "({ip}): {why}", "{name}:{port}: Connection refused"),
    "time": (28, "Connection timed out", "wget: download timed out",
             "{name}:{port}: Connection timed out"),
}  # fmt: skip


def fetch(call: Call) -> Result:
    """GET a URL, as curl or as busybox' wget."""
    sandbox, url, options = call.script.container.sandbox, "".join(call.words[-1:]), call.options
    curl = call.name == "curl"
    try:
        if not url or sandbox.network is None:
            raise ValueError("no URL specified")
        response = sandbox.network.fetch(url, sandbox, _limit(call))
    except ValueError as error:
        return call.fail(str(error), 2 if curl else 1)._replace(pure=False)
    written = options.get("w") or options.get("write-out", "")
    written = written.replace("%{http_code}", f"{response.status:03d}").replace("\\n", "\n")
    code, body, said = 0, response.body, ""
    if not response.status or (response.status >= 400 and (not curl or call.has("f", "fail"))):
        code, for_curl, for_wget, _ = _failure(url, response)
        said = f"{for_wget}\n"
        if curl:
            quiet = call.has("s", "silent") and not call.has("S", "show-error")
            said = "" if quiet else f"curl: ({code}) {for_curl}\n"
        code, body = code if curl else 1, ""
    elif call.has("I", "head"):
        body = f"HTTP/1.1 {response.status}\n"
    place = (url.partition("://")[2] or url).partition("/")[2].rpartition("/")[2]
    named = "-" if curl else place or "index.html"
    given = options.get("output") or options.get("o" if curl else "O", named)
    path = "" if call.has("spider") else given
    if path not in ("", "-") and not code:
        call.files.write(call.path(path), body)
    out = body if path == "-" else ""
    return Result(code, out + written * curl, said, response.latency, pure=False)


def _failure(url: str, response: Response) -> tuple[int, str, str, str]:
    """What the programs say of a request that failed, and curl's exit code."""
    host = (url.partition("://")[2] or url).partition("/")[0]
    name, _, port = host.partition(":")
    address, _, why = response.error.partition("dial tcp ")[2].partition(": connect: ")
    kind = "refused" if "connect: " in response.error else "time"
    kind = "status" if response.status else "name" if "no such host" in response.error else kind
    code, *texts = _FAILURES[kind]
    ip, why = address.partition(":")[0], why.capitalize()
    known = {"host": host, "name": name, "port": port or 80, "address": address, "ip": ip}
    curl, wget, nc = (text.format(status=response.status, why=why, **known) for text in texts)
    return code, curl, wget, nc


def _limit(call: Call) -> float:
    """The seconds that a program waits, if an option says so (curl's -w means something else)."""
    given = (call.options.get(name, "") for name in _LIMITS if (call.name, name) != ("curl", "w"))
    return next((float(n) for n in given if n.replace(".", "", 1).isdigit()), PATIENCE)


def connect(call: Call) -> Result:
    """See whether somebody listens, as busybox' nc."""
    sandbox = call.script.container.sandbox
    if len(call.words) < 2 or sandbox.network is None or not call.words[1].isdigit():
        return call.fail("usage: nc [-z] [-w SECONDS] HOST PORT")
    host = f"{call.words[0]}:{call.words[1]}"
    response = sandbox.network.fetch(f"http://{host}/", sandbox, _limit(call))
    if not response.pod and not response.status:
        said = call.fail(_failure(host, response)[3])
        return said._replace(seconds=response.latency, pure=False)
    said_open = f"{call.words[0]} ({host}) open\n"
    return Result(0, said_open if call.has("v") else "", pure=False)


_SERVERS: dict[str, tuple[str, str, int, str]] = {
    # a client's options for the host and for the port, the port else, and what it says
    "grpc_health_probe": (r"--?addr", "", 0, "status: SERVING"),
    "mongo": ("--host", "--port", 27017, ""),
    "mongosh": ("--host", "--port", 27017, ""),
    "mysql": ("-h|--host", "-P|--port", 3306, ""),
    "mysqladmin": ("-h|--host", "-P|--port", 3306, "mysqld is alive"),
    "pg_isready": ("-h|--host", "-p|--port", 5432, "{}:{} - accepting connections"),
    "psql": ("-h|--host", "-p|--port", 5432, ""),
    "redis-cli": ("-h", "-p", 6379, "PONG"),
}
_SAME = {"mariadb": "mysql", "mariadb-admin": "mysqladmin", "valkey-cli": "redis-cli"}
CLIENTS = " ".join((*_SERVERS, *_SAME))
"""Programs that find out whether a server answers, here or elsewhere, and fail if it does not."""


def ask_server(call: Call) -> Result:
    """Whether a client's server is there: on the host that it is told, or in its own pod."""
    name = _SAME.get(call.name, call.name)
    host_option, port_option, port, said = _SERVERS[name]
    words, environment = call.words, call.script.variables
    host = _given(words, host_option) or (environment.get("PGHOST") if name[0] == "p" else None)
    number = _given(words, port_option) or (environment.get("PGPORT") if name[0] == "p" else None)
    for word in [host or "", *words]:
        if found := re.fullmatch(r"(?:\w+://(?:[^@/]*@)?)?([-.\w]*):(\d+)(?:/.*)?", word):
            host, number = found.groups()
    port = int(number) if number and number.isdigit() else port
    container, sandbox = call.script.container, call.script.container.sandbox
    seconds = 0.0
    if host in (None, "", "localhost", "127.0.0.1", sandbox.ip):
        own = bool(container.ports) and container.does_what_it_should()
        there = not container.fails and (own or sandbox.listener(port) is not None)
    else:
        there, seconds = reaches(sandbox, str(host), port, _limit(call))
    if not there:
        why = f"{call.name}: {host or 'localhost'}:{port}: no response"
        return Result(1, "", f"{why}\n", seconds, pure=False)
    asks = name != "redis-cli" or "ping" in map(str.lower, words)
    out = f"{said.format(host or 'localhost', port)}\n" if said and asks else ""
    return Result(0, out, pure=False)


def _given(words: list[str], option: str) -> str | None:
    """An option's value: `-h db`, `-hdb`, `--host=db`."""
    if not option:
        return None
    for at, word in enumerate(words):
        if re.fullmatch(option, word):
            return next(iter(words[at + 1 :]), None)
        if found := re.match(rf"(?:{option})(?:(?<=\w\w)=|(?<=-\w))(.+)", word):
            return found[1]
    return None


def reaches(sandbox: Sandbox, host: str, port: int, limit: float = PATIENCE) -> tuple[bool, float]:
    """Whether somebody listens there, and the seconds until that is known."""
    if sandbox.network is None:
        return False, 0.0
    response = sandbox.network.fetch(f"http://{host}:{port}/", sandbox, limit)
    return bool(response.pod or response.status), response.latency


def nslookup(call: Call) -> Result:
    """Look up a name."""
    sandbox = call.script.container.sandbox
    if not call.words or sandbox.network is None:
        return Result(1, "", "nslookup: no name\n", pure=False)
    name = call.words[0]
    head = f"Server:\t\t{DNS_SERVER}\nAddress:\t{DNS_SERVER}:53\n\n"
    answer = sandbox.network.dns.resolve(name, sandbox.namespace)
    if answer is None:
        return Result(1, f"{head}** server can't find {name}: NXDOMAIN\n\n", pure=False)
    lines = "".join(f"Name:\t{answer.name}\nAddress: {ip}\n" for ip in answer.addresses)
    if answer.alias:
        lines = f"{answer.name}\tcanonical name = {answer.alias}\n{lines}"
    return Result(0, f"{head}{lines}\n", pure=False)
