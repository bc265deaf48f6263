"""The tree of commands, and what cobra says of it: help texts, commands that are not there.

`help.txt` has each command's usage line, what it is for, its other names (`=`), examples (`>`),
flags, and what it objects to: `! condition: message`, or `?` where it points to the help. The
first condition that holds fails the command; `rm !attach args<2` are terms that must all hold, of
flags and of the number of arguments (`names`: of those before `--`). A function becomes what a
command does by its path::

    @command("cordon")
    def cordon(inv: Invocation) -> None: ...

Source: `github.com/spf13/cobra` `command.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.flags import Flag, first_argument, parse, read_flags

if TYPE_CHECKING:
    from kubecourse.tools.kubectl.invocation import Invocation

Action = Callable[["Invocation"], int | None]
_Function = TypeVar("_Function", bound=Action)


_TERM = re.compile(r"(!?)([a-z-]+)(?:(!?=|<|>)(.*))?")


@dataclass(frozen=True)
class Objection:
    """What is wrong with a command line for which a condition holds."""

    condition: str
    message: str
    usage: bool

    def check(self, inv: Invocation) -> None:
        """Raise KubectlError if that is so."""
        before_dash = len(inv.args) if inv.dash is None else inv.dash
        given = {**inv.flags, "args": len(inv.args), "names": before_dash}
        choices = self.condition.split(" or ")
        if any(all(_holds(term, given) for term in choice.split()) for choice in choices):
            given |= {"words": " ".join(inv.args), "command": inv.path.split()[-1]}
            text = re.sub(r"\{([a-z-]+)\}", lambda name: str(given[name[1]]), self.message)
            text = text.replace("\\n", "\n")
            raise inv.usage_error(text) if self.usage else KubectlError(text)


def _holds(term: str, given: dict[str, Any]) -> bool:
    match = _TERM.fullmatch(term)
    assert match is not None, term
    negated, name, operator, other = match.groups()
    if operator is None:
        return bool(given[name]) != bool(negated)
    if operator in "<>":
        number = given[other] if other in given else int(other)
        return bool(given[name] < number if operator == "<" else given[name] > number)
    return (str(given[name]).lower() in other.split("|")) == (operator == "=")


@dataclass
class Command:
    """One command, or a group of them. `use` is its usage line without `kubectl`."""

    name: str
    use: str = ""
    short: str = ""
    group: str = ""
    flags: tuple[Flag, ...] = ()
    aliases: tuple[str, ...] = ()
    examples: str = ""
    objections: tuple[Objection, ...] = ()
    run: Action | None = None
    by_name: dict[str, Command] = field(default_factory=dict)

    @property
    def children(self) -> list[Command]:
        """The subcommands, by name."""
        return [self.by_name[name] for name in sorted(self.by_name)]

    def child(self, word: str) -> Command | None:
        """The subcommand of that name or alias."""
        return next((c for c in self.children if word == c.name or word in c.aliases), None)


_NAME = re.compile(r"[a-z][a-z-]*( [a-z][a-z-]*)*(?= |$)")


def _read() -> tuple[Command, list[str], tuple[Flag, ...]]:
    """The tree without its actions, the headings of its commands, and the flags of all.

    Shared lines have names by which commands refer to them; those of `each` are named by flags.
    """
    root, groups, shared = Command("kubectl"), list[str](), dict[str, list[str]]()
    text = resources.files(__package__).joinpath("help.txt").read_text(encoding="utf-8")
    for part in text.rstrip().split("\n\n"):
        use, *lines = (line.lstrip() for line in part.split("\n"))
        if use.startswith("# "):
            groups.append(use[2:])
        elif use == "each":
            shared |= {flag.name: [line] for line in lines for flag in read_flags([line])}
        elif len(groups) == 1:
            shared[use] = _expanded(lines, shared)
        else:
            match = _NAME.match(use)
            assert match is not None, use
            *path, name = match[0].split()
            lines = [lines[0], *_expanded(lines[1:], shared)]
            _at(root, path).by_name[name] = _command(name, use, groups[-1], *lines)
    return root, groups[1:], read_flags(shared["global"])


def _expanded(lines: list[str], shared: dict[str, list[str]]) -> list[str]:
    """Lines, with others in the place of words that stand for them."""
    found: list[str] = []
    for line in lines:
        known = line[0] in "=>!?-"
        found += [line] if known else [each for word in line.split() for each in shared[word]]
    return found


def _command(name: str, use: str, group: str, short: str, *lines: str) -> Command:
    marked: dict[str, list[str]] = {mark: [] for mark in "=>!?-"}
    for line in lines:
        marked[line[0]].append(line)
    objections = []
    for line in lines:
        if line[0] in "!?":
            condition, _, message = line[2:].partition(": ")
            objections.append(Objection(condition, message, usage=line[0] == "?"))
    return Command(
        name,
        use,
        short,
        group,
        read_flags(marked["-"]),
        tuple(word for line in marked["="] for word in line[2:].split()),
        "\n".join(line[2:] for line in marked[">"]),
        tuple(objections),
    )


def _at(root: Command, path: list[str]) -> Command:
    for word in path:
        root = root.by_name[word]
    return root


ROOT, GROUPS, GLOBAL = _read()


def command(path: str) -> Callable[[_Function], _Function]:
    """Make a function the action of a command."""

    def register(function: _Function) -> _Function:
        _at(ROOT, path.split()).run = function
        return function

    return register


# --- finding the command in a command line


def find(words: list[str]) -> tuple[list[str], Command, str]:
    """The command that the words name, the words without its name, and its path."""
    if first_argument(words, GLOBAL) is None and words:
        # Flags alone: they may be wrong, or ask for help.
        parse(words, GLOBAL, "kubectl")
        words = []
    command, path = ROOT, "kubectl"
    while command.by_name:
        at = first_argument(words, [*command.flags, *GLOBAL])
        if at is None:
            break
        if command is ROOT and words[at] == "help":
            rest = words[at + 1 :]
            return find([*rest, "--help"] if rest else [])
        child = command.child(words[at])
        if child is None:
            if command is ROOT:
                raise _unknown_command(words[at])
            break
        command, path = child, f"{path} {child.name}"
        words = words[:at] + words[at + 1 :]
    return words, command, path


def _unknown_command(name: str) -> KubectlError:
    message = f'unknown command "{name}" for "kubectl"'
    known = sorted(ROOT.children, key=lambda command: GROUPS.index(command.group))
    if close := [c.name for c in known if _is_close(name, c.name)]:
        message += "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in close)
    return KubectlError(message)


def _is_close(typed: str, name: str) -> bool:
    """Cobra's suggestions: two edits away, or the beginning of the name."""
    return _distance(typed.lower(), name.lower()) <= 2 or name.lower().startswith(typed.lower())


@cache
def _distance(a: str, b: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
    return row[-1]


# --- help


def help_text(command: Command, path: str) -> str:
    """What a command does, its subcommands or flags, its usage."""
    if command is ROOT:
        return _root_help()
    lines = [command.short, ""]
    if command.examples:
        lines += ["Examples:", *(f"  {line}" for line in command.examples.split("\n")), ""]
    if command.by_name:
        lines += ["Available Commands:", *_rows(command.children), ""]
        usage = f"{path} SUBCOMMAND [options]"
        more = f'Use "{path} <command> --help" for more information about a given command.'
    else:
        lines += ["Options:", *_flag_lines(command.flags)] if command.flags else []
        usage = f"kubectl {command.use} [options]"
        more = (
            'Use "kubectl options" for a list of global command-line options '
            "(applies to all commands)."
        )
    return "\n".join([*lines, "Usage:", f"  {usage}", "", more, ""])


def _root_help() -> str:
    lines = ["kubectl controls the Kubernetes cluster manager.", ""]
    for group in GROUPS:
        members = [command for command in ROOT.children if command.group == group]
        lines += [f"{group}:", *_rows(members), ""]
    more = 'Use "kubectl <command> --help" for more information about a given command.'
    return "\n".join([*lines, "Usage:", "  kubectl [flags] [options]", "", more, ""])


def _rows(commands: list[Command]) -> list[str]:
    width = max(11, *(len(command.name) for command in commands)) + 2
    return [f"  {command.name:<{width}} {command.short}" for command in commands]


def _flag_lines(flags: tuple[Flag, ...]) -> list[str]:
    lines = []
    for flag in sorted(flags, key=lambda flag: flag.name):
        short = f"-{flag.short}, " if flag.short else ""
        lines += [f"    {short}--{flag.name}={_default(flag)}:", f"        {flag.help}", ""]
    return lines


def _default(flag: Flag) -> str:
    value = flag.initial
    if flag.type in ("strings", "array"):
        return f"[{','.join(value)}]"
    shown = {"string": f"'{value}'", "bool": str(value).lower()}
    return shown.get(flag.type, f"{value:g}s" if flag.type == "duration" else str(value))


@command("options")
def _options(inv: Invocation) -> None:
    head = ["The following options can be passed to any command:", ""]
    inv.write("\n".join([*head, *_flag_lines(GLOBAL), ""]))
