"""Finding the command in a command line, running it, and wording what went wrong."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from kubecourse.api.errors import ApiError
from kubecourse.tools.kubectl import cli, flags, help
from kubecourse.tools.kubectl.cli import Command, Flag
from kubecourse.tools.kubectl.commands import all_commands, find_command
from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.failure import KubectlError, SeveralErrors, explain, flag_error
from kubecourse.tools.kubectl.invocation import Invocation


@dataclass(frozen=True)
class Output:
    """What a command printed, and its exit code."""

    stdout: str
    stderr: str
    code: int

    def show(self) -> None:
        """Print it, errors after the rest."""
        print(self.stdout + self.stderr, end="")

    def __str__(self) -> str:
        return self.stdout


def run(cluster: Any, args: str | list[str], stdin: str | None = None) -> Output:
    """Run a kubectl command on a cluster, an API server or a `Connection`.

    `args` is the command line with or without `kubectl` before it, or its words; `stdin` is what
    `-f -` reads.
    """
    connection = cluster if isinstance(cluster, Connection) else _connection(cluster)
    try:
        words = shlex.split(args, comments=False) if isinstance(args, str) else list(args)
    except ValueError as error:
        return Output("", f"error: cannot read the command line: {error}\n", 1)
    if words[:1] == ["kubectl"]:
        words = words[1:]
    inv = Invocation("kubectl", [], {}, connection, stdin)
    try:
        code = _run(inv, words) or 0
    except (ApiError, KubectlError, SeveralErrors) as error:
        _print_warnings(inv)
        text, code = explain(error)
        inv.err.append(text)
    _print_warnings(inv)
    return Output("".join(inv.out), "".join(inv.err), code)


_CONNECTIONS: WeakKeyDictionary[Any, Connection] = WeakKeyDictionary()
"""What a kubeconfig file remembers from one command to the next: each cluster's namespace."""


def _connection(cluster: Any) -> Connection:
    connection = _CONNECTIONS.get(cluster)
    if connection is None or connection.server is not getattr(cluster, "server", cluster):
        known = connection
        connection = _CONNECTIONS[cluster] = Connection(cluster)
        connection.namespace = known.namespace if known else connection.namespace
    return connection


def _print_warnings(inv: Invocation) -> None:
    for warning in dict.fromkeys(inv.connection.warnings):
        inv.warn(warning)
    inv.connection.warnings = []


def _run(inv: Invocation, words: list[str]) -> int | None:
    words, command, path = _find(words)
    inv.path = path
    if command is None:
        inv.write(help.root(all_commands()))
        return 0
    known: list[Flag] = [*flags.GLOBAL]
    own = {flag.name for flag in command.flags} | {
        flag.short for flag in command.flags if flag.short
    }
    known = [flag for flag in known if flag.name not in own and flag.short not in own]
    parsed = cli.parse(words, [*command.flags, *known], path)
    inv.args, inv.flags, inv.dash = parsed.args, parsed.flags, parsed.dash
    inv.changed = frozenset(parsed.changed)
    if inv.flags.get("help"):
        inv.write(help.command(command, path))
        return 0
    if command.run is None:
        return _group(inv, command)
    _check(inv, command)
    return command.run(inv)


def _find(words: list[str]) -> tuple[list[str], Command | None, str]:
    """The command that the words name, the words without its name, and its path."""
    at = cli.first_argument(words, flags.GLOBAL)
    if at is None:
        if words:
            parsed = cli.parse(words, flags.GLOBAL, "kubectl")
            words = [] if parsed.flags["help"] else parsed.args
        return [], None, "kubectl"
    name = words[at]
    if name == "help":
        return _find([*words[at + 1 :], "--help"] if words[at + 1 :] else [])
    command = find_command(name)
    if command is None:
        raise _unknown_command(name)
    words, path = words[:at] + words[at + 1 :], f"kubectl {command.name}"
    while command.children:
        at = cli.first_argument(words, [*command.flags, *flags.GLOBAL])
        child = command.child(words[at]) if at is not None else None
        if child is None or at is None:
            break
        command, path = child, f"{path} {child.name}"
        words = words[:at] + words[at + 1 :]
    return words, command, path


def _group(inv: Invocation, command: Command) -> int:
    """A group of commands without one of them."""
    if inv.args:
        raise inv.usage_error(f'unknown command "{" ".join(inv.args)}"')
    inv.write(help.command(command, inv.path))
    return 1


def _check(inv: Invocation, command: Command) -> None:
    missing = [
        f'"{flag.name}"' for flag in command.flags if flag.required and flag.name not in inv.changed
    ]
    if missing:
        raise KubectlError(f"required flag(s) {', '.join(missing)} not set")
    if len(inv.args) < command.minimum:
        raise KubectlError(
            f"requires at least {command.minimum} arg(s), only received {len(inv.args)}"
        )


def _unknown_command(name: str) -> KubectlError:
    message = f'unknown command "{name}" for "kubectl"'
    known = sorted(all_commands(), key=lambda command: help.GROUPS.index(command.group))
    close = [c.name for c in known if _is_close(name, c.name)]
    if close:
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


__all__ = ["Output", "flag_error", "run"]
