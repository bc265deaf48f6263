"""What the words of a script come to: variables, `$(…)`, sums, file names."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase, translate
from functools import partial
from typing import TYPE_CHECKING

from kubecourse.node.runtime.files import normal
from kubecourse.node.runtime.shell import BRACKETS, DOUBLE, FAIL, array_words

if TYPE_CHECKING:
    from kubecourse.node.runtime.script import Script

_EXPANSION = (
    rf"\$\(\((?P<sum>{BRACKETS})\)\)|\$\((?P<command>{BRACKETS})\)|`(?P<old>[^`]*)`"
    r"|\$(?P<name>[A-Za-z_][A-Za-z_0-9]*|[0-9?$#@*!])"
    r"|\$\{(?P<braced>#?(?:[A-Za-z_][A-Za-z_0-9]*(?:\[[^]]+\])?|[0-9?#@*]))"
    r"(?:(?P<how>:?[-+=?]|%%?|##?|//?|:|\^\^|,,)(?P<other>[^}]*))?\}"
)
_QUOTED = re.compile(rf"\\(?P<escaped>[$`\"\\])|{_EXPANSION}", re.DOTALL)
_WORD = re.compile(
    rf"'(?P<single>[^']*)'|\"(?P<double>{DOUBLE})\"|\\(?P<escaped>.)|{_EXPANSION}", re.DOTALL
)


def expand_all(script: Script, words: tuple[str, ...]) -> list[str]:
    """Words as a command gets them: an unquoted expansion may become several, or none."""
    result: list[str] = []
    for word in words:
        if word in ("$@", '"$@"', "$*"):
            result += script.args
            continue
        if array := re.fullmatch(r'"?\$\{(\w+)\[[@*]\]\}"?', word):
            result += items(script.variables, array[1])
            continue
        expanded = expand(script, word)
        quoted = '"' in word or "'" in word
        if ("$" in word or "`" in word) and not quoted:
            result += expanded.split()
        elif not quoted and ("*" in word or "?" in word) and "\\" not in word:
            result += _files_like(script, expanded) or [expanded]
        else:
            result.append(expanded)
    return result


def expand(script: Script, word: str) -> str:
    """One word without its quotes, and with its expansions."""
    return _WORD.sub(partial(_piece, script), word)


def assigned(script: Script, name: str, word: str) -> dict[str, str]:
    """The variables that `name=word`, `name+=word` or `name=(a b)` sets."""
    name, more = name.removesuffix("+"), name.endswith("+")
    before = items(script.variables, name) if more else []
    if word[:1] != "(":
        return {name: "".join(before[:1]) + expand(script, word)}
    values = [*before, *expand_all(script, array_words(word))]
    return {f"{name}[{number}]": value for number, value in enumerate(values)}


def items(variables: dict[str, str], name: str) -> list[str]:
    """The values of an array, by number; of a plain variable, its value."""
    found = {}
    for key, value in variables.items():
        if key.startswith(f"{name}[") and key[len(name) + 1 : -1].isdigit():
            found[int(key[len(name) + 1 : -1])] = value
    plain = [variables[name]] if name in variables else []
    return [found[number] for number in sorted(found)] or plain


def _files_like(script: Script, pattern: str) -> list[str]:
    """The files that a pattern means, by name."""
    directory, slash, last = pattern.rpartition("/")
    names = script.container.files.list(normal(directory or slash or ".", script.cwd))
    hidden = last.startswith(".")
    found = [n for n in names if fnmatchcase(n, last) and n.startswith(".") == hidden]
    return [f"{directory}{slash}{name}" for name in found]


def _piece(script: Script, match: re.Match[str]) -> str:
    pieces = match.groupdict()
    if (name := pieces["name"] or pieces["braced"]) is not None:
        return _variable(script, name, pieces["how"] or "", pieces["other"])
    if (text := pieces["sum"]) is not None:
        return str(evaluate(_QUOTED.sub(partial(_piece, script), text), script.variables))
    if (text := pieces["command"] or pieces["old"]) is not None:
        text = f"cat {text}" if re.match(r"\s*<(?![<(])", text) else text
        return script.output_of(text).rstrip("\n")
    if (text := pieces.get("double")) is not None:
        return _QUOTED.sub(partial(_piece, script), text)
    return pieces["escaped"] or pieces.get("single") or ""


def _variable(script: Script, name: str, how: str, other: str) -> str:
    args, variables = script.args, script.variables
    if name[-1] == "]":
        name, variables = _element(script, name, variables)
    special = {"?": str(script.status), "$": "1", "0": "sh", "#": str(len(args))}
    special |= {str(number): arg for number, arg in enumerate(args, 1)}
    special |= dict.fromkeys("@*", " ".join(args))
    if name == "RANDOM":
        script.pure = False
        value = str(script.container.sandbox.random.randrange(32768))
    elif name[0] == "#" and name[1:]:
        value = str(len(variables.get(name[1:], "")))
    else:
        value = special.get(name) or variables.get(name, "")
    if not how:
        return value
    if how in _CHANGES:
        halves = re.match(_HALVES[how[0]], other, re.DOTALL)
        first, second = halves.groups("") if halves else ("", "")
        return _CHANGES[how](value, expand(script, first), expand(script, second))
    if how[0] in "%#":
        return _without(value, expand(script, other), at_end=how[0] == "%", most=len(how) == 2)
    if bool(value) == (how[-1] == "+"):
        value = expand(script, other)
        if how[-1] == "=":
            script.variables = variables | {name: value}
        elif how[-1] == "?":
            script.write(f"sh: {name}: {value or 'parameter not set'}\n", 1)
            script.leave("sub")
            script.todo.append(FAIL)
            value = ""
        return value
    return "" if how[-1] == "+" else value


def _element(script: Script, name: str, variables: dict[str, str]) -> tuple[str, dict[str, str]]:
    """`array[…]`: a name for its element, all of them, or (with `#`) how many, and its value."""
    array, _, number = name[:-1].partition("[")
    values = items(variables, array.removeprefix("#"))
    if number not in ("@", "*"):
        at = str(evaluate(expand(script, number), variables))
        found = values[0] if at == "0" and values else ""
        value = variables.get(f"{array}[{at}]", found)
    else:
        value = str(len(values)) if name[0] == "#" else " ".join(values)
    return "[", {**variables, "[": value}


def _replaced(value: str, old: str, new: str, count: int) -> str:
    """`${x/old/new}`, of which `old` is as in a file name."""
    form = translate(old).removeprefix("(?s:").removesuffix(r")\Z")
    return re.sub(form, lambda _: new, value, count=count, flags=re.DOTALL)


def _part(value: str, start: str, length: str) -> str:
    """`${x:start:length}`."""
    try:
        rest = value[int(start or 0) :]
        return rest[: int(length)] if length else rest
    except ValueError:
        return value


_HALVES = {
    ":": r"([^:]*)(?::(.*))?", "/": r"((?:\\.|[^/\\])*)(?:/(.*))?", "^": "(.*)()", ",": "(.*)()"
}  # fmt: skip
_CHANGES: dict[str, Callable[[str, str, str], str]] = {
    "/": partial(_replaced, count=1), "//": partial(_replaced, count=0), ":": _part,
    "^^": lambda value, *_: value.upper(), ",,": lambda value, *_: value.lower(),
}  # fmt: skip


def _without(text: str, pattern: str, at_end: bool, most: bool) -> str:
    """A text without what a pattern matches at its beginning or end: the most or the least."""
    lengths = range(len(text) + 1)
    for length in reversed(lengths) if most else lengths:
        cut = len(text) - length if at_end else length
        kept, gone = (text[:cut], text[cut:]) if at_end else (text[cut:], text[:cut])
        if fnmatchcase(gone, pattern):
            return kept
    return text


# --- sums

_OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: int(a / b) if b else 0,
    ast.Mod: lambda a, b: a - b * int(a / b) if b else 0,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def evaluate(text: str, variables: dict[str, str]) -> int:
    """What an expression between `$((` and `))` comes to; 0 where it makes no sense."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, variables)
    except (SyntaxError, ValueError):
        return 0


def _value(node: ast.expr, variables: dict[str, str]) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return int(variables.get(name) or 0)
        case ast.UnaryOp(op=ast.USub(), operand=of):
            return -_value(of, variables)
        case (
            ast.BinOp(op=sign, left=left, right=right)
            | ast.Compare(ops=[sign], left=left, comparators=[right])
        ) if type(sign) in _OPERATORS:
            return int(_OPERATORS[type(sign)](_value(left, variables), _value(right, variables)))
    raise ValueError(ast.dump(node))
