"""Programs that containers can run: the shell's own and the everyday ones of an image.

A program not in the table is the image's own business: in an image whose programs are all known
(busybox, say) there is no such command; in any other it is a server and goes on for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kubecourse.node.runtime.files import NoSuchFile, normal
from kubecourse.node.runtime.script import FOREVER, Exit, OutOfMemory, Result, Script
from kubecourse.node.runtime.shell import ShellSyntaxError, compile_script

Program = Callable[[Script, list[str], str], Result]

SHELLS = ("sh", "bash", "ash", "dash")
NOT_FOUND = 127
OK = Result(0)


def run(script: Script, words: list[str], stdin: str, values: dict[str, str]) -> Result:
    """Run a command with its words, its input, and variables for it alone."""
    name = words[0].rpartition("/")[2] if words[0].startswith("/") else words[0]
    program = PROGRAMS.get(name)
    if program is None:
        return _unknown(script, words[0])
    if not values:
        return program(script, words[1:], stdin)
    before = script.variables
    script.variables = before | values
    try:
        return program(script, words[1:], stdin)
    finally:
        script.variables = before


def _unknown(script: Script, name: str) -> Result:
    if script.container.image.userland or script.process is None:
        return Result(NOT_FOUND, "", f"sh: {name}: not found\n")
    script.process.serves = True
    script.container.changed()
    return Result(0, seconds=FOREVER)


def _numbers(arguments: list[str], default: int) -> tuple[int, list[str]]:
    """The number of `-n 3`, `-3` or `-n3`, and the rest."""
    count, rest = default, []
    at = 0
    while at < len(arguments):
        word = arguments[at]
        if word in ("-n", "-c") and at + 1 < len(arguments):
            at += 1
            count = int(arguments[at]) if arguments[at].lstrip("+-").isdigit() else default
        elif re.fullmatch(r"-n?\d+", word):
            count = int(word.lstrip("-n"))
        else:
            rest.append(word)
        at += 1
    return count, rest


# --- the shell's own


def _true(script: Script, arguments: list[str], stdin: str) -> Result:
    return OK


def _false(script: Script, arguments: list[str], stdin: str) -> Result:
    return Result(1)


def _exit(script: Script, arguments: list[str], stdin: str) -> Result:
    code = arguments[0] if arguments else str(script.status)
    raise Exit(int(code) & 255 if code.isdigit() else 2)


def _cd(script: Script, arguments: list[str], stdin: str) -> Result:
    path = normal(arguments[0] if arguments else "/root", script.cwd)
    if not script.container.files.is_directory(path):
        return Result(1, "", f"sh: cd: can't cd to {arguments[0]}: No such file or directory\n")
    script.cwd = path
    return OK


def _export(script: Script, arguments: list[str], stdin: str) -> Result:
    for word in arguments:
        name, equals, value = word.partition("=")
        if equals:
            script.variables[name] = value
    return OK


def _unset(script: Script, arguments: list[str], stdin: str) -> Result:
    for name in arguments:
        script.variables.pop(name, None)
    return OK


def _trap(script: Script, arguments: list[str], stdin: str) -> Result:
    action, signals = (arguments[0], arguments[1:]) if arguments else ("", [])
    for signal in signals:
        name = {"15": "TERM", "2": "INT", "0": "EXIT"}.get(signal, signal.removeprefix("SIG"))
        if action == "-":
            script.traps.pop(name, None)
        else:
            script.traps[name] = action
    return OK


def _wait(script: Script, arguments: list[str], stdin: str) -> Result:
    return Result(0, seconds=FOREVER) if script.process and script.process.children else OK


def _exec(script: Script, arguments: list[str], stdin: str) -> Result:
    if not arguments:
        return OK
    result = run(script, arguments, stdin, {})
    if result.seconds:
        return result
    if result.stdout:
        script.write(result.stdout)
    if result.stderr:
        script.write(result.stderr, "err")
    raise Exit(result.code)


def _shell(script: Script, arguments: list[str], stdin: str) -> Result:
    text = stdin
    if "-c" in arguments:
        text = arguments[arguments.index("-c") + 1] if arguments[-1] != "-c" else ""
    elif arguments and not arguments[0].startswith("-"):
        try:
            text = script.container.files.read(normal(arguments[0], script.cwd))
        except NoSuchFile as error:
            return Result(2, "", f"sh: can't open '{arguments[0]}': {error.why}\n")
    try:
        inner = Script(script.container, compile_script(text), dict(script.variables))
    except ShellSyntaxError as error:
        return Result(2, "", f"sh: {error}\n")
    inner.cwd = script.cwd
    return inner.finish()


def _test(script: Script, arguments: list[str], stdin: str) -> Result:
    if arguments and arguments[-1] == "]":
        arguments = arguments[:-1]
    return Result(0 if _holds(script, arguments) else 1)


def _holds(script: Script, words: list[str]) -> bool:
    files = script.container.files
    match words:
        case []:
            return False
        case ["!", *rest]:
            return not _holds(script, rest)
        case [*left, "-o", a] if left and a:
            return _holds(script, left) or _holds(script, [a])
        case ["-n", text]:
            return bool(text)
        case ["-z", text]:
            return not text
        case ["-e" | "-r" | "-w" | "-x", path]:
            return files.exists(normal(path, script.cwd))
        case ["-f", path]:
            return files.is_file(normal(path, script.cwd))
        case ["-d", path]:
            return files.is_directory(normal(path, script.cwd))
        case ["-s", path]:
            place = normal(path, script.cwd)
            return files.is_file(place) and bool(files.read(place))
        case [text]:
            return bool(text)
        case [a, "=" | "==", b]:
            return a == b
        case [a, "!=", b]:
            return a != b
        case [a, "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" as operator, b]:
            if not (a.strip().lstrip("-").isdigit() and b.strip().lstrip("-").isdigit()):
                return False
            x, y = int(a), int(b)
            return {
                "-eq": x == y, "-ne": x != y, "-lt": x < y, "-le": x <= y, "-gt": x > y, "-ge": x >= y,
            }[operator]  # fmt: skip
    if "-a" in words:
        at = words.index("-a")
        return _holds(script, words[:at]) and _holds(script, words[at + 1 :])
    return False


# --- time


def _sleep(script: Script, arguments: list[str], stdin: str) -> Result:
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    total = 0.0
    for word in arguments:
        if word in ("infinity", "inf"):
            return Result(0, seconds=FOREVER)
        number, unit = (word[:-1], word[-1]) if word[-1:] in units else (word, "s")
        if not re.fullmatch(r"\d*\.?\d+|\d+\.", number):
            return Result(1, "", f"sleep: invalid number '{word}'\n")
        total += float(number) * units[unit]
    return Result(0, seconds=total)


def _date(script: Script, arguments: list[str], stdin: str) -> Result:
    now = script.container.clock.utc()
    form = next(
        (word[1:] for word in arguments if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y"
    )
    form = form.replace("%s", str(int(now.timestamp()))).replace("%e", f"{now.day:2d}")
    return Result(0, now.strftime(form) + "\n", pure=False)


# --- words


def _echo(script: Script, arguments: list[str], stdin: str) -> Result:
    newline, escapes = "\n", False
    while arguments and re.fullmatch("-[neE]+", arguments[0]):
        newline = "" if "n" in arguments[0] else newline
        escapes |= "e" in arguments[0]
        arguments = arguments[1:]
    text = " ".join(arguments)
    return Result(0, (_unescape(text) if escapes else text) + newline)


def _unescape(text: str) -> str:
    for written, meant in (("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\")):
        text = text.replace(written, meant)
    return text


def _printf(script: Script, arguments: list[str], stdin: str) -> Result:
    if not arguments:
        return Result(1, "", "printf: usage: printf FORMAT [ARGUMENT...]\n")
    values = iter(arguments[1:])
    text = re.sub(r"%[-0-9.]*[sdi]", lambda match: next(values, ""), _unescape(arguments[0]))
    return Result(0, text.replace("%%", "%"))


def _seq(script: Script, arguments: list[str], stdin: str) -> Result:
    numbers = [int(word) for word in arguments if word.lstrip("-").isdigit()]
    first, step, last = (
        {1: (1, 1, *numbers), 2: (numbers[0], 1, numbers[1]), 3: tuple(numbers)}.get(
            len(numbers), (1, 1, 0)
        )
        if numbers
        else (1, 1, 0)
    )
    sign = 1 if step > 0 else -1
    return Result(0, "".join(f"{n}\n" for n in range(first, last + sign, step or 1)))


# --- files


def _each(script: Script, name: str, paths: list[str], act: Callable[[str], str | None]) -> Result:
    """Do something with every file named, and report those that it cannot be done with."""
    out, errors = "", ""
    for path in paths:
        try:
            out += act(normal(path, script.cwd)) or ""
        except NoSuchFile as error:
            if script.container.image.userland == "gnu":
                errors += f"{name}: {path}: {error.why}\n"
            else:
                verb = "remove" if name == "rm" else "open"
                errors += f"{name}: can't {verb} '{path}': {error.why}\n"
    return Result(1 if errors else 0, out, errors)


def _plain(arguments: list[str]) -> list[str]:
    return [word for word in arguments if not word.startswith("-") or word == "-"]


def _cat(script: Script, arguments: list[str], stdin: str) -> Result:
    paths = _plain(arguments)
    return _each(script, "cat", paths, script.container.files.read) if paths else Result(0, stdin)


def _touch(script: Script, arguments: list[str], stdin: str) -> Result:
    files = script.container.files

    def touch(path: str) -> None:
        if not files.exists(path):
            script.effects += 1
            files.write(path, "")

    return _each(script, "touch", _plain(arguments), touch)


def _rm(script: Script, arguments: list[str], stdin: str) -> Result:
    flags = "".join(word for word in arguments if word.startswith("-"))
    files = script.container.files

    def remove(path: str) -> None:
        if "f" in flags and not files.exists(path):
            return
        script.effects += 1
        files.remove(path, recursive="r" in flags.lower())

    return _each(script, "rm", _plain(arguments), remove)


def _mkdir(script: Script, arguments: list[str], stdin: str) -> Result:
    for path in _plain(arguments):
        script.effects += 1
        script.container.files.make_directory(normal(path, script.cwd))
    return OK


def _copy(script: Script, arguments: list[str], stdin: str) -> Result:
    return _transfer(script, "cp", arguments, keep=True)


def _move(script: Script, arguments: list[str], stdin: str) -> Result:
    return _transfer(script, "mv", arguments, keep=False)


def _transfer(script: Script, name: str, arguments: list[str], keep: bool) -> Result:
    *sources, target = _plain(arguments) or [""]
    files = script.container.files
    place = normal(target, script.cwd)

    def transfer(path: str) -> None:
        end = f"{place}/{path.rpartition('/')[2]}" if files.is_directory(place) else place
        script.effects += 1
        files.write(normal(end), files.read(path))
        if not keep:
            files.remove(path)

    return _each(script, name, sources, transfer)


def _tee(script: Script, arguments: list[str], stdin: str) -> Result:
    append = "-a" in arguments
    files = script.container.files

    def write(path: str) -> None:
        script.effects += 1
        files.write(path, stdin, append)

    return _each(script, "tee", _plain(arguments), write)._replace(stdout=stdin)


def _ls(script: Script, arguments: list[str], stdin: str) -> Result:
    files = script.container.files
    paths = _plain(arguments) or [script.cwd]

    def show(path: str) -> str:
        if files.is_directory(path):
            return "".join(f"{name}\n" for name in files.list(path))
        files.read(path)
        return f"{path}\n"

    result = _each(script, "ls", paths, show)
    if result.stderr and script.container.image.userland != "gnu":
        lines = "".join(
            f"ls: {p}: No such file or directory\n"
            for p in paths
            if not files.exists(normal(p, script.cwd))
        )
        return result._replace(stderr=lines)
    return result


def _input(script: Script, name: str, paths: list[str], stdin: str) -> Result:
    return _each(script, name, paths, script.container.files.read) if paths else Result(0, stdin)


def _head(script: Script, arguments: list[str], stdin: str) -> Result:
    count, paths = _numbers(arguments, 10)
    result = _input(script, "head", _plain(paths), stdin)
    return result._replace(stdout="".join(result.stdout.splitlines(keepends=True)[:count]))


def _tail(script: Script, arguments: list[str], stdin: str) -> Result:
    count, rest = _numbers(arguments, 10)
    paths = _plain(rest)
    if "/dev/zero" in paths:
        resources = script.container.spec.resources
        if resources is not None and resources.limits and "memory" in resources.limits:
            raise OutOfMemory
        return Result(0, seconds=FOREVER)
    result = _input(script, "tail", paths, stdin)
    lines = "".join(result.stdout.splitlines(keepends=True)[-count:] if count else [])
    waits = any(re.fullmatch("-[nqv]*[fF]", word) for word in rest)
    return result._replace(stdout=lines, seconds=FOREVER if waits and not result.code else 0.0)


def _wc(script: Script, arguments: list[str], stdin: str) -> Result:
    paths = _plain(arguments)
    result = _input(script, "wc", paths, stdin)
    flags = "".join(word for word in arguments if word.startswith("-")) or "-lwc"
    text = result.stdout
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}
    shown = " ".join(str(counts[flag]) for flag in "lwc" if flag in flags)
    return result._replace(
        stdout=f"{shown}{' ' + paths[0] if paths else ''}\n" if not result.code else ""
    )


def _grep(script: Script, arguments: list[str], stdin: str) -> Result:
    flags = "".join(word[1:] for word in arguments if word.startswith("-"))
    pattern, *paths = _plain(arguments) or [""]
    result = _input(script, "grep", paths, stdin)
    try:
        wanted = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error:
        return Result(2, "", f"grep: bad regex '{pattern}'\n")
    lines = result.stdout.splitlines(keepends=True)
    found = [line for line in lines if bool(wanted.search(line)) != ("v" in flags)]
    out = f"{len(found)}\n" if "c" in flags else "".join(found)
    return Result(0 if found else max(1, result.code), "" if "q" in flags else out, result.stderr)


def _sort(script: Script, arguments: list[str], stdin: str) -> Result:
    result = _input(script, "sort", _plain(arguments), stdin)
    return result._replace(stdout="".join(sorted(result.stdout.splitlines(keepends=True))))


# --- who and where


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


# --- the network


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
    url: str, response: object, options: list[str], values: dict[str, str]
) -> tuple[int, str, str]:
    status, body, why = response.status, response.body, response.error  # type: ignore[attr-defined]
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
                f"Failed to connect to {name} port {port or 80} after 0 ms: Could not connect to server",
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
    url: str, response: object, options: list[str], values: dict[str, str]
) -> tuple[int, str, str]:
    status, body, why = response.status, response.body, response.error  # type: ignore[attr-defined]
    host = (url.partition("://")[2] or url).partition("/")[0]
    name, _, port = host.partition(":")
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
    names = _plain(arguments)
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
    process = script.process or script.container.script
    if process is not None:
        process.ports[port] = None
        script.effects += 1
        script.container.changed()
    return Result(0, seconds=FOREVER if "-f" in arguments else 0.0)


def _killall(script: Script, arguments: list[str], stdin: str) -> Result:
    process = script.process or script.container.script
    if process is None or not process.ports or "httpd" not in arguments:
        return Result(1, "", f"killall: {' '.join(_plain(arguments))}: no process killed\n")
    process.ports.clear()
    script.effects += 1
    script.container.changed()
    return OK


def _kill(script: Script, arguments: list[str], stdin: str) -> Result:
    """Signals to process 1: it ignores those that it has no trap for, SIGKILL too."""
    if "1" in _plain(arguments) and not {"-9", "-KILL", "-SIGKILL", "-0"} & set(arguments):
        script.container.terminate()
    return OK


PROGRAMS: dict[str, Program] = {
    ":": _true, "[": _test, "cat": _cat, "cd": _cd, "cp": _copy, "curl": _curl, "date": _date,
    "echo": _echo, "env": _env, "exec": _exec, "exit": _exit, "export": _export, "false": _false,
    "grep": _grep, "head": _head, "hostname": _hostname, "httpd": _httpd, "id": _id, "kill": _kill,
    "killall": _killall, "ls": _ls, "mkdir": _mkdir, "mv": _move, "nslookup": _nslookup,
    "printenv": _printenv, "printf": _printf, "pwd": _pwd, "rm": _rm, "seq": _seq, "set": _true,
    "sleep": _sleep, "sort": _sort, "tail": _tail, "tee": _tee, "test": _test, "touch": _touch,
    "trap": _trap, "true": _true, "uname": _uname, "unset": _unset, "wait": _wait, "wc": _wc,
    "wget": _wget, "whoami": _whoami,
    **dict.fromkeys(SHELLS, _shell),
}  # fmt: skip
