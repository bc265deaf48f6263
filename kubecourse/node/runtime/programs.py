"""Programs that containers can run: the shell's own and the everyday ones of an image.

A program not in the table is the image's own business: in an image whose programs are all known
(busybox, say) there is no such command; in any other it is a server and goes on for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from kubecourse.node.runtime.fetching import fetch, nslookup
from kubecourse.node.runtime.files import NOT_FOUND, FileProblem, FileSystem, normal
from kubecourse.node.runtime.script import FOREVER, Exit, OutOfMemory, Result, Script
from kubecourse.node.runtime.shell import SHELLS

COMMAND_NOT_FOUND = 127
OK = Result(0)


class Call(NamedTuple):
    """A command as a program gets it. `plain` are the arguments that are no options."""

    script: Script
    name: str
    words: list[str]
    stdin: str

    @property
    def files(self) -> FileSystem:
        return self.script.container.files

    @property
    def plain(self) -> list[str]:
        return [word for word in self.words if word == "-" or not word.startswith("-")]

    @property
    def flags(self) -> str:
        """The letters of all short options."""
        return "".join(word[1:] for word in self.words if re.fullmatch("-[a-zA-Z]+", word))

    def path(self, name: str) -> str:
        return normal(name, self.script.cwd)

    def option(self, name: str) -> str:
        """The word after an option."""
        return dict(zip(self.words, self.words[1:], strict=False)).get(name, "")

    def each(self, paths: list[str], act: Callable[[str], str | None]) -> Result:
        """Do something with every file named, and report those that it cannot be done with."""
        out = errors = ""
        verb = {"rm": "can't remove ", "ls": ""}.get(self.name, "can't open ")
        for path in paths:
            try:
                out += act(self.path(path)) or ""
            except FileProblem as error:
                quoted = f"'{path}'" if verb else path
                said = path if self.script.container.image.userland == "gnu" else verb + quoted
                errors += f"{self.name}: {said}: {error}\n"
        return Result(1 if errors else 0, out, errors)

    def input(self, paths: list[str]) -> Result:
        """The text of files, or what comes in."""
        if not paths or paths == ["-"]:
            return Result(0, self.stdin)
        return self.each(paths, self.files.read)


def run(script: Script, words: list[str], stdin: str) -> Result:
    """Run a command with its words and its input."""
    name = words[0].rpartition("/")[2] if words[0].startswith("/") else words[0]
    if name in PROGRAMS:
        return PROGRAMS[name](Call(script, name, words[1:], stdin))
    if script.container.image.userland or script.process is None:
        return Result(COMMAND_NOT_FOUND, "", f"sh: {words[0]}: not found\n")
    script.process.serves = True
    script.container.changed()
    return Result(0, seconds=FOREVER)


# --- the shell's own


def _true(call: Call) -> Result:
    return Result(1 if call.name == "false" else 0)


def _exit(call: Call) -> Result:
    code = call.words[0] if call.words else str(call.script.status)
    raise Exit(int(code) & 255 if code.isdigit() else 2)


def _cd(call: Call) -> Result:
    path = call.path(call.words[0] if call.words else "/root")
    if not call.files.is_directory(path):
        return Result(1, "", f"sh: cd: can't cd to {call.words[0]}: {NOT_FOUND}\n")
    call.script.cwd = path
    return OK


def _export(call: Call) -> Result:
    assigned = (word.split("=", 1) for word in call.words if "=" in word)
    call.script.variables |= dict(assigned)
    return OK


def _trap(call: Call) -> Result:
    action, *signals = call.words or [""]
    for signal in signals:
        name = {"15": "TERM"}.get(signal, signal.removeprefix("SIG"))
        call.script.traps[name] = action
        if action == "-":
            del call.script.traps[name]
    return OK


def _exec(call: Call) -> Result:
    if not call.words:
        return OK
    result = call.script.call(call.words, call.stdin)
    if result.seconds:
        return result
    call.script.write(result.stdout)
    call.script.write(result.stderr, "err")
    raise Exit(result.code)


def _shell(call: Call) -> Result:
    if "-c" in call.words:
        return call.script.inner(call.option("-c"))
    if not call.plain:
        return call.script.inner(call.stdin)
    file = call.input(call.plain[:1])
    return file if file.code else call.script.inner(file.stdout)


def _test(call: Call) -> Result:
    words = call.words[:-1] if call.words[-1:] == ["]"] else call.words
    return Result(0 if _holds(call, words) else 1)


def _holds(call: Call, words: list[str]) -> bool:
    files = call.files
    for joint, enough in (("-o", True), ("-a", False)):
        if joint in words[1:-1]:
            at = words.index(joint, 1)
            if _holds(call, words[:at]) is enough:
                return enough
            return _holds(call, words[at + 1 :])
    match words:
        case ["!", *rest]:
            return not _holds(call, rest)
        case ["-z", text]:
            return not text
        case ["-e" | "-r" | "-w" | "-x", path]:
            return files.exists(call.path(path))
        case ["-f", path]:
            return files.is_file(call.path(path))
        case ["-d", path]:
            return files.is_directory(call.path(path))
        case ["-s", path]:
            return files.is_file(call.path(path)) and bool(files.read(call.path(path)))
        case ["-n", text] | [text]:
            return bool(text)
        case [a, "=" | "==", b]:
            return a == b
        case [a, "!=", b]:
            return a != b
        case [a, "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" as sign, b] if all(
            re.fullmatch(r"\s*-?\d+\s*", word) for word in (a, b)
        ):
            order = (int(a) > int(b)) - (int(a) < int(b))
            holds = {"-eq": [0], "-ne": [-1, 1], "-lt": [-1], "-le": [-1, 0], "-gt": [1]}
            return order in holds.get(sign, [0, 1])
    return False


# --- time, and who and where one is


def _sleep(call: Call) -> Result:
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    total = 0.0
    for word in call.words:
        match = re.fullmatch(r"(\d*\.?\d+|inf(?:inity)?)([smhd]?)", word)
        if match is None:
            return Result(1, "", f"sleep: invalid number '{word}'\n")
        total += float(match[1]) * units.get(match[2], 1.0)
    return Result(0, seconds=total)


def _date(call: Call) -> Result:
    now = call.script.container.clock.utc()
    forms = [word[1:] for word in call.words if word.startswith("+")]
    form = forms[0] if forms else "%a %b %e %H:%M:%S UTC %Y"
    form = form.replace("%s", str(int(now.timestamp()))).replace("%e", f"{now.day:2d}")
    return Result(0, now.strftime(form) + "\n", pure=False)


def _identity(call: Call) -> Result:
    sandbox = call.script.container.sandbox
    said = {
        "hostname": sandbox.ip if "i" in call.flags else sandbox.hostname,
        "id": "0" if "u" in call.flags else "uid=0(root) gid=0(root) groups=0(root)",
        "pwd": call.script.cwd,
        "whoami": "root",
    }
    return Result(0, f"{said[call.name]}\n")


def _printenv(call: Call) -> Result:
    variables = call.script.variables
    if not call.plain:
        return Result(0, "".join(f"{name}={value}\n" for name, value in variables.items()))
    found = [variables[name] for name in call.plain if name in variables]
    return Result(0 if len(found) == len(call.plain) else 1, "".join(f"{v}\n" for v in found))


def _kill(call: Call) -> Result:
    """Signals to process 1: it ignores those that it has no trap for, SIGKILL too."""
    if "1" in call.plain and not {"-9", "-KILL", "-SIGKILL", "-0"} & set(call.words):
        call.script.container.terminate()
    return OK


def _httpd(call: Call) -> Result:
    """Busybox' web server goes into the background; `killall` ends it."""
    process = call.script.process or call.script.container.process
    if process is None or (call.name == "killall" and not process.ports):
        return Result(1, "", f"{call.name}: no process killed\n")
    if call.name == "killall":
        process.ports.clear()
    else:
        process.ports.add(int(call.option("-p").rpartition(":")[2] or 80))
    call.script.effects += 1
    call.script.container.changed()
    return Result(0, seconds=FOREVER if "f" in call.flags else 0.0)


# --- text and files


def _echo(call: Call) -> Result:
    words, end = call.words, "\n"
    escapes = False
    while words and re.fullmatch("-[neE]+", words[0]):
        end = "" if "n" in words[0] else end
        escapes |= "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    if escapes:
        text = text.replace("\\n", "\n").replace("\\t", "\t")
    return Result(0, text + end)


def _seq(call: Call) -> Result:
    if not 1 <= len(call.words) <= 2 or not all(re.fullmatch(r"-?\d+", w) for w in call.words):
        return Result(1, "", "seq: usage: seq [FIRST] LAST\n")
    first, last = int(call.words[0]) if call.words[1:] else 1, int(call.words[-1])
    return Result(0, "".join(f"{n}\n" for n in range(first, last + 1)))


def _cat(call: Call) -> Result:
    return call.input(call.plain)


def _touch(call: Call) -> Result:
    def touch(path: str) -> None:
        if not call.files.exists(path):
            call.script.effects += 1
            call.files.write(path, "")

    return call.each(call.plain, touch)


def _rm(call: Call) -> Result:
    def remove(path: str) -> None:
        if "f" not in call.flags or call.files.exists(path):
            call.script.effects += 1
            call.files.remove(path, recursive="r" in call.flags.lower())

    return call.each(call.plain, remove)


def _mkdir(call: Call) -> Result:
    call.script.effects += 1
    return call.each(call.plain, call.files.make_directory)


def _ls(call: Call) -> Result:
    def show(path: str) -> str:
        if call.files.is_directory(path):
            return "".join(f"{name}\n" for name in call.files.list(path))
        call.files.read(path)
        return f"{path}\n"

    return call.each(call.plain or [call.script.cwd], show)


def _head(call: Call) -> Result:
    """`head` and `tail`: the first lines, the last lines; a `tail` of /dev/zero eats memory."""
    text = " ".join(call.words)
    match = re.search(r"(?:^| )-n? ?(\d+)(?= |$)", text)
    count = int(match[1]) if match else 10
    paths = [word for word in call.plain if not word.isdigit()]
    if call.name == "tail" and "/dev/zero" in paths:
        resources = call.script.container.spec.resources
        if resources is not None and "memory" in (resources.limits or {}):
            raise OutOfMemory
        return Result(0, seconds=FOREVER)
    result = call.input(paths)
    lines = result.stdout.splitlines(keepends=True)
    lines = lines[:count] if call.name == "head" else lines[-count or len(lines) :]
    waits = call.name == "tail" and "f" in call.flags.lower() and not result.code
    return result._replace(stdout="".join(lines), seconds=FOREVER if waits else 0.0)


def _wc(call: Call) -> Result:
    result = call.input(call.plain)
    text = result.stdout
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}
    shown = [str(counts[flag]) for flag in "lwc" if flag in (call.flags or "lwc")]
    line = " ".join((*shown, *call.plain[:1]))
    return result if result.code else result._replace(stdout=f"{line}\n")


def _grep(call: Call) -> Result:
    pattern, *paths = call.plain or [""]
    result = call.input(paths)
    try:
        wanted = re.compile(pattern, re.IGNORECASE if "i" in call.flags else 0)
    except re.error:
        return Result(2, "", f"grep: bad regex '{pattern}'\n")
    lines = result.stdout.splitlines(keepends=True)
    found = [line for line in lines if bool(wanted.search(line)) != ("v" in call.flags)]
    out = f"{len(found)}\n" if "c" in call.flags else "".join(found)
    code = 0 if found else max(1, result.code)
    return Result(code, "" if "q" in call.flags else out, result.stderr)


def _sort(call: Call) -> Result:
    result = call.input(call.plain)
    return result._replace(stdout="".join(sorted(result.stdout.splitlines(keepends=True))))


PROGRAMS: dict[str, Callable[[Call], Result]] = {
    ":": _true, "[": _test, "cat": _cat, "cd": _cd, "curl": fetch, "date": _date, "echo": _echo,
    "env": _printenv, "exec": _exec, "exit": _exit, "export": _export, "false": _true,
    "grep": _grep, "head": _head, "hostname": _identity, "httpd": _httpd, "id": _identity,
    "kill": _kill, "killall": _httpd, "ls": _ls, "mkdir": _mkdir, "nslookup": nslookup,
    "printenv": _printenv, "pwd": _identity, "rm": _rm, "seq": _seq, "set": _true,
    "sleep": _sleep, "sort": _sort, "tail": _head, "test": _test, "touch": _touch, "trap": _trap,
    "true": _true, "wc": _wc, "wget": fetch, "whoami": _identity,
    **dict.fromkeys(SHELLS, _shell),
}  # fmt: skip
