"""Programs that containers can run: the shell's own and the everyday ones of an image.

A program not in the table is the image's own business: in an image whose programs are all known
(busybox, say) there is no such command; in any other it is a server and goes on for ever.
"""

from __future__ import annotations

import base64
import operator
import re
from collections.abc import Callable
from getopt import GetoptError, gnu_getopt
from typing import NamedTuple

from kubecourse.node.runtime.fetching import connect, fetch, nslookup
from kubecourse.node.runtime.files import NOT_FOUND, FileProblem, FileSystem, normal
from kubecourse.node.runtime.script import FOREVER, Exit, OutOfMemory, Result, Script
from kubecourse.node.runtime.shell import SHELLS, is_script_flag

COMMAND_NOT_FOUND = 127
OK = Result(0)


class Call(NamedTuple):
    """A command as a program gets it: its options, by name, and its other words."""

    script: Script
    name: str
    words: list[str]
    options: dict[str, str]
    stdin: str

    @property
    def files(self) -> FileSystem:
        return self.script.container.files

    def path(self, name: str) -> str:
        return normal(name, self.script.cwd)

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
        text = self.stdin or self.script.stdin
        self.script.stdin = ""
        return Result(0, text)


def run(script: Script, words: list[str], stdin: str) -> Result:
    """Run a command with its words and its input."""
    name = words[0].rpartition("/")[2] if words[0].startswith("/") else words[0]
    if name in PROGRAMS:
        program, known = PROGRAMS[name]
        if known is None:
            return program(Call(script, name, words[1:], {}, stdin))
        short, *long = known.split()
        try:
            pairs, plain = gnu_getopt(_numbers_as_options(words[1:], short), short, long)
        except GetoptError as error:
            return Result(1, "", f"{name}: {error}\n")
        options = {option.lstrip("-"): value for option, value in pairs}
        return program(Call(script, name, plain, options, stdin))
    if script.container.image.userland or script.process is None:
        return Result(COMMAND_NOT_FOUND, "", f"sh: {words[0]}: not found\n")
    script.process.serves = script.container.serving = True
    script.container.changed()
    return Result(0, seconds=FOREVER)


def _numbers_as_options(words: list[str], short: str) -> list[str]:
    """`head -5` means `head -n5`."""
    if not short.startswith("n:"):
        return words
    return [re.sub(r"^-(?=\d+$)", "-n", word) for word in words]


# --- the shell's own


def _true(call: Call) -> Result:
    return Result(1 if call.name == "false" else 0)


def _exit(call: Call) -> Result:
    code = call.words[0] if call.words else str(call.script.status)
    status = int(code) & 255 if code.isdigit() else 2
    if not call.script.leave("call" if call.name == "return" else "sub"):
        call.script.status = status
        call.script.say_goodbye()
        raise Exit(status)
    return Result(status)


def _cd(call: Call) -> Result:
    path = call.path(call.words[0] if call.words else "/root")
    if not call.files.is_directory(path):
        return Result(1, "", f"sh: cd: can't cd to {call.words[0]}: {NOT_FOUND}\n")
    call.script.cwd = path
    return OK


def _export(call: Call) -> Result:
    for word in call.words:
        name, sign, value = word.partition("=")
        if call.name == "unset":
            call.script.variables.pop(name, None)
        elif sign:
            call.script.variables[name] = value
    return OK


def _set(call: Call) -> Result:
    flags = "".join(word for word in call.words if re.fullmatch(r"[-+][a-z]+", word))
    call.script.strict = "e" in flags or (call.script.strict and "+" not in flags)
    return OK


def _shift(call: Call) -> Result:
    call.script.args = call.script.args[int(call.words[0]) if call.words else 1 :]
    return OK


def _read(call: Call) -> Result:
    line, found, rest = (call.stdin or call.script.stdin).partition("\n")
    call.script.stdin = rest
    names = [word for word in call.words if not word.startswith("-")] or ["REPLY"]
    values = line.split(None, len(names) - 1)
    values += [""] * (len(names) - len(values))
    call.script.variables |= dict(zip(names, map(str.strip, values), strict=True))
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
    if not call.words:
        return OK
    result = call.script.call(call.words, call.stdin)
    if result.seconds:
        return result
    call.script.write(result.stdout)
    call.script.write(result.stderr, "err")
    raise Exit(result.code)


def _eval(call: Call) -> Result:
    return call.script.inner(" ".join(call.words))


def _shell(call: Call) -> Result:
    flag = next((n for n, word in enumerate(call.words) if is_script_flag(word)), None)
    if flag is not None and call.words[flag + 1 :]:
        text, _, *args = [*call.words[flag + 1 :], ""]
        return call.script.inner(text, args[:-1])
    plain = [word for word in call.words if not word.startswith("-")]
    found = call.input(plain[:1])
    return found if found.code else call.script.inner(found.stdout, plain[1:])


def _test(call: Call) -> Result:
    words = call.words[:-1] if call.name in ("[", "[[") else call.words
    return Result(0 if _holds(call, words) else 1)


_OF_FILES: dict[str, Callable[[FileSystem, str], bool]] = {
    **dict.fromkeys(("-e", "-r", "-w", "-x"), FileSystem.exists),
    "-f": FileSystem.is_file,
    "-d": FileSystem.is_directory,
    "-s": lambda files, path: files.is_file(path) and bool(files.read(path)),
}
_OF_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    f"-{name}": getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}


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
            return (a == b) == (sign != "!=")
        case [a, sign, b] if sign in _OF_NUMBERS:
            try:
                return _OF_NUMBERS[sign](int(a), int(b))
            except ValueError:
                return False
    return False


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
        return _listen(call, call.options.get("p", "80"), waits="f" in call.options)
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
    """Listen on a port, or see whether somebody else does."""
    if "l" not in call.options:
        return connect(call)
    return _listen(call, call.options.get("p") or (call.words or ["0"])[-1], waits=True)


def _sleep(call: Call) -> Result:
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    total = 0.0
    for word in call.words:
        match = re.fullmatch(r"(\d*\.?\d+|inf(?:inity)?)([smhd]?)", word)
        if match is None:
            return call.fail(f"invalid number '{word}'")
        total += float(match[1]) * units.get(match[2], 1.0)
    return Result(0, seconds=total)


def _timeout(call: Call) -> Result:
    words = [word for word in call.words if not word.startswith("-")]
    limit = _sleep(call._replace(words=words[:1]))
    if limit.code or not words[1:]:
        return call.fail("no command")
    result = call.script.call(words[1:], call.stdin)
    if result.seconds <= limit.seconds:
        return result
    return result._replace(code=143, seconds=limit.seconds)


def _date(call: Call) -> Result:
    now = call.script.container.clock.utc()
    forms = [word[1:] for word in call.words if word.startswith("+")]
    form = forms[0] if forms else "%a %b %e %H:%M:%S UTC %Y"
    form = form.replace("%s", str(int(now.timestamp()))).replace("%e", f"{now.day:2d}")
    return Result(0, now.strftime(form) + "\n", pure=False)


def _identity(call: Call) -> Result:
    container, flags = call.script.container, call.options
    sandbox, user = container.sandbox, container.user
    name = "root" if user == 0 else str(user)
    user = user if isinstance(user, int) else 101
    uname = {"n": sandbox.hostname, "r": "6.12.41", "m": "x86_64", "a": f"Linux {sandbox.hostname}"}
    said = {
        "hostname": sandbox.ip if "i" in flags else sandbox.hostname,
        "id": str(user) if "u" in flags else f"uid={user}({name}) gid=0(root) groups=0(root)",
        "nproc": "4",
        "pwd": call.script.cwd,
        "uname": next((uname[flag] for flag in flags if flag in uname), "Linux"),
        "whoami": name,
    }
    return Result(0, f"{said[call.name]}\n")


def _env(call: Call) -> Result:
    script, words = call.script, list(call.words)
    kept = script.variables
    own = {}
    while call.name == "env" and words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        own[name] = value
    if call.name == "env" and words:
        script.variables = kept | own
        try:
            return script.call(words, call.stdin)
        finally:
            script.variables = kept
    variables = kept | own
    if not words:
        return Result(0, "".join(f"{k}={v}\n" for k, v in variables.items() if k != "!"))
    found = [variables[name] for name in words if name in variables]
    return Result(0 if len(found) == len(words) else 1, "".join(f"{v}\n" for v in found))


# --- files


def _touch(call: Call) -> Result:
    def touch(path: str) -> None:
        if not call.files.exists(path):
            call.script.effects += 1
            call.files.write(path, "")

    return call.each(call.words, touch)


def _rm(call: Call) -> Result:
    def remove(path: str) -> None:
        if "f" not in call.options or call.files.exists(path):
            call.script.effects += 1
            call.files.remove(path, recursive=bool({"r", "R"} & call.options.keys()))

    return call.each(call.words, remove)


def _mkdir(call: Call) -> Result:
    call.script.effects += 1
    return call.each(call.words, call.files.make_directory)


def _copy(call: Call) -> Result:
    """`cp` and `mv`, of files and of directories."""
    *sources, target = call.words if len(call.words) > 1 else ["", ""]
    if not sources[0]:
        return call.fail("missing file operand")
    files, to = call.files, call.path(target)

    def copy(path: str) -> None:
        place = normal(path.rpartition("/")[2], to) if files.is_directory(to) else to
        inside = [path] if files.is_file(path) else files.below(path)
        for name in inside:
            text = files.read(name)
            new = place + name[len(path) :]
            files.make_directory(new.rpartition("/")[0] or "/")
            files.write(new, text)
        if call.name == "mv":
            files.remove(path, recursive=True)
        elif not inside:
            files.read(path)

    call.script.effects += 1
    return call.each(sources, copy)


def _ls(call: Call) -> Result:
    files = call.files

    def line(name: str, path: str) -> str:
        if "l" not in call.options:
            return f"{name}\n"
        is_file = files.is_file(path)
        size = len(files.read(path).encode()) if is_file else 4096
        mode = "-rw-r--r--    1" if is_file else "drwxr-xr-x    2"
        return f"{mode} root     root     {size:9d} Jan  5 09:00 {name}\n"

    def show(path: str) -> str:
        if files.is_directory(path) and "d" not in call.options:
            names = [n for n in files.list(path) if "a" in call.options or not n.startswith(".")]
            return "".join(line(name, normal(name, path)) for name in names)
        if not files.is_directory(path):
            files.read(path)
        return line(path, path)

    return call.each(call.words or ["."], show)


def _chmod(call: Call) -> Result:
    """Rights are not modelled; the files must be there."""

    def see(path: str) -> None:
        if not call.files.is_directory(path):
            call.files.read(path)

    return call.each([word for word in call.words if not word.startswith("-")][1:], see)


def _path_part(call: Call) -> Result:
    directory, slash, last = call.words[0].rstrip("/").rpartition("/")
    part = last.removesuffix(call.words[1] if call.words[1:] else "")
    return Result(0, f"{part if call.name == 'basename' else directory or slash or '.'}\n")


def _tee(call: Call) -> Result:
    text = call.input([]).stdout
    call.script.effects += 1

    def keep(path: str) -> None:
        call.files.write(path, text, append="a" in call.options)

    return call.each(call.words, keep)._replace(stdout=text)


# --- text

_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\", "\\033": "\x1b", "\\e": "\x1b"}


def _unescape(text: str) -> str:
    return re.sub(r"\\(?:033|[ntre\\])", lambda match: _ESCAPES[match[0]], text)


def _echo(call: Call) -> Result:
    words, end = call.words, "\n"
    escapes = False
    while words and re.fullmatch("-[neE]+", words[0]):
        end = "" if "n" in words[0] else end
        escapes |= "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    return Result(0, (_unescape(text) if escapes else text) + end)


def _printf(call: Call) -> Result:
    form, *values = call.words or [""]
    form, out = _unescape(form), ""
    holes = len(re.findall(r"%[-0-9.]*[sdixf]", form))
    while True:
        given = iter(values[:holes] + [""] * (holes - len(values)))

        def fill(match: re.Match[str], given: object = given) -> str:
            if match[0] == "%%":
                return "%"
            value: str | int | float = next(given)  # type: ignore[call-overload]
            if match[0][-1] in "dixf":
                value = float(value or 0) if match[0][-1] == "f" else int(value or 0)
            return match[0].replace("i", "d") % value

        try:
            out += re.sub(r"%%|%[-0-9.]*[sdixf]", fill, form)
        except ValueError:
            return Result(1, out, "sh: printf: invalid number\n")
        values = values[holes:]
        if not values or not holes:
            return Result(0, out)


def _seq(call: Call) -> Result:
    if not 1 <= len(call.words) <= 3 or not all(re.fullmatch(r"-?\d+", w) for w in call.words):
        return call.fail("usage: seq [FIRST] [INCREMENT] LAST")
    numbers = [int(word) for word in call.words]
    first = numbers[0] if numbers[1:] else 1
    step = numbers[1] if numbers[2:] else 1
    counted = range(first, numbers[-1] + (1 if step > 0 else -1), step or 1)
    return Result(0, "".join(f"{n}\n" for n in counted))


def _xargs(call: Call) -> Result:
    return call.script.call([*(call.words or ["echo"]), *call.input([]).stdout.split()])


def _expr(call: Call) -> Result:
    value = call.script.inner(f"echo $(({' '.join(call.words)}))").stdout
    return Result(1 if value == "0\n" else 0, value)


def _filter(call: Call) -> Result:
    """A program that turns lines into other lines: those of files, or what comes in."""
    needs_pattern = call.name in ("grep", "sed", "awk", "tr")
    pattern = call.options.get("e", "") if "e" in call.options else ""
    paths = call.words
    if needs_pattern and "e" not in call.options:
        pattern, *paths = call.words or [""]
    result = call.input(paths if call.name != "tr" else [])
    lines = result.stdout.splitlines(keepends=True)
    try:
        code, lines = _FILTERS[call.name](call, pattern, lines)
    except (re.error, ValueError, IndexError):
        return call.fail(f"bad expression '{pattern}'", 2)
    code = max(code, result.code)
    return Result(code, "" if "q" in call.options else "".join(lines), result.stderr)


Filtered = tuple[int, list[str]]


def _grep(call: Call, pattern: str, lines: list[str]) -> Filtered:
    options = call.options
    if "F" in options:
        pattern = re.escape(pattern)
    elif "E" not in options:
        pattern = re.sub(r"\\([|(){}+?])|([|(){}+?])", _basic, pattern)
    pattern = rf"\b(?:{pattern})\b" if "w" in options else pattern
    wanted = re.compile(pattern, re.IGNORECASE if "i" in options else 0)
    found = [
        f"{number}:{line}" if "n" in options else line
        for number, line in enumerate(lines, 1)
        if bool(wanted.search(line.rstrip("\n"))) != ("v" in options)
    ]
    if "o" in options:
        found = [f"{match[0]}\n" for line in found for match in wanted.finditer(line.rstrip("\n"))]
    return int(not found), [f"{len(found)}\n"] if "c" in options else found


def _basic(match: re.Match[str]) -> str:
    """In a basic expression these signs mean themselves, unless there is a backslash."""
    return match[1] or f"\\{match[2]}"


def _sed(call: Call, program: str, lines: list[str]) -> Filtered:
    out = lines if "n" not in call.options else []
    for part in re.split(r"[;\n]\s*", program):
        match = re.fullmatch(r"s(.)(.*?)(?<!\\)\1(.*?)(?<!\\)\1([gi]*)", part)
        if match:
            pattern = match[2]
            if not {"E", "r"} & call.options.keys():
                pattern = re.sub(r"\\([|(){}+?])|([|(){}+?])", _basic, pattern)
            new = match[3].replace("\\" + match[1], match[1]).replace("&", r"\g<0>")
            find = re.compile(pattern, re.IGNORECASE if "i" in match[4] else 0)
            out = [find.sub(new, line, 0 if "g" in match[4] else 1) for line in out]
        elif match := re.fullmatch(r"(\d+)(?:,(\d+|\$))?([pd])", part):
            last = len(lines) if match[2] == "$" else int(match[2] or match[1])
            chosen = lines[int(match[1]) - 1 : last]
            out = chosen if match[3] == "p" else lines[: int(match[1]) - 1] + lines[last:]
        else:
            raise ValueError(part)
    return 0, out


def _awk(call: Call, program: str, lines: list[str]) -> Filtered:
    """`{print $1, $NF}` and `/pattern/ {print}`."""
    match = re.fullmatch(r"\s*(?:/(.*)/)?\s*(?:\{\s*print\s*(.*?)\s*;?\s*\})?\s*", program)
    if match is None:
        raise ValueError(program)
    out = []
    for line in lines:
        fields = line.rstrip("\n").split(call.options.get("F"))
        if match[1] and not re.search(match[1], line):
            continue
        shown = []
        for word in re.findall(r"\"[^\"]*\"|\$?\w+|,", match[2] or "$0"):
            if word == "$0":
                shown.append(line.rstrip("\n"))
            elif word[0] == "$":
                number = len(fields) if word == "$NF" else int(word[1:])
                shown.append(fields[number - 1] if number <= len(fields) else "")
            else:
                shown.append({",": " ", "NF": str(len(fields))}.get(word, word.strip('"')))
        out.append("".join(shown) + "\n")
    return 0, out


def _tr(call: Call, old: str, lines: list[str]) -> Filtered:
    text = "".join(lines)
    old = _letters(_unescape(old))
    if "d" in call.options:
        return 0, [text.translate(dict.fromkeys(map(ord, old)))]
    new = _letters(_unescape(call.words[1]))
    return 0, [text.translate(str.maketrans(old, new.ljust(len(old), new[-1])[: len(old)]))]


def _letters(text: str) -> str:
    """`a-z` and `[:upper:]` written out."""
    text = text.replace("[:lower:]", "a-z").replace("[:upper:]", "A-Z")
    text = text.replace("[:digit:]", "0-9").replace("[:space:]", " \t\n")

    def between(match: re.Match[str]) -> str:
        return "".join(map(chr, range(ord(match[1]), ord(match[2]) + 1)))

    return re.sub(r"(\w)-(\w)", between, text)


def _cut(call: Call, _: str, lines: list[str]) -> Filtered:
    sign, unit = call.options.get("d", "\t"), "f" if "f" in call.options else "c"
    first, dash, last = call.options[unit].partition("-")
    start = int(first or 1) - 1
    stop = int(last) if last else None if dash else start + 1
    plain = [line.rstrip("\n") for line in lines]
    if unit == "c":
        return 0, [f"{line[start:stop]}\n" for line in plain]
    return 0, [f"{sign.join(line.split(sign)[start:stop])}\n" for line in plain]


def _wc(call: Call, _: str, lines: list[str]) -> Filtered:
    text = "".join(lines)
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}
    shown = [str(counts[flag]) for flag in "lwc" if flag in (call.options or "lwc")]
    return 0, [" ".join((*shown, *call.words[:1])) + "\n"]


def _sort(call: Call, _: str, lines: list[str]) -> Filtered:
    def number(line: str) -> tuple[float, str]:
        match = re.match(r"\s*-?\d+(\.\d+)?", line)
        return (float(match[0]) if match else 0.0, line)

    lines = sorted(lines, key=number if "n" in call.options else None)
    lines = list(dict.fromkeys(lines)) if "u" in call.options else lines
    return 0, lines[::-1] if "r" in call.options else lines


def _uniq(call: Call, _: str, lines: list[str]) -> Filtered:
    runs: list[tuple[int, str]] = []
    for line in lines:
        if runs and runs[-1][1] == line:
            runs[-1] = (runs[-1][0] + 1, line)
        else:
            runs.append((1, line))
    return 0, [f"{n:7d} {line}" if "c" in call.options else line for n, line in runs]


def _head(call: Call, _: str, lines: list[str]) -> Filtered:
    if "c" in call.options:
        return 0, ["".join(lines)[: int(call.options["c"])]]
    return 0, lines[: int(call.options.get("n", "10"))]


def _base64(call: Call, _: str, lines: list[str]) -> Filtered:
    text = "".join(lines)
    if "d" in call.options:
        return 0, [base64.b64decode(text).decode("utf-8", "replace")]
    return 0, [base64.b64encode(text.encode()).decode() + "\n"]


def _tail(call: Call) -> Result:
    """The last lines; of a file that grows, also those to come. /dev/zero eats all memory."""
    if "/dev/zero" in call.words:
        resources = call.script.container.spec.resources
        if resources is not None and "memory" in (resources.limits or {}):
            raise OutOfMemory
        return Result(0, seconds=FOREVER)
    count = call.options.get("n", "10")
    follows = bool({"f", "F"} & call.options.keys()) and "/dev/null" not in call.words
    there = [path for path in call.words if call.files.is_file(call.path(path)) or not follows]
    result = call.input(there) if there or not follows else OK
    lines = result.stdout.splitlines(keepends=True)
    lines = lines[int(count) - 1 :] if count[0] == "+" else lines[-int(count) or len(lines) :]
    process = call.script.process
    if follows and process is not None:
        process.follow([call.path(path) for path in call.words])
    waits = {"f", "F"} & call.options.keys() and not result.code
    return result._replace(stdout="".join(lines), seconds=FOREVER if waits else 0.0)


_FILTERS: dict[str, Callable[[Call, str, list[str]], Filtered]] = {
    "awk": _awk, "base64": _base64, "cat": lambda call, _, lines: (0, lines), "cut": _cut,
    "grep": _grep, "head": _head, "sed": _sed, "sort": _sort, "tr": _tr, "uniq": _uniq, "wc": _wc,
}  # fmt: skip
_CURL = (
    "sSfkLviIgGo:w:H:X:d:m:A:u: max-time= connect-timeout= silent fail request= header= data= "
    "output= write-out= insecure location head retry= retry-delay= show-error"
)
_ROWS: list[tuple[str, Callable[[Call], Result], str | None]] = [
    # names, function, and its options as getopt has them (None: it reads its words itself)
    (": true false sync", _true, None), ("[ [[ test", _test, None), ("exit return", _exit, None),
    ("export local readonly unset", _export, None), ("cd", _cd, None), ("eval", _eval, None),
    ("exec", _exec, None), ("read", _read, None), ("set", _set, None), ("shift", _shift, None),
    ("trap", _trap, None), (" ".join(SHELLS), _shell, None), ("wait", _wait, None),
    ("kill", _kill, None), ("killall", _httpd, None), ("httpd", _httpd, "fvp:h:"),
    ("nc", _nc, "lkp:zvw:e:n"), ("sleep", _sleep, None), ("timeout", _timeout, None),
    ("date", _date, None), ("hostname id nproc pwd uname whoami", _identity, "iufsnrmag"),
    ("env printenv", _env, None), ("touch", _touch, "c"), ("rm", _rm, "rRf"),
    ("mkdir", _mkdir, "pm:"), ("cp mv", _copy, "afrRp"), ("ls", _ls, "la1dhRt"),
    ("chmod chown", _chmod, None), ("basename dirname", _path_part, ""), ("tee", _tee, "a"),
    ("echo", _echo, None), ("printf", _printf, None), ("seq", _seq, None), ("expr", _expr, None),
    ("xargs", _xargs, None), ("awk", _filter, "F:"), ("base64", _filter, "dw:"),
    ("cat", _filter, "nb"), ("cut", _filter, "d:f:c:"), ("grep", _filter, "ivqcnoEFrwe:s"),
    ("head", _filter, "n:c:"), ("sed", _filter, "nErie:"), ("sort", _filter, "nru"),
    ("tail", _tail, "n:fFc:"), ("tr", _filter, "ds"), ("uniq", _filter, "c"),
    ("wc", _filter, "lwc"), ("curl", fetch, _CURL), ("nslookup", nslookup, None),
    ("wget", fetch, "qO:T:St: spider timeout= header= no-check-certificate"),
]  # fmt: skip
PROGRAMS: dict[str, tuple[Callable[[Call], Result], str | None]] = {
    name: (program, known) for names, program, known in _ROWS for name in names.split()
}
