"""curl, wget and nslookup: asking the network, and saying what came of it in their own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubecourse.node.runtime.script import Result

if TYPE_CHECKING:
    from kubecourse.node.network import Response
    from kubecourse.node.runtime.programs import Call

DNS_SERVER = "10.96.0.10"
PATIENCE = 130.0
"""Seconds that they wait for a connection if nobody says otherwise."""
_LIMITS = ("m", "max-time", "T", "timeout", "w", "connect-timeout")


def fetch(call: Call) -> Result:
    """GET a URL, as curl or as busybox' wget."""
    sandbox, url = call.script.container.sandbox, call.words[-1] if call.words else ""
    try:
        if not url or sandbox.network is None:
            raise ValueError("no URL specified")
        response = sandbox.network.fetch(url, sandbox, _limit(call))
    except ValueError as error:
        return call.fail(str(error), 2 if call.name == "curl" else 1)._replace(pure=False)
    host = (url.partition("://")[2] or url).partition("/")[0]
    says = _curl_says if call.name == "curl" else _wget_says
    code, out, err = says(host, response, call.options)
    path = call.options.get("O" if call.name == "wget" else "o", "-")
    if path != "-" and not code:
        call.files.write(call.path(path), response.body)
        out = out.removeprefix(response.body)
    return Result(code, out, err, response.latency, pure=False)


def _limit(call: Call) -> float:
    """The seconds that a program waits, if an option says so (curl's -w means something else)."""
    given = (call.options.get(name, "") for name in _LIMITS if (call.name, name) != ("curl", "w"))
    return next((float(n) for n in given if n.replace(".", "", 1).isdigit()), PATIENCE)


def connect(call: Call) -> Result:
    """See whether somebody listens, as busybox' nc."""
    sandbox = call.script.container.sandbox
    if len(call.words) < 2 or sandbox.network is None or not call.words[1].isdigit():
        return call.fail("usage: nc [-z] [-w SECONDS] HOST PORT")
    host, port = call.words[:2]
    response = sandbox.network.fetch(f"http://{host}:{port}/", sandbox, _limit(call))
    failed = {"name": f"bad address '{host}'", "refused": f"{host}:{port}: Connection refused",
              "time": f"{host}:{port}: Connection timed out"}  # fmt: skip
    if not response.pod and (what := _what_failed(response)) in failed:
        return call.fail(failed[what])._replace(seconds=response.latency, pure=False)
    return Result(0, f"{host} ({host}:{port}) open\n" if "v" in call.options else "", pure=False)


def _curl_says(host: str, response: Response, options: dict[str, str]) -> tuple[int, str, str]:
    status, (name, _, port) = response.status, host.partition(":")
    form = options.get("w") or options.get("write-out", "")
    written = form.replace("%{http_code}", f"{status:03d}").replace("\\n", "\n")
    if status and not ({"f", "fail"} & options.keys() and status >= 400):
        body = f"HTTP/1.1 {status}\n" if {"I", "head"} & options.keys() else response.body
        return 0, body + written, ""
    failed = f"Failed to connect to {name} port {port or 80} after 0 ms: "
    code, text = {
        "status": (22, f"The requested URL returned error: {status}"),
        "name": (6, f"Could not resolve host: {name}"),
        "refused": (7, f"{failed}Could not connect to server"),
        "time": (28, "Connection timed out"),
    }[_what_failed(response)]
    quiet = {"s", "silent"} & options.keys() and not {"S", "show-error"} & options.keys()
    return code, written, "" if quiet else f"curl: ({code}) {text}\n"


def _wget_says(host: str, response: Response, options: dict[str, str]) -> tuple[int, str, str]:
    if 0 < response.status < 400:
        return 0, "" if "O" not in options or "spider" in options else response.body, ""
    failed = _what_failed(response)
    address, _, why = response.error.partition("dial tcp ")[2].partition(": connect: ")
    host_alone = address.partition(":")[0]
    text = {
        "status": f"server returned error: HTTP/1.1 {response.status}",
        "name": f"bad address '{host}'",
        "refused": f"can't connect to remote host ({host_alone}): {why.capitalize()}",
        "time": "download timed out",
    }[failed]
    said = f"Connecting to {host} ({address})\n" if failed == "refused" else ""
    return 1, "", f"{said}wget: {text}\n"


def _what_failed(response: Response) -> str:
    if response.status:
        return "status"
    if "no such host" in response.error:
        return "name"
    return "refused" if "connect: " in response.error else "time"


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
