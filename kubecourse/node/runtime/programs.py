"""Programs that containers can run: the shell's own and the everyday ones of an image.

A program not in the table is the image's own business: in an image whose programs are all known
(busybox, say) there is no such command; in any other it is a server and goes on for ever.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from getopt import GetoptError, gnu_getopt
from typing import TYPE_CHECKING, NamedTuple

from kubecourse.node.runtime import text as texts
from kubecourse.node.runtime.eating import devour, fill_file, stress
from kubecourse.node.runtime.fetching import CLIENTS, ask_server, connect, fetch, nslookup
from kubecourse.node.runtime.files import NOT_FOUND, FileProblem, FileSystem, normal
from kubecourse.node.runtime.script import FOREVER, LOOPS, WORK, Result, Script
from kubecourse.node.runtime.shell import ShellSyntaxError, command_of, read_script

if TYPE_CHECKING:
    from kubecourse.node.runtime.container import Container

COMMAND_NOT_FOUND = 127
KILLED = 137
"""The exit code of a process that SIGKILL ended."""
OK = Result(0)
RARE = ("stress", "stress-ng", *CLIENTS.split())
"""Programs that plain images do not have."""


class Call(NamedTuple):
    """A command as a program gets it: its options, by name, and its other words."""

    script: Script
    name: str
    words: list[str]
    options: dict[str, str]

    @property
    def files(self) -> FileSystem:
        return self.script.container.files

    def path(self, name: str) -> str:
        return normal(name, self.script.cwd)

    def has(self, *options: str) -> bool:
        return any(option in self.options for option in options)

    def opaque(self, path: str) -> bool:
        """Whether a path may well be a file of its image, or of a program, that nobody knows."""
        made = self.script.container.strange and not self.files.exists(path)
        return made or self.files.unseen(path)

    def check(self, path: str) -> None:
        """Raises FileProblem for what is not there, and could not be either."""
        if not self.opaque(path):
            self.files.check(path)

    def fail(self, message: str, code: int = 1) -> Result:
        return Result(code, "", f"{self.name}: {message}\n")

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
        if paths and paths != ["-"]:
            return self.each(paths, self.files.read)
        text, self.script.stdin = self.script.stdin, ""
        return Result(0, text)


def others_of(container: Container) -> Mapping[str, Callable[[Call], tuple[int, str]]]:
    """The programs of images that talk to the API server, by name; they are the cluster's."""
    network = container.sandbox.network
    return {} if network is None else network.programs


def knows(container: Container, word: str) -> bool:
    """Whether a command is a program that is known here."""
    name = word.rpartition("/")[2]
    if name in RARE and container.image.userland:
        return False
    return name in PROGRAMS or name in others_of(container)


def run(script: Script, words: list[str]) -> Result:
    """Run a command."""
    name, given = words[0].rpartition("/")[2] if words[0][:1] == "/" else words[0], words[1:]
    if name in PROGRAMS and not (name in RARE and script.container.image.userland):
        program, known = PROGRAMS[name]
        pairs: list[tuple[str, str]] = []
        if known is not None:
            short, _, long = known.partition(" ")
            if short.startswith("n:"):  # `head -5` means `head -n5`
                given = [re.sub(r"^-(?=\d+$)", "-n", word) for word in given]
            try:
                pairs, given = gnu_getopt(given, short, long.split())
            except GetoptError as error:
                return Result(1, "", f"{name}: {error}\n")
        options = {option.lstrip("-"): value for option, value in pairs}
        return program(Call(script, name, given, options))
    if name in (others := others_of(script.container)):
        call = Call(script, name, given, {})
        try:
            code, said = others[name](call)
        except FileProblem as error:
            code, said = 1, f"{name}: {error}\n"
        return Result(code, "", said, pure=False)
    if script.container.image.userland:
        return Result(COMMAND_NOT_FOUND, "", f"sh: {words[0]}: not found\n")
    return unknown(script)


def unknown(script: Script) -> Result:
    """What a program that nobody knows does, by where it runs."""
    script.container.strange = True
    if script.process is None:
        return Result(int(not script.container.does_what_it_should()), pure=False)
    if script.container.ends:
        return Result(0, seconds=WORK)
    script.process.serves = script.container.serving = True
    script.container.changed()
    return Result(0, seconds=FOREVER)


# --- the shell's own


def _exit(call: Call) -> Result:
    code = call.words[0] if call.words else str(call.script.status)
    call.script.leave("call" if call.name == "return" else "sub")
    return Result(int(code) & 255 if code.isdigit() else 2)


def _break(call: Call) -> Result:
    todo = call.script.todo
    if any(node.op in LOOPS for node in todo):
        loop = call.script.leave("loop")
        todo += (loop,) if loop and call.name == "continue" else ()
    return OK


def _cd(call: Call) -> Result:
    path = call.path(call.words[0] if call.words else "/root")
    if not call.files.is_directory(path) and not call.opaque(path):
        return Result(1, "", f"sh: cd: can't cd to {call.words[0]}: {NOT_FOUND}\n")
    call.script.cwd = path
    return OK


def _export(call: Call) -> Result:
    variables = dict(call.script.variables)
    for word in call.words:
        name, sign, value = word.partition("=")
        if call.name == "unset":
            variables.pop(name, None)
        elif sign:
            variables[name] = value
    call.script.variables = variables
    return OK


def _set(call: Call) -> Result:
    flags = "".join(word for word in call.words if re.fullmatch(r"[-+][a-z]+", word))
    call.script.strict = "e" in flags or (call.script.strict and "+" not in flags)
    if "--" in call.words:
        call.script.args = tuple(call.words[call.words.index("--") + 1 :])
    return OK


def _read(call: Call) -> Result:
    line, found, call.script.stdin = call.script.stdin.partition("\n")
    names = [word for word in call.words if not word.startswith("-")] or ["REPLY"]
    values = [*map(str.strip, line.split(None, len(names) - 1)), *[""] * len(names)]
    call.script.variables = call.script.variables | dict(zip(names, values, strict=False))
    return Result(0 if found or line else 1)


def _trap(call: Call) -> Result:
    action, *signals = call.words or [""]
    for signal in signals:
        name = {"15": "TERM", "0": "EXIT"}.get(signal, signal.removeprefix("SIG"))
        call.script.traps[name] = action
        if action == "-":
            del call.script.traps[name]
    return OK


def _exec(call: Call) -> Result:
    todo = call.script.todo
    if call.words:
        call.script.become(call.words)
    elif todo and (todo[-1].op, *todo[-1].parts[:1]) == ("restore", "redirect"):
        todo.pop()  # input and output stay redirected
    return OK


def _shell(call: Call) -> Result:
    """`sh -c text`, `sh file`, or `eval`, which runs in the shell that is there."""
    flags = [word for word in call.words if re.match(r"-\w", word)]
    text, args = " ".join(call.words), [word for word in call.words if word not in flags]
    if call.name != "eval":
        if any("c" in flag for flag in flags):
            text, args = args[0] if args else "", args[1:]
        else:
            if args and call.opaque(call.path(args[0])):
                return unknown(call.script)
            found = call.input(args[:1])
            if found.code:
                return found
            text = found.stdout
    try:
        program = read_script(text)
    except ShellSyntaxError as error:
        if call.script.container.image.unseen:  # bash knows more than this shell
            return unknown(call.script)
        return Result(2, "", f"sh: {error}\n")
    if call.name == "eval":
        call.script.enter(program)
    else:
        strict = any("e" in flag for flag in flags)
        call.script.enter_sub(program, args=tuple(args[1:]), strict=strict)
    return Result(call.script.status)


_OF_FILES: dict[str, Callable[[FileSystem, str], bool]] = {
    **dict.fromkeys(("-e", "-r", "-w", "-x"), FileSystem.exists),
    "-f": FileSystem.is_file,
    "-d": FileSystem.is_directory,
    "-s": lambda files, path: files.is_file(path) and bool(files.read(path)),
}
_OF_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    f"-{name}": getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}


def _test(call: Call) -> Result:
    words = call.words[:-1] if call.name in ("[", "[[") else call.words
    return Result(0 if _holds(call, words) else 1)


def _holds(call: Call, words: list[str]) -> bool:
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
        case ["-n", text] | [text]:
            return bool(text)
        case [sign, path] if sign in _OF_FILES:
            return _OF_FILES[sign](call.files, call.path(path))
        case [a, "=" | "==" | "!=" as sign, b]:
            same = fnmatchcase(a, b) if call.name == "[[" else a == b
            return same == (sign != "!=")
        case [text, "=~", pattern]:
            return _matches(call, text, pattern)
        case [a, sign, b] if sign in _OF_NUMBERS:
            try:
                return _OF_NUMBERS[sign](int(a), int(b))
            except ValueError:
                return False
    return False


def _matches(call: Call, text: str, pattern: str) -> bool:
    """`[[ text =~ pattern ]]`: what its brackets hold is in `BASH_REMATCH`."""
    try:
        found = re.search(texts.pattern(pattern, extended=True), text)
    except re.error:
        return False
    groups = (found[0], *found.groups("")) if found else ()
    held = {f"BASH_REMATCH[{number}]": group for number, group in enumerate(groups)}
    call.script.variables = call.script.variables | held
    return found is not None


def _where(call: Call) -> Result:
    """`which` and `command -v`: a program's place. `command` alone runs one."""
    words = [word for word in call.words if not word.startswith("-")]
    if call.name == "command" and words == call.words and words:
        call.script.enter((command_of(words),))
        return Result(call.script.status)
    image = call.script.container.image
    known = [w for w in words if knows(call.script.container, w) or not image.userland]
    return Result(int(known != words), "".join(f"/usr/bin/{word}\n" for word in known))


def _source(call: Call) -> Result:
    """`. file`: its commands, as this shell's own."""
    if call.words and call.opaque(call.path(call.words[0])):
        return OK
    found = call.input(call.words[:1])
    try:
        if not found.code:
            call.script.enter(read_script(found.stdout))
    except ShellSyntaxError as error:
        return Result(2, "", f"sh: {error}\n")
    return found._replace(stdout="")


# --- processes and time


def _wait(call: Call) -> Result:
    process = call.script.process
    if process is None or len(process.container.processes) < 2:
        return OK
    process.waits = True
    return Result(0, seconds=FOREVER)


def _kill(call: Call) -> Result:
    """Process 1 ignores signals that it has no trap for, SIGKILL too."""
    container, signals = call.script.container, set(call.words)
    for word in call.words:
        process = container.processes.get(int(word)) if word.isdigit() else None
        if process is None and word == "1":
            container.terminate()
        elif process is not None and not signals & {"-0"}:
            if process.pid != 1 and signals & {"-9", "-KILL", "-SIGKILL"}:
                process.script.traps.clear()
            process.terminate()
    return OK


def _httpd(call: Call) -> Result:
    """Busybox' web server goes into the background; `killall` ends it."""
    if call.name == "httpd":
        return _listen(call, call.options.get("p", "80"), waits=call.has("f"))
    if not call.script.container.listening:
        return call.fail("no process killed")
    call.script.container.listening = ()
    call.script.container.changed()
    return OK


def _listen(call: Call, port: str, waits: bool) -> Result:
    number, container = port.rpartition(":")[2], call.script.container
    container.listening += (int(number) if number.isdigit() else 0,)
    call.script.effects += 1
    container.changed()
    return Result(0, seconds=FOREVER if waits else 0.0)


def _nc(call: Call) -> Result:
    if not call.has("l"):
        return connect(call)
    return _listen(call, call.options.get("p") or (call.words or ["0"])[-1], waits=True)


def _timeout(call: Call) -> Result:
    """Run a command. That it is given up after a while is not modelled."""
    words = call.words
    while words and re.fullmatch(r"-.*|[\d.]+[smhd]?|[A-Z]+", words[0]):
        words = words[1:]
    if words:
        call.script.enter((command_of(words),))
    return Result(call.script.status)


def _sleep(call: Call) -> Result:
    units, total = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}, 0.0
    for word in call.words:
        match = re.fullmatch(r"(\d*\.?\d+|inf(?:inity)?)([smhd]?)", word)
        if match is None:
            return call.fail(f"invalid number '{word}'")
        total += float(match[1]) * units.get(match[2], 1.0)
    return Result(0, seconds=total)


def _date(call: Call) -> Result:
    now = call.script.container.clock.utc()
    forms = [word[1:] for word in call.words if word.startswith("+")]
    form = forms[0] if forms else "%a %b %e %H:%M:%S UTC %Y"
    form = form.replace("%s", str(int(now.timestamp()))).replace("%e", f"{now.day:2d}")
    return Result(0, now.strftime(form) + "\n", pure=False)


def _identity(call: Call) -> Result:
    sandbox, user = call.script.container.sandbox, call.script.container.user
    name = "root" if user == 0 else str(user)
    user = user if isinstance(user, int) else 101
    said = {
        "hostname": sandbox.ip if call.has("i") else sandbox.hostname,
        "id": str(user) if call.has("u") else f"uid={user}({name}) gid=0(root) groups=0(root)",
        "pwd": call.script.cwd,
        "whoami": name,
    }
    return Result(0, f"{said[call.name]}\n")


def _env(call: Call) -> Result:
    words, variables = list(call.words), dict(call.script.variables)
    if words and call.name == "printenv":
        found = [f"{variables[name]}\n" for name in words if name in variables]
        return Result(int(len(found) < len(words)), "".join(found))
    while words and "=" in words[0]:
        name, _, variables[name] = words.pop(0).partition("=")
    if not words:
        return Result(0, "".join(f"{k}={v}\n" for k, v in variables.items() if k != "!"))
    call.script.enter((command_of(words),), variables=variables)
    return OK


# --- files


def _touch(call: Call) -> Result:
    def touch(path: str) -> None:
        if not call.files.exists(path):
            call.files.write(path, "")

    return call.each(call.words, touch)


def _rm(call: Call) -> Result:
    def remove(path: str) -> None:
        if not call.has("f") or call.files.exists(path):
            call.files.remove(path, recursive=call.has("r", "R"))

    return call.each(call.words, remove)


def _copy(call: Call) -> Result:
    """`cp`, `mv` and `ln`, of files and of directories; there are no links, only copies."""
    if len(call.words) < 2:
        return call.fail("missing file operand")
    files, to = call.files, call.path(call.words[-1])

    def copy(path: str) -> None:
        place = normal(path.rpartition("/")[2], to) if files.is_directory(to) else to
        unseen = call.opaque(path)  # what is in an image that nobody described: it will be there
        if not unseen:
            files.check(path)
        for name in [path] if unseen or files.is_file(path) else files.below(path):
            new = place + name[len(path) :]
            files.make_directory(new.rpartition("/")[0] or "/")
            files.write(new, "" if unseen else files.read(name))
        if call.name == "mv" and not unseen:
            files.remove(path, recursive=True)

    return call.each(call.words[:-1], copy)


def _ls(call: Call) -> Result:
    files = call.files

    def line(name: str, path: str) -> str:
        if not call.has("l"):
            return f"{name}\n"
        is_file = files.is_file(path)
        size = len(files.read(path).encode()) if is_file else 4096
        mode = "-rw-r--r--    1" if is_file else "drwxr-xr-x    2"
        return f"{mode} root     root     {size:9d} Jan  5 09:00 {name}\n"

    def show(path: str) -> str:
        files.check(path)
        if files.is_file(path) or call.has("d"):
            return line(path, path)
        names = [n for n in files.list(path) if call.has("a") or not n.startswith(".")]
        return "".join(line(name, normal(name, path)) for name in names)

    return call.each(call.words or ["."], show)


# --- text

_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\", "\\033": "\x1b", "\\e": "\x1b"}
_HOLE = re.compile(r"%%|%[-0-9.]*[sdif]")


def _unescape(text: str) -> str:
    return re.sub(r"\\(?:033|[ntre\\])", lambda match: _ESCAPES[match[0]], text)


def _echo(call: Call) -> Result:
    words, flags = call.words, ""
    while words and re.fullmatch("-[neE]+", words[0]):
        flags, words = flags + words[0], words[1:]
    text = " ".join(words)
    return Result(0, (_unescape(text) if "e" in flags else text) + "\n" * ("n" not in flags))


def _printf(call: Call) -> Result:
    form, *values = call.words or [""]
    form, out = _unescape(form), ""

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = values.pop(0) if values else ""
        kind = {"s": str, "f": float}.get(match[0][-1], int)
        return match[0] % kind(value or (0 if kind is not str else ""))

    while True:
        before = len(values)
        try:
            out += _HOLE.sub(fill, form)
        except ValueError:
            return Result(1, out, "sh: printf: invalid number\n")
        if len(values) in (0, before):
            return Result(0, out)


def _seq(call: Call) -> Result:
    if not 1 <= len(call.words) <= 3 or not all(re.fullmatch(r"-?\d+", w) for w in call.words):
        return call.fail("usage: seq [FIRST] [INCREMENT] LAST")
    *before, last = map(int, call.words)
    first, step = [*before, 1, 1][:2] if len(before) < 2 else before
    counted = range(first, last + (1 if step > 0 else -1), step or 1)
    return Result(0, "".join(f"{n}\n" for n in counted))


def _grep(call: Call) -> Result:
    pattern, *paths = call.words or [""]
    result = call.input(paths)
    pattern = re.escape(pattern) if call.has("F") else texts.pattern(pattern, call.has("E"))
    try:
        wanted = re.compile(pattern, re.IGNORECASE if call.has("i") else 0)
    except re.error:
        return call.fail(f"bad regex '{pattern}'", 2)
    found = [
        f"{number}:{line}\n" if call.has("n") else f"{line}\n"
        for number, line in enumerate(result.stdout.splitlines(), 1)
        if bool(wanted.search(line)) != call.has("v")
    ]
    said = f"{len(found)}\n" if call.has("c") else "".join(found) * (not call.has("q"))
    return result._replace(code=max(int(not found), 2 * result.code), stdout=said)


def _wc(call: Call) -> Result:
    result = call.input(call.words)
    text = result.stdout
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}
    shown = [str(counts[flag]) for flag in "lwc" if flag in (call.options or "lwc")]
    return result._replace(stdout=" ".join((*shown, *call.words[:1])) + "\n")


def _head(call: Call) -> Result:
    result = call.input(call.words)
    if call.has("c"):
        return result._replace(stdout=result.stdout[: int(call.options["c"])])
    lines = result.stdout.splitlines(keepends=True)[: int(call.options.get("n", "10"))]
    return result._replace(stdout="".join(lines))


def _tail(call: Call) -> Result:
    """The last lines; of a file that grows, also those to come."""
    if "/dev/zero" in call.words:
        return devour(call)
    count, follows = call.options.get("n", "10"), call.has("f", "F")
    grows = follows and "/dev/null" not in call.words
    there = [path for path in call.words if call.files.is_file(call.path(path)) or not grows]
    result = call.input(there) if there or not grows else OK
    lines = result.stdout.splitlines(keepends=True)
    lines = lines[int(count) - 1 :] if count[0] == "+" else lines[-int(count) or len(lines) :]
    if grows and call.script.process is not None:
        call.script.process.follow([call.path(path) for path in call.words])
    waits = follows and not result.code
    return result._replace(stdout="".join(lines), seconds=FOREVER if waits else 0.0)


_CURL = (
    "sSfkLviIgGo:w:H:X:d:m:A:u: max-time= connect-timeout= silent fail request= header= data= "
    "output= write-out= insecure location head retry= retry-delay= show-error"
)
_ROWS: list[tuple[str, Callable[[Call], Result], str | None]] = [
    # names, function, and its options as getopt has them (None: it reads its words itself)
    (": true sync", lambda call: OK, None), ("false", lambda call: Result(1), None),
    ("[ [[ test", _test, None), ("exit return", _exit, None), ("break continue", _break, None),
    ("export local readonly unset", _export, None), ("cd", _cd, None), ("exec", _exec, None),
    ("read", _read, None), ("set", _set, None), ("trap", _trap, None), ("wait", _wait, None),
    ("sh bash ash dash eval", _shell, None), ("kill", _kill, None), ("killall", _httpd, None),
    ("httpd", _httpd, "fvp:h:"), ("nc", _nc, "lkp:zvw:e:n"), ("sleep", _sleep, None),
    ("date", _date, None), ("hostname id pwd whoami", _identity, "iufsng"),
    ("env printenv", _env, None), ("touch", _touch, "c"), ("rm", _rm, "rRf"),
    ("mkdir", lambda call: call.each(call.words, call.files.make_directory), "pm:"),
    # Rights are not modelled: these two see that the files are there.
    ("chmod chown", lambda call: call.each(call.words[1:], call.check), "Rfcv"),
    ("cp mv ln", _copy, "adfrRpnsTvLuiH archive force no-clobber recursive update= verbose"),
    ("ls", _ls, "la1dh"), ("echo", _echo, None),
    ("sed", texts.sed, "niErse:"), ("tr", texts.tr, "ds"), ("cut", texts.cut, "d:f:c:s"),
    ("awk", texts.awk, "F:v:"), ("sort uniq tac rev", texts.lines, "nruc"), ("tee", texts.tee, "a"),
    ("base64", texts.base64, "dw:"), ("basename dirname", texts.name, None),
    ("which command type", _where, None), ("source .", _source, None),
    ("timeout nohup nice", _timeout, None),
    ("printf", _printf, None), ("seq", _seq, None), ("grep", _grep, "ivqcnEF"),
    # Nothing is installed: what there is is there already. Nor is the machine's kernel set up.
    ("apk apt-get apt dnf yum pip update-ca-certificates", lambda call: OK, None),
    ("sysctl ulimit umask modprobe iptables ip6tables ip mount chgrp addgroup adduser useradd "
     "groupadd hash shopt declare typeset", lambda call: OK, None),
    ("cat", lambda call: call.input(call.words), ""), ("head", _head, "n:c:"),
    ("tail", _tail, "n:fFc:"), ("wc", _wc, "lwc"), ("curl", fetch, _CURL),
    (CLIENTS, ask_server, None), ("nslookup", nslookup, None),
    ("stress stress-ng", stress, None), ("dd", fill_file, None),
    ("fallocate", fill_file, "l:xn"),
    ("wget", fetch, "qO:T:St: spider timeout= header= no-check-certificate"),
]  # fmt: skip
PROGRAMS: dict[str, tuple[Callable[[Call], Result], str | None]] = {
    name: (program, known) for names, program, known in _ROWS for name in names.split()
}
