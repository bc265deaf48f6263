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
_LIMITS = ("-m", "--max-time", "-T", "--connect-timeout")
_TAKE_VALUE = (*_LIMITS, "-o", "-w", "-H", "-X", "-O", "-d")


def fetch(call: Call) -> Result:
    """GET a URL, as curl or as busybox' wget."""
    url, flags = "", ""
    values: dict[str, str] = {}
    words = iter(call.words)
    for word in words:
        if word in _TAKE_VALUE:
            values[word] = next(words, "")
        elif not word.startswith("-"):
            url = word
        elif not word.startswith("--"):
            flags += word[1:]
    sandbox = call.script.container.sandbox
    limit = next((values[name] for name in _LIMITS if name in values), "")
    timeout = float(limit) if limit.replace(".", "").isdigit() else PATIENCE
    try:
        if not url or sandbox.network is None:
            raise ValueError("no URL specified")
        response = sandbox.network.fetch(url, sandbox, timeout)
    except ValueError as error:
        return Result(2 if call.name == "curl" else 1, "", f"{call.name}: {error}\n", pure=False)
    host = (url.partition("://")[2] or url).partition("/")[0]
    says = _curl_says if call.name == "curl" else _wget_says
    code, out, err = says(host, response, flags, values)
    return Result(code, out, err, response.latency, pure=False)


def _curl_says(
    host: str, response: Response, flags: str, values: dict[str, str]
) -> tuple[int, str, str]:
    status, (name, _, port) = response.status, host.partition(":")
    written = values.get("-w", "").replace("%{http_code}", f"{status:03d}").replace("\\n", "\n")
    if status and not ("f" in flags and status >= 400):
        return 0, ("" if "-o" in values else response.body) + written, ""
    failed = f"Failed to connect to {name} port {port or 80} after 0 ms: "
    code, text = {
        "status": (22, f"The requested URL returned error: {status}"),
        "name": (6, f"Could not resolve host: {name}"),
        "refused": (7, f"{failed}Could not connect to server"),
        "time": (28, "Connection timed out"),
    }[_what_failed(response)]
    quiet = "s" in flags and "S" not in flags
    return code, written, "" if quiet else f"curl: ({code}) {text}\n"


def _wget_says(
    host: str, response: Response, flags: str, values: dict[str, str]
) -> tuple[int, str, str]:
    if 0 < response.status < 400:
        return 0, response.body if values.get("-O") == "-" or "O-" in flags else "", ""
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
    if not call.plain or sandbox.network is None:
        return Result(1, "", "nslookup: no name\n", pure=False)
    name = call.plain[0]
    head = f"Server:\t\t{DNS_SERVER}\nAddress:\t{DNS_SERVER}:53\n\n"
    answer = sandbox.network.dns.resolve(name, sandbox.namespace)
    if answer is None:
        return Result(1, f"{head}** server can't find {name}: NXDOMAIN\n\n", pure=False)
    lines = "".join(f"Name:\t{answer.name}\nAddress: {ip}\n" for ip in answer.addresses)
    if answer.alias:
        lines = f"{answer.name}\tcanonical name = {answer.alias}\n{lines}"
    return Result(0, f"{head}{lines}\n", pure=False)
