"""The programs that scripts change text with, as far as manifests use them."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from kubecourse.node.runtime.files import FileProblem
from kubecourse.node.runtime.script import Result

if TYPE_CHECKING:
    from kubecourse.node.runtime.programs import Call

_STEP = re.compile(
    r"\s*(?:(?P<line>\d+|\$)|/(?P<where>(?:\\.|[^/\\])*)/)?\s*"
    r"(?:s(?P<sign>[^\w\s])(?P<old>(?:\\.|(?!(?P=sign)).)*)(?P=sign)"
    r"(?P<new>(?:\\.|(?!(?P=sign)).)*)(?P=sign)(?P<flags>[gIip]*)|(?P<act>[dp]))\s*(?:;|\n|$)",
    re.DOTALL,
)
_CLASSES = {
    "[:upper:]": "A-Z", "[:lower:]": "a-z", "[:digit:]": "0-9", "[:alpha:]": "A-Za-z",
    "[:alnum:]": "0-9A-Za-z", "[:space:]": " \\t\\n\\r", "[:punct:]": "!-/:-@[-`{-~",
}  # fmt: skip


def pattern(text: str, extended: bool) -> str:
    """A POSIX expression as Python writes it."""
    for name, meant in _CLASSES.items():
        text = text.replace(name, meant.replace("[-`", "\\[-`"))
    if not extended:  # these signs mean themselves, unless there is a backslash
        text = re.sub(r"\\?[|(){}+?]", lambda m: m[0][1:] or f"\\{m[0]}", text)
    return text


def sed(call: Call) -> Result:
    """`s/old/new/flags`, `d` and `p`, of all lines, one line or those like a pattern."""
    extended, quiet = call.has("E", "r"), call.has("n")
    text = call.options.get("e") or (call.words.pop(0) if call.words else "")
    steps, at = [], 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            return call.fail(f"unsupported command {text[at:]}")
        steps.append(step)
        at = step.end()
    try:
        if not call.has("i"):
            result = call.input(call.words)
            return result._replace(stdout=_edited(result.stdout, steps, extended, quiet))
        for name in call.words:
            path = call.path(name)
            call.files.write(path, _edited(call.files.read(path), steps, extended, quiet))
    except FileProblem as error:
        return call.fail(f"{call.words[0]}: {error}")
    except re.error:
        return call.fail("bad regex")
    return Result(0)


def _edited(text: str, steps: list[re.Match[str]], extended: bool, quiet: bool) -> str:
    lines, out = text.splitlines(keepends=True), ""
    for number, line in enumerate(lines, 1):
        end = "\n" if line.endswith("\n") else ""
        line, printed = line.removesuffix("\n"), 0
        kept = not quiet
        for step in steps:
            where, last = step["where"], number == len(lines)
            if step["line"] and not (step["line"] == str(number) or (step["line"] == "$" and last)):
                continue
            if where is not None and not re.search(pattern(where, extended), line):
                continue
            if step["act"] == "d":
                kept = False
                break
            if step["act"] == "p":
                printed += 1
            else:
                line, found = _replaced(step, line, extended)
                printed += bool(found and "p" in step["flags"])
        out += (line + end) * (printed + kept)
    return out


def _replaced(step: re.Match[str], line: str, extended: bool) -> tuple[str, int]:
    """The line after `s/old/new/`, and how often that was found."""
    sign, flags = step["sign"], step["flags"].lower()
    old = pattern(step["old"].replace(f"\\{sign}", sign), extended)
    new = re.sub(r"(?<!\\)&", r"\\g<0>", step["new"].replace(f"\\{sign}", sign)).replace("\\&", "&")
    case = re.IGNORECASE if "i" in flags else 0
    return re.subn(old, new, line, count=0 if "g" in flags else 1, flags=case)


def tr(call: Call) -> Result:
    """`tr a-z A-Z`, `tr -d 0-9`."""
    sets = [_characters(word) for word in call.words]
    text, call.script.stdin = call.script.stdin, ""
    if call.has("d"):
        return Result(0, "".join(c for c in text if c not in sets[0]))
    if len(sets) < 2:
        return call.fail("missing operand")
    old, new = sets
    table = dict(zip(old, new.ljust(len(old), new[-1:]), strict=False))
    return Result(0, "".join(table.get(c, c) for c in text))


def _characters(word: str) -> str:
    """`a-c` as `abc`."""
    for name, meant in _CLASSES.items():
        word = word.replace(name, meant)
    for written, meant in (("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r"), ("\\\\", "\\")):
        word = word.replace(written, meant)
    return re.sub(r"(.)-(.)", _spread, word, flags=re.DOTALL)


def _spread(ends: re.Match[str]) -> str:
    return "".join(map(chr, range(ord(ends[1]), ord(ends[2]) + 1)))


def cut(call: Call) -> Result:
    """`cut -d: -f1`, `cut -c1-8`."""
    result = call.input(call.words)
    sign, wanted = call.options.get("d", "\t"), call.options.get("f") or call.options.get("c", "")
    out = ""
    for line in result.stdout.splitlines():
        parts: list[str] = line.split(sign) if call.has("f") else list(line)
        picked = [parts[i] for i in _numbers(wanted, len(parts))] if len(parts) > 1 else parts
        out += (sign if call.has("f") else "").join(picked) + "\n"
    return result._replace(stdout=out)


def _numbers(text: str, count: int) -> list[int]:
    """`1,3-` as indexes, of so many."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = int(first or 1)
        found += range(start - 1, min(int(last or count) if dash else start, count))
    return found


def awk(call: Call) -> Result:
    """`awk '{print $1, $NF}'`, with a pattern or a number of line before it."""
    form = re.fullmatch(
        r"\s*(?:/(?P<where>.*)/|NR\s*==\s*(?P<line>\d+))?\s*(?:\{\s*print(?P<what>[^}]*)\})?\s*",
        call.words.pop(0) if call.words else "",
    )
    if form is None:
        return call.fail("only '{print $1, $2}' is simulated here")
    result, out = call.input(call.words), ""
    for number, line in enumerate(result.stdout.splitlines(), 1):
        if form["where"] and not re.search(form["where"], line):
            continue
        if form["line"] and int(form["line"]) != number:
            continue
        parts = line.split(call.options.get("F"))
        known = {"$0": line, "NF": str(len(parts)), "NR": str(number), "$NF": "".join(parts[-1:])}
        known |= {f"${n}": part for n, part in enumerate(parts, 1)}
        said = []
        for group in (form["what"] or "").strip().split(",") if form["what"] else ["$0"]:
            words = re.findall(r'"([^"]*)"|(\S+)', group)
            said.append("".join(text if not name else known.get(name, "") for text, name in words))
        out += " ".join(said) + "\n"
    return result._replace(stdout=out)


def lines(call: Call) -> Result:
    """`sort`, `uniq`, `tac`, `rev`: the same lines, in another order, once or backwards."""
    result = call.input(call.words)
    found = result.stdout.splitlines()
    if call.name == "rev":
        found = [line[::-1] for line in found]
    if call.name == "sort":
        found = sorted(found, key=_number if call.has("n") else None, reverse=call.has("r"))
    if call.name == "tac":
        found.reverse()
    if call.name == "uniq" or call.has("u"):
        found = [line for n, line in enumerate(found) if n == 0 or line != found[n - 1]]
    return result._replace(stdout="".join(f"{line}\n" for line in found))


def _number(line: str) -> int:
    found = re.match(r"\s*(-?\d+)", line)
    return int(found[1]) if found else 0


def tee(call: Call) -> Result:
    """Write what comes in to files too."""
    text, call.script.stdin = call.script.stdin, ""

    def write(path: str) -> None:
        call.files.write(path, text, append=call.has("a"))

    return call.each(call.words, write)._replace(stdout=text)


def base64(call: Call) -> Result:
    """Encode, or decode (`-d`)."""
    result = call.input(call.words)
    try:
        if call.has("d"):
            return result._replace(stdout=b64decode(result.stdout).decode())
    except ValueError:
        return call.fail("invalid input")
    return result._replace(stdout=b64encode(result.stdout.encode()).decode() + "\n")


def name(call: Call) -> Result:
    """`basename` and `dirname`."""
    path = (call.words or [""])[0].rstrip("/") or "/"
    above, _, last = path.rpartition("/")
    if call.name == "dirname":
        return Result(0, f"{above or ('/' if path.startswith('/') else '.')}\n")
    return Result(0, f"{last.removesuffix(call.words[1]) if call.words[1:] else last}\n")
