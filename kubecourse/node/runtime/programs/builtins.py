"""The shell's own commands, and time."""

from __future__ import annotations

import re

from kubecourse.node.runtime.files import NoSuchFile, normal
from kubecourse.node.runtime.programs.program import OK, Program
from kubecourse.node.runtime.script import FOREVER, Exit, Result, Script
from kubecourse.node.runtime.shell import ShellSyntaxError, compile_script

SHELLS = ("sh", "bash", "ash", "dash")


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
    result = script.call(arguments, stdin)
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
                "-eq": x == y, "-ne": x != y, "-lt": x < y,
                "-le": x <= y, "-gt": x > y, "-ge": x >= y,
            }[operator]  # fmt: skip
    if "-a" in words:
        at = words.index("-a")
        return _holds(script, words[:at]) and _holds(script, words[at + 1 :])
    return False


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


PROGRAMS: dict[str, Program] = {
    ":": _true, "[": _test, "cd": _cd, "date": _date, "exec": _exec, "exit": _exit,
    "export": _export, "false": _false, "set": _true, "sleep": _sleep, "test": _test, "trap": _trap,
    "true": _true, "unset": _unset, "wait": _wait, **dict.fromkeys(SHELLS, _shell),
}  # fmt: skip
