"""Programs that say who and where one is, and that look around in the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubecourse.node.runtime.programs.program import OK, Program, plain
from kubecourse.node.runtime.script import FOREVER, Result, Script

if TYPE_CHECKING:
    from kubecourse.node.network import Response


def _pwd(script: Script, arguments: list[str], stdin: str) -> Result:
    return Result(0, f"{script.cwd}\n")


def _hostname(script: Script, arguments: list[str], stdin: str) -> Result:
    sandbox = script.container.sandbox
    return Result(0, f"{sandbox.ip if '-i' in arguments else sandbox.hostname}\n")


def _env(script: Script, arguments: list[str], stdin: str) -> Result:
    return Result(0, "".join(f"{name}={value}\n" for name, value in script.variables.items()))


def _printenv(script: Script, arguments: list[str], stdin: str) -> Result:
    if not arguments:
        return _env(script, arguments, stdin)
    values = [script.variables.get(name) for name in arguments]
    out = "".join(f"{value}\n" for value in values if value is not None)
    return Result(0 if None not in values else 1, out)


def _whoami(script: Script, arguments: list[str], stdin: str) -> Result:
    return Result(0, "root\n")


def _id(script: Script, arguments: list[str], stdin: str) -> Result:
    return Result(0, "0\n" if "-u" in arguments else "uid=0(root) gid=0(root) groups=0(root)\n")


def _uname(script: Script, arguments: list[str], stdin: str) -> Result:
    return Result(
        0, f"{'Linux' if not arguments else f'Linux {script.container.sandbox.hostname} x86_64'}\n"
    )


def _curl(script: Script, arguments: list[str], stdin: str) -> Result:
    return _fetch(script, "curl", arguments)


def _wget(script: Script, arguments: list[str], stdin: str) -> Result:
    return _fetch(script, "wget", arguments)


def _fetch(script: Script, name: str, arguments: list[str]) -> Result:
    """GET a URL, as curl or busybox wget, and say what they say."""
    url, options = "", []
    takes_value = (
        "-m",
        "--max-time",
        "-o",
        "-w",
        "-H",
        "-X",
        "-O",
        "-T",
        "--connect-timeout",
        "-d",
    )
    words = iter(arguments)
    values: dict[str, str] = {}
    for word in words:
        if word in takes_value:
            values[word] = next(words, "")
        elif word.startswith("-"):
            options.append(word)
        else:
            url = word
    network = script.container.sandbox.network
    if not url or network is None:
        return Result(2 if name == "curl" else 1, "", f"{name}: no URL specified\n", pure=False)
    limit = next(
        (values[o] for o in ("-m", "--max-time", "-T", "--connect-timeout") if o in values), ""
    )
    timeout = float(limit) if limit.replace(".", "").isdigit() else 130.0
    try:
        response = network.fetch(url, script.container.sandbox, timeout)
    except ValueError as error:
        return Result(3, "", f"{name}: {error}\n", pure=False)
    if name == "curl":
        code, out, err = _curl_says(url, response, options, values)
    else:
        code, out, err = _wget_says(url, response, options, values)
    return Result(code, out, err, response.latency, pure=False)


def _curl_says(
    url: str, response: Response, options: list[str], values: dict[str, str]
) -> tuple[int, str, str]:
    status, body, why = response.status, response.body, response.error
    host = url.partition("://")[2] or url
    name, _, port = host.partition("/")[0].partition(":")
    flags = "".join(o[1:] for o in options if not o.startswith("--"))
    quiet = "s" in flags and "S" not in flags
    written = values.get("-w", "").replace("%{http_code}", f"{status:03d}").replace("\\n", "\n")
    if not status:
        if "no such host" in why:
            code, text = 6, f"Could not resolve host: {name}"
        elif "refused" in why or "no route" in why:
            code, text = (
                7,
                f"Failed to connect to {name} port {port or 80} after 0 ms: "
                "Could not connect to server",
            )
        else:
            code, text = 28, "Connection timed out"
        return code, written, "" if quiet else f"curl: ({code}) {text}\n"
    if "f" in flags and status >= 400:
        return (
            22,
            written,
            "" if quiet else f"curl: (22) The requested URL returned error: {status}\n",
        )
    return 0, ("" if values.get("-o") else body) + written, ""


def _wget_says(
    url: str, response: Response, options: list[str], values: dict[str, str]
) -> tuple[int, str, str]:
    status, body, why = response.status, response.body, response.error
    host = (url.partition("://")[2] or url).partition("/")[0]
    name = host.partition(":")[0]
    if not status:
        if "no such host" in why:
            return 1, "", f"wget: bad address '{host}'\n"
        if "refused" in why:
            address = why.partition("dial tcp ")[2].partition(": ")[0]
            ip = address.rpartition(":")[0] or name
            said = f"Connecting to {host} ({address})\n"
            return 1, "", f"{said}wget: can't connect to remote host ({ip}): Connection refused\n"
        return 1, "", "wget: download timed out\n"
    if status >= 400:
        return 1, "", f"wget: server returned error: HTTP/1.1 {status}\n"
    joined = "".join(options)
    return 0, body if values.get("-O") == "-" or "O-" in joined else "", ""


def _nslookup(script: Script, arguments: list[str], stdin: str) -> Result:
    sandbox = script.container.sandbox
    names = plain(arguments)
    if not names or sandbox.network is None:
        return Result(1, "", "nslookup: no name\n", pure=False)
    server = "10.96.0.10"
    head = f"Server:\t\t{server}\nAddress:\t{server}:53\n\n"
    answer = sandbox.network.dns.resolve(names[0], sandbox.namespace)
    if answer is None:
        text = f"** server can't find {names[0]}: NXDOMAIN\n\n"
        return Result(1, head + text, pure=False)
    lines = "".join(f"Name:\t{answer.name}\nAddress: {ip}\n" for ip in answer.addresses)
    if answer.alias:
        lines = f"{answer.name}\tcanonical name = {answer.alias}\n{lines}"
    return Result(0, f"{head}{lines}\n", pure=False)


def _httpd(script: Script, arguments: list[str], stdin: str) -> Result:
    """Busybox' web server goes into the background."""
    port = 80
    if "-p" in arguments:
        digits = arguments[arguments.index("-p") + 1].rpartition(":")[2]
        port = int(digits) if digits.isdigit() else 80
    process = script.process or script.container.process
    if process is not None:
        process.ports[port] = None
        script.effects += 1
        script.container.changed()
    return Result(0, seconds=FOREVER if "-f" in arguments else 0.0)


def _killall(script: Script, arguments: list[str], stdin: str) -> Result:
    process = script.process or script.container.process
    if process is None or not process.ports or "httpd" not in arguments:
        return Result(1, "", f"killall: {' '.join(plain(arguments))}: no process killed\n")
    process.ports.clear()
    script.effects += 1
    script.container.changed()
    return OK


def _kill(script: Script, arguments: list[str], stdin: str) -> Result:
    """Signals to process 1: it ignores those that it has no trap for, SIGKILL too."""
    if "1" in plain(arguments) and not {"-9", "-KILL", "-SIGKILL", "-0"} & set(arguments):
        script.container.terminate()
    return OK


PROGRAMS: dict[str, Program] = {
    "curl": _curl, "env": _env, "hostname": _hostname, "httpd": _httpd, "id": _id, "kill": _kill,
    "killall": _killall, "nslookup": _nslookup, "printenv": _printenv, "pwd": _pwd,
    "uname": _uname, "wget": _wget, "whoami": _whoami,
}  # fmt: skip
