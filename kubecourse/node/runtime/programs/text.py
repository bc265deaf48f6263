"""Programs that read, write and show text and files."""

from __future__ import annotations

import re
from collections.abc import Callable

from kubecourse.node.runtime.files import NoSuchFile, normal
from kubecourse.node.runtime.programs.program import OK, Program, plain
from kubecourse.node.runtime.script import FOREVER, OutOfMemory, Result, Script


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
    match numbers:
        case [last]:
            first, step = 1, 1
        case [first, last]:
            step = 1
        case [first, step, last] if step:
            pass
        case _:
            return Result(1, "", "seq: usage: seq [FIRST [INC]] LAST\n")
    sign = 1 if step > 0 else -1
    return Result(0, "".join(f"{n}\n" for n in range(first, last + sign, step)))


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


def _cat(script: Script, arguments: list[str], stdin: str) -> Result:
    paths = plain(arguments)
    return _each(script, "cat", paths, script.container.files.read) if paths else Result(0, stdin)


def _touch(script: Script, arguments: list[str], stdin: str) -> Result:
    files = script.container.files

    def touch(path: str) -> None:
        if not files.exists(path):
            script.effects += 1
            files.write(path, "")

    return _each(script, "touch", plain(arguments), touch)


def _rm(script: Script, arguments: list[str], stdin: str) -> Result:
    flags = "".join(word for word in arguments if word.startswith("-"))
    files = script.container.files

    def remove(path: str) -> None:
        if "f" in flags and not files.exists(path):
            return
        script.effects += 1
        files.remove(path, recursive="r" in flags.lower())

    return _each(script, "rm", plain(arguments), remove)


def _mkdir(script: Script, arguments: list[str], stdin: str) -> Result:
    for path in plain(arguments):
        script.effects += 1
        script.container.files.make_directory(normal(path, script.cwd))
    return OK


def _copy(script: Script, arguments: list[str], stdin: str) -> Result:
    return _transfer(script, "cp", arguments, keep=True)


def _move(script: Script, arguments: list[str], stdin: str) -> Result:
    return _transfer(script, "mv", arguments, keep=False)


def _transfer(script: Script, name: str, arguments: list[str], keep: bool) -> Result:
    *sources, target = plain(arguments) or [""]
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

    return _each(script, "tee", plain(arguments), write)._replace(stdout=stdin)


def _ls(script: Script, arguments: list[str], stdin: str) -> Result:
    files = script.container.files
    paths = plain(arguments) or [script.cwd]

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
    result = _input(script, "head", plain(paths), stdin)
    return result._replace(stdout="".join(result.stdout.splitlines(keepends=True)[:count]))


def _tail(script: Script, arguments: list[str], stdin: str) -> Result:
    count, rest = _numbers(arguments, 10)
    paths = plain(rest)
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
    paths = plain(arguments)
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
    pattern, *paths = plain(arguments) or [""]
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
    result = _input(script, "sort", plain(arguments), stdin)
    return result._replace(stdout="".join(sorted(result.stdout.splitlines(keepends=True))))


PROGRAMS: dict[str, Program] = {
    "cat": _cat, "cp": _copy, "echo": _echo, "grep": _grep, "head": _head, "ls": _ls,
    "mkdir": _mkdir, "mv": _move, "printf": _printf, "rm": _rm, "seq": _seq, "sort": _sort,
    "tail": _tail, "tee": _tee, "touch": _touch, "wc": _wc,
}  # fmt: skip
